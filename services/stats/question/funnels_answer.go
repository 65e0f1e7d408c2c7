package question

import (
	"context"
	"slices"
	"sort"
	"time"

	"eventanalytics/services/stats/engine"
	"eventanalytics/services/stats/measure"
)

// Answer returns the rows by bucket, then by group, then by step or bin.
func (q Funnels) Answer(ctx context.Context, src *engine.Source) (*Table, error) {
	found, err := src.Funnel(ctx, q.scan())
	if err != nil {
		return nil, err
	}
	g := q.groupsOf(found.Ranked)
	b := bucketsOf(q.Days, q.Scope, q.interval().unit(), src)
	b.until -= time.Duration(q.Window).Microseconds() // attempts may get further until then
	all := list(b.zone, b.unit, b.Days)
	if q.Fill != "" && len(all)*len(g.cells)*max(len(q.Steps), len(q.Bins)) > engine.MaxRows {
		return nil, engine.ErrTooManyRows
	}
	r := funnelRows{Funnels: q, groups: g, buckets: b, rows: NewTable(ctx, q.Columns(), len(found.Cells)*len(q.Steps))}
	for _, bucket := range all {
		n := sort.Search(len(found.Cells), func(i int) bool { return found.Cells[i].Bucket != bucket })
		if err := r.add(bucket, found.Cells[:n]); err != nil {
			return nil, err
		}
		found.Cells = found.Cells[n:]
	}
	return r.rows, nil
}

// funnelRows adds the rows of buckets.
type funnelRows struct {
	Funnels
	groups  groups
	buckets buckets
	rows    *Table
}

// add adds the rows of a bucket.
func (r *funnelRows) add(bucket int64, cells []engine.FunnelCell) error {
	byGroup := make([]engine.FunnelCell, len(r.groups.cells))
	for _, c := range cells {
		if place := r.groups.place(c.Group); place >= 0 {
			join(&byGroup[place], c)
		}
		if r.groups.all >= 0 {
			join(&byGroup[r.groups.all], c)
		}
	}
	for i, c := range byGroup {
		if c.Users == 0 && r.Fill == "" {
			continue
		}
		var err error
		if r.View == viewTimes {
			err = r.addTimes(r.groups.cells[i], c)
		} else {
			err = r.addSteps(bucket, r.groups.cells[i], c)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// join adds the users of a cell to those of another.
func join(to *engine.FunnelCell, from engine.FunnelCell) {
	to.Users += from.Users
	if to.Took == nil {
		to.Took = make([][]int64, len(from.Took))
		for i, took := range from.Took {
			to.Took[i] = slices.Clip(took) // what is appended is another's
		}
		return
	}
	for i, took := range from.Took {
		to.Took[i] = append(to.Took[i], took...)
	}
}

// addSteps adds the row of each step.
func (r *funnelRows) addSteps(bucket int64, group []Value, c engine.FunnelCell) error {
	before := c.Users
	for step := range r.Steps {
		users, average, median := c.Users, NullNumber, NullNumber
		if step > 0 {
			users = 0
			if c.Took != nil {
				took := c.Took[step-1]
				users = int64(len(took))
				a, m := measure.Seconds(took)
				average, median = valueOf(a), valueOf(m)
			}
		}
		var row []Value
		if r.Interval != Whole {
			row = append(row, TextOf(r.buckets.label(bucket)))
		}
		row = append(append(row, group...), IntegerOf(int64(step+1)), r.name(step), IntegerOf(users),
			ratio(users, c.Users), ratio(users, before), average, median, BoolOf(r.buckets.incomplete(bucket)))
		if err := r.rows.Add(row...); err != nil {
			return err
		}
		before = users
	}
	return nil
}

// ratio is a share, or null of none.
func ratio(part, of int64) Value {
	if of == 0 {
		return NullNumber
	}
	return NumberOf(float64(part) / float64(of))
}

// addTimes adds the row of each bin.
func (r *funnelRows) addTimes(group []Value, c engine.FunnelCell) error {
	edges := r.Bins.Micros()
	last := len(edges) - 2
	users := make([]int64, last+1)
	for _, took := range slices.Concat(c.Took...) {
		bin := sort.Search(len(edges), func(i int) bool { return edges[i] > took }) - 1
		if took == edges[last+1] {
			bin = last
		}
		if bin >= 0 && bin <= last {
			users[bin]++
		}
	}
	for bin, n := range users {
		row := append(slices.Clone(group), NumberOf(r.Bins[bin].Float()), NumberOf(r.Bins[bin+1].Float()), IntegerOf(n))
		if err := r.rows.Add(row...); err != nil {
			return err
		}
	}
	return nil
}
