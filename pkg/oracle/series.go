package oracle

import (
	"slices"
	"time"
)

// Scope is what questions have in common.
type Scope struct {
	From, To string // days
	Zone     *time.Location
	Filter   Filter // filter and segment; nil: every event counts
	Unit     Field  // what is counted where the contract says user
	Now      time.Time
	// CompleteUntil is when the data end: later buckets are incomplete.
	CompleteUntil time.Time
}

// until is before what buckets must have ended to be complete.
func (s Scope) until() time.Time {
	if s.CompleteUntil.Before(s.Now) {
		return s.CompleteUntil
	}
	return s.Now
}

func (s Scope) contains(at time.Time) bool {
	day := dayOf(at, s.Zone)
	return day >= s.From && day <= s.To
}

// Series says which events are measured, and how.
type Series struct {
	Types   []string // that an event may have; empty: any
	Filter  Filter   // nil: every event counts
	First   bool     // only each user's first event of all time that fits
	Measure Measure
	Rolling int    // buckets that a value is of; 0: its own
	Name    string // or empty
}

// counted is an event that fits a series.
type counted struct {
	Event
	unit   string
	bucket string
	values []*string // of the breakdown
	group  string    // combination of the values
}

// fitting returns the events of all time that fit a series, in their order. Those
// without the unit's value are left out.
func (s Scope) fitting(k known, events []Event, series Series) []counted {
	events = slices.Clone(events)
	slices.SortFunc(events, inOrder)
	seen := map[string]bool{}
	var fit []counted
	for _, e := range events {
		unit, ok := k.text(s.unit(), e)
		if !ok || len(series.Types) > 0 && !slices.Contains(series.Types, e.Type) ||
			series.Filter != nil && !series.Filter.holds(k, e) || s.Filter != nil && !s.Filter.holds(k, e) {
			continue
		}
		if !series.First || !seen[unit] {
			fit = append(fit, counted{Event: e, unit: unit})
		}
		seen[unit] = true
	}
	return fit
}

// Keep returns the events for which a filter holds, in a question about the local days
// from … to: user fields are as of their end.
func Keep(events []Event, f Filter, from, to string, zone *time.Location) []Event {
	k := knownIn(events, from, to, zone)
	return only(events, func(e Event) bool { return f.holds(k, e) })
}
