package walk

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"sort"
	"sync"

	"github.com/google/uuid"
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

// settle orders events by event_id that are of the same user, time and type, and in
// several files.
func (b *batch) settle() error {
	if len(b.tied) == 0 {
		return nil
	}
	slices.Sort(b.tied)
	ties := b.ties(slices.Compact(b.tied))
	b.tied = b.tied[:0]
	return b.view.OrderByID(ties)
}

// ties returns the events of slots that are of the same time and type and in several
// files.
func (b *batch) ties(slots []uint32) (ties [][]Event) {
	for _, slot := range slots {
		events := b.events[b.starts[slot]:b.ends[slot]]
		for i := 0; i < len(events); {
			end, several := i+1, false
			for end < len(events) && compareEvents(&events[i], &events[end]) == 0 {
				several = several || events[end].File != events[i].File
				end++
			}
			if several {
				ties = append(ties, events[i:end])
			}
			i = end
		}
	}
	return ties
}

// maxKnownIDs bounds how many of its rows' ids a file remembers, at about 50 bytes each.
const maxKnownIDs = 1 << 16

// knownIDs are ids of rows, which walk after walk needs.
type knownIDs struct {
	mu  sync.Mutex
	ids map[uint32]uuid.UUID
}

// idsOf returns the ids of rows, which are ascending.
func (f *File) idsOf(rows []uint32) ([]uuid.UUID, error) {
	ids := make([]uuid.UUID, len(rows))
	var missing []uint32
	f.known.mu.Lock()
	for i, row := range rows {
		id, ok := f.known.ids[row]
		if !ok {
			missing = append(missing, row)
		}
		ids[i] = id
	}
	f.known.mu.Unlock()
	if len(missing) == 0 {
		return ids, nil
	}
	if f.IDs == nil {
		return nil, errors.New("events of several segments differ only in their event_id, which is not known")
	}
	found, err := f.IDs(missing)
	if err != nil {
		return nil, fmt.Errorf("reading the ids of events: %w", err)
	}
	if len(found) != len(missing) {
		return nil, fmt.Errorf("reading the ids of %d events: there are %d", len(missing), len(found))
	}
	f.known.add(missing, found)
	for i, row := range rows {
		if at, ok := slices.BinarySearch(missing, row); ok {
			ids[i] = found[at]
		}
	}
	return ids, nil
}

func (k *knownIDs) add(rows []uint32, ids []uuid.UUID) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.ids == nil {
		k.ids = map[uint32]uuid.UUID{}
	}
	for i, row := range rows {
		if len(k.ids) >= maxKnownIDs {
			return
		}
		k.ids[row] = ids[i]
	}
}
