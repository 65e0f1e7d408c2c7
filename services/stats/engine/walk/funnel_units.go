package walk

import (
	"context"

	"eventanalytics/services/stats/engine/walk/funnel"
)

// unitEvent is what an event is for the funnel of a unit that is not a user.
type unitEvent struct {
	funnel.Event
	values combination
}

// countUnits counts units in the place of users.
func (f *funneling) countUnits(ctx context.Context) (*funnelSum, error) {
	var lists []*unitList
	err := f.walk(ctx, func(r *reader) visitor {
		one := &unitList{funnelEvents: f.events(r), memory: memory{budget: f.budget}}
		lists = append(lists, one)
		return one.visit
	}, f.options()...)
	if err != nil {
		return nil, err
	}
	var all []ownedEvent[unitEvent]
	for _, one := range lists {
		all = append(all, one.all...)
	}
	units, err := inUnits(f.plan, all)
	if err != nil {
		return nil, err
	}
	sum := f.newSum()
	for _, unit := range units {
		if err := f.addUnit(ctx, sum, unit); err != nil {
			return nil, err
		}
	}
	return sum, nil
}

// unitList collects the events of all units.
type unitList struct {
	funnelEvents
	memory
	all []ownedEvent[unitEvent]
}

func (u *unitList) visit(_ uint32, events []event) error {
	for i := range events {
		e := &events[i]
		one, ok := u.of(e)
		if !ok {
			continue
		}
		if id := u.unit.id(u.r, e); id != 0 {
			u.all = append(u.all, ownedEvent[unitEvent]{id, *e, unitEvent{one, u.values(e)}})
			if err := u.spend(ownedBytes); err != nil {
				return err
			}
		}
	}
	return nil
}

// addUnit adds a unit by its events.
func (f *funneling) addUnit(ctx context.Context, sum *funnelSum, unit []ownedEvent[unitEvent]) error {
	var list []funnel.Event
	var values combinations
	began := false
	var seen uint32
	for _, one := range unit {
		e := one.of.Event
		f.firsts(&e, &seen)
		if e.Us < f.from {
			continue
		}
		began = began || e.Bucket != funnel.NoBucket
		list, values = append(list, e), append(values, one.of.values)
	}
	if !began {
		return nil
	}
	return sum.add(ctx, list, values)
}

// combinations are those of events.
type combinations []combination

func (c combinations) valuesAt(i int) combination { return c[i] }
