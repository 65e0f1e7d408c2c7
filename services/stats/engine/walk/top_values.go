package walk

import (
	"cmp"
	"context"
	"slices"

	"eventanalytics/pkg/syntax"
	"eventanalytics/services/stats/engine"
)

// TopValues serves a scan.
func (e *Engine) TopValues(ctx context.Context, v engine.TopValues) ([]engine.ValueEvents, error) {
	t := engine.Tally{
		Scope: v.Scope, Range: v.Range, Series: v.Series, Interval: engine.Whole,
		Breakdown: []syntax.Breakdown{{Field: v.Field}},
	}
	if v.Users {
		t.Part = engine.CountUsers
	}
	holds := engine.Containing(v.Contains)
	var all []engine.ValueEvents
	err := e.found(ctx, t, func(g engine.Group, c engine.Cell) error {
		if v.Contains == "" || !g[0].Missing && holds(g[0].Value) {
			all = append(all, engine.ValueEvents{Text: g[0], Events: c.Events, Users: c.Users})
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(all, func(a, b engine.ValueEvents) int {
		return cmp.Or(cmp.Compare(b.Events, a.Events), a.Compare(b.Text))
	})
	result := engine.NewResult[engine.ValueEvents](ctx)
	for _, one := range all[:min(v.Limit, len(all))] {
		if err := result.Add(one, one.Value); err != nil {
			return nil, err
		}
	}
	return result.Rows, nil
}
