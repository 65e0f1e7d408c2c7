package walk

import (
	"cmp"
	"context"
	"slices"

	"eventanalytics/pkg/syntax"
	"eventanalytics/pkg/warehouse/walk"
	"eventanalytics/services/stats/engine"
	"eventanalytics/services/stats/engine/walk/session"
)

// Sessions serves a scan.
func (e *Engine) Sessions(ctx context.Context, q engine.Sessions) (engine.Sessioned, error) {
	p, exists := q.Period(q.Zone)
	if !exists {
		return engine.Sessioned{}, nil
	}
	s := e.sessions(ctx, q, p)
	var result engine.Sessioned
	var err error
	if len(q.Breakdown) > 0 {
		if result.Ranked, err = s.rank(ctx); err != nil {
			return result, alone(err)
		}
	}
	result.Cells, err = s.cells(ctx, result.Groups)
	return result, alone(err)
}

func (e *Engine) sessions(ctx context.Context, q engine.Sessions, p engine.Period) *sessions {
	return &sessions{Sessions: q, engine: e, period: p, line: newTimeline(p, q.Interval), gap: q.Gap.Microseconds(), budget: engine.NewSharedBudget(ctx)}
}

// sessions is a scan.
type sessions struct {
	engine.Sessions
	engine *Engine
	period engine.Period
	line   *timeline
	gap    int64                // in microseconds
	budget *engine.SharedBudget // of what all walks of the scan keep
}

// firstGaps is how many gaps behind the range sessions are looked at first: few last
// longer.
const firstGaps = 12

// visit is a session: its events, how long it is, and its values.
type visit struct {
	events int
	us     int64
	of     combination
}

// counted is called with a session that counts, and the index of its bucket. It must not keep
// the visit: to copy one that has just been written, for each session, is what counting it
// took most of its time for.
type counted func(user uint32, bucket int, v *visit) error

// each calls what begin returns, for each goroutine, with the sessions that count.
func (s *sessions) each(ctx context.Context, begin func([]sessionField) counted) error {
	if s.Unit.Source != "" {
		return s.eachOfUnits(ctx, begin)
	}
	return s.engine.around(ctx, s.around(), func(p *plan) (func(*reader) watcher, error) {
		filter, err := p.filterOrNil(ctx, s.Filter)
		if err != nil {
			return nil, err
		}
		fields, err := sessionFields(ctx, p, s.Breakdown)
		if err != nil {
			return nil, err
		}
		return func(r *reader) watcher {
			w := &sessionWatcher{sessions: s, r: r, filter: filter, fields: fields, count: begin(fields)}
			return w.watch
		}, nil
	})
}

func (s *sessions) around() around {
	return around{Scope: s.Scope, Period: s.period, before: s.gap, after: firstGaps * s.gap}
}

// sessionWatcher finds the sessions of users.
type sessionWatcher struct {
	*sessions
	r      *reader
	filter *filter // nil: always
	fields []sessionField
	count  counted
	visit  visit // at hand
}

func (w *sessionWatcher) watch(user uint32, events []walk.Event, until int64) (enough bool, err error) {
	if w.isOpen(events, until) {
		return false, nil
	}
	var to, bucket int
	for from := 0; from < len(events); from = to {
		if to, bucket = w.cut(events, from); bucket < 0 {
			continue
		}
		of := events[from:to]
		if !w.passes(of) {
			continue
		}
		v := &w.visit
		v.events, v.us = len(of), of[len(of)-1].Us-of[0].Us
		if len(w.fields) > 0 {
			v.of = w.combination(of)
		}
		if err := w.count(user, bucket, v); err != nil {
			return false, err
		}
	}
	return true, nil
}

// cut returns where the session ends that begins with an event, and its bucket: below 0 when
// it does not begin in the range.
func (s *sessions) cut(events []walk.Event, from int) (to, bucket int) {
	to, bucket = session.End(events, from, s.gap), outside
	if us := events[from].Us; us < s.period.To {
		bucket = s.line.at(us)
	}
	return to, bucket
}

// isOpen says whether the last session of a user counts and may go on from until.
func (s *sessions) isOpen(events []walk.Event, until int64) bool {
	last := len(events) - 1
	if until-events[last].Us > s.gap { // as nearly all
		return false
	}
	for last > 0 && events[last].Us-events[last-1].Us <= s.gap {
		last--
	}
	_, bucket := s.cut(events, last)
	return bucket >= 0
}

// passes says whether the filter holds for an event of a session.
func (w *sessionWatcher) passes(events []walk.Event) bool {
	if w.filter == nil {
		return true
	}
	w.r.entry, w.r.exit = &events[0], &events[len(events)-1]
	for i := range events {
		if w.filter.pass(w.r, &events[i]) {
			return true
		}
	}
	return false
}

// sessionField is the value that sessions have in a field.
type sessionField struct {
	*field
	at syntax.Source // Entry or Exit; else at the first event that has it
}

func sessionFields(ctx context.Context, p *plan, breakdown []syntax.Breakdown) ([]sessionField, error) {
	var fields []sessionField
	for _, b := range breakdown {
		at := b.Field.Source
		b.Field = b.Field.AtEvent()
		f, err := p.breakdown(ctx, b)
		if err != nil {
			return nil, err
		}
		fields = append(fields, sessionField{f, at})
	}
	return fields, nil
}

// combination is the values of a session.
func (w *sessionWatcher) combination(events []walk.Event) (c combination) {
	for i, f := range w.fields {
		c[i] = f.of(len(events), func(at int) uint32 { return f.id(w.r, &events[at]) })
	}
	return c
}

// of is the value of a session of so many events, which have the values at.
func (f sessionField) of(events int, at func(int) uint32) (value uint32) {
	switch f.at {
	case syntax.Entry:
		return at(0)
	case syntax.Exit:
		return at(events - 1)
	}
	for i := 0; i < events && value == 0; i++ {
		value = at(i)
	}
	return value
}

// groupOf is the values of a combination.
func groupOf(fields []sessionField, c combination) engine.Group {
	g := make(engine.Group, len(fields))
	for i, f := range fields {
		g[i] = f.texts.text(c[i])
	}
	return g
}

// sessionEvent is what an event is for the sessions of units that are not users.
type sessionEvent struct {
	holds  holding     // conditions of the filter
	values combination // of the event
}

// eachOfUnits does what each does, for units that are not users.
func (s *sessions) eachOfUnits(ctx context.Context, begin func([]sessionField) counted) error {
	var fields []sessionField
	var test sessionTest
	prepare := func(p *plan) (func(*reader) func(*walk.Event) sessionEvent, error) {
		var conditions []*filter
		var err error
		test, conditions, err = p.sessionFilter(ctx, s.Filter)
		if err == nil {
			fields, err = sessionFields(ctx, p, s.Breakdown)
		}
		return func(r *reader) func(*walk.Event) sessionEvent {
			return func(e *walk.Event) sessionEvent {
				one := sessionEvent{holds: holdingOf(conditions, r, e)}
				for i, f := range fields {
					one.values[i] = f.id(r, e)
				}
				return one
			}
		}, err
	}
	var events []walk.Event
	return ofUnits(ctx, s.engine, s.around(), s.Unit, prepare, func(units [][]ownedEvent[sessionEvent], until int64) (enough bool, err error) {
		for _, unit := range units {
			events = eventsOf(unit, events)
			if s.isOpen(events, until) {
				return false, nil
			}
		}
		count := begin(fields)
		for _, unit := range units {
			events = eventsOf(unit, events)
			var to, bucket int
			for from := 0; from < len(events); from = to {
				if to, bucket = s.cut(events, from); bucket < 0 {
					continue
				}
				if err := countUnit(unit[from:to], bucket, test, fields, count); err != nil {
					return false, err
				}
			}
		}
		return true, nil
	})
}

// countUnit counts a session of a unit if the filter holds for one of its events.
func countUnit(events []ownedEvent[sessionEvent], bucket int, test sessionTest, fields []sessionField, count counted) error {
	entry, exit := events[0].of.holds, events[len(events)-1].of.holds
	if !slices.ContainsFunc(events, func(e ownedEvent[sessionEvent]) bool { return test.pass(e.of.holds, entry, exit) }) {
		return nil
	}
	v := visit{events: len(events), us: events[len(events)-1].at.Us - events[0].at.Us}
	for i, f := range fields {
		v.of[i] = f.of(len(events), func(at int) uint32 { return events[at].of.values[i] })
	}
	return count(events[0].unit, bucket, &v)
}

// rank finds the groups with the most sessions.
func (s *sessions) rank(ctx context.Context) (engine.Ranked, error) {
	type counting struct {
		memory
		fields []sessionField
		counts map[combination]int64
	}
	var all []*counting
	err := s.each(ctx, func(fields []sessionField) counted {
		c := &counting{memory{budget: s.budget}, fields, map[combination]int64{}}
		all = append(all, c)
		return func(_ uint32, _ int, v *visit) error {
			if c.counts[v.of]++; c.counts[v.of] == 1 {
				return c.spend(groupBytes)
			}
			return nil
		}
	})
	if err != nil {
		return engine.Ranked{}, err
	}
	type ranking struct {
		engine.Group
		sessions int64
	}
	byKey := map[string]*ranking{} // the numbers of values are not those of another walk
	for _, c := range all {
		for of, n := range c.counts {
			g := groupOf(c.fields, of)
			key := g.Key()
			if byKey[key] == nil {
				byKey[key] = &ranking{Group: g}
			}
			byKey[key].sessions += n
		}
	}
	var order []*ranking
	for _, r := range byKey {
		order = append(order, r)
	}
	slices.SortFunc(order, func(a, b *ranking) int {
		return cmp.Or(cmp.Compare(b.sessions, a.sessions), a.Compare(b.Group))
	})
	ranked := engine.Ranked{More: len(order) > s.Top}
	for _, r := range order[:min(s.Top, len(order))] {
		ranked.Groups = append(ranked.Groups, r.Group)
	}
	return ranked, nil
}
