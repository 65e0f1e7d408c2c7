package walk

import (
	"context"
	"fmt"
	"slices"
	"sort"
)

// batch reads the events of the users with keys in a range. It first looks how many each
// has in each file, and then reads the files one after the other, to where the events of
// each user belong: that takes no search for the next user among the files.
type batch struct {
	*scan
	base   uint32  // key of the first user; of others the slot is their key less that
	runs   [][]run // of parts, in the order of users
	filled []int   // runs of each part that were read
	counts []int   // by slot
	events []Event
	// Of the events of a slot: where they begin, and where they end so far.
	starts, ends []int
	// Slots whose files overlap in time, and which those are.
	mixed   []uint32
	isMixed []bool
	merger  merger
}

// run is the events of a user in a file: at and the n-1 behind it.
type run struct{ slot, at, n uint32 }

func (b *batch) begin(s *scan) {
	b.scan = s
	b.runs = make([][]run, len(s.parts))
	b.filled = make([]int, len(s.parts))
	b.counts, b.starts, b.ends = make([]int, s.step), make([]int, s.step), make([]int, s.step)
	b.isMixed = make([]bool, s.step)
	b.merger.view = s.view
}

// run visits the users [from, to), at most as many as the step.
func (b *batch) run(ctx context.Context, from, to uint32, visit Visitor) error {
	b.base = from
	clear(b.counts)
	clear(b.filled)
	for i := range b.parts {
		if err := ctx.Err(); err != nil {
			return err
		}
		b.count(i, to)
	}
	slots := int(to - from)
	var user User
	for from := 0; from < slots; {
		if err := ctx.Err(); err != nil {
			return err
		}
		to, err := b.fill(ctx, from, slots)
		if err != nil {
			return err
		}
		for slot := from; slot < to; slot++ {
			if start, end := b.starts[slot], b.ends[slot]; start < end {
				user.Key, user.Events = b.base+uint32(slot), b.events[start:end]
				if err := visit(&user); err != nil {
					return err
				}
			}
		}
		from = to
	}
	return nil
}

// count notes which events of a file the users up to a key have in the period.
func (b *batch) count(i int, to uint32) {
	part := &b.parts[i]
	runs := b.runs[i][:0]
	for c := part.seek(b.base); c.ok && c.key < to; c.next() {
		r := run{c.key - b.base, c.at, c.n}
		if !part.whole {
			r.at, r.n = part.within(c.at, c.n)
		}
		if r.n > 0 {
			b.counts[r.slot] += part.wanted(r)
			runs = append(runs, r)
		}
	}
	b.runs[i] = runs
}

// wanted returns how many events of a run are of wanted types; of a short one, how many
// there are.
func (c *chosen) wanted(r run) int {
	if !c.some || r.n < 64 {
		return int(r.n)
	}
	n := 0
	for at := r.at; at < r.at+r.n; at++ {
		if c.typeAt(at) != unwanted {
			n++
		}
	}
	return n
}

func (c *chosen) typeAt(at uint32) uint32 {
	return c.types[int(c.File.types.at(int(at)))&(len(c.types)-1)]
}

// within returns which of a user's events are in the period.
func (c *chosen) within(at, n uint32) (first, count uint32) {
	search := func(at, n uint32, time uint64) uint32 {
		if n <= 8 {
			i := uint32(0)
			for i < n && c.times.at(int(at+i)) < time {
				i++
			}
			return i
		}
		return uint32(sort.Search(int(n), func(i int) bool { return c.times.at(int(at)+i) >= time }))
	}
	skipped := search(at, n, c.from)
	return at + skipped, search(at+skipped, n-skipped, c.to)
}

// fill reads the events of slots, as many as the buffer holds but at least one, and
// returns the next.
func (b *batch) fill(ctx context.Context, from, slots int) (to int, err error) {
	total := 0
	for to = from; to < slots; to++ {
		n := b.counts[to]
		if total+n > bufferEvents && to > from {
			break
		}
		if n > b.maxEvents {
			return to, fmt.Errorf("%w: user %d has %d in the period, of which %d are allowed", ErrTooMany, b.base+uint32(to), n, b.maxEvents)
		}
		b.starts[to], b.ends[to] = total, total
		total += n
	}
	if cap(b.events) > bufferEvents && total <= bufferEvents { // after a user with many
		b.events = nil
	}
	b.events = slices.Grow(b.events[:0], total)[:total]
	for i := range b.parts {
		if err := ctx.Err(); err != nil {
			return to, err
		}
		runs := b.runs[i][b.filled[i]:]
		n := 0
		for n < len(runs) && runs[n].slot < uint32(to) {
			b.read(&b.parts[i], runs[n])
			n++
		}
		b.filled[i] += n
	}
	return to, b.mergeMixed()
}

// read puts the events of a run behind those that its user has so far.
func (b *batch) read(p *chosen, r run) {
	end := b.ends[r.slot]
	out := b.events[end:]
	n := 0
	for at := r.at; at < r.at+r.n; at++ {
		kind := p.typeAt(at)
		if kind == unwanted {
			continue
		}
		out[n] = Event{p.first + int64(p.times.at(int(at)))*p.unit, kind, p.number, at}
		n++
	}
	if n == 0 {
		return
	}
	b.ends[r.slot] = end + n
	if end > b.starts[r.slot] && compareEvents(&b.events[end-1], &out[0]) >= 0 && !b.isMixed[r.slot] {
		b.isMixed[r.slot] = true
		b.mixed = append(b.mixed, r.slot)
	}
}

// mergeMixed puts the events in order of users of whom several files have events at the
// same time.
func (b *batch) mergeMixed() error {
	for _, slot := range b.mixed {
		b.isMixed[slot] = false
		b.merger.merge(b.events, b.starts[slot], b.ends[slot])
	}
	b.mixed = b.mixed[:0]
	return b.merger.settle(b.events)
}
