package walk

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"sort"
)

// batch reads the events of the users with keys in a range. It first looks how many each
// has in each file, and then reads the files one after the other, to where the events of
// each user belong: that takes no search for the next user among the files.
type batch struct {
	*scan
	runs   [][]run  // of parts, in the order of users
	keys   []uint32 // less the first, by slot; nil when they are the slots
	counts []int    // events, by slot
	filled []int    // runs of each part that were read
	events []Event
	// Of the events of a slot: where they begin, and where they end so far.
	starts, ends []int
	late         []Event  // a part of events that is being merged
	room         *room    // for users with many events
	taken        int      // of the room
	tied         []uint32 // slots with events of several files that their ids must order
}

func newBatch(s *scan) *batch {
	return &batch{scan: s, runs: make([][]run, len(s.parts)), filled: make([]int, len(s.parts)), room: s.room}
}

// run reads the events of the users [first, end), and calls do with as many slots at a
// time as the buffer holds. It leaves out to settle ties.
func (b *batch) run(ctx context.Context, first, end uint32, do func(from, to int) error) error {
	total := 0
	for i := range b.parts {
		if err := ctx.Err(); err != nil {
			return err
		}
		b.runs[i] = b.parts[i].runsOf(b.runs[i][:0], first, end)
		total += len(b.runs[i])
	}
	slots := b.number(int(end-first), total)
	clear(b.filled)
	for from := 0; from < slots; {
		to, err := b.fill(ctx, from, slots)
		if err != nil {
			return err
		}
		if err := do(from, to); err != nil {
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

// runsOf appends the events that users [from, to) have in the period.
func (c *chosen) runsOf(runs []run, from, to uint32) []run {
	runs = c.appendRuns(runs, from, to)
	if c.whole {
		return runs
	}
	kept := runs[:0]
	for _, r := range runs {
		if r.at, r.n = c.within(r.at, r.n); r.n > 0 {
			kept = append(kept, r)
		}
	}
	return kept
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
			return to, fmt.Errorf("%w: one has %d, of which %d are allowed", ErrTooMany, n, b.maxEvents)
		}
		b.starts[to], b.ends[to] = total, total
		total += n
	}
	if err := b.reserve(ctx, total); err != nil {
		return to, err
	}
	for i := range b.parts {
		if err := ctx.Err(); err != nil {
			return to, err
		}
		runs := b.runs[i][b.filled[i]:]
		n := sort.Search(len(runs), func(i int) bool { return runs[i].slot >= uint32(to) })
		b.read(&b.parts[i], runs[:n])
		b.filled[i] += n
	}
	return to, nil
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

// read puts the events of runs of a file behind those that their users have so far. What
// it does for each event is most of what a walk takes: all that is the same for a file is
// in variables of its own.
func (b *batch) read(p *chosen, runs []run) {
	times, timeBits, timeMask := p.times.data, uint(p.times.bits), p.times.mask
	codes, codeBits, codeMask := p.File.types.data, uint(p.File.types.bits), p.File.types.mask
	types, first, unit, file := p.types, p.first, p.unit, p.number
	codeMask &= uint64(len(types) - 1)
	for _, r := range runs {
		begin, end := b.starts[r.slot], b.ends[r.slot]
		out, n := b.events[end:], 0
		timeAt, codeAt := uint(r.at)*timeBits, uint(r.at)*codeBits
		for at := r.at; at < r.at+r.n; at++ {
			kind := types[binary.LittleEndian.Uint64(codes[codeAt>>3:codeAt>>3+8])>>(codeAt&7)&codeMask]
			if kind != unwanted {
				us := first + int64(binary.LittleEndian.Uint64(times[timeAt>>3:timeAt>>3+8])>>(timeAt&7)&timeMask)*unit
				out[n] = Event{us, kind, file, at}
				n++
			}
			timeAt += timeBits
			codeAt += codeBits
		}
		b.ends[r.slot] = end + n
		if n > 0 && end > begin && b.events[end-1].Us >= out[0].Us {
			b.mergeInto(r.slot, end, end+n)
		}
	}
}
