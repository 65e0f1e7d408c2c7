package walk

import (
	"cmp"
	"slices"
	"sort"
)

// compareEvents orders by time and type.
func compareEvents(a, b *Event) int {
	if c := cmp.Compare(a.Us, b.Us); c != 0 {
		return c
	}
	return cmp.Compare(a.Type, b.Type)
}

// mergeInto brings the events of a user before middle and those behind, which are of
// another file, into one order. Each is in order; of the second mostly a few are late,
// and the rest is in its place.
func (b *batch) mergeInto(slot uint32, middle, end int) {
	begin := b.starts[slot]
	last := b.events[middle-1]
	late := sort.Search(end-middle, func(i int) bool { return compareEvents(&b.events[middle+i], &last) > 0 })
	if late > bufferEvents {
		b.sortInto(slot, middle, middle+late)
		return
	}
	b.late = append(b.late[:0], b.events[middle:middle+late]...)
	tied := false
	from, rest := middle-1, late-1
	for at := middle + late - 1; rest >= 0; at-- {
		c := -1
		if from >= begin {
			c = compareEvents(&b.events[from], &b.late[rest])
		}
		if c > 0 {
			b.events[at] = b.events[from]
			from--
		} else {
			tied = tied || c == 0
			b.events[at] = b.late[rest]
			rest--
		}
	}
	if tied {
		b.tied = append(b.tied, slot)
	}
}

// sortInto does it in place, for so many late events that a copy would be large.
func (b *batch) sortInto(slot uint32, middle, end int) {
	begin := b.starts[slot]
	first := b.events[middle]
	from := begin + sort.Search(middle-begin, func(i int) bool { return compareEvents(&b.events[begin+i], &first) >= 0 })
	of := b.events[from:end]
	slices.SortFunc(of, func(a, b Event) int {
		return cmp.Or(compareEvents(&a, &b), cmp.Compare(a.File, b.File), cmp.Compare(a.At, b.At))
	})
	for i := range of[1:] {
		if of[i].File != of[i+1].File && compareEvents(&of[i], &of[i+1]) == 0 {
			b.tied = append(b.tied, slot)
			return
		}
	}
}
