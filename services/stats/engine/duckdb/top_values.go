package duckdb

import (
	"context"
	"database/sql"
	"fmt"

	"eventanalytics/pkg/syntax"
	"eventanalytics/services/stats/engine"
)

// topValuesSQL are the values among the events of a tally, each with how many there are.
var topValuesSQL = map[engine.Part]string{
	engine.OnlyEvents: "SELECT f0, count(*) AS events, 0 FROM placed GROUP BY f0",
	engine.CountUsers: `SELECT f0, sum(n)::BIGINT AS events, count(value)
		FROM (SELECT f0, value, count(*) AS n FROM placed GROUP BY ALL) GROUP BY f0`,
}

// TopValues serves a scan.
func (e *Engine) TopValues(ctx context.Context, v engine.TopValues) ([]engine.ValueEvents, error) {
	part := engine.OnlyEvents
	if v.Users {
		part = engine.CountUsers
	}
	text := topValuesSQL[part]
	if v.Contains != "" {
		text += " HAVING text_of(f0, $fn_contains::BIGINT) IS NOT NULL"
	}
	st := e.newTally(engine.Tally{
		Scope: v.Scope, Range: v.Range, Series: v.Series, Interval: engine.Whole,
		Breakdown: []syntax.Breakdown{{Field: v.Field}}, Part: part,
	}, text+" ORDER BY events DESC, f0 NULLS LAST LIMIT $limit")
	if st == nil {
		return nil, nil
	}
	st.with("limit", v.Limit)
	if v.Contains != "" {
		st.texts["fn_contains"] = containing(v.Contains)
	}
	result := engine.NewResult[engine.ValueEvents](ctx)
	err := e.run(ctx, st, func(r *sql.Rows) error {
		var value sql.NullString
		var n engine.ValueEvents
		if err := r.Scan(&value, &n.Events, &n.Users); err != nil {
			return fmt.Errorf("reading a value: %w", err)
		}
		n.Text = engine.Text{Value: value.String, Missing: !value.Valid}
		return result.Add(n, n.Value)
	})
	return result.Rows, err
}

// containing finds a text in others, in upper or lower case.
func containing(text string) func(string) (string, bool) {
	holds := engine.Containing(text)
	return func(value string) (string, bool) { return "", holds(value) }
}
