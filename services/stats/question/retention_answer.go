package question

import (
	"context"
	"slices"
	"time"

	"eventanalytics/pkg/calendar"
	"eventanalytics/services/stats/engine"
)

// ends are where the windows end, in buckets after the cohort's.
func (q Retention) ends() []int {
	if q.Mode == "bracket" {
		return q.Brackets
	}
	ends := make([]int, q.Windows)
	for i := range ends {
		ends[i] = i + 1
	}
	return ends
}

// through returns the last bucket that begins before an instant.
func (q Retention) through(t time.Time) calendar.Date {
	bucket := q.Granularity.Floor(q.Timezone.Date(t.UnixMicro() - 1))
	for { // where clocks go back over midnight, a later one has begun
		next := q.Granularity.Add(bucket, 1)
		from, _, exists := q.Timezone.Bounds(next, q.Granularity.Add(next, 1)-1)
		if exists && from >= t.UnixMicro() {
			return bucket
		}
		bucket = next
	}
}

// Answer returns the rows by cohort, then by group, then by window: one for each window
// that has begun.
func (q Retention) Answer(ctx context.Context, src *engine.Source) (*Table, error) {
	scan := engine.Cohorts{
		Scope: q.events(), Range: engine.Range{From: q.StartDate, To: q.EndDate}, Unit: q.Granularity, Windows: q.ends(), After: q.Mode == "after",
		InPeriod: q.Cohort == "in_period", Founding: q.EventType, Returning: q.ReturningEventType, ReturningFilter: q.ReturningFilter,
		Returned: q.Zero == "returned", Breakdown: q.Breakdown, Top: q.Top,
	}
	if scan.After {
		scan.Through = q.through(src.CompleteUntil)
	}
	counts, err := src.Cohorts(ctx, scan)
	if err != nil {
		return nil, err
	}
	r := retentionRows{
		Retention: q, ends: scan.Windows, now: src.Now.UnixMicro(), complete: src.CompleteUntil.UnixMicro(),
		buckets: map[[2]calendar.Date]bounds{}, rows: NewTable(ctx, q.Columns(), len(counts)),
	}
	for len(counts) > 0 {
		n := slices.IndexFunc(counts, func(c engine.CohortUsers) bool { return c.Cohort != counts[0].Cohort })
		if n < 0 {
			n = len(counts)
		}
		if err := r.addCohort(counts[:n]); err != nil {
			return nil, err
		}
		counts = counts[n:]
	}
	return r.rows, nil
}

// retentionRows adds the rows of cohorts.
type retentionRows struct {
	Retention
	ends          []int
	now, complete int64
	buckets       map[[2]calendar.Date]bounds
	rows          *Table
}

// addCohort adds the rows of one cohort: its groups do not share members.
func (r *retentionRows) addCohort(counts []engine.CohortUsers) error {
	cohort := counts[0].Cohort
	total := make([]int64, 1+len(r.ends)) // members, then the windows
	for len(counts) > 0 {
		group, users := counts[0].Group, make([]int64, len(total))
		for first := true; len(counts) > 0 && (first || counts[0].Window != engine.Members); first = false {
			users[1+counts[0].Window] = counts[0].Users
			total[1+counts[0].Window] += counts[0].Users
			counts = counts[1:]
		}
		var cells []Value
		switch {
		case len(r.Breakdown) == 0:
		case group != nil:
			cells = groupCells(group, "value")
		case *r.Other:
			cells = r.groupOf("other")
		default:
			continue
		}
		if err := r.add(cohort, cells, users); err != nil {
			return err
		}
	}
	if r.Total {
		return r.add(cohort, r.groupOf("all"), total)
	}
	return nil
}

// add adds the rows of one cohort and group.
func (r *retentionRows) add(cohort calendar.Date, group []Value, users []int64) error {
	label, size, begin := TextOf(cohort.String()), users[0], 0
	for k, end := range r.ends {
		number := begin
		bucket := r.bounds(r.Granularity.Add(cohort, begin), r.Granularity.Add(cohort, end))
		begin = end
		if !bucket.exist || bucket.from > r.now {
			continue
		}
		retained := users[1+k]
		if k == 0 && r.Zero == "" {
			retained = size
		}
		row := append([]Value{label}, group...)
		row = append(row, IntegerOf(int64(number)), IntegerOf(size), IntegerOf(retained),
			NumberOf(float64(retained)/float64(size)), BoolOf(bucket.to > r.now || bucket.to > r.complete))
		if err := r.rows.Add(row...); err != nil {
			return err
		}
	}
	return nil
}

// bounds are the instants [from, to) of some buckets, if any exists.
type bounds struct {
	from, to int64
	exist    bool
}

func (r *retentionRows) bounds(first, end calendar.Date) bounds {
	b, known := r.buckets[[2]calendar.Date{first, end}]
	if !known {
		b.from, b.to, b.exist = r.Timezone.Bounds(first, end-1)
		r.buckets[[2]calendar.Date{first, end}] = b
	}
	return b
}
