package duckdb

import (
	"context"
	"database/sql"
	_ "embed"
	"fmt"
	"math"
	"time"

	"eventanalytics/pkg/calendar"
	"eventanalytics/services/stats/engine"
)

//go:embed cohorts.sql
var cohortsSQL string

// Cohorts serves a scan.
func (e *Engine) Cohorts(ctx context.Context, c engine.Cohorts) ([]engine.CohortUsers, error) {
	p, exists := c.Period()
	if !exists {
		return nil, nil
	}
	start := p.From
	if !c.InPeriod {
		p.From, p.First = math.MinInt64, engine.FirstDate
	}
	first, last := c.Buckets()
	st := newStatement(c.Scope, cohortsSQL, p, "{{unit}}", string(c.Unit)).
		with("start_us", start).
		with("founding", c.Founding).with("returning", c.Returning).
		with("first_cohort", first.String()).with("last_cohort", last.String()).
		with("windows", c.Windows)
	result := engine.NewResult[engine.CohortUsers](ctx)
	err := e.run(ctx, st, func(r *sql.Rows) error {
		var cohort time.Time
		var n engine.CohortUsers
		if err := r.Scan(&cohort, &n.Window, &n.Users); err != nil {
			return fmt.Errorf("reading a cohort: %w", err)
		}
		n.Cohort = calendar.DateOf(cohort)
		return result.Add(n)
	})
	return result.Rows, err
}
