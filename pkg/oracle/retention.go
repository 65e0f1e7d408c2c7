package oracle

import (
	"maps"
	"slices"
	"time"
)

// Retention says what to compute. Start and End are days.
type Retention struct {
	Start, End  string
	Windows     int    // 0 … Windows-1; of mode bracket its brackets
	Granularity string // week, day or month
	InPeriod    bool   // cohort of the first event on or after Start, not of the first ever
	Founding    string // type of events that found a cohort; empty: any
	Returning   string // type of events that count as a return; empty: any
	Zone        *time.Location
	Now         time.Time
	// CompleteUntil, if not zero, is when the data end: later buckets are incomplete.
	CompleteUntil time.Time

	Mode            string // on, after or bracket; empty: on
	Brackets        []int  // edges between rows; the first begins with bucket 0, the last edge is exclusive
	Returned        bool   // window 0 has those who returned after their founding event, not all
	Filter          Filter // on founders and returns; nil: all
	ReturningFilter Filter // on returns
	Split
}

// CohortWindow is a row of "retention"; Cohort is the first day of its bucket.
type CohortWindow struct {
	Cohort     string
	Window     int
	Size       int
	Retained   int
	Rate       float64
	Incomplete bool
}

// GroupWindow is a row of "retention" with a breakdown.
type GroupWindow struct {
	CohortWindow
	Group
}

// Rows computes the rows without a breakdown, by cohort, then window.
func (q Retention) Rows(events []Event) []CohortWindow {
	q.Split = Split{}
	rows := []CohortWindow{}
	for _, row := range q.Groups(events) {
		rows = append(rows, row.CohortWindow)
	}
	return rows
}

// member is a user of a cohort.
type member struct {
	cohort  string
	founded time.Time
	values  []*string // of the breakdown
	returns []Event   // that are not the founding event
}

// Groups computes the rows by cohort, group, window. What is known of users is as of the
// end of End.
func (q Retention) Groups(events []Event) []GroupWindow {
	members := q.members(events)
	var combinations [][]*string
	cohorts := map[string]bool{}
	for _, m := range members {
		combinations = append(combinations, m.values)
		cohorts[m.cohort] = true
	}
	groups := q.groups(combinations, func(values []*string) *float64 {
		return rounded(whole(len(members) - len(slices.DeleteFunc(slices.Clone(members), func(m member) bool {
			return combination(m.values) == combination(values)
		}))))
	})
	rows := []GroupWindow{}
	for _, cohort := range slices.Sorted(maps.Keys(cohorts)) {
		for g, group := range groups {
			of := slices.DeleteFunc(slices.Clone(members), func(m member) bool {
				return m.cohort != cohort || !has(groups, g, combination(m.values))
			})
			for _, row := range q.windows(cohort, of) {
				rows = append(rows, GroupWindow{row, group})
			}
		}
	}
	return rows
}

// members returns the members of the cohorts.
func (q Retention) members(events []Event) []member {
	k := knownIn(events, q.Start, q.End, q.Zone)
	events = only(events, func(e Event) bool { return q.Filter == nil || q.Filter.holds(k, e) })
	slices.SortFunc(events, inOrder)
	var members []member
	for _, of := range group(events, Event.person) {
		founds := func(e Event) bool {
			return (q.Founding == "" || e.Type == q.Founding) && (!q.InPeriod || dayOf(e.At, q.Zone) >= q.Start)
		}
		first := slices.IndexFunc(of, founds)
		if first < 0 {
			continue
		}
		m := member{cohort: q.bucket(of[first]), founded: of[first].At}
		if m.cohort < firstDay(q.Granularity, q.Start) || m.cohort > firstDay(q.Granularity, q.End) {
			continue
		}
		for _, b := range q.Breakdown {
			var value *string
			for _, e := range of {
				if value == nil && founds(e) && q.bucket(e) == m.cohort {
					value = b.value(k, e)
				}
			}
			m.values = append(m.values, value)
		}
		for i, e := range of {
			if i != first && (q.Returning == "" || e.Type == q.Returning) &&
				(q.ReturningFilter == nil || q.ReturningFilter.holds(k, e)) {
				m.returns = append(m.returns, e)
			}
		}
		members = append(members, m)
	}
	return members
}

// window is a row of buckets after a cohort's: from the first to before the end.
type window struct{ first, end int }

func (q Retention) all() []window {
	var all []window
	if q.Mode == "bracket" {
		first := 0
		for _, end := range q.Brackets {
			all = append(all, window{first, end})
			first = end
		}
		return all
	}
	for k := range q.Windows {
		all = append(all, window{k, k + 1})
	}
	return all
}

// windows computes the rows of a cohort, or of a group's members of it: none for none.
func (q Retention) windows(cohort string, members []member) (rows []CohortWindow) {
	for _, w := range q.all() {
		begin, end := step(q.Granularity, cohort, w.first), step(q.Granularity, cohort, w.end)
		from, to, exists := bounds(begin, addDays(end, -1), q.Zone)
		if len(members) == 0 || !exists || from.After(q.Now) {
			continue
		}
		row := CohortWindow{Cohort: cohort, Window: w.first, Size: len(members)}
		row.Incomplete = to.After(q.Now) || !q.CompleteUntil.IsZero() && to.After(q.CompleteUntil)
		for _, m := range members {
			if w.first == 0 && !q.Returned || slices.ContainsFunc(m.returns, func(e Event) bool {
				return q.counts(e, begin, end) && (w.first > 0 || !e.At.Before(m.founded))
			}) {
				row.Retained++
			}
		}
		row.Rate = float64(row.Retained) / float64(row.Size)
		rows = append(rows, row)
	}
	return rows
}

// counts says whether a return counts in the buckets from begin to before end; in mode
// after also in any later bucket that begins before the data end.
func (q Retention) counts(e Event, begin, end string) bool {
	bucket := q.bucket(e)
	if bucket < end {
		return bucket >= begin
	}
	from, _, _ := bounds(bucket, addDays(step(q.Granularity, bucket, 1), -1), q.Zone)
	return q.Mode == "after" && (q.CompleteUntil.IsZero() || from.Before(q.CompleteUntil))
}

func (q Retention) bucket(e Event) string { return bucketOf(q.Granularity, e.At, q.Zone) }
