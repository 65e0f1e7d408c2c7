package oracle

import (
	"slices"
	"time"
)

// Retention says what to compute. Start and End are days, YYYY-MM-DD.
type Retention struct {
	Start, End  string
	Windows     int    // 0 … Windows-1
	Granularity string // week, day or month
	InPeriod    bool   // cohort of the first event on or after Start, not of the first ever
	Founding    string // type of events that found a cohort; empty: any
	Returning   string // type of events that count as a return; empty: any
	Zone        *time.Location
	Now         time.Time
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
	start, end := q.day(q.Start), q.day(q.End)
	first := map[string]time.Time{} // of each user's founding event
	for _, e := range events {
		if q.Founding != "" && e.Type != q.Founding || q.InPeriod && e.At.In(q.Zone).Format(layout) < q.Start {
			continue
		}
		if at, seen := first[e.UserID]; !seen || e.At.Before(at) {
			first[e.UserID] = e.At
		}
	}
	cohorts := map[time.Time]map[string]bool{}
	for user, at := range first {
		bucket := q.bucket(at)
		if bucket.Before(q.bucket(start)) || bucket.After(q.bucket(end)) {
			continue
		}
		if cohorts[bucket] == nil {
			cohorts[bucket] = map[string]bool{}
		}
		cohorts[bucket][user] = true
	}
	var order []time.Time
	for bucket := range cohorts {
		order = append(order, bucket)
	}
	slices.SortFunc(order, time.Time.Compare)

	back := q.back(events)
	var rows []CohortWindow
	for _, bucket := range order {
		for k := range q.Windows {
			from, to := q.step(bucket, k), q.step(bucket, k+1)
			if from.After(q.Now) {
				break
			}
			row := CohortWindow{Cohort: bucket.Format(layout), Window: k, Size: len(cohorts[bucket]), Incomplete: to.After(q.Now)}
			for user := range cohorts[bucket] {
				if k == 0 || back[from][user] {
					row.Retained++
				}
			}
			row.Rate = float64(row.Retained) / float64(row.Size)
			rows = append(rows, row)
		}
	}
	return rows
}

// back returns the users with a returning event in each bucket.
func (q Retention) back(events []Event) map[time.Time]map[string]bool {
	users := map[time.Time]map[string]bool{}
	for _, e := range events {
		if q.Returning != "" && e.Type != q.Returning {
			continue
		}
		bucket := q.bucket(e.At)
		if users[bucket] == nil {
			users[bucket] = map[string]bool{}
		}
		users[bucket][e.UserID] = true
	}
	return users
}

func (q Retention) day(s string) time.Time {
	t, err := time.ParseInLocation(layout, s, q.Zone)
	if err != nil {
		panic(err) // a mistake in the test
	}
	return t
}

func (q Retention) bucket(at time.Time) time.Time { return bucket(at, q.Granularity, q.Zone) }

// bucket returns the local midnight the day, week or month of at begins with.
func bucket(at time.Time, granularity string, zone *time.Location) time.Time {
	y, m, d := at.In(zone).Date()
	switch granularity {
	case "month":
		d = 1
	case "week": // ISO: Monday is the first day
		d -= (int(at.In(zone).Weekday()) + 6) % 7
	}
	return time.Date(y, m, d, 0, 0, 0, 0, zone)
}

// step returns the k-th bucket after bucket.
func (q Retention) step(bucket time.Time, k int) time.Time {
	y, m, d := bucket.Date()
	switch q.Granularity {
	case "month":
		m += time.Month(k)
	case "week":
		d += 7 * k
	default:
		d += k
	}
	return time.Date(y, m, d, 0, 0, 0, 0, q.Zone)
}
