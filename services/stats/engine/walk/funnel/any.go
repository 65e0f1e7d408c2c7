package funnel

import (
	"context"
	"math/bits"
)

// eachInstant tries every instant with an event that fits a step. All attempts that begin
// at one instant have its events, so they get as far.
func (f *Finder) eachInstant(ctx context.Context) error {
	for instant := range f.begins[1:] {
		if instant%checkEvery == checkEvery-1 && ctx.Err() != nil {
			return ctx.Err()
		}
		from, to := f.bounds(int32(instant))
		for from < to && f.events[from].Fits == 0 {
			from++
		}
		if from == to || f.events[from].Bucket == NoBucket || f.isComplete(f.events[from].Bucket) {
			continue
		}
		a := &f.attempt
		a.Bucket, a.Reached = f.events[from].Bucket, 0
		f.inAnyOrder(from, a)
		f.keep(a)
	}
	return nil
}

// inAnyOrder makes the attempt that begins with the first event of an instant that fits a
// step. An event fills one step more when it fits an open one.
func (f *Finder) inAnyOrder(entry int, a *Attempt) {
	limit := f.events[entry].Us + f.rules.Window
	for i := range f.rules.Steps {
		f.matching.served[i] = noEvent
	}
	for p := entry; p >= 0 && f.events[p].Us <= limit; {
		f.matching.visited = 0
		f.fill(p)
		f.reach(a, a.Reached+1, f.instants[p])
		behind := p + 1
		p = -1
		for open := f.open(); open != 0; open &= open - 1 {
			if next := f.fits[bits.TrailingZeros32(open)].next(behind); next >= 0 && (p < 0 || next < p) {
				p = next
			}
		}
	}
}

// open returns, as bits, the steps that a further event can serve: those without one, and
// those whose event can serve an open step.
func (f *Finder) open() (open uint32) {
	served := &f.matching.served
	for i := range f.rules.Steps {
		if served[i] == noEvent {
			open |= 1 << i
		}
	}
	if open == 0 {
		return 0
	}
	for before := uint32(0); before != open; {
		before = open
		for i := range f.rules.Steps {
			if served[i] != noEvent && f.events[served[i]].Fits&open != 0 {
				open |= 1 << i
			}
		}
	}
	return open
}

// fill has an event serve a step, and if need be the event of that another one.
func (f *Finder) fill(p int) bool {
	m := &f.matching
	for fits := f.events[p].Fits; fits != 0; fits &= fits - 1 {
		step := bits.TrailingZeros32(fits)
		if m.visited>>step&1 != 0 {
			continue
		}
		m.visited |= 1 << step
		if m.served[step] == noEvent || f.fill(m.served[step]) {
			m.served[step] = p
			return true
		}
	}
	return false
}
