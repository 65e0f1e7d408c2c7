package oracle

import (
	"maps"
	"slices"
	"time"
)

// Retention says what to compute. Start and End are days.
type Retention struct {
	Start, End  string
	Windows     int    // 0 … Windows-1
	Granularity string // week, day or month
	InPeriod    bool   // cohort of the first event on or after Start, not of the first ever
	Founding    string // type of events that found a cohort; empty: any
	Returning   string // type of events that count as a return; empty: any
	Zone        *time.Location
	Now         time.Time
	// CompleteUntil, if not zero, is when the data end: later buckets are incomplete.
	CompleteUntil time.Time
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

// Rows computes the rows by cohort, then window.
func (q Retention) Rows(events []Event) []CohortWindow {
	cohorts := q.cohorts(events)
	returning := group(only(events, func(e Event) bool { return q.Returning == "" || e.Type == q.Returning }), q.bucket)
	back := map[string]map[string]bool{} // users by bucket
	for bucket, of := range returning {
		back[bucket] = users(of)
	}
	rows := []CohortWindow{}
	for _, cohort := range slices.Sorted(maps.Keys(cohorts)) {
		for k := range q.Windows {
			bucket := step(q.Granularity, cohort, k)
			from, to, exists := bounds(bucket, addDays(step(q.Granularity, bucket, 1), -1), q.Zone)
			if !exists || from.After(q.Now) {
				continue
			}
			row := CohortWindow{Cohort: cohort, Window: k, Size: len(cohorts[cohort])}
			row.Incomplete = to.After(q.Now) || !q.CompleteUntil.IsZero() && to.After(q.CompleteUntil)
			for _, user := range cohorts[cohort] {
				if k == 0 || back[bucket][user] {
					row.Retained++
				}
			}
			row.Rate = float64(row.Retained) / float64(row.Size)
			rows = append(rows, row)
		}
	}
	return rows
}

// cohorts returns the members of each cohort, by its bucket.
func (q Retention) cohorts(events []Event) map[string][]string {
	first := map[string]Event{} // founding event, by user
	for _, e := range events {
		if q.Founding != "" && e.Type != q.Founding || q.InPeriod && dayOf(e.At, q.Zone) < q.Start {
			continue
		}
		if known, ok := first[e.UserID]; !ok || e.At.Before(known.At) {
			first[e.UserID] = e
		}
	}
	cohorts := map[string][]string{}
	for user, e := range first {
		if b := q.bucket(e); b >= firstDay(q.Granularity, q.Start) && b <= firstDay(q.Granularity, q.End) {
			cohorts[b] = append(cohorts[b], user)
		}
	}
	return cohorts
}

func (q Retention) bucket(e Event) string { return bucketOf(q.Granularity, e.At, q.Zone) }
