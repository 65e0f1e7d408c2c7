package duckdb

import (
	"context"
	"database/sql"
	_ "embed"
	"fmt"

	"eventanalytics/services/stats/engine"
)

//go:embed values.sql
var valuesSQL string

// Values serves a scan.
func (e *Engine) Values(ctx context.Context, v engine.Values) ([]engine.Value, error) {
	field, ok := fieldSQL[v.Field]
	if !ok {
		return nil, engine.ErrUnsupported
	}
	result := engine.NewResult[engine.Value](ctx)
	err := e.run(ctx, newStatement(v.Scope, valuesSQL, engine.Always(), "{{field}}", field).with("after", v.After).with("limit", v.Limit), func(r *sql.Rows) error {
		var value engine.Value
		if err := r.Scan(&value.Text, &value.First, &value.Last); err != nil {
			return fmt.Errorf("reading a value: %w", err)
		}
		return result.Add(value, value.Text)
	})
	return result.Rows, err
}
