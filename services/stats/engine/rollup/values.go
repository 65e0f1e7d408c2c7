package rollup

import (
	"context"
	"slices"

	"eventanalytics/pkg/warehouse/rollup"
	"eventanalytics/services/stats/engine"
)

// Values serves a scan.
func (e *Engine) Values(ctx context.Context, v engine.Values) ([]engine.Value, error) {
	if v.Field != engine.EventType {
		return nil, engine.ErrUnsupported
	}
	result := engine.NewResult[engine.Value](ctx)
	err := e.do(ctx, func(ctx context.Context) error {
		match, err := typesOf(v.Filter, v.Zone)
		if err != nil {
			return err
		}
		names, err := e.view.Scan(match).Types(ctx, v.After, v.Limit)
		if err != nil || len(names) == 0 {
			return err
		}
		page := func(name string) bool {
			_, found := slices.BinarySearch(names, name)
			return found
		}
		totals, err := e.view.Scan(page).Totals(ctx, rollup.Always)
		if err != nil {
			return err
		}
		for _, name := range names {
			if err := result.Add(engine.Value{Text: name, First: totals[name].First, Last: totals[name].Last}, name); err != nil {
				return err
			}
		}
		return nil
	})
	return result.Rows, err
}
