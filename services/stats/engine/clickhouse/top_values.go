package clickhouse

import (
	"context"
	"fmt"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"eventanalytics/pkg/syntax"
	"eventanalytics/services/stats/engine"
)

// TopValues serves a scan, unless it looks for a text: Go folds upper and lower case in
// another way.
func (e *Engine) TopValues(ctx context.Context, v engine.TopValues) ([]engine.ValueEvents, error) {
	if v.Contains != "" {
		return nil, engine.ErrUnsupported
	}
	part, users := engine.OnlyEvents, "toInt64(0)"
	if v.Users {
		part, users = engine.CountUsers, "toInt64(uniqExact(value))"
	}
	st := e.newTally(engine.Tally{
		Scope: v.Scope, Range: v.Range, Series: v.Series, Interval: engine.Whole,
		Breakdown: []syntax.Breakdown{{Field: v.Field}}, Part: part,
	}, "SELECT f0, toInt64(count()) AS events, "+users+" FROM placed GROUP BY f0 ORDER BY events DESC, f0 NULLS LAST"+limit(v.Limit))
	if st == nil {
		return nil, nil
	}
	result := engine.NewResult[engine.ValueEvents](ctx)
	err := e.run(ctx, st, func(r driver.Rows) error {
		var value *string
		var n engine.ValueEvents
		if err := r.Scan(&value, &n.Events, &n.Users); err != nil {
			return fmt.Errorf("reading a value: %w", err)
		}
		if n.Missing = value == nil; value != nil {
			n.Value = *value
		}
		return result.Add(n, n.Value)
	})
	return result.Rows, err
}
