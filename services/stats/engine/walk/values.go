package walk

import (
	"context"
	"slices"
	"strings"

	"eventanalytics/pkg/warehouse/walk"
	"eventanalytics/services/stats/engine"
)

// Values serves a scan.
func (e *Engine) Values(ctx context.Context, v engine.Values) ([]engine.Value, error) {
	if v.Field != engine.EventType {
		return nil, engine.ErrUnsupported
	}
	p := e.plan(ctx, v.Scope, engine.Always())
	var filter *filter
	err := e.ready(func() (err error) {
		filter, err = p.filter(ctx, v.Filter)
		return err
	})
	if err != nil {
		return nil, err
	}
	types := e.view.Types()
	var all [][]engine.Value
	err = e.do(ctx, func(ctx context.Context) error {
		return p.walk(ctx, func(r *reader) visitor {
			seen := make([]engine.Value, len(types))
			all = append(all, seen)
			return func(_ uint32, events []walk.Event) error {
				for i := range events {
					if event := &events[i]; filter.pass(r, event) {
						see(&seen[event.Type], types[event.Type], event.Us, event.Us)
					}
				}
				return nil
			}
		})
	})
	if err != nil {
		return nil, err
	}
	sum := make([]engine.Value, len(types))
	for _, seen := range all {
		for i, one := range seen {
			if one.Text != "" {
				see(&sum[i], one.Text, one.First, one.Last)
			}
		}
	}
	sum = slices.DeleteFunc(sum, func(one engine.Value) bool { return one.Text <= v.After })
	slices.SortFunc(sum, func(a, b engine.Value) int { return strings.Compare(a.Text, b.Text) })
	result := engine.NewResult[engine.Value](ctx)
	for _, one := range sum[:min(v.Limit, len(sum))] {
		if err := result.Add(one, one.Text); err != nil {
			return nil, err
		}
	}
	return result.Rows, nil
}

// see widens what is known of a type.
func see(v *engine.Value, eventType string, first, last int64) {
	if v.Text == "" {
		*v = engine.Value{Text: eventType, First: first, Last: last}
		return
	}
	v.First, v.Last = min(v.First, first), max(v.Last, last)
}
