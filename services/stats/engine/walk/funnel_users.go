package walk

import (
	"context"
	"slices"

	"eventanalytics/pkg/calendar"
	"eventanalytics/pkg/warehouse/walk"
	"eventanalytics/services/stats/engine"
	"eventanalytics/services/stats/engine/walk/funnel"
)

type event = walk.Event

// funnelEvents says what events of one user after the other are in a funnel. Each
// goroutine has its own.
type funnelEvents struct {
	*funneling
	r *reader
}

func (f *funneling) events(r *reader) funnelEvents { return funnelEvents{f, r} }

// of returns what an event is in a funnel; ok is false when it is nothing.
func (f *funnelEvents) of(e *event) (one funnel.Event, ok bool) {
	fits, excludes := f.steps.byType[e.Type], f.excludeTypes(e.Type)
	strict := f.rules.Order == funnel.Strict
	if fits|excludes == 0 && !strict || f.filter != nil && !f.filter.pass(f.r, e) {
		return one, false
	}
	one = funnel.Event{Us: e.Us, Fits: f.steps.of(f.r, e, fits), Excludes: f.excludes.of(f.r, e, excludes), Bucket: funnel.NoBucket}
	if one.Fits&f.begins != 0 && e.Us >= f.from && e.Us < f.to {
		one.Bucket = f.bucketAt(f.r, e.Us)
	}
	return one, one.Fits|one.Excludes != 0 || strict
}

// bucketAt is the bucket of an instant of the period, whose date may be another.
func (f *funneling) bucketAt(r *reader, us int64) int32 {
	if f.line != nil {
		return int32(max(f.line.at(us), funnel.NoBucket))
	}
	if date := calendar.Date(dateOf(r.clock.local(us))); date < f.dates.From || date > f.dates.To {
		return funnel.NoBucket
	}
	return 0
}

// firsts leaves the steps that take only a first event with it. seen are those that had
// theirs.
func (f *funneling) firsts(one *funnel.Event, seen *uint32) {
	again := one.Fits & f.first & *seen
	*seen |= one.Fits & f.first
	one.Fits &^= again
}

// values are those that a breakdown sorts an event by.
func (f *funnelEvents) values(e *event) (c combination) {
	for i, field := range f.fields {
		c[i] = field.id(f.r, e)
	}
	return c
}

// funnelUser counts one user after the other.
type funnelUser struct {
	funnelEvents
	sum  *funnelSum
	all  []event // of the user
	list []funnel.Event
	at   []int32 // of each in list, its index in all, unless their types list them all
}

// valuesAt are those of an event in list.
func (f *funnelUser) valuesAt(i int) combination {
	if f.ofType == nil {
		i = int(f.at[i])
	}
	return f.values(&f.all[i])
}

func (f *funnelUser) visit(ctx context.Context, events []event) error {
	if !f.entered(events) {
		return nil
	}
	if err := f.sum.holds(cap(f.list), listBytes); err != nil {
		return err
	}
	return f.sum.add(ctx, f.list, f)
}

// entered lists what a user's events are in the funnel, and says whether one begins an attempt.
func (f *funnelUser) entered(events []event) bool {
	f.all = events
	if f.ofType != nil {
		return f.listByType()
	}
	list, at, began := f.list[:0], f.at[:0], false
	var seen uint32
	for i := range events {
		one, ok := f.of(&events[i])
		if !ok {
			continue
		}
		if f.first != 0 {
			f.firsts(&one, &seen)
		}
		if one.Us < f.from || !began && one.Bucket == funnel.NoBucket && one.Us >= f.to {
			continue
		}
		began = began || one.Bucket != funnel.NoBucket
		list, at = append(list, one), append(at, int32(i))
	}
	f.list, f.at = list, at
	return began
}

// listByType lists all of a user's events, and says whether one may begin an attempt. Which
// type is the next is hard to foresee, so that nothing jumps by it.
func (f *funnelUser) listByType() bool {
	list := slices.Grow(f.list[:0], len(f.all))[:len(f.all)]
	latest := int32(funnel.NoBucket)
	for i := range list {
		e := &f.all[i]
		list[i] = f.ofType[e.Type]
		list[i].Us = e.Us
		latest = max(latest, list[i].Bucket)
	}
	for i := len(list) - 1; i >= 0 && list[i].Us >= f.to; i-- {
		list[i].Bucket = funnel.NoBucket
	}
	f.list = list
	return latest != funnel.NoBucket
}

// listBytes is about what an event of a user takes in the lists here and in a
// funnel.Finder.
const listBytes = 24 + 4 + 20

// funnelPlace is the place of a cell: indexes of the bucket and of the combination.
type funnelPlace struct{ bucket, group int32 }

// funnelCount is what there is in a cell.
type funnelCount struct {
	users int64
	took  [][]int64 // as in engine.FunnelCell
}

// funnelSum sums users up.
type funnelSum struct {
	*funneling
	finder *funnel.Finder
	found  *found  // combinations
	whole  []int64 // by combination: users over the whole range
	cells  map[funnelPlace]*funnelCount
	last   *funnelCount // that of lastAt
	lastAt funnelPlace
	memory
}

func (f *funneling) newSum() *funnelSum {
	return &funnelSum{
		funneling: f, finder: funnel.New(f.rules), found: newFound(f.fields),
		cells: map[funnelPlace]*funnelCount{}, memory: memory{budget: f.budget},
	}
}

// valued tells the values of events by their place.
type valued interface{ valuesAt(i int) combination }

// add adds a user by events.
func (s *funnelSum) add(ctx context.Context, events []funnel.Event, values valued) error {
	attempts, err := s.finder.Best(ctx, events)
	if err != nil {
		return err
	}
	var best *funnel.Attempt // over the whole range
	group := 0               // its
	for i := range attempts {
		a := &attempts[i]
		var c combination
		step := s.asked.Attribution
		if step == engine.LastStep {
			step = a.Reached
		}
		if len(s.fields) > 0 && step <= a.Reached {
			c = values.valuesAt(s.finder.Event(a, step))
		}
		at := s.found.of(c)
		if at == len(s.whole) {
			s.whole = append(s.whole, 0)
			if err := s.spend(groupBytes); err != nil {
				return err
			}
		}
		if best == nil || a.Reached > best.Reached || a.Reached == best.Reached && a.Us[0] < best.Us[0] {
			best, group = a, at
		}
		if err := s.addAttempt(a, funnelPlace{a.Bucket, int32(at)}); err != nil {
			return err
		}
	}
	if best != nil {
		s.whole[group]++
	}
	return nil
}

// addAttempt adds an attempt to a cell.
func (s *funnelSum) addAttempt(a *funnel.Attempt, place funnelPlace) error {
	if s.last == nil || s.lastAt != place {
		s.lastAt = place
		s.last = s.cells[place]
		if s.last == nil {
			s.last = &funnelCount{took: make([][]int64, max(1, s.lists()))}
			s.cells[place] = s.last
			if err := s.spend(cellBytes + 24*s.lists()); err != nil {
				return err
			}
		}
	}
	s.last.users++
	if s.asked.Whole {
		if a.Reached == s.rules.Steps {
			s.last.took[0] = append(s.last.took[0], a.Us[a.Reached-1]-a.Us[0])
			return s.spend(8)
		}
		return nil
	}
	for step := 1; step < a.Reached; step++ {
		s.last.took[step-1] = append(s.last.took[step-1], a.Us[step]-a.Us[step-1])
	}
	return s.spend(8 * (a.Reached - 1))
}

// lists is how many lists of times a cell has.
func (s *funnelSum) lists() int {
	if s.asked.Whole {
		return 1
	}
	return s.rules.Steps - 1
}

// merge adds what another goroutine has counted, of other users.
func (s *funnelSum) merge(other *funnelSum) {
	places := make([]int32, len(other.whole))
	for at, n := range other.whole {
		mine := s.found.of(other.found.all[at])
		if mine == len(s.whole) {
			s.whole = append(s.whole, 0)
		}
		s.whole[mine] += n
		places[at] = int32(mine)
	}
	for place, from := range other.cells {
		place.group = places[place.group]
		to := s.cells[place]
		if to == nil {
			s.cells[place] = from
			continue
		}
		to.users += from.users
		for i, took := range from.took {
			to.took[i] = append(to.took[i], took...)
		}
	}
}
