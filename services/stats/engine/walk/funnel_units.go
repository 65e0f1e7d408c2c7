package walk

import (
	"cmp"
	"context"
	"slices"

	"eventanalytics/services/stats/engine"
	"eventanalytics/services/stats/engine/walk/funnel"
)

// unitEvent is an event of a unit that is not a user: the events of several users are
// brought into their order once all are found.
type unitEvent struct {
	funnel.Event
	unit   uint32
	at     event
	values combination
}

// unitBytes is what a unitEvent takes.
const unitBytes = 72

// countUnits counts units in the place of users.
func (f *funneling) countUnits(ctx context.Context) (*funnelSum, error) {
	var lists []*unitList
	err := f.walk(ctx, func(r *reader) visitor {
		one := &unitList{funnelEvents: f.events(r), budget: engine.NewBudget(ctx)}
		lists = append(lists, one)
		return one.visit
	}, f.options()...)
	if err != nil {
		return nil, err
	}
	var all []unitEvent
	for _, one := range lists {
		all = append(all, one.all...)
	}
	slices.SortFunc(all, compareUnitEvents)
	if err := f.order(all); err != nil {
		return nil, err
	}
	sum := f.newSum(ctx)
	for len(all) > 0 {
		n := 1
		for n < len(all) && all[n].unit == all[0].unit {
			n++
		}
		if err := f.addUnit(ctx, sum, all[:n]); err != nil {
			return nil, err
		}
		all = all[n:]
	}
	return sum, nil
}

// unitList collects the events of all units.
type unitList struct {
	funnelEvents
	all    []unitEvent
	budget engine.Budget
	bytes  int // not yet spent
}

func (u *unitList) visit(_ uint32, events []event) error {
	for i := range events {
		e := &events[i]
		one, ok := u.of(e)
		if !ok {
			continue
		}
		if id := u.unit.id(u.r, e); id != 0 {
			u.all = append(u.all, unitEvent{one, id, *e, u.values(e)})
			u.bytes += unitBytes
		}
	}
	if u.bytes < stepBytes {
		return nil
	}
	bytes := u.bytes
	u.bytes = 0
	return u.budget.Spend(bytes)
}

func compareUnitEvents(a, b unitEvent) int {
	return cmp.Or(cmp.Compare(a.unit, b.unit), cmp.Compare(a.Us, b.Us), cmp.Compare(a.at.Type, b.at.Type))
}

// order orders events of one unit, time and type by their ids, where it matters which is
// first.
func (f *funneling) order(all []unitEvent) error {
	var ties [][]event
	var tied [][]unitEvent
	for from := 0; from < len(all); {
		to, differ := from+1, false
		for ; to < len(all) && compareUnitEvents(all[from], all[to]) == 0; to++ {
			a, b := all[from], all[to]
			differ = differ || a.Fits != b.Fits || a.Excludes != b.Excludes || a.values != b.values
		}
		if differ {
			var tie []event
			for _, one := range all[from:to] {
				tie = append(tie, one.at)
			}
			ties, tied = append(ties, tie), append(tied, all[from:to])
		}
		from = to
	}
	if len(ties) == 0 {
		return nil
	}
	if err := f.view.OrderByID(ties); err != nil {
		return err
	}
	for i, of := range tied {
		slices.SortFunc(of, func(a, b unitEvent) int {
			return cmp.Compare(slices.Index(ties[i], a.at), slices.Index(ties[i], b.at))
		})
	}
	return nil
}

// addUnit adds a unit by its events.
func (f *funneling) addUnit(ctx context.Context, sum *funnelSum, of []unitEvent) error {
	var list []funnel.Event
	var values combinations
	began := false
	var seen uint32
	for _, one := range of {
		f.firsts(&one.Event, &seen)
		if one.Us < f.from {
			continue
		}
		began = began || one.Bucket != funnel.NoBucket
		list, values = append(list, one.Event), append(values, one.values)
	}
	if !began {
		return nil
	}
	return sum.add(ctx, list, values)
}

// combinations are those of events.
type combinations []combination

func (c combinations) valuesAt(i int) combination { return c[i] }
