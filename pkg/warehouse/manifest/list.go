package manifest

import (
	"slices"
	"sync/atomic"

	"eventanalytics/pkg/warehouse/segment"
)

// project is what a snapshot has of one project. It does not change: snapshots share it
// until something changes for the project.
type project struct {
	version int64
	*list
}

// list is the live segments of a project, in the order of their ids. It does not change.
type list struct {
	segments []segment.Segment
	// extended says that a longer list has the memory behind segments: a load then costs
	// what it adds, also where a project has a hundred thousand segments.
	extended atomic.Bool
}

// change is a row of the manifest that was written since it was read last.
type change struct {
	segment.Segment
	live bool
}

func byID(s segment.Segment, id int64) int {
	switch {
	case s.ID < id:
		return -1
	case s.ID > id:
		return 1
	}
	return 0
}

// newList makes a list of segments in the order of their ids, which it keeps.
func newList(segments []segment.Segment) *list {
	for i := 1; i < len(segments); i++ {
		segments[i].Shredded = shared(segments[i-1].Shredded, segments[i].Shredded)
	}
	return &list{segments: segments}
}

// shared returns names, in the memory of before if they are the same: those of a project's
// segments mostly are, and take more than the rest of a segment.
func shared(before, names []string) []string {
	if names != nil && slices.Equal(before, names) {
		return before
	}
	return names
}

// with returns the list after changes, of which there is at least one, in the order of
// their ids.
func (l *list) with(changes []change) *list {
	if n := len(l.segments); n == 0 || l.segments[n-1].ID < changes[0].ID {
		return l.extend(changes)
	}
	next := make([]segment.Segment, 0, len(l.segments)+len(changes))
	rest := l.segments
	for _, c := range changes {
		n, known := slices.BinarySearchFunc(rest, c.ID, byID)
		next, rest = append(next, rest[:n]...), rest[n:]
		if known {
			rest = rest[1:]
		}
		if c.live {
			next = append(next, c.Segment)
		}
	}
	if next = append(next, rest...); len(next) == 0 {
		return noSegments
	}
	return &list{segments: next}
}

// extend is with for changes of segments behind all others, as those of a load are.
func (l *list) extend(changes []change) *list {
	// What was listed and replaced since the last look was never seen.
	changes = slices.DeleteFunc(changes, func(c change) bool { return !c.live })
	if len(changes) == 0 {
		return l
	}
	all := l.segments
	if !l.extended.CompareAndSwap(false, true) {
		all = slices.Clip(all) // another list has that memory
	}
	for _, c := range changes {
		if n := len(all); n > 0 {
			c.Shredded = shared(all[n-1].Shredded, c.Shredded)
		}
		all = append(all, c.Segment)
	}
	return &list{segments: all}
}

// Difference returns the segments of old that left, and those of now that came or have
// other files. All are of one project, in the order of their ids.
func Difference(old, now []segment.Segment) (left, came []segment.Segment) {
	for len(old) > 0 || len(now) > 0 {
		switch {
		case len(now) == 0 || len(old) > 0 && old[0].ID < now[0].ID:
			left, old = append(left, old[0]), old[1:]
		case len(old) == 0 || now[0].ID < old[0].ID:
			came, now = append(came, now[0]), now[1:]
		default:
			if old[0].Path != now[0].Path { // of another database: it was restored, and its ids are used again
				left = append(left, old[0])
			}
			if !same(&old[0], &now[0]) {
				came = append(came, now[0])
			}
			old, now = old[1:], now[1:]
		}
	}
	return left, came
}

// same says whether a segment has the same files as before.
func same(a, b *segment.Segment) bool {
	equal := func(a, b *segment.Companion) bool { return a == b || a != nil && b != nil && *a == *b }
	return a.Path == b.Path && a.SHA256 == b.SHA256 && equal(a.RollUp, b.RollUp) && equal(a.Users, b.Users)
}
