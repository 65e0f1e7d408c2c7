package walk

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
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

// merger brings the events of several files into their order.
type merger struct {
	view    *View
	bounds  []int
	scratch []Event
	// ties are events [from, to) of the same user, time and type that are in several files.
	ties [][2]int
}

// merge sorts the part [from, to) of events, which consists of some that are sorted. Of
// events of the same time and type it does not change the order, but notes the tie.
func (m *merger) merge(all []Event, from, to int) {
	events := all[from:to]
	m.bounds = append(m.bounds[:0], 0)
	for i := 1; i < len(events); i++ {
		if compareEvents(&events[i-1], &events[i]) > 0 {
			m.bounds = append(m.bounds, i)
		}
	}
	m.bounds = append(m.bounds, len(events))
	for len(m.bounds) > 2 {
		kept := m.bounds[:1]
		i := 2
		for ; i < len(m.bounds); i += 2 {
			m.mergeTwo(events[m.bounds[i-2]:m.bounds[i]], m.bounds[i-1]-m.bounds[i-2])
			kept = append(kept, m.bounds[i])
		}
		if i == len(m.bounds) { // one was left over
			kept = append(kept, m.bounds[i-1])
		}
		m.bounds = kept
	}
	for i := 0; i < len(events); {
		end, several := i+1, false
		for end < len(events) && compareEvents(&events[i], &events[end]) == 0 {
			several = several || events[end].File != events[i].File
			end++
		}
		if several {
			m.ties = append(m.ties, [2]int{from + i, from + end})
		}
		i = end
	}
}

// mergeTwo sorts events of which those before middle are sorted, and the others.
func (m *merger) mergeTwo(events []Event, middle int) {
	m.scratch = append(m.scratch[:0], events[middle:]...)
	a, b := middle-1, len(m.scratch)-1
	for at := len(events) - 1; b >= 0; at-- {
		if a >= 0 && compareEvents(&events[a], &m.scratch[b]) > 0 {
			events[at] = events[a]
			a--
		} else {
			events[at] = m.scratch[b]
			b--
		}
	}
}

// settle orders ties by event_id.
func (m *merger) settle(events []Event) error {
	if len(m.ties) == 0 {
		return nil
	}
	files := m.view.files
	rows := map[uint32][]uint32{} // by file
	for _, tie := range m.ties {
		for _, e := range events[tie[0]:tie[1]] {
			rows[e.File] = append(rows[e.File], files[e.File].Row(e.At))
		}
	}
	ids := map[uint32][]uuid.UUID{}
	for file, of := range rows {
		slices.Sort(of)
		rows[file] = slices.Compact(of)
		var err error
		if ids[file], err = files[file].idsOf(rows[file]); err != nil {
			return err
		}
	}
	type identified struct {
		Event
		id uuid.UUID
	}
	var tied []identified
	for _, tie := range m.ties {
		tied = tied[:0]
		for _, e := range events[tie[0]:tie[1]] {
			i, _ := slices.BinarySearch(rows[e.File], files[e.File].Row(e.At))
			tied = append(tied, identified{e, ids[e.File][i]})
		}
		slices.SortFunc(tied, func(a, b identified) int { return compareIDs(a.id, b.id) })
		for i, e := range tied {
			events[tie[0]+i] = e.Event
		}
	}
	m.ties = m.ties[:0]
	return nil
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
