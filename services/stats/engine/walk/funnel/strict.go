package funnel

import "math/bits"

// strict makes the attempt that begins with an event and passes over no instant: each has
// an event for at least one step. To serve fewer steps at an instant than could be may
// lead further, so all numbers are tried; of the ways that lead furthest the one with the
// earliest times counts.
func (f *Finder) strict(entry int, a *Attempt) {
	n := f.rules.Steps
	first := f.instants[entry]
	limit := f.events[entry].Us + f.rules.Window
	// By the instants from the first: which steps can be the last one served, as bits, and
	// how far the events lead from each.
	var last [MaxSteps]uint32
	var leads [MaxSteps][MaxSteps + 1]int8
	last[0] = between(1, f.extend(1, first, entry))
	furthest, end := highest(last[0]), 1
	for ; end < n && int(first)+end < len(f.begins)-1; end++ {
		instant := first + int32(end)
		if f.events[f.begins[instant]].Us > limit {
			break
		}
		for from := last[end-1] &^ (1 << n); from != 0; from &= from - 1 {
			step := bits.TrailingZeros32(from)
			leads[end][step] = int8(f.extend(step, instant, noEvent))
			last[end] |= between(step+1, int(leads[end][step]))
		}
		if last[end] == 0 {
			break
		}
		furthest = max(furthest, highest(last[end]))
	}
	// Backwards: those from which the furthest can be reached.
	var leading [MaxSteps]uint32
	for i := end - 1; i >= 0; i-- {
		leading[i] = last[i] & (1 << furthest)
		if i == end-1 {
			continue
		}
		for from := last[i] & between(1, furthest-1); from != 0; from &= from - 1 {
			step := bits.TrailingZeros32(from)
			if leading[i+1]&between(step+1, int(leads[i+1][step])) != 0 {
				leading[i] |= 1 << step
			}
		}
	}
	for i := 0; a.Reached < furthest; i++ {
		f.reach(a, highest(leading[i]), first+int32(i))
	}
}

// between are the bits from one to another, both inclusive.
func between(from, to int) uint32 {
	if to < from {
		return 0
	}
	return (1<<(to+1) - 1) &^ (1<<from - 1)
}

// highest is the highest bit.
func highest(set uint32) int { return bits.Len32(set) - 1 }
