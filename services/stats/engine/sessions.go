package engine

import (
	"time"

	"eventanalytics/pkg/calendar"
	"eventanalytics/pkg/syntax"
)

// Sessions asks for the sessions that begin in each bucket of a range, by group. A
// session is all events of a user with no more than Gap from each to the next, in the
// order of OccurredAt, event type and event id, also those behind the range. One that
// began before the range does not count.
type Sessions struct {
	Scope // its filter keeps the sessions with an event for which it holds
	Range // also the end of the user's history, as in Tally
	// Unit is what has sessions: a field of the event; the zero value is the user. Events
	// without the value are in none.
	Unit     syntax.Field
	Gap      time.Duration
	Interval calendar.Unit // of the buckets, or Whole
	// Breakdown tells sessions apart: each field by the first event of the session that has
	// it, or an entry or exit. The Top combinations with the most sessions are groups; of
	// equal ones the first are those whose values come first by code points, a missing one
	// last.
	Breakdown []syntax.Breakdown
	Top       int
	Total     bool // also cells of the group All
}

// Sessioned is what there is of sessions. Cells come by bucket, then by group, Rest and
// All last, and there are none without sessions. Without a breakdown there is All alone.
type Sessioned struct {
	Ranked
	Cells []SessionCell
}

// All is the group of a cell of everything.
const All = -2

// SessionCell is what the sessions of a group that begin in a bucket come to.
type SessionCell struct {
	Bucket   int64 // as in Count
	Group    int   // index in Groups, Rest or All
	Sessions int64
	Users    int64 // distinct
	Events   int64
	Bounces  int64 // sessions of one event
	// AvgSeconds and MedianSeconds are exact, and rounded once. A session is as long as it
	// is from its first to its last event.
	AvgSeconds, MedianSeconds float64
}
