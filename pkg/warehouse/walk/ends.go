package walk

import (
	"cmp"
	"context"
	"math"
	"runtime"

	"golang.org/x/sync/errgroup"
)

// Ends finds the last event of each user in a period that has something, or with first the
// first, in the order of events: has says whether an event does. It calls found with the
// users that have one, in several goroutines at a time, each with other users. The events'
// Type is not set.
//
// It looks at files from the end, and in each only at events that may be later than what
// was found before: so it takes as long as there are users in files, not events, where
// most events have it. Of the options Grow counts, for events of which only ids tell which
// is the last.
func (v *View) Ends(ctx context.Context, p Period, first bool, has func(*Event) bool, found func(user uint32, e *Event), change ...Option) error {
	s := v.scan(p, endBatch, true, []Option{AtMost(math.MaxInt)})
	if s.isEmpty() {
		return ctx.Err()
	}
	defer runtime.KeepAlive(v)
	var workers []*endWorker
	g, limited := errgroup.WithContext(ctx)
	for range s.workers() {
		w := &endWorker{batch: newBatch(s), first: first, has: has, found: found, ties: map[uint32][]Event{}}
		workers = append(workers, w)
		g.Go(func() error {
			defer w.release()
			return v.Guard(func() error { return w.run(limited) })
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	return v.Guard(func() error { return v.settleEnds(workers, first, found, change) })
}

// settleEnds calls found with users of whom several events are the last but for their ids.
func (v *View) settleEnds(workers []*endWorker, first bool, found func(user uint32, e *Event), change []Option) error {
	var users []uint32
	var ties [][]Event
	for _, w := range workers {
		for user, tie := range w.ties {
			users, ties = append(users, user), append(ties, tie)
		}
	}
	if err := v.OrderByID(ties, change...); err != nil {
		return err
	}
	for i, tie := range ties {
		at := len(tie) - 1
		if first {
			at = 0
		}
		found(users[i], &tie[at])
	}
	return nil
}

// endWorker takes batches of users from a scan.
type endWorker struct {
	*batch
	first bool
	has   func(*Event) bool
	found func(user uint32, e *Event)
	best  []Event            // by slot; of no file where there is none
	ties  map[uint32][]Event // by user: those that are equal to the best, but for their ids
	base  uint32             // user of the first slot
}

// noFile is that of no event.
const noFile = 1<<32 - 1

func (w *endWorker) run(ctx context.Context) error {
	return w.batches(func(first, end uint32) error {
		return w.each(ctx, first, end, func(from, to, _ int) error {
			w.base, w.best = first, w.best[:0]
			for range to - from {
				w.best = append(w.best, Event{File: noFile})
			}
			for n := range w.parts {
				i := len(w.parts) - 1 - n // those with late events come first
				if w.first {
					i = n
				}
				if err := ctx.Err(); err != nil {
					return err
				}
				w.look(&w.parts[i], w.take(i, to), from)
			}
			for slot := from; slot < to; slot++ {
				user := first + w.keyOf(slot)
				if best := &w.best[slot-from]; best.File != noFile && w.ties[user] == nil {
					w.found(user, best)
				}
			}
			return nil
		})
	})
}

// look looks for better events in runs of a file.
func (w *endWorker) look(p *chosen, runs []run, base int) {
	for _, r := range runs {
		best := &w.best[int(r.slot)-base]
		if best.File != noFile && (w.first && p.first > best.Us || !w.first && p.last < best.Us) {
			continue
		}
		at, step := int(r.at+r.n)-1, -1
		if w.first {
			at, step = int(r.at), 1
		}
		for range r.n {
			if w.try(p, uint32(at), best, int(r.slot)) {
				break
			}
			at += step
		}
	}
}

// try looks at an event, and returns true when those behind it need not be looked at. To
// look at something else than the time takes long where few events of a file are looked
// at: it waits until it has to be known.
func (w *endWorker) try(p *chosen, at uint32, best *Event, slot int) (enough bool) {
	time := p.times.at(int(at))
	if time-p.from >= p.to-p.from { // it is not in the period
		return w.first == (time >= p.to)
	}
	e := Event{Us: p.first + int64(time)*p.unit, File: p.number, At: at}
	c := 1
	if best.File != noFile {
		if c = cmp.Compare(e.Us, best.Us); c == 0 {
			c = cmp.Compare(w.typeOf(&e), w.typeOf(best))
		}
		if w.first {
			c = -c
		}
	}
	if c < 0 || !w.has(&e) {
		return c < 0
	}
	user := w.base + w.keyOf(slot)
	if c > 0 {
		if len(w.ties) > 0 {
			delete(w.ties, user)
		}
		*best = e
		return true
	}
	if w.ties[user] == nil {
		w.ties[user] = []Event{*best}
	}
	w.ties[user] = append(w.ties[user], e)
	return true
}

// typeOf reads the type of an event.
func (w *endWorker) typeOf(e *Event) uint32 {
	for i := range w.parts {
		if p := &w.parts[i]; p.number == e.File {
			return p.typeAt(e.At)
		}
	}
	return 0
}
