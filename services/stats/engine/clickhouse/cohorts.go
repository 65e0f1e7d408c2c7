package clickhouse

import (
	"context"
	_ "embed"
	"fmt"
	"math"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"eventanalytics/pkg/calendar"
	"eventanalytics/services/stats/engine"
)

//go:embed cohorts.sql
var cohortsSQL string

// Cohorts serves a scan.
func (e *Engine) Cohorts(ctx context.Context, c engine.Cohorts) ([]engine.CohortUsers, error) {
	if c.Returned || len(c.Breakdown) > 0 {
		return nil, engine.ErrUnsupported // events of a bucket would have to be told apart
	}
	p, exists := c.Period()
	if !exists {
		return nil, nil
	}
	result := engine.NewResult[engine.CohortUsers](ctx)
	err := e.run(ctx, newCohorts(c, p), func(r driver.Rows) error {
		var cohort, window, users int64
		if err := r.Scan(&cohort, &window, &users); err != nil {
			return fmt.Errorf("reading a cohort: %w", err)
		}
		return result.Add(engine.CohortUsers{Cohort: calendar.Date(cohort), Window: int(window), Users: users})
	})
	return result.Rows, err
}

// newCohorts makes the statement of a scan over a period.
func newCohorts(c engine.Cohorts, p engine.Period) *statement {
	start := p.From
	if !c.InPeriod {
		p.From = math.MinInt64
	}
	p.First = engine.FirstDate // where clocks go back over midnight, an earlier date may come after the founding event
	st := newStatement(c.Scope, cohortsSQL, p)
	if c.Founding != "" && c.Returning != "" {
		st.of([]string{c.Founding, c.Returning})
	}
	first, last := c.Buckets()
	founds := st.isOf(c.Founding)
	if c.InPeriod {
		founds += " AND day >= " + st.integer(int64(c.From))
	}
	// With the buckets beside those that count, for dates that clocks show once more.
	buckets := engine.Range{From: c.Unit.Add(first, -1), To: c.Unit.Add(last, c.Windows[len(c.Windows)-1]+1)}
	if c.After {
		buckets.To = max(buckets.To, c.Unit.Add(c.Through, 2))
	}
	st.markers = append(st.markers,
		"{{bucket}}", fmt.Sprintf("if(us < %s, %s, %s)", st.integer(start), st.integer(int64(first-1)), st.bucket(c.Unit, buckets)),
		"{{founds}}", founds, "{{returns}}", st.isOf(c.Returning)+" AND "+st.rest(c.ReturningFilter),
		"{{first}}", st.integer(int64(first)), "{{last}}", st.integer(int64(last)),
		"{{number}}", st.distance("bucket", c.Unit, buckets), "{{windows}}", st.windows(c, buckets))
	return st
}

// isOf is the condition that an event has a type; empty: any.
func (st *statement) isOf(eventType string) string {
	if eventType == "" {
		return "1"
	}
	return "event_type = " + st.string(eventType)
}

// windows is an array of the windows that a member returned in, from the numbers of the
// buckets, after the cohort's, of the returns.
func (st *statement) windows(c engine.Cohorts, buckets engine.Range) string {
	last := st.integer(int64(len(c.Windows) - 1))
	switch {
	case c.After:
		// Windows up to that of the last return, and those behind Through that have one.
		through := st.distance(st.integer(int64(c.Through)), c.Unit, buckets)
		return strings.NewReplacer("{{last}}", last, "{{through}}", through).Replace(
			"arrayConcat(range(toInt64(1), least(arrayMax(arrayPushFront(arrayFilter(number -> number <= {{through}}, numbers), toInt64(0))), {{last}}) + 1)," +
				" arrayFilter(number -> number > {{through}} AND number <= {{last}}, numbers))")
	case c.Windows[len(c.Windows)-1] == len(c.Windows): // of one bucket each
		return "arrayFilter(number -> number <= " + last + ", numbers)"
	}
	ends := make([]int64, len(c.Windows))
	for i, end := range c.Windows {
		ends[i] = int64(end)
	}
	return "arrayDistinct(arrayFilter(number -> number BETWEEN 1 AND " + last +
		", arrayMap(number -> toInt64(arrayCount(ends -> ends <= number, " + st.integers(ends) + ")), numbers)))"
}

// distance is SQL for how many buckets one lies after that of the cohort.
func (st *statement) distance(bucket string, unit calendar.Unit, buckets engine.Range) string {
	switch unit {
	case calendar.Day:
		return "(" + bucket + " - cohort)"
	case calendar.Week, calendar.SundayWeek, calendar.SaturdayWeek:
		return "intDiv(" + bucket + " - cohort, 7)"
	}
	begins := st.begins(unit, buckets)
	return "(toInt64(indexOf(" + begins + ", " + bucket + ")) - toInt64(indexOf(" + begins + ", cohort)))"
}
