package engine

import (
	"github.com/google/uuid"

	"eventanalytics/pkg/calendar"
	"eventanalytics/pkg/syntax"
)

// Scope says which of a project's events a scan reads.
type Scope struct {
	Zone   *calendar.Zone // whose clocks show the local dates and hours
	Filter syntax.Filter
	// Asked is the range of the question: the history that fields of users look at ends with
	// it, and the attempts at the funnels of filters begin in it. nil is the scan's range.
	Asked *Range
	// Sets are the users that fields of the source syntax.Cohort tell, by the fields' names.
	// Source finds them: in the filters that it passes on, nothing is left of the form
	// syntax.DidSo or syntax.ReachedSo.
	Sets map[string]Set
	// Operations are what SDKs say of the properties of users, which counts more than their
	// events do. Source reads them.
	Operations *Operations
}

// Range is the local dates [From, To]. Which dates an event has, and where buckets
// begin, is up to calendar.Zone.
type Range struct{ From, To calendar.Date }

// Field is a field of events by whose values they are grouped.
type Field string

// The fields.
const (
	NoField   Field = "" // one group, "", of all events
	EventType Field = Field(syntax.EventType)
)

// Whole makes a range one bucket.
const Whole calendar.Unit = ""

// Counts asks for the number of events in each bucket of a range, by group. Buckets
// that extend beyond the range count only events inside it.
type Counts struct {
	Scope
	Range
	Unit  calendar.Unit // of the buckets, or Whole
	Group Field
	Users bool // also the distinct users of each group in each bucket
	Top   int  // only so many groups in each bucket, those with the most events; 0 for all
}

// Count is a bucket's number of events of a group. Counts come by bucket, then by
// group in the order of code points; with Top by bucket, the most events first, then
// by group. There are none without events.
type Count struct {
	// Bucket is its first date in days since 1970, of an hour of a minute or an
	// hour the instant that it begins with (calendar.Zone.BeginOf), of Whole 0.
	Bucket int64
	Group  string
	Events int64
	Users  int64 // 0 unless asked for
}

// Users asks for the distinct users of a rolling window: for each local date of a
// range, of the Window dates that end with it. The window of the first one begins
// before the range. Dates that a zone skipped count as days of a window.
type Users struct {
	Scope
	Range
	Window int // at least 1
}

// DayUsers is the number of distinct users of the window that ends with a day. They
// come by day, without the days that the zone skipped and those without users.
type DayUsers struct {
	Day   calendar.Date
	Users int64
}

// Values asks for the values of a field, of all time: the first Limit of those after a
// text.
type Values struct {
	Scope
	Field Field
	After string
	Limit int // at least 1
}

// Value is one value of a field. Values come in the order of code points.
type Value struct {
	Text string
	// First and Last are the times of its first and last event, in microseconds since
	// 1970 UTC.
	First, Last int64
}

// Cohorts asks how many members of each cohort return. A user is a member of one
// cohort: of the bucket with the user's first founding event, the earliest instant,
// of all time or, with InPeriod, on or after the date From. Only cohorts from the
// bucket of From to that of To count.
type Cohorts struct {
	Scope
	Range               // its end is also that of the history that user.… and first.… fields look at
	Unit  calendar.Unit // calendar.Day, Week or Month
	// Windows are where the windows end, in buckets after the cohort's, exclusive,
	// ascending: the first window begins with the cohort's bucket, each other where the
	// one before ends. There is at least one.
	Windows []int
	// After has each window go on to the bucket that begins on the date Through.
	After           bool
	Through         calendar.Date
	InPeriod        bool
	Founding        string        // type of the events that found a cohort; empty: any
	Returning       string        // type of the events that are a return; empty: any
	ReturningFilter syntax.Filter // that holds for returns, beside the scope's
	// Returned also counts window 0: members with a return that is not the founding event,
	// nor before it.
	Returned bool
	// Breakdown tells members apart: each field by the first founding event in the cohort's
	// bucket that has it. The Top combinations with the most members are groups; of equal
	// ones the first are those whose values come first by code points, a missing one last.
	Breakdown []syntax.Breakdown
	Top       int
}

// CohortUsers is the number of a cohort's members, in a group, with a returning event in
// a window. They come by cohort, then by group, then by window, Members first, without
// those of no users.
type CohortUsers struct {
	Cohort calendar.Date // first date of its bucket
	Group  Group         // nil without a breakdown, and for all groups behind the first together
	Window int           // index, or Members; 0 comes with Cohorts.Returned alone
	Users  int64
}

// Members is the window of a cohort's size.
const Members = -1

// Buckets returns the first dates of the first and the last cohort's buckets.
func (c Cohorts) Buckets() (first, last calendar.Date) {
	return c.Unit.Floor(c.From), c.Unit.Floor(c.To)
}

// Latest asks for the events that happened last, the last one first; of those of
// one instant the one with the greatest id first.
type Latest struct {
	Scope
	Limit  int
	Before *uuid.UUID // those behind this one of the project's in the order; nil: all
}

// Event is an event as it was sent.
type Event struct {
	ID         string // in the 36-character form
	OccurredAt int64  // microseconds since 1970 UTC
	UserID     string
	Type       string
	Properties string // JSON, or empty for none
}
