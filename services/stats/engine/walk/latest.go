package walk

import (
	"bytes"
	"cmp"
	"context"
	"math"
	"slices"
	"sort"
	"sync"

	"github.com/google/uuid"

	"eventanalytics/pkg/warehouse/walk"
	"eventanalytics/services/stats/engine"
)

const (
	// A filter is made ready for the files with the latest events first, and for more where
	// these have too few: their values may be millions.
	latestFiles  = 8
	furtherFiles = 8
	// maxTiedEvents is how many events the ids are read of, to tell those of one instant
	// apart.
	maxTiedEvents = 10_000
	// foundBytes is what an event takes that was found.
	foundBytes = 24
)

// Latest serves a scan: it reads no other events than it returns, and of filters only what
// the files tell.
func (e *Engine) Latest(ctx context.Context, q engine.Latest) ([]engine.Event, error) {
	if e.events == nil {
		return nil, engine.ErrUnsupported
	}
	l := &latest{limit: q.Limit, to: math.MaxInt64}
	if q.Before != nil {
		us, found, err := e.timeOf(ctx, *q.Before)
		if err != nil || !found {
			return nil, err
		}
		l.before, l.to = &located{Event: walk.Event{Us: us}, id: *q.Before}, us+1
	}
	for n := latestFiles; ; n *= furtherFiles {
		l.plan = e.plan(ctx, q.Scope, engine.Always())
		l.rows = nil // to read those of all files takes longer than another engine
		l.period = walk.Period{From: e.view.Since(n, l.to), To: l.to}
		places, err := l.find(ctx, q)
		if err != nil {
			return nil, err
		}
		if len(places) == l.limit || l.period.From == math.MinInt64 {
			return e.events.Events(ctx, places)
		}
	}
}

// timeOf returns when the event with an id happened; found is false where there is none.
func (e *Engine) timeOf(ctx context.Context, id uuid.UUID) (us int64, found bool, err error) {
	at, found, err := e.events.Find(ctx, id)
	if err != nil || !found {
		return 0, false, err
	}
	events, err := e.events.Events(ctx, []engine.RowPlace{at})
	if err != nil {
		return 0, false, err
	}
	return events[0].OccurredAt, true, nil
}

// latest looks for the latest events of a period.
type latest struct {
	*plan
	limit  int
	before *located // only those behind it, unless it is nil
	to     int64    // instant that ends all periods
	filter *filter
}

// located is an event and its id, where that must be known.
type located struct {
	walk.Event
	id uuid.UUID
}

// find returns where the latest events are, the last one first.
func (l *latest) find(ctx context.Context, q engine.Latest) (places []engine.RowPlace, err error) {
	err = l.engine.ready(func() (err error) { l.filter, err = l.plan.filter(ctx, q.Filter); return err })
	if err != nil {
		return nil, err
	}
	err = l.engine.do(ctx, func(ctx context.Context) error {
		events, err := l.look(ctx)
		if err != nil {
			return err
		}
		return l.view.Guard(func() error { places, err = l.places(ctx, events); return err })
	})
	return places, err
}

// look returns the events that the latest are among.
func (l *latest) look(ctx context.Context) ([]walk.Event, error) {
	var options []walk.Option
	if types := l.filter.typesOf(); types != nil {
		options = append(options, walk.OfTypes(types))
	}
	ofUsers, found := l.filter.isOfUsers(), &lately{latest: l, full: l.limit, since: math.MinInt64}
	err := l.view.Latest(ctx, l.period, l.filter.mayHold, func() walk.LatestVisitor {
		r := l.newReader()
		return func(e *walk.Event, user func() uint32) (since int64, err error) {
			if ofUsers {
				r.key = user()
			}
			if !l.filter.pass(r, e) {
				return math.MinInt64, nil
			}
			return found.add(e)
		}
	}, options...)
	events, _ := l.first(found.events)
	return events, err
}

// mayHold says whether a filter may hold for an event of a file, by the values that it has.
func (f *filter) mayHold(file uint32) bool {
	may := func(one filter) bool { return one.mayHold(file) }
	switch f.kind {
	case ofProperty:
		return slices.ContainsFunc(f.files[file].holds, func(codes uint64) bool { return codes != 0 })
	case all:
		return !slices.ContainsFunc(f.of, func(one filter) bool { return !may(one) })
	case anyOf:
		return slices.ContainsFunc(f.of, may)
	}
	return true
}

// isOfUsers says whether a filter looks at whose an event is.
func (f *filter) isOfUsers() bool {
	return f.kind == ofSet || slices.ContainsFunc(f.of, func(one filter) bool { return one.isOfUsers() })
}

// lately are the latest events that were found so far, and some others.
type lately struct {
	*latest
	mu            sync.Mutex
	events        []walk.Event
	full, counted int
	since         int64 // enough events are not before it
}

// add adds an event, and drops those that are not among the latest where there are many. It
// returns since when events are still of interest.
func (l *lately) add(e *walk.Event) (since int64, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.events = append(l.events, *e); len(l.events) < l.full {
		return l.since, nil
	}
	events, enough := l.first(l.events)
	if len(events) > l.limit+maxTiedEvents {
		return 0, engine.ErrUnsupported
	}
	if l.events = events; enough {
		l.since = events[len(events)-1].Us
	}
	more := max(l.full-l.counted, 0)
	l.full, l.counted = 2*len(events), max(l.full, l.counted)
	return l.since, unsupported(l.budget.Spend(foundBytes * more))
}

// first sorts events, the last one first, and returns those that the latest are among: of
// those of one instant, only their ids tell. enough says that no earlier one can be.
func (l *latest) first(events []walk.Event) (first []walk.Event, enough bool) {
	slices.SortFunc(events, func(a, b walk.Event) int { return cmp.Compare(b.Us, a.Us) })
	n := l.limit
	if l.before != nil { // any of its instant may not be behind it
		n += sort.Search(len(events), func(i int) bool { return events[i].Us < l.before.Us })
	}
	if len(events) < n {
		return events, false
	}
	for n < len(events) && events[n].Us == events[n-1].Us {
		n++
	}
	return events[:n], true
}

// places returns where the latest of sorted events are, in their order.
func (l *latest) places(ctx context.Context, events []walk.Event) ([]engine.RowPlace, error) {
	all := make([]located, len(events))
	var tied []walk.Event
	var at []int // of all
	for i, e := range events {
		all[i].Event = e
		if i > 0 && events[i-1].Us == e.Us || i+1 < len(events) && events[i+1].Us == e.Us || l.before != nil && l.before.Us == e.Us {
			tied, at = append(tied, e), append(at, i)
		}
	}
	if len(tied) > l.limit+maxTiedEvents {
		return nil, engine.ErrUnsupported
	}
	ids, err := l.view.IDs(ctx, tied, walk.Grow(l.hold))
	if err != nil {
		return nil, err
	}
	for i, id := range ids {
		all[at[i]].id = id
	}
	slices.SortFunc(all, compareLatest)
	if l.before != nil {
		all = slices.DeleteFunc(all, func(e located) bool { return compareLatest(e, *l.before) <= 0 })
	}
	var places []engine.RowPlace
	for _, e := range all[:min(l.limit, len(all))] {
		places = append(places, engine.RowPlace{File: int(e.File), Row: l.files[e.File].Row(e.At), Us: e.Us, Type: l.view.Types()[e.Type]})
	}
	return places, nil
}

// compareLatest compares events in the order of engine.Latest.
func compareLatest(a, b located) int {
	return cmp.Or(cmp.Compare(b.Us, a.Us), bytes.Compare(b.id[:], a.id[:]))
}
