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
	if q.Unit.Source != "" {
		return engine.Sessioned{}, engine.ErrUnsupported
	}
	s := &sessions{Sessions: q, engine: e, period: p, line: newTimeline(p, q.Interval)}
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

// sessions is a scan.
type sessions struct {
	engine.Sessions
	engine *Engine
	period engine.Period
	line   *timeline
}

// firstGaps is how many gaps behind the range sessions are looked at first: few last
// longer.
const firstGaps = 12

// counted is called with a session that counts: the index of its bucket, and its events.
type counted func(user uint32, bucket int, events []walk.Event) error

// each calls what begin returns, for each goroutine, with the sessions that count.
func (s *sessions) each(ctx context.Context, begin func(*sorting) counted) error {
	gap := s.Gap.Microseconds()
	a := around{Scope: s.Scope, Period: s.period, before: gap, after: firstGaps * gap}
	return s.engine.around(ctx, a, func(p *plan) (func(*reader) watcher, error) {
		filter, err := p.filterOrNil(ctx, s.Filter)
		if err != nil {
			return nil, err
		}
		fields, err := sessionFields(ctx, p, s.Breakdown)
		if err != nil {
			return nil, err
		}
		return func(r *reader) watcher {
			w := &sessionWatcher{sessions: s, gap: gap, r: r, filter: filter}
			w.count = begin(&sorting{r: r, fields: fields})
			return w.watch
		}, nil
	})
}

// sessionWatcher finds the sessions of users.
type sessionWatcher struct {
	*sessions
	gap    int64
	r      *reader
	filter *filter
	count  counted
	cuts   []cut
}

// cut is a session: its events [from, to), and its bucket.
type cut struct{ from, to, bucket int }

func (w *sessionWatcher) watch(user uint32, events []walk.Event, until int64) (enough bool, err error) {
	w.cuts = w.cuts[:0]
	for from := 0; from < len(events); {
		to := session.End(events, from, w.gap)
		if us := events[from].Us; us < w.period.To {
			if bucket := w.line.at(us); bucket >= 0 {
				w.cuts = append(w.cuts, cut{from, to, bucket})
			}
		}
		from = to
	}
	n := len(w.cuts)
	if n > 0 && w.cuts[n-1].to == len(events) && until-events[len(events)-1].Us <= w.gap {
		return false, nil // it may go on
	}
	for _, c := range w.cuts {
		if of := events[c.from:c.to]; w.passes(of) {
			if err := w.count(user, c.bucket, of); err != nil {
				return false, err
			}
		}
	}
	return true, nil
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

// sorting tells the combinations of values of sessions. Each goroutine has its own.
type sorting struct {
	r      *reader
	fields []sessionField
}

func (s *sorting) combination(events []walk.Event) (c combination) {
	for i, f := range s.fields {
		switch f.at {
		case syntax.Entry:
			c[i] = f.id(s.r, &events[0])
		case syntax.Exit:
			c[i] = f.id(s.r, &events[len(events)-1])
		default:
			for at := 0; at < len(events) && c[i] == 0; at++ {
				c[i] = f.id(s.r, &events[at])
			}
		}
	}
	return c
}

// group is the values of a combination.
func (s *sorting) group(c combination) engine.Group {
	g := make(engine.Group, len(s.fields))
	for i, f := range s.fields {
		g[i] = f.texts.text(c[i])
	}
	return g
}

// rank finds the groups with the most sessions.
func (s *sessions) rank(ctx context.Context) (engine.Ranked, error) {
	type counting struct {
		*sorting
		memory
		counts map[combination]int64
	}
	var all []*counting
	err := s.each(ctx, func(by *sorting) counted {
		c := &counting{by, memory{budget: engine.NewBudget(ctx)}, map[combination]int64{}}
		all = append(all, c)
		return func(_ uint32, _ int, events []walk.Event) error {
			of := c.combination(events)
			if c.counts[of]++; c.counts[of] == 1 {
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
			g := c.group(of)
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
