package walk

import (
	"cmp"
	"context"
	"math"
	"slices"

	"eventanalytics/pkg/syntax"
	"eventanalytics/pkg/warehouse/walk"
	"eventanalytics/services/stats/engine"
	"eventanalytics/services/stats/engine/walk/funnel"
)

// orders are what package funnel calls them.
var orders = map[engine.Order]funnel.Order{engine.InOrder: funnel.Ordered, engine.AnyOrder: funnel.Any, engine.Strict: funnel.Strict}

// funneling is what a funnel asks of events, made ready.
type funneling struct {
	*plan
	asked    engine.Funnel
	filter   *filter // of the scope; nil: it always holds
	steps    criteria
	excludes criteria
	begins   uint32 // steps that attempts begin with, as bits
	first    uint32 // steps that take only the first event ever
	unit     *field // nil: users
	fields   []*field
	from, to int64     // instants between which attempts begin
	line     *timeline // nil: there is one bucket, of the dates
	dates    engine.Range
	rules    funnel.Rules
	wanted   []bool // event types that say something, by index; nil: all
	// ofType is what events of a type are, but for the time, where nothing else says it.
	ofType []funnel.Event
}

// criteria are conditions on events, each with a bit.
type criteria struct {
	byType  []uint32 // by event type: whose types it is one of
	filters []*filter
	some    uint32 // which have a filter
}

// of returns which hold for an event, of those that its type allows.
func (c *criteria) of(r *reader, e *event, may uint32) uint32 {
	if may&c.some == 0 {
		return may
	}
	return c.passed(r, e, may)
}

func (c *criteria) passed(r *reader, e *event, may uint32) uint32 {
	for i, f := range c.filters {
		if f != nil && may>>i&1 != 0 && !f.pass(r, e) {
			may &^= 1 << i
		}
	}
	return may
}

// add adds a condition: that an event has one of some types, and that a filter holds.
func (p *plan) add(ctx context.Context, c *criteria, types []string, f syntax.Filter) error {
	bit := uint32(1) << len(c.filters)
	if c.byType == nil {
		c.byType = make([]uint32, len(p.view.Types()))
	}
	for i, name := range p.view.Types() {
		if len(types) == 0 || slices.Contains(types, name) {
			c.byType[i] |= bit
		}
	}
	var ready *filter
	if !f.IsZero() {
		var err error
		if ready, err = p.filter(ctx, f); err != nil {
			return err
		}
		c.some |= bit
	}
	c.filters = append(c.filters, ready)
	return nil
}

// Funnel serves a scan.
func (e *Engine) Funnel(ctx context.Context, q engine.Funnel) (engine.Funneled, error) {
	var f *funneling
	err := e.ready(func() (err error) {
		f, err = e.funneling(ctx, q)
		return err
	})
	if f == nil || err != nil {
		return engine.Funneled{}, err
	}
	var found engine.Funneled
	err = e.do(ctx, func(ctx context.Context) error {
		sum, err := f.count(ctx)
		if err == nil && sum != nil {
			found = sum.result()
		}
		return err
	})
	return found, alone(err)
}

// funneling makes a funnel ready; nil when the range has no time.
func (e *Engine) funneling(ctx context.Context, q engine.Funnel) (*funneling, error) {
	p, exists := q.Period(q.Zone)
	if !exists || e.view == nil {
		return nil, nil
	}
	f, err := e.attempts(ctx, q, p)
	if err != nil {
		return nil, err
	}
	f.line = newTimeline(p, q.Interval)
	f.rules.Buckets = len(f.line.buckets)
	f.setTypes()
	if q.Unit.Source != "" {
		if f.unit, err = f.field(ctx, q.Unit); err != nil {
			return nil, err
		}
	}
	f.fields, err = f.plan.fields(ctx, q.Breakdown)
	return f, err
}

// attempts makes those that begin in a period ready.
func (e *Engine) attempts(ctx context.Context, q engine.Funnel, p engine.Period) (*funneling, error) {
	scan := p
	if window := q.Window.Microseconds() + 1; p.To < math.MaxInt64-window { // what happens at its end counts
		scan.To += window
	}
	if slices.ContainsFunc(q.Steps, func(s syntax.Series) bool { return s.First }) {
		scan.From = math.MinInt64
	}
	f := &funneling{plan: e.plan(ctx, q.Scope, scan), asked: q, begins: 1, from: p.From, to: p.To, dates: engine.Range{From: p.First, To: p.Last}}
	f.until = q.Until(p)
	f.rules = funnel.Rules{Steps: len(q.Steps), Window: q.Window.Microseconds(), Order: orders[q.Order], Buckets: 1}
	if q.Order == engine.AnyOrder {
		f.begins = 1<<len(q.Steps) - 1
	}
	if err := f.conditions(ctx); err != nil {
		return nil, err
	}
	if f.rules.Order != funnel.Strict {
		f.wanted = make([]bool, len(f.view.Types()))
		for i := range f.wanted {
			f.wanted[i] = f.steps.byType[i]|f.excludeTypes(uint32(i)) != 0
		}
	}
	return f, nil
}

// conditions makes the filters of the scope, the steps and the exclusions ready.
func (f *funneling) conditions(ctx context.Context) (err error) {
	if !f.asked.Filter.IsZero() {
		if f.filter, err = f.plan.filter(ctx, f.asked.Filter); err != nil {
			return err
		}
	}
	for i, s := range f.asked.Steps {
		if err := f.add(ctx, &f.steps, s.Events, s.Filter); err != nil {
			return err
		}
		if s.First {
			f.first |= 1 << i
		}
	}
	for _, x := range f.asked.Exclude {
		if err := f.add(ctx, &f.excludes, x.Events, x.Filter); err != nil {
			return err
		}
		f.rules.Exclude = append(f.rules.Exclude, funnel.Exclusion{After: x.After, Before: x.Before})
	}
	return nil
}

// excludeTypes are the exclusions that an event type is one of.
func (f *funneling) excludeTypes(eventType uint32) uint32 {
	if f.excludes.byType == nil {
		return 0
	}
	return f.excludes.byType[eventType]
}

// setTypes sets what events of a type are, if that is all that counts.
func (f *funneling) setTypes() {
	if f.filter != nil || f.steps.some|f.excludes.some|f.first != 0 || !f.line.isOne() {
		return
	}
	for i, fits := range f.steps.byType {
		one := funnel.Event{Fits: fits, Excludes: f.excludeTypes(uint32(i)), Bucket: funnel.NoBucket}
		if fits&f.begins != 0 {
			one.Bucket = 0
		}
		f.ofType = append(f.ofType, one)
	}
}

// options leave out the events that say nothing.
func (f *funneling) options() []walk.Option {
	if f.wanted == nil {
		return nil
	}
	return []walk.Option{walk.OfTypes(f.wanted)}
}

// count counts the users of all goroutines together; nil for no events.
func (f *funneling) count(ctx context.Context) (*funnelSum, error) {
	if f.unit != nil {
		return f.countUnits(ctx)
	}
	var sums []*funnelSum
	err := f.walk(ctx, func(r *reader) visitor {
		one := &funnelUser{funnelEvents: f.events(r), sum: f.newSum()}
		sums = append(sums, one.sum)
		return func(_ uint32, events []event) error { return one.visit(ctx, events) }
	}, f.options()...)
	if err != nil || len(sums) == 0 {
		return nil, err
	}
	for _, other := range sums[1:] {
		sums[0].merge(other)
	}
	return sums[0], nil
}

// result makes the groups and cells.
func (s *funnelSum) result() engine.Funneled {
	type ranked struct {
		at    int
		group engine.Group
		users int64
	}
	all := make([]ranked, len(s.found.all))
	for at := range all {
		all[at] = ranked{at, s.found.values(at), s.whole[at]}
	}
	slices.SortFunc(all, func(a, b ranked) int { return cmp.Or(cmp.Compare(b.users, a.users), a.group.Compare(b.group)) })
	places := make([]int, len(all))
	var result engine.Funneled
	for i, one := range all {
		places[one.at] = engine.Rest
		if len(s.fields) > 0 && i < s.asked.Top {
			places[one.at] = i
			result.Groups = append(result.Groups, one.group)
		}
	}
	result.More = len(s.fields) > 0 && len(all) > s.asked.Top
	cells := map[funnelPlace]int{}
	for from, c := range s.cells {
		to := funnelPlace{from.bucket, int32(places[from.group])}
		at, ok := cells[to]
		if !ok {
			cells[to] = len(result.Cells)
			result.Cells = append(result.Cells, engine.FunnelCell{Bucket: s.line.buckets[from.bucket], Group: int(to.group), Users: c.users, Took: c.took})
			continue
		}
		cell := &result.Cells[at]
		cell.Users += c.users
		for i, took := range c.took {
			cell.Took[i] = append(cell.Took[i], took...)
		}
	}
	slices.SortFunc(result.Cells, func(a, b engine.FunnelCell) int {
		return cmp.Or(cmp.Compare(a.Bucket, b.Bucket), cmp.Compare(uint(a.Group), uint(b.Group))) // Rest is behind
	})
	return result
}
