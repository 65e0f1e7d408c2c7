package walk

import (
	"context"
	"fmt"
	"slices"
	"sort"
	"sync"
)

// batch reads the events of the users with keys in a range. It first looks how many each
// has in each file, and then reads the files one after the other, to where the events of
// each user belong: that takes no search for the next user among the files.
type batch struct {
	*scan
	runs   [][]run  // of parts, in the order of users
	first  uint32   // key that slots are counted from
	keys   []uint32 // less the first, by slot; nil when they are the slots
	counts []int    // events, by slot
	filled []int    // runs of each part that were read
	events []Event
	// Of the events of a slot: where they begin, and where they end so far.
	starts, ends []int
	late         []Event // a part of events that is being merged
	room         *room   // for users with many events
	taken        int     // of the room
	places       [shortRun]uint32
	tied         []uint32 // slots with events of several files that their ids must order
	mixed        []uint32 // slots with events of several keys that must be sorted
}

// batches keeps the memory of walks for the next ones.
var batches sync.Pool

func newBatch(s *scan) *batch {
	b, _ := batches.Get().(*batch)
	if b == nil {
		b = &batch{}
	}
	n := len(s.parts)
	b.scan, b.room, b.tied, b.mixed = s, s.room, b.tied[:0], b.mixed[:0]
	b.runs, b.filled = slices.Grow(b.runs[:0], n)[:n], slices.Grow(b.filled[:0], n)[:n]
	return b
}

// release gives the memory of a batch to another walk, unless it is much.
func (b *batch) release() {
	b.giveBack() // others may wait for the room of the last user
	if max(cap(b.events), cap(b.late)) <= bufferEvents {
		b.scan, b.room = nil, nil
		batches.Put(b)
	}
}

// run reads the events of the users [first, end), and calls do with as many slots at a
// time as the buffer holds. It leaves out to settle ties.
func (b *batch) run(ctx context.Context, first, end uint32, do func(from, to int) error) error {
	return b.each(ctx, first, end, func(from, to, events int) error {
		if err := b.fill(ctx, to, events); err != nil {
			return err
		}
		return do(from, to)
	})
}

// each looks for the events of the users [first, end), and calls do with as many slots at
// a time as have so many events that the buffer holds, but at least one.
func (b *batch) each(ctx context.Context, first, end uint32, do func(from, to, events int) error) error {
	total := 0
	b.first = first
	for i := range b.parts {
		if err := ctx.Err(); err != nil {
			return err
		}
		b.runs[i] = b.parts[i].runsOf(b.runs[i][:0], first, end, b.only)
		total += len(b.runs[i])
	}
	slots := b.number(int(end-first), total)
	clear(b.filled)
	for from := 0; from < slots; {
		to, events, err := b.place(from, slots)
		if err != nil {
			return err
		}
		if err := do(from, to, events); err != nil {
			return err
		}
		from = to
	}
	return nil
}

// number gives users slots, in the order of their keys, and returns how many. These are
// their keys, less the first, unless only a few of these have events.
func (b *batch) number(span, runs int) (slots int) {
	b.keys = b.keys[:0]
	if span > 4*runs {
		for _, of := range b.runs {
			for _, r := range of {
				b.keys = append(b.keys, r.slot)
			}
		}
		slices.Sort(b.keys)
		b.keys = slices.Compact(b.keys)
		span = len(b.keys)
		for _, of := range b.runs {
			slot := uint32(0)
			for i := range of {
				for b.keys[slot] < of[i].slot {
					slot++
				}
				of[i].slot = slot
			}
		}
	}
	if len(b.counts) < span {
		b.counts, b.starts, b.ends = make([]int, span), make([]int, span), make([]int, span)
	}
	clear(b.counts[:span])
	for i, of := range b.runs {
		part := &b.parts[i]
		for _, r := range of {
			b.counts[r.slot] += part.wanted(r)
		}
	}
	return span
}

func (b *batch) keyOf(slot int) uint32 {
	if len(b.keys) > 0 {
		return b.keys[slot]
	}
	return uint32(slot)
}

// shortRun is how many events a run has at most that are all read, whether they are wanted or
// not: to find out which are takes longer than to read the others.
const shortRun = 64

// runsOf appends the events that users [from, to) have, of these only some unless only is
// nil. Of long runs these are in the period.
func (c *chosen) runsOf(runs []run, from, to uint32, only func(user uint32) bool) []run {
	runs = c.appendRuns(runs, from, to)
	if c.moved != nil {
		runs = c.join(runs, from, to)
	}
	if only != nil {
		runs = slices.DeleteFunc(runs, func(r run) bool { return !only(from + r.slot) })
	}
	if c.whole {
		return runs
	}
	kept := runs[:0]
	for _, r := range runs {
		if r.n > shortRun {
			r.at, r.n = c.within(r.at, r.n)
		}
		if r.n > 0 {
			kept = append(kept, r)
		}
	}
	return kept
}

// wanted returns how many events of a run are wanted; of a short one, how many there are,
// and also where that is enough.
func (c *chosen) wanted(r run) int {
	if r.n <= shortRun || !c.some || c.roughly {
		return int(r.n)
	}
	codes, types, mask, n := c.File.types, c.types, uint64(len(c.types)-1), 0
	for i := range int(r.n) {
		n += oneIf(types[codes.at(int(r.at)+i)&mask] != unwanted)
	}
	return n
}

func (c *chosen) typeAt(at uint32) uint32 {
	return c.types[int(c.File.types.at(int(at)))&(len(c.types)-1)]
}

// within returns which of a user's events are in the period.
func (c *chosen) within(at, n uint32) (first, count uint32) {
	search := func(at, n uint32, time uint64) uint32 {
		return uint32(sort.Search(int(n), func(i int) bool { return c.times.at(int(at)+i) >= time }))
	}
	skipped := search(at, n, c.from)
	return at + skipped, search(at+skipped, n-skipped, c.to)
}

// place gives slots their places in the buffer, as many as it holds but at least one, and
// returns the next, and how many events there are at most.
func (b *batch) place(from, slots int) (to, total int, err error) {
	for to = from; to < slots; to++ {
		n := b.counts[to]
		if total+n > bufferEvents && to > from {
			break
		}
		if n > b.maxEvents {
			if n = b.countOf(uint32(to)); n > b.maxEvents {
				return to, total, fmt.Errorf("%w: one has %d, of which %d are allowed", ErrTooMany, n, b.maxEvents)
			}
			n = b.counts[to]
		}
		b.starts[to], b.ends[to] = total, total
		total += n
	}
	return to, total, nil
}

// countOf returns how many events of a slot are wanted, those of short runs included.
func (b *batch) countOf(slot uint32) (n int) {
	for i, runs := range b.runs {
		c := &b.parts[i]
		for _, r := range between(runs, slot, slot+1) {
			for at, end := r.at, r.at+r.n; at < end; at++ {
				n += oneIf(c.typeAt(at) != unwanted) & oneIf(c.times.at(int(at))-c.from < c.to-c.from)
			}
		}
	}
	return n
}

// take returns the runs of a part that were not read yet, of slots below to.
func (b *batch) take(part, to int) []run {
	runs := b.runs[part][b.filled[part]:]
	n := sort.Search(len(runs), func(i int) bool { return runs[i].slot >= uint32(to) })
	b.filled[part] += n
	return runs[:n]
}

// fill reads the events of the slots below to, which have places and so many events.
func (b *batch) fill(ctx context.Context, to, total int) error {
	if err := b.reserve(ctx, total); err != nil {
		return err
	}
	for i := range b.parts {
		if err := ctx.Err(); err != nil {
			return err
		}
		b.read(&b.parts[i], b.take(i, to))
	}
	b.sortMixed()
	return nil
}

// reserve makes space for so many events.
func (b *batch) reserve(ctx context.Context, total int) error {
	if total <= bufferEvents || total > b.taken {
		b.giveBack()
	}
	if total > bufferEvents && b.taken == 0 {
		if err := b.room.take(ctx, total); err != nil {
			return err
		}
		b.taken = total
	}
	if cap(b.events) < total {
		b.events = make([]Event, max(total, min(2*total, bufferEvents)))
	}
	b.events = b.events[:total]
	return nil
}

// giveBack lets go of a user with many events.
func (b *batch) giveBack() {
	if b.taken > 0 {
		b.room.give(b.taken)
		b.events, b.taken = nil, 0
	}
}

// read puts the events of runs of a file behind those that their users have so far.
func (b *batch) read(p *chosen, runs []run) {
	for _, r := range runs {
		begin, end := b.starts[r.slot], b.ends[r.slot]
		var n int
		for at, behind := r.at, r.at+r.n; at < behind; at += shortRun {
			part, room := run{at: at, n: min(behind-at, shortRun)}, b.events[end+n:]
			if p.some {
				n += p.readSome(part, room, &b.places)
			} else {
				n += p.readAll(part, room[:part.n])
			}
		}
		b.ends[r.slot] = end + n
		if b.isMixed(r.slot) {
			if n > 0 && end == begin {
				b.mixed = append(b.mixed, r.slot)
			}
			continue
		}
		if n > 0 && end > begin && b.events[end-1].Us >= b.events[end].Us {
			b.mergeInto(r.slot, end, end+n)
		}
	}
}

// readAll reads a short run into events, of which there are as many, and returns how many
// were in the period. A walk spends most of its time here, and whether an event is wanted
// is hard to foresee: so each is written, and the next one over it if it was not.
func (c *chosen) readAll(r run, events []Event) (n int) {
	times, from, span := c.times, c.from, c.to-c.from
	codes, types, mask := c.File.types, c.types, uint64(len(c.types)-1)
	for i := range events {
		at := int(r.at) + i
		time := times.at(at)
		events[n] = Event{c.first + int64(time)*c.unit, types[codes.at(at)&mask], c.number, uint32(at)}
		n += oneIf(time-from < span)
	}
	return n
}

// readSome reads a short run of which not all types are wanted, by way of places.
func (c *chosen) readSome(r run, events []Event, places *[shortRun]uint32) (n int) {
	times, from, span := c.times, c.from, c.to-c.from
	for _, at := range places[:c.chooseTypes(r, places[:r.n])] {
		time := times.at(int(at))
		events[n] = Event{c.first + int64(time)*c.unit, c.typeAt(at), c.number, at}
		n += oneIf(time-from < span)
	}
	return n
}

// chooseTypes writes which events of a run are of wanted types to places, which has room
// for all, and returns how many.
func (c *chosen) chooseTypes(r run, places []uint32) (n int) {
	codes, types, mask := c.File.types, c.types, uint64(len(c.types)-1)
	for i := range places {
		places[n] = r.at + uint32(i)
		n += oneIf(types[codes.at(int(r.at)+i)&mask] != unwanted)
	}
	return n
}

// oneIf is 1 or 0, without a jump.
func oneIf(yes bool) (n int) {
	if yes {
		n = 1
	}
	return n
}
