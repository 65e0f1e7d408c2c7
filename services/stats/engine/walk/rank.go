package walk

import (
	"context"

	"eventanalytics/services/stats/engine"
	"eventanalytics/services/stats/measure"
)

// Rank serves a scan.
func (e *Engine) Rank(ctx context.Context, r engine.Rank) (engine.Ranked, error) {
	if len(r.Breakdown) == 0 || len(r.Series) == 0 {
		return engine.Ranked{}, engine.ErrUnsupported
	}
	var all []measure.Ranking
	known := map[string]bool{}
	for i, s := range r.Series {
		if i == 1 && len(all) > r.Top && measure.AboveNothing(r.Measure) {
			break // the others are behind, all equal
		}
		if i == 1 {
			for _, one := range all {
				known[one.Group.Key()] = true
			}
		}
		t := engine.Tally{Scope: r.Scope, Range: r.Range, Series: s, Interval: engine.Whole, Breakdown: r.Breakdown}
		if i == 0 {
			t.Part, t.Field = measure.Part(r.Measure, false), r.Measure.Field
		}
		err := e.found(ctx, t, func(g engine.Group, c engine.Cell) error {
			one := measure.Ranking{Group: g, Value: measure.Nothing(r.Measure)}
			if i == 0 { // whose groups all differ
				one.Value = measure.Of(r.Measure, c)
			} else {
				key := g.Key()
				if known[key] {
					return nil
				}
				known[key] = true
			}
			all = append(all, one)
			return nil
		})
		if err != nil {
			return engine.Ranked{}, err
		}
	}
	return measure.Rank(all, r.Top), nil
}

// found calls add with all groups that the events of a tally over a whole range fall into,
// and with the cell of each.
func (e *Engine) found(ctx context.Context, t engine.Tally, add func(engine.Group, engine.Cell) error) error {
	var fields []*field
	c, err := e.counting(ctx, t, func(c *counting) (err error) {
		if fields, err = c.fields(ctx, t.Breakdown); err != nil {
			return err
		}
		if len(fields) == 1 {
			c.sorter = func() sorter { return single{fields[0]} }
			if fields[0].seen == nil { // else users have more
				c.groups = len(fields[0].texts.all)
			}
			c.setDense(len(fields[0].texts.all))
		} else {
			c.sorter = func() sorter { return newFound(fields) }
		}
		return nil
	})
	if c == nil || err != nil {
		return err
	}
	return e.do(ctx, func(ctx context.Context) error {
		cells, found, err := c.run(ctx)
		if err != nil {
			return err
		}
		budget := engine.NewBudget(ctx)
		of := e.cells(c, t, &budget)
		for i := range cells {
			one, err := of(&cells[i])
			if err != nil {
				return err
			}
			var group engine.Group
			if found != nil {
				group = found.values(cells[i].at)
			} else {
				group = engine.Group{fields[0].texts.text(uint32(cells[i].at))}
			}
			if err := budget.Spend(groupBytes); err != nil {
				return unsupported(err)
			}
			if err := add(group, one); err != nil {
				return err
			}
		}
		return nil
	})
}

// groupBytes is what a group takes, with its values, which it shares.
const groupBytes = 200
