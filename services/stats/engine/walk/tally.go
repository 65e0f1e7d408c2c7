package walk

import (
	"context"
	"fmt"
	"math"

	"github.com/RoaringBitmap/roaring/v2"

	"eventanalytics/pkg/syntax"
	"eventanalytics/services/stats/engine"
)

// Tally serves a scan.
func (e *Engine) Tally(ctx context.Context, t engine.Tally) ([]engine.Cell, error) {
	c, err := e.counting(ctx, t, func(c *counting) error { return c.sortInto(ctx, t) })
	if c == nil || err != nil {
		return nil, err
	}
	result := engine.NewResult[engine.Cell](ctx)
	err = e.do(ctx, func(ctx context.Context) error {
		cells, _, err := c.run(ctx)
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
			one.Bucket = c.bucket(cells[i].at)
			one.Group = cells[i].at % c.groups
			if one.Group == len(t.Groups) {
				one.Group = engine.Rest
			}
			if err := result.Add(one); err != nil {
				return err
			}
		}
		return nil
	})
	return result.Rows, err
}

// counting makes what a tally counts ready, with the groups that groups adds; nil when
// the range has no time.
func (e *Engine) counting(ctx context.Context, t engine.Tally, groups func(*counting) error) (c *counting, err error) {
	err = e.ready(func() error {
		if c, err = e.newCounting(ctx, t); c == nil || err != nil {
			return err
		}
		return groups(c)
	})
	return c, err
}

func (e *Engine) newCounting(ctx context.Context, t engine.Tally) (*counting, error) {
	p, exists := t.Period(t.Zone)
	if !exists {
		return nil, nil
	}
	if t.Unit.Source != "" && (t.First || t.Least > 1) {
		return nil, engine.ErrUnsupported // a value has events of several users
	}
	scan := p
	if t.Before || t.First {
		scan.From = math.MinInt64
	}
	c := &counting{
		plan: e.plan(ctx, t.Scope, scan), first: t.First, line: newTimeline(p, t.Interval),
		before: t.Before, least: t.Least, part: t.Part,
	}
	filter, err := c.plan.filter(ctx, syntax.And(t.Scope.Filter, t.Series.Filter))
	if err != nil {
		return nil, err
	}
	c.filter = both(c.types(t.Types), filter)
	if t.Unit.Source != "" {
		if c.unit, err = c.field(ctx, t.Unit); err != nil {
			return nil, err
		}
	}
	switch {
	case t.Part == engine.OnlyEvents:
	case t.Part == engine.Numbers, t.Part == engine.Sums:
		c.value, c.numbers, err = c.numbersOf(ctx, t.Field, t.Part == engine.Sums)
		if err == nil && c.numbers.scaled.Integers == nil {
			c.part = engine.Numbers // to be added up in the end
		}
	case t.Field.Source != "":
		c.value, err = c.field(ctx, t.Field)
	default:
		c.value = c.unit
	}
	return c, err
}

// sortInto makes the groups of a tally ready.
func (c *counting) sortInto(ctx context.Context, t engine.Tally) error {
	c.groups, c.sorter = 1, func() sorter { return one{} }
	if len(t.Breakdown) > 0 && len(t.Groups) > 0 {
		fields, err := c.fields(ctx, t.Breakdown)
		if err != nil {
			return err
		}
		groups, err := newListed(fields, t.Groups)
		if err != nil {
			return err
		}
		c.groups, c.sorter = len(t.Groups)+1, func() sorter { return groups }
	}
	c.setDense(c.buckets() * c.groups)
	return nil
}

// cells returns what makes cells of what was counted, without their bucket and group.
func (e *Engine) cells(c *counting, t engine.Tally, budget *engine.Budget) func(*cell) (engine.Cell, error) {
	var shared int // by the numbers of all cells
	if c.part == engine.Numbers {
		shared = numberBytes * c.numbers.count
	}
	return func(from *cell) (engine.Cell, error) {
		to := engine.Cell{Events: from.events, Users: from.users}
		switch {
		case c.part == engine.Sums:
			to.Sum = c.numbers.scaled.Sum(from.total)
		case t.Part == engine.Sums:
			numbers, _ := c.numbers.of(from)
			to.Sum = numbers.Sum()
		case c.part == engine.Numbers:
			var bytes int
			to.Numbers, bytes = c.numbers.of(from)
			bytes, shared = bytes+shared, 0
			return to, budget.Spend(bytes)
		case c.part == engine.OnlyEvents:
		case c.value != nil:
			if from.values != nil {
				to.Users = int64(from.values.GetCardinality())
			}
			if c.part == engine.UserSets {
				set, err := e.codes.of(countedKey(t)).set(from.values, c.value.texts)
				if err != nil {
					return to, err
				}
				to.Set = set
				return to, budget.Spend(int(set.GetSizeInBytes()))
			}
		case c.part == engine.UserSets:
			to.Set = roaring.BitmapOf(from.set...)
			return to, budget.Spend(int(to.Set.GetSizeInBytes()))
		}
		return to, nil
	}
}

// countedKey tells what is counted in sets: values of the same have the same codes.
func countedKey(t engine.Tally) string {
	f := t.Unit
	if t.Field.Source != "" {
		f = t.Field
	}
	return fmt.Sprintf("%s %q", f.Source, f.Keys)
}
