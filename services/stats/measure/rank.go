package measure

import (
	"cmp"
	"context"
	"slices"

	"eventanalytics/pkg/syntax"
	"eventanalytics/services/stats/engine"
)

// Ranking is a group with the value that it is ranked by.
type Ranking struct {
	Group engine.Group
	Value Value
}

// Rank returns the first groups: of the highest value first, without one last, of equal ones
// in the order of engine.Group. It leaves all in another order, and incomplete.
func Rank(all []Ranking, top int) engine.Ranked {
	// All are compared with the last of the first ones so far, which few come before: to
	// sort 9,000 groups for ten of them takes ten times as long.
	room, sorted := max(1, top), 0
	first := all[:0]
	for _, one := range all {
		if sorted == room && compare(one, first[room-1]) > 0 {
			continue
		}
		if first = append(first, one); len(first) == 2*room {
			slices.SortFunc(first, compare)
			first, sorted = first[:room], room
		}
	}
	slices.SortFunc(first, compare)
	ranked := engine.Ranked{More: len(all) > top}
	for _, one := range first[:min(top, len(first))] {
		ranked.Groups = append(ranked.Groups, one.Group)
	}
	return ranked
}

// compare says which group comes first.
func compare(a, b Ranking) int {
	switch {
	case a.Value.Null && !b.Value.Null:
		return 1
	case b.Value.Null && !a.Value.Null:
		return -1
	case !a.Value.Null && a.Value.Number != b.Value.Number:
		return cmp.Compare(b.Value.Number, a.Value.Number)
	}
	return a.Group.Compare(b.Group)
}

// AboveNothing says whether the value of any events is above that of none, so that groups
// with events of the first series come before all others. Of the other measures, distinct
// values are 0 where no event has the field.
func AboveNothing(m syntax.Measure) bool {
	return m.Name == syntax.Users || m.Name == syntax.Events || m.Name == syntax.PerUser
}

// Groups are those that were found so far in the events of a Rank's series.
type Groups struct {
	Budget engine.Budget // of what they and their cells take
	all    map[string]*found
}

type found struct {
	group engine.Group
	cell  engine.Cell
}

// groupBytes is what a group takes beside its values, which it has twice.
const groupBytes = 200

// Cell returns the cell of a group, which it adds where it is new.
func (g *Groups) Cell(of engine.Group) (*engine.Cell, error) {
	key := of.Key()
	one := g.all[key]
	if one == nil {
		one = &found{group: of}
		g.all[key] = one
		if err := g.Budget.Spend(2*len(key) + groupBytes); err != nil {
			return nil, err
		}
	}
	return &one.cell, nil
}

// BySeries serves a Rank for an engine that reads the groups of one series after the other:
// of the first with their cells, whose numbers may come in any order, and of each other, of
// those that come first by their values, at most so many.
func BySeries(ctx context.Context, r engine.Rank, first func(engine.Tally, *Groups) error, other func(t engine.Tally, most int, to *Groups) error) (engine.Ranked, error) {
	if len(r.Breakdown) == 0 || len(r.Series) == 0 {
		return engine.Ranked{}, engine.ErrUnsupported
	}
	part := Part(r.Measure, false)
	tally := func(s engine.Series) engine.Tally {
		return engine.Tally{Scope: r.Scope, Range: r.Range, Series: s, Interval: engine.Whole, Breakdown: r.Breakdown}
	}
	groups := &Groups{Budget: engine.NewBudget(ctx), all: map[string]*found{}}
	t := tally(r.Series[0])
	if t.Part = part; part != engine.OnlyEvents {
		t.Field = r.Measure.Field
	}
	if err := first(t, groups); err != nil {
		return engine.Ranked{}, err
	}
	others := r.Series[1:]
	if len(groups.all) > r.Top && AboveNothing(r.Measure) {
		others = nil // their groups come behind
	}
	for _, s := range others {
		// Those that the first series does not have come in the order of their values.
		if err := other(tally(s), len(groups.all)+r.Top+1, groups); err != nil {
			return engine.Ranked{}, err
		}
	}
	all := make([]Ranking, 0, len(groups.all))
	for _, g := range groups.all {
		one := Ranking{Group: g.group, Value: Nothing(r.Measure)}
		if g.cell.Events > 0 {
			g.cell.Settle(part)
			one.Value = Of(r.Measure, g.cell)
		}
		all = append(all, one)
	}
	return Rank(all, r.Top), nil
}
