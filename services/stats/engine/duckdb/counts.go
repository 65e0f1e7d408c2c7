package duckdb

import (
	"context"
	"database/sql"
	_ "embed"
	"fmt"

	"eventanalytics/pkg/calendar"
	"eventanalytics/services/stats/engine"
)

var (
	//go:embed counts.sql
	countsSQL string
	//go:embed counts_users.sql
	countsUsersSQL string
)

// bucketSQL is the bucket of an event as engine.Count has it.
var bucketSQL = map[calendar.Unit]string{
	engine.Whole:          "0",
	calendar.Minute:       "greatest(epoch_us(date_trunc('minute', clock)) - offset_us, since_us)", // none goes on when the clock is moved
	calendar.Hour:         "greatest(epoch_us(date_trunc('hour', clock)) - offset_us, since_us)",
	calendar.Day:          "day - DATE '1970-01-01'",
	calendar.Week:         "date_trunc('week', day)::DATE - DATE '1970-01-01'",
	calendar.SundayWeek:   "date_trunc('week', day + 1)::DATE - 1 - DATE '1970-01-01'",
	calendar.SaturdayWeek: "date_trunc('week', day + 2)::DATE - 2 - DATE '1970-01-01'",
	calendar.Month:        "date_trunc('month', day)::DATE - DATE '1970-01-01'",
	calendar.Quarter:      "date_trunc('quarter', day)::DATE - DATE '1970-01-01'",
	calendar.Year:         "date_trunc('year', day)::DATE - DATE '1970-01-01'",
}

// fieldSQL is the value of a field.
var fieldSQL = map[engine.Field]string{engine.NoField: "''", engine.EventType: "event_type"}

// Counts serves a scan.
func (e *Engine) Counts(ctx context.Context, c engine.Counts) ([]engine.Count, error) {
	group, ok := fieldSQL[c.Group]
	if !ok {
		return nil, engine.ErrUnsupported
	}
	p, exists := c.Period(c.Zone)
	if !exists {
		return nil, nil
	}
	text, top := countsSQL, "ORDER BY bucket, name"
	if c.Users {
		text = countsUsersSQL
	}
	if c.Top > 0 {
		top = "QUALIFY row_number() OVER (PARTITION BY bucket ORDER BY events DESC, name) <= $top ORDER BY bucket, events DESC, name"
	}
	st := newStatement(c.Scope, text, p, "{{bucket}}", bucketSQL[c.Unit], "{{group}}", group, "{{top}}", top)
	if c.Top > 0 {
		st.with("top", c.Top)
	}
	groups := map[string]string{} // so that rows share their texts
	result := engine.NewResult[engine.Count](ctx)
	err := e.run(ctx, st, func(r *sql.Rows) error {
		var n engine.Count
		if err := r.Scan(&n.Bucket, &n.Group, &n.Events, &n.Users); err != nil {
			return fmt.Errorf("reading a count: %w", err)
		}
		if _, known := groups[n.Group]; !known {
			groups[n.Group] = n.Group
		}
		n.Group = groups[n.Group]
		return result.Add(n, n.Group)
	})
	return result.Rows, err
}
