package walk

import (
	"slices"

	"github.com/google/uuid"
)

// OrderByID orders events of the same time and type by their event_id, whoever's they are.
// Each of ties is such events.
func (v *View) OrderByID(ties [][]Event) error {
	rows := make([][]uint32, len(v.files))
	rowOf := func(e Event) uint32 { return v.files[e.File].Row(e.At) }
	for _, tie := range ties {
		for _, e := range tie {
			rows[e.File] = append(rows[e.File], rowOf(e))
		}
	}
	ids := make([][]uuid.UUID, len(rows))
	for file, of := range rows {
		if len(of) == 0 {
			continue
		}
		slices.Sort(of)
		var err error
		if ids[file], err = v.files[file].idsOf(of); err != nil {
			return err
		}
	}
	type identified struct {
		Event
		id uuid.UUID
	}
	var tied []identified
	for _, tie := range ties {
		tied = tied[:0]
		for _, e := range tie {
			i, _ := slices.BinarySearch(rows[e.File], rowOf(e))
			tied = append(tied, identified{e, ids[e.File][i]})
		}
		slices.SortFunc(tied, func(a, b identified) int { return compareIDs(a.id, b.id) })
		for i, e := range tied {
			tie[i] = e.Event
		}
	}
	return nil
}
