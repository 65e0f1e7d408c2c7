package store

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/google/uuid"

	"eventanalytics/pkg/event"
)

// entry is an event's row in the ledger, and where the event is.
type entry struct {
	id      uuid.UUID
	project int64
	content int64
	upload  int32 // index of its upload in the transaction
	at      int32 // index in the events of the upload's batch
}

// known is an entry whose id was stored before, with the content it was stored
// with.
type known struct {
	entry
	first int64
}

// byKey is the order of the ledger's primary key. Equal keys are in the order of
// their arrival.
func byKey(a, b entry) int {
	return cmp.Or(
		bytes.Compare(a.id[:], b.id[:]),
		cmp.Compare(a.project, b.project),
		byArrival(a, b),
	)
}

func byArrival(a, b entry) int {
	return cmp.Or(cmp.Compare(a.upload, b.upload), cmp.Compare(a.at, b.at))
}

func sameKey(a, b entry) bool { return a.id == b.id && a.project == b.project }

// distinct returns the entries of all uploads in the order of the ledger's key,
// the first of each key, and the others as known: they repeat it.
//
// The order is what keeps transactions from deadlocking: two overlapping ones
// that insert in different orders wait for each other's rows. Unsorted, that
// happened 10 times of 10.
func distinct(uploads []*upload) (first []entry, repeats []known) {
	n := 0
	for _, u := range uploads {
		n += len(u.batch.Events)
	}
	all := make([]entry, 0, n)
	for i, u := range uploads {
		for at := range u.batch.Events {
			e := &u.batch.Events[at]
			all = append(all, entry{id: e.ID, project: u.project, content: e.Content(), upload: int32(i), at: int32(at)})
		}
	}
	slices.SortFunc(all, byKey)
	first = all[:0]
	for _, e := range all {
		if n := len(first); n > 0 && sameKey(first[n-1], e) {
			repeats = append(repeats, known{entry: e, first: first[n-1].content})
		} else {
			first = append(first, e)
		}
	}
	return first, repeats
}

func (e *entry) event(uploads []*upload) *event.Event { return &uploads[e.upload].batch.Events[e.at] }
