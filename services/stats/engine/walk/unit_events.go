package walk

import (
	"cmp"
	"context"
	"slices"

	"eventanalytics/pkg/syntax"
	"eventanalytics/pkg/warehouse/walk"
)

// ownedEvent is an event of a unit that is not a user, with what is known of it. The events
// of several users are brought into their order once all are found.
type ownedEvent[T comparable] struct {
	unit uint32
	at   walk.Event
	of   T
}

// ownedBytes is about what an ownedEvent takes.
const ownedBytes = 96

// ofUnits calls do with the events of each unit in their order, until it says for all that
// they are enough: otherwise for all units again, with more. prepare returns what is known
// of an event, for each goroutine.
func ofUnits[T comparable](ctx context.Context, e *Engine, a around, unit syntax.Field,
	prepare func(*plan) (func(*reader) func(*walk.Event) T, error),
	do func(units [][]ownedEvent[T], until int64) (enough bool, err error),
) error {
	for after := a.after; ; after = 4*after + minuteMicros {
		until := a.until(after)
		p := a.plan(ctx, e, until)
		var of *field
		var begin func(*reader) func(*walk.Event) T
		err := e.ready(func() (err error) {
			if of, err = p.field(ctx, unit); err == nil {
				begin, err = prepare(p)
			}
			return err
		})
		if err != nil {
			return err
		}
		units, err := owned(ctx, e, p, of, begin)
		if err != nil {
			return err
		}
		if enough, err := do(units, until); enough || err != nil {
			return err
		}
	}
}

// owned returns the events of each unit in their order.
func owned[T comparable](ctx context.Context, e *Engine, p *plan, unit *field, begin func(*reader) func(*walk.Event) T) ([][]ownedEvent[T], error) {
	var lists []*[]ownedEvent[T]
	err := e.do(ctx, func(ctx context.Context) error {
		return p.walk(ctx, func(r *reader) visitor {
			list, of, room := new([]ownedEvent[T]), begin(r), memory{budget: p.budget}
			lists = append(lists, list)
			return func(_ uint32, events []walk.Event) error {
				for i := range events {
					if id := unit.id(r, &events[i]); id != 0 {
						*list = append(*list, ownedEvent[T]{id, events[i], of(&events[i])})
						if err := room.spend(ownedBytes); err != nil {
							return err
						}
					}
				}
				return nil
			}
		})
	})
	if err != nil {
		return nil, err
	}
	var all []ownedEvent[T]
	for _, list := range lists {
		all = append(all, *list...)
	}
	return inUnits(p, all)
}

// inUnits puts events into their order, by unit. Of events of one unit, time and type ids
// tell the order, where it matters which is first.
func inUnits[T comparable](p *plan, all []ownedEvent[T]) (units [][]ownedEvent[T], err error) {
	compare := func(a, b ownedEvent[T]) int {
		return cmp.Or(cmp.Compare(a.unit, b.unit), cmp.Compare(a.at.Us, b.at.Us), cmp.Compare(a.at.Type, b.at.Type))
	}
	slices.SortFunc(all, compare)
	var ties [][]walk.Event
	var tied [][]ownedEvent[T]
	for from, to := 0, 0; from < len(all); from = to {
		differ := false
		for ; to < len(all) && compare(all[from], all[to]) == 0; to++ {
			differ = differ || all[to].of != all[from].of
		}
		if !differ {
			continue
		}
		var tie []walk.Event
		for _, one := range all[from:to] {
			tie = append(tie, one.at)
		}
		ties, tied = append(ties, tie), append(tied, all[from:to])
	}
	if len(ties) > 0 {
		err = p.view.OrderByID(ties, walk.Grow(p.hold))
	}
	for i, of := range tied {
		slices.SortFunc(of, func(a, b ownedEvent[T]) int {
			return cmp.Compare(slices.Index(ties[i], a.at), slices.Index(ties[i], b.at))
		})
	}
	for from, to := 0, 0; from < len(all); from = to {
		for ; to < len(all) && all[to].unit == all[from].unit; to++ {
		}
		units = append(units, all[from:to])
	}
	return units, damaged(err)
}

// eventsOf are the events alone.
func eventsOf[T comparable](unit []ownedEvent[T], into []walk.Event) []walk.Event {
	into = into[:0]
	for i := range unit {
		into = append(into, unit[i].at)
	}
	return into
}
