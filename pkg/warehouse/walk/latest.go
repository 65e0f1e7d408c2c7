package walk

import (
	"context"
	"math"
	"runtime"
	"slices"
	"sort"
	"sync/atomic"

	"golang.org/x/sync/errgroup"
)

// LatestVisitor is called with an event, and with what tells whose it is. It returns the
// instant since which events are still of interest to it. It must not keep the Event.
type LatestVisitor func(e *Event, user func() uint32) (since int64, err error)

// pieceEvents is how many events of a file a goroutine looks through at a time: a tenth of
// a millisecond of work where few are of interest.
const pieceEvents = 64 << 10

// Latest calls visitors with events in a period, in no order: with all since the latest
// instant that a visitor returned, and some before it. It looks at the files with the latest
// events first, and at none without an event since that instant, nor at those that wanted is
// false for. It works in several goroutines at a time; each has a visitor of its own, that
// begin returns. begin is called by one at a time, before any visitor is. Of the options it
// knows OfTypes.
func (v *View) Latest(ctx context.Context, p Period, wanted func(file uint32) bool, begin func() LatestVisitor, change ...Option) error {
	l := &latest{scan: &scan{view: v, options: optionsOf(change), period: p}}
	l.since.Store(p.From)
	l.cut(wanted)
	defer runtime.KeepAlive(v)
	g, limited := errgroup.WithContext(ctx)
	for range min(runtime.GOMAXPROCS(0), len(l.pieces)) {
		w := &latestWorker{latest: l, visit: begin()}
		g.Go(func() error { return v.Guard(func() error { return w.run(limited) }) })
	}
	if err := g.Wait(); err != nil {
		return err
	}
	return ctx.Err()
}

// Since returns the instant since which only n files have events before another instant.
func (v *View) Since(n int, before int64) int64 {
	for i := range v.parts {
		p := &v.parts[len(v.parts)-1-i]
		if p.first >= before {
			continue
		}
		if n == 0 {
			return p.last + 1
		}
		n--
	}
	return math.MinInt64
}

// latest is one look at the latest events of a view.
type latest struct {
	*scan
	pieces []piece
	since  atomic.Int64 // of the visitors, the latest
}

// piece is the events [from, to) of a file.
type piece struct {
	of       *chosen
	from, to int
}

// cut cuts files into pieces, those with the latest events first.
func (l *latest) cut(wanted func(file uint32) bool) {
	for i := range l.view.parts {
		part := &l.view.parts[len(l.view.parts)-1-i]
		if part.first >= l.period.To || part.last < l.period.From || !wanted(part.number) {
			continue
		}
		c := l.chosen(part)
		if !slices.ContainsFunc(c.types[:len(part.typeNames)], func(number uint32) bool { return number != unwanted }) {
			continue
		}
		for at := 0; at < part.events; at += pieceEvents {
			l.pieces = append(l.pieces, piece{&c, at, min(at+pieceEvents, part.events)})
		}
	}
}

// latestWorker looks at pieces.
type latestWorker struct {
	*latest
	visit  LatestVisitor
	event  Event
	owners owners // of the piece's events
}

func (w *latestWorker) run(ctx context.Context) error {
	user := func() uint32 { return w.view.persons.Root(w.owners.of(w.event.At)) }
	for ; ; runtime.Gosched() { // as between batches
		next := int(w.next.Add(1)) - 1
		if next >= len(w.pieces) || w.pieces[next].of.last < w.since.Load() { // nor have those behind it
			return nil
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := w.look(&w.pieces[next], user); err != nil {
			return err
		}
	}
}

// look visits the events of a piece.
func (w *latestWorker) look(p *piece, user func() uint32) error {
	c, times := p.of, p.of.times
	since := w.since.Load()
	from := max(c.from, c.unitsTo(since))
	w.owners = owners{File: c.File}
	for at := times.next(p.from, p.to, from); at < p.to; at = times.next(at+1, p.to, from) {
		time := times.at(at)
		if time >= c.to {
			continue
		}
		w.event = Event{c.first + int64(time)*c.unit, c.typeAt(uint32(at)), c.number, uint32(at)}
		if w.event.Type == unwanted {
			continue
		}
		later, err := w.visit(&w.event, user)
		if err != nil {
			return err
		}
		if later > since {
			since = later
			from = c.unitsTo(since)
			w.raise(since)
		}
	}
	return nil
}

// next returns the first of the numbers [i, end) that is not below one, or end.
func (p packed) next(i, end int, least uint64) int {
	for i < end && p.at(i) < least {
		i++
	}
	return i
}

// raise makes the instant since which events are of interest to any visitor a later one.
func (l *latest) raise(since int64) {
	for {
		known := l.since.Load()
		if known >= since || l.since.CompareAndSwap(known, since) {
			return
		}
	}
}

// owners tells whose the events of a file are, which are asked about in their order.
type owners struct {
	*File
	rest       []byte // of the section of users, behind the last that was read
	key        uint32 // of that one
	end, until uint32 // where its events end, and those of its block
}

// of returns the key of the user that an event is of.
func (o *owners) of(at uint32) uint32 {
	if at >= o.until {
		o.seek(at)
	}
	for at >= o.end {
		o.read()
	}
	return o.key
}

// seek begins with the users of the block that an event is in.
func (o *owners) seek(at uint32) {
	first := func(i int) uint32 { _, _, event := o.block(i); return event }
	next := sort.Search(len(o.keys), func(i int) bool { return first(i) > at })
	key, offset, event := o.block(max(next-1, 0))
	o.until = uint32(o.events)
	if next < len(o.keys) {
		o.until = first(next)
	}
	o.rest, o.end = o.stream[offset:], event
	o.read()
	o.key = key // the first user's is less than one of another block there
}

// read reads the next user.
func (o *owners) read() {
	delta, n, rest := readUser(o.rest)
	if n == 0 || uint64(o.end)+uint64(n) > uint64(o.events) {
		panic(errChanged)
	}
	o.rest, o.key, o.end = rest, o.key+delta, o.end+n
}
