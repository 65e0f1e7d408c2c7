package rollup

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"

	"eventanalytics/pkg/warehouse/rollup"
	"eventanalytics/services/stats/engine"
)

// maxScans bounds what is kept for types that several buckets may have.
const maxScans = 1000

// Counts serves a scan.
func (e *Engine) Counts(ctx context.Context, c engine.Counts) ([]engine.Count, error) {
	if c.Group != engine.NoField && c.Group != engine.EventType {
		return nil, engine.ErrUnsupported
	}
	result := engine.NewResult[engine.Count](ctx)
	err := e.do(ctx, func(ctx context.Context) error {
		all, buckets, err := e.ask(c.Scope, c.Range, c.Unit)
		if err != nil {
			return err
		}
		types := map[string]*rollup.Scan{"": all}
		for _, b := range buckets {
			counts, err := groups(ctx, all, b, c)
			if err != nil {
				return err
			}
			for _, n := range counts {
				if c.Users {
					one := types[n.Group]
					if one == nil {
						if one = all.Of(n.Group); len(types) < maxScans {
							types[n.Group] = one
						}
					}
					users, err := one.CountUsers(ctx, b.periods...)
					if err != nil {
						return err
					}
					n.Users = int64(users)
				}
				if err := result.Add(n, n.Group); err != nil {
					return err
				}
			}
		}
		return nil
	})
	return result.Rows, err
}

// groups returns the groups of a bucket with their events, in their order.
func groups(ctx context.Context, q *rollup.Scan, b bucket, c engine.Counts) ([]engine.Count, error) {
	if c.Group == engine.NoField {
		events, err := q.Events(ctx, b.periods...)
		if err != nil || events == 0 {
			return nil, err
		}
		return []engine.Count{{Bucket: b.at, Events: int64(events)}}, nil
	}
	totals, err := q.Totals(ctx, b.periods...)
	if err != nil {
		return nil, err
	}
	counts := make([]engine.Count, 0, len(totals))
	for _, name := range slices.Sorted(maps.Keys(totals)) {
		counts = append(counts, engine.Count{Bucket: b.at, Group: name, Events: int64(totals[name].Events)})
	}
	if c.Top > 0 {
		slices.SortFunc(counts, func(a, b engine.Count) int {
			return cmp.Or(cmp.Compare(b.Events, a.Events), strings.Compare(a.Group, b.Group))
		})
		counts = counts[:min(c.Top, len(counts))]
	}
	return counts, nil
}
