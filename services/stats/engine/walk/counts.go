package walk

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"eventanalytics/pkg/syntax"
	"eventanalytics/services/stats/engine"
)

// Counts serves a scan.
func (e *Engine) Counts(ctx context.Context, q engine.Counts) ([]engine.Count, error) {
	t := engine.Tally{Scope: q.Scope, Range: q.Range, Interval: q.Unit}
	if q.Users {
		t.Part = engine.CountUsers
	}
	types := []string{""}
	c, err := e.counting(ctx, t, func(c *counting) error {
		c.groups, c.sorter = 1, func() sorter { return one{} }
		switch q.Group {
		case engine.NoField:
			return nil
		case engine.EventType:
			field, err := c.field(ctx, syntax.Field{Source: syntax.EventType})
			if err != nil {
				return err
			}
			types = field.texts.all
			c.groups, c.sorter = len(types), func() sorter { return single{field} }
			return nil
		}
		return engine.ErrUnsupported
	})
	if c == nil || err != nil {
		return nil, err
	}
	var counts []engine.Count
	err = e.do(ctx, func(ctx context.Context) error {
		cells, _, err := c.run(ctx)
		for _, one := range cells {
			counts = append(counts, engine.Count{Bucket: c.bucket(one.at), Group: types[one.at%c.groups], Events: one.events, Users: one.users})
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return topOf(ctx, q, counts)
}

// topOf returns the counts of a scan in their order, of each bucket those that are asked
// for.
func topOf(ctx context.Context, q engine.Counts, counts []engine.Count) ([]engine.Count, error) {
	slices.SortFunc(counts, func(a, b engine.Count) int {
		most := 0
		if q.Top > 0 {
			most = cmp.Compare(b.Events, a.Events)
		}
		return cmp.Or(cmp.Compare(a.Bucket, b.Bucket), most, strings.Compare(a.Group, b.Group))
	})
	result := engine.NewResult[engine.Count](ctx)
	n := 0 // of the bucket
	for i, one := range counts {
		if i == 0 || one.Bucket != counts[i-1].Bucket {
			n = 0
		}
		if n++; q.Top > 0 && n > q.Top {
			continue
		}
		if err := result.Add(one, one.Group); err != nil {
			return nil, err
		}
	}
	return result.Rows, nil
}
