// Package syntax has the parts that questions are made of: fields say where a value
// comes from, filters which events count, series what is measured of them, breakdowns
// how they are split; besides, formulas and durations. It reads them from text and from
// JSON, and writes their canonical form, which reads as the same again.
//
// The types hold nothing but what was asked: what a filter means for a value is said at
// Test, what a measure means at the questions.
package syntax

import (
	"time"

	"eventanalytics/pkg/decimal"
)

// Limits of what is asked.
const (
	MaxConditions = 100 // of all filters of a question together
	MaxDepth      = 8   // of a filter
	MaxSeries     = 10
	MaxFormulas   = 5
	MaxBreakdown  = 3 // fields
	MaxBins       = 100
	MaxRegexp     = 1000 // characters
	MinSteps      = 2    // of a funnel
	MaxSteps      = 20
	MaxExclusions = 20 // of a funnel
)

// Source is where the value of a field comes from.
type Source string

// The sources.
const (
	EventType     Source = "event_type"
	UserID        Source = "user_id"
	Property      Source = "properties" // of the event
	UserProperty  Source = "user"       // of the user's last event that has it, before the end of the range
	FirstProperty Source = "first"      // of the user's first event that has it
	FirstSeen     Source = "first_seen" // instant of the user's first event
	LastSeen      Source = "last_seen"  // and of the last before the end of the range
	Hour          Source = "time.hour"  // 0–23 on a clock of the question's time zone
	Weekday       Source = "time.weekday"
	Entry         Source = "entry"  // the field Of at the first event of the event's session
	Exit          Source = "exit"   // and at the last
	Cohort        Source = "cohort" // true or false: is the event's user in it
)

// Field says where a value comes from. The zero value is no field.
type Field struct {
	Source Source
	Keys   []string // that lead to a property: of objects, and of arrays the places from 0
	Name   string   // of a cohort
	Of     *Field   // of an entry or exit
}

// Words that are operators of conditions; the others are = != > >= < <= and ~.
const (
	In      = "in"
	Exists  = "exists"
	Missing = "missing"
	Matches = "matches" // a regular expression
	Has     = "has"     // an array has the element
	Since   = "since"   // a date or date-time, or a later one
	Before  = "before"
)

// Condition compares the value of a field.
type Condition struct {
	Text   string // as it was given
	Field  Field
	Op     string
	Values []string // one; any number for In, none for Exists and Missing
}

// Form of a filter.
type Form string

// The forms.
const (
	All   Form = ""          // every filter in Of holds; always, when there is none
	Any   Form = "any"       // at least one of them holds; never, when there is none
	Not   Form = "not"       // the one in Of does not hold
	Holds Form = "condition" // Condition holds
	DidSo Form = "did"       // the event's user did what Did says
	// ReachedSo holds when the event's user got as far in a funnel as Reached says.
	ReachedSo Form = "funnel"
)

// Filter says which events count. The zero value holds always.
type Filter struct {
	Form      Form
	Condition Condition // of Holds
	Of        []Filter
	Did       *Did     // of DidSo
	Reached   *Reached // of ReachedSo
}

// Did says how often a user did something: a number of events before the end of the range.
type Did struct {
	Series Series        // of which Events, Filter and First say which events count
	Op     string        // = != > >= < or <=, between the number of events and Times
	Times  int           // at most MaxTimes
	Last   time.Duration // how long before the end they count, in whole seconds; 0: always
}

// Funnel is how users get from step to step.
type Funnel struct {
	Steps   []Series // of which Events, Filter and First say which events fit
	Window  time.Duration
	Order   string // ordered, any or strict
	Exclude []Exclusion
	Filter  Filter // that holds for all events of the funnel
}

// Reached says how far a user's best attempt at a funnel got, of those that begin in the
// range of the question.
type Reached struct {
	Funnel  Funnel
	Step    int  // from 1, that it reached
	Dropped bool // and got no further
}

// And holds when all filters hold.
func And(filters ...Filter) Filter {
	var of []Filter
	for _, f := range filters {
		if f.Form == All {
			of = append(of, f.Of...)
		} else {
			of = append(of, f)
		}
	}
	if len(of) == 1 {
		return of[0]
	}
	return Filter{Of: of}
}

// Measures of the events of a series, and of their numbers in a field.
const (
	Users    = "users"
	Events   = "events"
	PerUser  = "per_user"
	Sum      = "sum"
	Avg      = "avg"
	Min      = "min"
	Max      = "max"
	Median   = "median"
	P75      = "p75"
	P90      = "p90"
	P95      = "p95"
	P99      = "p99"
	Distinct = "distinct" // values of the field
)

// Measure is what is measured.
type Measure struct {
	Name  string
	Field Field // of Sum to Distinct
}

// Series is what events are measured, and how.
type Series struct {
	Events  []string // types, of which an event has one; empty: all
	Filter  Filter
	First   bool // only each user's first event ever that fits
	Measure Measure
	Rolling int    // buckets that each value is of; 0: its own
	Name    string // or empty
}

// Breakdown splits events by the value of a field.
type Breakdown struct {
	Field Field
	Bins  []decimal.Decimal // edges, ascending; none: by each value
}

// Exclusion is events that take an attempt at a funnel out.
type Exclusion struct {
	Events        []string // types, of which an event has one; empty: all
	Filter        Filter
	After, Before int // numbers of the steps between which the event lies, from 1
}

// Seconds are the edges of bins of durations, ascending.
type Seconds []decimal.Decimal

// Step is a step of a formula in postfix notation.
type Step struct {
	Op     string  // + - * / negate, series or number
	Series int     // from 0
	Number float64 // finite
}

// Formula computes a value of those of series.
type Formula struct {
	Text  string
	Name  string // or empty
	Steps []Step
}
