package walk

import (
	"context"
	"slices"

	"eventanalytics/pkg/warehouse/walk"
	"eventanalytics/services/stats/engine"
	"eventanalytics/services/stats/engine/walk/path"
)

// Paths serves a scan: it counts the nodes at each step, then the links between those that
// are told apart.
func (e *Engine) Paths(ctx context.Context, q engine.Paths) ([]engine.PathLink, error) {
	p, exists := q.Period(q.Zone)
	if !exists {
		return nil, nil
	}
	s := e.paths(ctx, q, p)
	links, err := s.find(ctx)
	return links, alone(err)
}

func (e *Engine) paths(ctx context.Context, q engine.Paths, p engine.Period) *paths {
	s := &paths{Paths: q, engine: e, period: p, line: newTimeline(p, engine.Whole), room: maxTape, budget: engine.NewSharedBudget(ctx)}
	s.odd = slices.ContainsFunc(s.line.dates, func(bucket int32) bool { return bucket < 0 })
	return s
}

func (s *paths) find(ctx context.Context) ([]engine.PathLink, error) {
	counted, err := s.count(ctx)
	if err != nil {
		return nil, err
	}
	top, err := s.topNodes(ctx, counted)
	if err != nil {
		return nil, err
	}
	parts, err := s.link(ctx, counted, top)
	if err != nil {
		return nil, err
	}
	return s.sum(ctx, parts, top)
}

// paths is a scan.
type paths struct {
	engine.Paths
	engine *Engine
	period engine.Period
	line   *timeline
	odd    bool                 // other dates lie between those of the range
	room   int                  // numbers of a goroutine's paths that are kept
	budget *engine.SharedBudget // of what all walks of the scan keep
}

// maxTape bounds the memory of paths that are kept: 16 MiB for each goroutine.
const maxTape = 4 << 20

// taken is called with the nodes of a user's paths that count, as path.Finder has them, by the
// numbers of their values: once for each user who has some.
type taken func(nodes []uint32) error

// each calls what begin returns, for each goroutine, with the paths that count.
func (s *paths) each(ctx context.Context, begin func(node *field) taken) error {
	if s.Unit.Source != "" {
		return s.eachOfUnits(ctx, begin)
	}
	return s.engine.around(ctx, s.around(), func(p *plan) (func(*reader) watcher, error) {
		w, err := s.watcher(ctx, p)
		if err != nil {
			return nil, err
		}
		return func(r *reader) watcher {
			one := *w
			one.r, one.take = r, begin(w.node)
			return one.watch
		}, nil
	})
}

func (s *paths) around() around {
	a := around{Scope: s.Scope, Period: s.period, before: s.Gap.Microseconds(), after: firstGaps * s.Gap.Microseconds()}
	if s.Within > 0 {
		a.after += s.Within.Microseconds()
	}
	if s.Start != nil && s.Start.First || s.End != nil && s.End.First {
		a.before = endOfTime
	}
	return a
}

// eachOfUnits does it for units that are not users.
func (s *paths) eachOfUnits(ctx context.Context, begin func(node *field) taken) error {
	var w *pathWatcher
	prepare := func(p *plan) (func(*reader) func(*walk.Event) path.Event, error) {
		var err error
		w, err = s.watcher(ctx, p)
		return func(r *reader) func(*walk.Event) path.Event {
			one := *w
			one.r = r
			return one.look
		}, err
	}
	return ofUnits(ctx, s.engine, s.around(), s.Unit, prepare, func(units [][]ownedEvent[path.Event], until int64) (bool, error) {
		find := func(unit []ownedEvent[path.Event]) bool {
			w.events = w.events[:0]
			for i := range unit {
				w.events = append(w.events, unit[i].of)
			}
			w.onlyFirst()
			return w.finder.Find(w.events, until)
		}
		for _, unit := range units {
			if !find(unit) {
				return false, nil
			}
		}
		take := begin(w.node)
		for _, unit := range units {
			find(unit)
			if err := w.takeAll(take); err != nil {
				return false, err
			}
		}
		return true, nil
	})
}

// watcher makes what finds the paths of users ready.
func (s *paths) watcher(ctx context.Context, p *plan) (*pathWatcher, error) {
	w := &pathWatcher{paths: s, memory: memory{budget: s.budget}, finder: path.Finder{Rule: path.Rule{
		Steps: s.Steps, Within: s.Within.Microseconds(), Gap: s.Gap.Microseconds(),
		Start: s.Start != nil, End: s.End != nil, Repeats: s.Repeats,
	}}}
	var err error
	if w.passes, err = p.filterOrNil(ctx, s.Filter); err != nil {
		return nil, err
	}
	if w.starts, err = p.endpoint(ctx, s.Start); err != nil {
		return nil, err
	}
	if w.ends, err = p.endpoint(ctx, s.End); err != nil {
		return nil, err
	}
	w.node, err = p.field(ctx, s.Node)
	return w, err
}

// endpoint are events that paths begin or end with.
type endpoint struct {
	filter *filter // nil: all that pass the scan's
	first  bool    // only the first of these that the user has
}

// endpoint makes a series ready; nil is none.
func (p *plan) endpoint(ctx context.Context, s *engine.Series) (*endpoint, error) {
	if s == nil {
		return nil, nil
	}
	of, err := p.filterOrNil(ctx, s.Filter)
	if types := p.types(s.Types); types != nil {
		of = both(types, of)
	}
	return &endpoint{of, s.First}, err
}

// fits says whether an event that passes the scan's filter is one.
func (e *endpoint) fits(r *reader, event *walk.Event) bool {
	return e != nil && (e.filter == nil || e.filter.pass(r, event))
}

// pathWatcher finds the paths of users.
type pathWatcher struct {
	*paths
	r            *reader
	passes       *filter // nil: always
	starts, ends *endpoint
	node         *field
	take         taken
	finder       path.Finder
	events       []path.Event
	memory
}

// pathBytes is about what an event of a user takes in the lists here and in a path.Finder.
const pathBytes = 16 + 32

func (w *pathWatcher) watch(_ uint32, events []walk.Event, until int64) (enough bool, err error) {
	w.read(events)
	if err := w.holds(cap(w.events), pathBytes); err != nil {
		return false, err
	}
	if !w.finder.Find(w.events, until) {
		return false, nil
	}
	return true, w.takeAll(w.take)
}

// takeAll passes on the paths that were found, if there are any.
func (w *pathWatcher) takeAll(take taken) error {
	if nodes := w.finder.Nodes(); len(nodes) > 0 {
		return take(nodes)
	}
	return nil
}

// read finds out what a user's events are for paths.
func (w *pathWatcher) read(events []walk.Event) {
	w.events = slices.Grow(w.events[:0], len(events))[:len(events)]
	for i := range events {
		w.events[i] = w.look(&events[i])
	}
	w.onlyFirst()
}

// look finds out what an event is for paths, if no event before it matters.
func (w *pathWatcher) look(e *walk.Event) path.Event {
	one := path.Event{Us: e.Us}
	if w.contains(e.Us) {
		one.Flags = path.InRange
	}
	if w.passes != nil && !w.passes.pass(w.r, e) {
		return one
	}
	one.Flags |= path.Passes
	one.Node = w.node.id(w.r, e)
	if w.starts.fits(w.r, e) {
		one.Flags |= path.Starts
	}
	if w.ends.fits(w.r, e) {
		one.Flags |= path.Ends
	}
	return one
}

// onlyFirst leaves of the events that fit an endpoint the first one, where no other is
// wanted.
func (w *pathWatcher) onlyFirst() {
	if (w.starts == nil || !w.starts.first) && (w.ends == nil || !w.ends.first) {
		return
	}
	var others path.Flags // that are not wanted any more
	for i := range w.events {
		flags := w.events[i].Flags
		w.events[i].Flags &^= others
		if w.starts != nil && w.starts.first {
			others |= flags & path.Starts
		}
		if w.ends != nil && w.ends.first {
			others |= flags & path.Ends
		}
	}
}

// contains says whether an instant is in the range.
func (s *paths) contains(us int64) bool {
	return us >= s.period.From && us < s.period.To && (!s.odd || s.line.at(us) >= 0)
}
