package clickhouse

import (
	"context"
	"fmt"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"eventanalytics/services/stats/engine"
)

const valuesSQL = `
SELECT {{field}} AS name, min(us), max(us)
FROM {{local}}
WHERE name > {{after}}
GROUP BY name
ORDER BY name
LIMIT {{limit}}`

// Values serves a scan.
func (e *Engine) Values(ctx context.Context, v engine.Values) ([]engine.Value, error) {
	field, ok := fieldSQL[v.Field]
	if !ok {
		return nil, engine.ErrUnsupported
	}
	st := newStatement(v.Scope, valuesSQL, engine.Always())
	st.markers = append(st.markers, "{{field}}", field, "{{after}}", st.string(v.After), "{{limit}}", st.bind(v.Limit, "UInt32"))
	result := engine.NewResult[engine.Value](ctx)
	err := e.run(ctx, st, func(r driver.Rows) error {
		var value engine.Value
		if err := r.Scan(&value.Text, &value.First, &value.Last); err != nil {
			return fmt.Errorf("reading a value: %w", err)
		}
		return result.Add(value, value.Text)
	})
	return result.Rows, err
}
