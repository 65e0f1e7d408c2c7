package clickhouse

import (
	"context"
	_ "embed"
	"fmt"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"eventanalytics/services/stats/engine"
)

//go:embed counts.sql
var countsSQL string

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
	users, top := "toInt64(0)", "ORDER BY bucket, name"
	if c.Users {
		users = "toInt64(uniqExact(person))"
	}
	st := newStatement(c.Scope, countsSQL, p)
	if c.Top > 0 {
		top = "ORDER BY bucket, events DESC, name LIMIT " + st.bind(c.Top, "UInt32") + " BY bucket"
	}
	st.markers = append(st.markers, "{{bucket}}", st.bucket(c.Unit, c.Range), "{{group}}", group, "{{users}}", users, "{{top}}", top)
	groups := map[string]string{} // so that rows share their texts
	result := engine.NewResult[engine.Count](ctx)
	err := e.run(ctx, st, func(r driver.Rows) error {
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
