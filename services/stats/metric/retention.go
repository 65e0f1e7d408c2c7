package metric

import (
	"context"
	"database/sql"
	_ "embed"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/RoaringBitmap/roaring/v2"

	"eventanalytics/pkg/calendar"
	"eventanalytics/pkg/warehouse/rollup"
)

//go:embed retention.sql
var retentionSQL string

// Retention asks how many members of each cohort came back. A user belongs to
// the cohort of the bucket of the first founding event.
type Retention struct {
	Scope
	Range                   // cohorts of the buckets of From to To
	Unit      calendar.Unit // Day, Week or Month
	Windows   int           // 0 … Windows-1
	InPeriod  bool          // first event on or after From, not first ever
	Founding  string        // type of the founding events, empty: any
	Returning string        // type of the events that are a return, empty: any
}

// WeekRetentionRow is a row of Retention by week.
type WeekRetentionRow struct {
	CohortWeek    string  `json:"cohort_week" format:"date" doc:"Monday of the cohort's week"`
	WeekNumber    int     `json:"week_number" doc:"Weeks after the cohort's"`
	CohortSize    int64   `json:"cohort_size" doc:"Members of the cohort"`
	RetainedUsers int64   `json:"retained_users" doc:"Members with a returning event in that week"`
	RetentionRate float64 `json:"retention_rate" doc:"retained_users / cohort_size"`
	Incomplete    bool    `json:"incomplete" doc:"Events of that week may still come"`
}

// DayRetentionRow is a row of Retention by day.
type DayRetentionRow struct {
	CohortDay     string  `json:"cohort_day" format:"date" doc:"The cohort's day"`
	DayNumber     int     `json:"day_number" doc:"Days after the cohort's"`
	CohortSize    int64   `json:"cohort_size" doc:"Members of the cohort"`
	RetainedUsers int64   `json:"retained_users" doc:"Members with a returning event on that day"`
	RetentionRate float64 `json:"retention_rate" doc:"retained_users / cohort_size"`
	Incomplete    bool    `json:"incomplete" doc:"Events of that day may still come"`
}

// MonthRetentionRow is a row of Retention by month.
type MonthRetentionRow struct {
	CohortMonth   string  `json:"cohort_month" format:"date" doc:"First day of the cohort's month"`
	MonthNumber   int     `json:"month_number" doc:"Months after the cohort's"`
	CohortSize    int64   `json:"cohort_size" doc:"Members of the cohort"`
	RetainedUsers int64   `json:"retained_users" doc:"Members with a returning event in that month"`
	RetentionRate float64 `json:"retention_rate" doc:"retained_users / cohort_size"`
	Incomplete    bool    `json:"incomplete" doc:"Events of that month may still come"`
}

// Name returns "retention".
func (Retention) Name() string { return "retention" }

// Moment names what the answer owes to the clock: which bucket has begun, and
// which is complete. While it stays the same, so do rows of the same data.
func (q Retention) Moment(now, completeUntil time.Time) string {
	moment := func(t time.Time) string {
		us := t.UnixMicro()
		// With the offset: clocks that go back over midnight show a date twice.
		span := q.Zone.Spans(us, us+1)[0]
		return fmt.Sprintf("%s%+d", q.Unit.Floor(q.Zone.Date(us)), span.Offset)
	}
	if now.Before(completeUntil) {
		completeUntil = now
	}
	return moment(now) + " " + moment(completeUntil)
}

type cohortWindow struct {
	cohort calendar.Date
	window int
	users  int64
}

// Rows returns []WeekRetentionRow, []DayRetentionRow or []MonthRetentionRow, by
// cohort, then by window: a row for each window that has begun.
func (q Retention) Rows(ctx context.Context, src Source) (any, error) {
	counts, err := q.counts(ctx, src)
	if err != nil {
		return nil, err
	}
	return q.rows(src, counts)
}

// rows makes the rows of the cohorts and windows with users.
func (q Retention) rows(src Source, counts []cohortWindow) (any, error) {
	switch q.Unit {
	case calendar.Day:
		return retentionRows(q, src, counts, func(w window) DayRetentionRow {
			return DayRetentionRow{w.cohort.String(), w.number, w.size, w.users, w.rate(), w.incomplete}
		})
	case calendar.Month:
		return retentionRows(q, src, counts, func(w window) MonthRetentionRow {
			return MonthRetentionRow{w.cohort.String(), w.number, w.size, w.users, w.rate(), w.incomplete}
		})
	default:
		return retentionRows(q, src, counts, func(w window) WeekRetentionRow {
			return WeekRetentionRow{w.cohort.String(), w.number, w.size, w.users, w.rate(), w.incomplete}
		})
	}
}

// cohorts returns the buckets of the first and the last cohort.
func (q Retention) cohorts() (first, last calendar.Date) {
	return q.Unit.Floor(q.From), q.Unit.Floor(q.To)
}

// period is from the first event that can found a cohort that counts to the end
// of the last window.
func (q Retention) period() (period, bool) {
	first, last := q.cohorts()
	if q.InPeriod {
		first = q.From
	}
	p, ok := q.days(first, q.Unit.Add(last, q.Windows)-1)
	// Where clocks go back over midnight, a later date lies before the end: who came
	// then first is in no cohort that counts.
	p.last = lastDate
	return p, ok
}

// counts returns the users of each cohort and window that has any, in order:
// window 0 has the members.
func (q Retention) counts(ctx context.Context, src Source) ([]cohortWindow, error) {
	firstCohort, lastCohort := q.cohorts()
	p, ok := q.period()
	if !ok {
		return nil, nil
	}
	startUS := p.from
	if !q.InPeriod {
		p.from, p.first = math.MinInt64, firstDate
	}
	st := q.statement(retentionSQL, p, "{{unit}}", string(q.Unit)).
		named("start_us", startUS).
		named("founding", q.Founding).named("returning", q.Returning).
		named("first_cohort", firstCohort.String()).named("last_cohort", lastCohort.String()).
		named("windows", q.Windows)
	return collect(ctx, src, st, func(r *sql.Rows) (c cohortWindow, err error) {
		var d time.Time
		err = r.Scan(&d, &c.window, &c.users)
		c.cohort = calendar.DateOf(d)
		return c, err
	})
}

func (q Retention) sums(ctx context.Context, view *rollup.View, src Source) (any, bool, error) {
	match, ok := q.types()
	p, _ := q.period()
	if !q.InPeriod {
		p.first = firstDate // what comes before the first cohort founds none, but counts as earlier
	}
	slots, aligned := slotsOf(p, q.Unit)
	if !ok || !aligned {
		return nil, false, nil
	}
	founding := view.Ask(both(match, q.Founding))
	cohorts, err := q.found(ctx, founding, slots)
	if err != nil {
		return nil, true, err
	}
	returning := founding
	if q.Returning != q.Founding {
		returning = view.Ask(both(match, q.Returning))
	}
	counts, err := q.follow(ctx, returning, cohorts, byBucket(slots))
	if err != nil {
		return nil, true, err
	}
	rows, err := q.rows(src, counts)
	return rows, true, err
}

// found returns the members of each cohort: those that no earlier slot has. Slots
// are in the order of time, which is not always that of dates.
func (q Retention) found(ctx context.Context, founding *rollup.Question, slots []slot) (map[calendar.Date]*roaring.Bitmap, error) {
	first, last := q.cohorts()
	cohorts := map[calendar.Date]*roaring.Bitmap{}
	known := roaring.New()
	if !q.InPeriod && len(slots) > 0 {
		before, err := founding.Users(ctx, rollup.Period{From: rollup.Always.From, To: slots[0].period.From})
		if err != nil {
			return nil, err
		}
		known.Or(before)
	}
	counts := func(s slot) bool { return calendar.Date(s.bucket) <= last }
	for len(slots) > 0 && !counts(slots[len(slots)-1]) {
		slots = slots[:len(slots)-1] // nothing that counts comes after it
	}
	for _, s := range slots {
		bucket := calendar.Date(s.bucket)
		users, err := founding.Users(ctx, s.period)
		if err != nil {
			return nil, err
		}
		if bucket >= first && counts(s) {
			if cohorts[bucket] == nil {
				cohorts[bucket] = roaring.New()
			}
			cohorts[bucket].Or(roaring.AndNot(users, known))
		}
		known.Or(users)
	}
	return cohorts, nil
}

// follow counts the members of each cohort in each window.
func (q Retention) follow(ctx context.Context, returning *rollup.Question, cohorts map[calendar.Date]*roaring.Bitmap, buckets []bucketPeriods) ([]cohortWindow, error) {
	periods := map[calendar.Date][]rollup.Period{}
	for _, b := range buckets {
		periods[calendar.Date(b.bucket)] = b.periods
	}
	active := map[calendar.Date]*roaring.Bitmap{} // of the windows of one cohort
	var counts []cohortWindow
	for _, cohort := range slices.Sorted(maps.Keys(cohorts)) {
		delete(active, cohort)
		members := cohorts[cohort]
		if members.IsEmpty() {
			continue
		}
		counts = append(counts, cohortWindow{cohort, 0, int64(members.GetCardinality())})
		for k := 1; k < q.Windows; k++ {
			bucket := q.Unit.Add(cohort, k)
			if active[bucket] == nil {
				users, err := returning.Users(ctx, periods[bucket]...)
				if err != nil {
					return nil, err
				}
				active[bucket] = users
			}
			if n := members.AndCardinality(active[bucket]); n > 0 {
				counts = append(counts, cohortWindow{cohort, k, int64(n)})
			}
		}
	}
	return counts, nil
}

// window is one row, whatever its granularity.
type window struct {
	cohort      calendar.Date
	number      int
	size, users int64
	incomplete  bool
}

func (w window) rate() float64 { return float64(w.users) / float64(w.size) }

// retentionRows makes a row for each cohort and each of its windows that has
// begun.
func retentionRows[T any](q Retention, src Source, counts []cohortWindow, row func(window) T) ([]T, error) {
	now, complete := src.Now.UnixMicro(), src.Snapshot.CompleteUntil.UnixMicro()
	known := map[calendar.Date]interval{}
	rows := []T{}
	for len(counts) > 0 {
		cohort, size := counts[0].cohort, counts[0].users
		for k := range q.Windows {
			w := window{cohort: cohort, number: k, size: size}
			if len(counts) > 0 && counts[0].cohort == cohort && counts[0].window == k {
				w.users, counts = counts[0].users, counts[1:]
			}
			bucket := q.Unit.Add(cohort, k)
			b, ok := known[bucket]
			if !ok {
				b.from, b.to, b.exists = q.Zone.Bounds(bucket, q.Unit.Add(bucket, 1)-1)
				known[bucket] = b
			}
			if !b.exists || b.from > now {
				continue
			}
			w.incomplete = b.to > now || b.to > complete
			if len(rows) == MaxRows {
				return nil, ErrTooManyRows
			}
			rows = append(rows, row(w))
		}
	}
	return rows, nil
}

type interval struct {
	from, to int64
	exists   bool
}
