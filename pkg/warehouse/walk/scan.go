package walk

import (
	"context"
	"math"
	"runtime"
	"sync/atomic"

	"golang.org/x/sync/errgroup"
)

// Walk calls visitors with all users that have an event in a period, and with their
// events in it. It works in several goroutines at a time; each has a visitor of its own,
// that begin returns, and users by ascending keys. begin is called by one at a time,
// before any visitor is.
//
// Each goroutine holds about 1.5 MiB of events, at 24 bytes each, and as much again while
// it merges two files of a user that overlap in time. Users with more in the period share
// room for as many as AtMost says: goroutines wait for it. The error is ErrTooMany for a
// user with more than that, and ErrFormat when a file turns out to be damaged or cannot be
// read.
func (v *View) Walk(ctx context.Context, p Period, begin func() Visitor, change ...Option) error {
	s := v.scan(p, batchEvents, false, change)
	if s.isEmpty() {
		return ctx.Err()
	}
	defer runtime.KeepAlive(v)
	g, ctx := errgroup.WithContext(ctx)
	for range s.workers() {
		w := &worker{newBatch(s), begin()}
		g.Go(func() error {
			defer w.release()
			return v.Guard(func() error { return w.run(ctx) })
		})
	}
	return g.Wait()
}

// scan begins a walk over a period, in batches of about so many events. roughly says that
// upper bounds of users' events are enough.
func (v *View) scan(p Period, events int, roughly bool, change []Option) *scan {
	s := &scan{view: v, options: optionsOf(change), period: p, roughly: roughly}
	s.to = min(s.to, v.users)
	for i := range v.parts {
		if part := &v.parts[i]; part.first < p.To && part.last >= p.From {
			s.parts = append(s.parts, s.chosen(part))
		}
	}
	if !s.isEmpty() {
		s.bounds, s.room = s.cut(events), newRoom(s.maxEvents, s.grow)
	}
	return s
}

// isEmpty says that there are no events.
func (s *scan) isEmpty() bool { return len(s.parts) == 0 || s.from >= s.to }

// workers is how many goroutines are worth their while.
func (s *scan) workers() int { return min(runtime.GOMAXPROCS(0), len(s.bounds)-1) }

// batches calls do with ranges of users until none is left, or do fails. Between two it lets
// others run: where walks keep all processors busy, a question of a few milliseconds would
// wait for each time slice of 10 ms that the scheduler gives them.
func (s *scan) batches(do func(first, end uint32) error) error {
	for ; ; runtime.Gosched() {
		next := int(s.next.Add(1))
		if next >= len(s.bounds) {
			return nil
		}
		if err := do(s.bounds[next-1], s.bounds[next]); err != nil {
			return err
		}
	}
}

// scan is one walk over a view.
type scan struct {
	options
	view    *View
	period  Period
	roughly bool // upper bounds of users' events are enough
	parts   []chosen
	bounds  []uint32     // keys between which batches of users are
	room    *room        // for users with many events
	next    atomic.Int64 // batch, from 1
	learned
}

// chosen is what a scan wants of a file.
type chosen struct {
	*part
	// The times [from, to) are in the period, in units. whole says that all of the file are.
	whole    bool
	from, to uint64
	types    []uint32 // as of the part, or unwanted
	some     bool     // not all types are wanted
	roughly  bool     // nothing depends on how many events are wanted exactly
}

const unwanted = math.MaxUint32

func (s *scan) chosen(p *part) chosen {
	c := chosen{part: p, whole: true, to: math.MaxUint64, types: p.types, roughly: s.roughly}
	if s.period.From > p.first {
		c.whole = false
		c.from = p.unitsTo(s.period.From)
	}
	if s.period.To <= p.last {
		c.whole = false
		c.to = p.unitsTo(s.period.To)
	}
	if s.types != nil {
		c.some = true
		c.types = make([]uint32, len(p.types))
		for i, number := range p.types {
			c.types[i] = number
			if !s.types[number] {
				c.types[i] = unwanted
			}
		}
	}
	return c
}

// unitsTo returns the first time of the file, in units, that is not before an instant.
func (f *File) unitsTo(us int64) uint64 {
	if us <= f.first {
		return 0
	}
	return uint64((us-f.first-1)/f.unit) + 1
}

const (
	// batchEvents is about how many events are in a batch, and bufferEvents how many at
	// most, unless a single user has more: they should stay in the processor's cache.
	batchEvents  = 8 << 10
	bufferEvents = 64 << 10
	// Where events are not kept, fewer batches are better: a file is read from the block
	// that has the first user of a batch.
	blockBatch = 32 << 10
	endBatch   = 256 << 10
)

// cut cuts the users into ranges with about so many events each: where blocks of files
// begin, which have as many users each.
func (s *scan) cut(batch int) (bounds []uint32) {
	events := 0.0
	for _, c := range s.parts {
		share := 1.0
		if !c.whole {
			share = (float64(min(s.period.To, c.last+1)) - float64(max(s.period.From, c.first))) / (float64(c.last-c.first) + 1)
		}
		events += share * float64(c.events)
	}
	cuts := s.view.cuts
	step := max(1, int(float64(batch)*float64(len(cuts))/max(events, 1)))
	bounds = append(bounds, s.from)
	for i := step; i < len(cuts); i += step {
		if cuts[i] > bounds[len(bounds)-1] && cuts[i] < s.to {
			bounds = append(bounds, cuts[i])
		}
	}
	return append(bounds, s.to)
}

// worker takes batches of users from a scan.
type worker struct {
	*batch
	visit Visitor
}

func (w *worker) run(ctx context.Context) error {
	return w.batches(func(first, end uint32) error {
		return w.batch.run(ctx, first, end, func(from, to int) error {
			if err := w.settle(ctx); err != nil {
				return err
			}
			return w.visitAll(first, from, to)
		})
	})
}

// visitAll visits the users of slots.
func (w *worker) visitAll(first uint32, from, to int) error {
	var user User
	for slot := from; slot < to; slot++ {
		if start, end := w.starts[slot], w.ends[slot]; start < end {
			user.Key, user.Events = first+w.keyOf(slot), w.events[start:end]
			if err := w.visit(&user); err != nil {
				return err
			}
		}
	}
	return nil
}
