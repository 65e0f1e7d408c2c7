package store

import (
	"bytes"
	"cmp"
	"slices"
	"sync"

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

func (e *entry) event(uploads []*upload) *event.Event { return &uploads[e.upload].batch.Events[e.at] }

// known is an entry whose id was stored before, and the content stored with it.
type known struct {
	entry
	first  int64
	untold bool // first is a hash of an earlier version, which cannot be compared
}

// conflict reports whether the entry has another content than the stored one.
func (k *known) conflict() bool { return !k.untold && k.content != k.first }

// byKey is the order of the ledger's primary key; equal keys are in the order of
// arrival.
func byKey(a, b entry) int {
	if c := compareKeys(a, b); c != 0 {
		return c
	}
	return cmp.Or(cmp.Compare(a.upload, b.upload), cmp.Compare(a.at, b.at))
}

func compareKeys(a, b entry) int {
	if c := bytes.Compare(a.id[:], b.id[:]); c != 0 {
		return c
	}
	return cmp.Compare(a.project, b.project)
}

func sameKey(a, b entry) bool { return a.id == b.id && a.project == b.project }

// distinct returns the first entry of each key, in the order of the ledger's key,
// and the others, which repeat it, as known.
//
// The order keeps transactions from deadlocking: two overlapping ones that insert
// in different orders wait for each other's rows. Unsorted, that happened 10 times
// of 10.
func distinct(uploads []*upload) (first []entry, repeats []known) {
	all := sorted(uploads)
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

// inHalves is the number of entries from which two goroutines sort them.
const inHalves = 10_000

func sorted(uploads []*upload) []entry {
	n := 0
	for _, u := range uploads {
		n += len(u.batch.Events)
	}
	all := make([]entry, 0, n)
	for i, u := range uploads {
		for at := range u.batch.Events {
			all = append(all, entry{id: u.batch.Events[at].ID, project: u.project, upload: int32(i), at: int32(at)})
		}
	}
	prepare := func(entries []entry) {
		for i := range entries {
			entries[i].content = entries[i].event(uploads).Content()
		}
		slices.SortFunc(entries, byKey)
	}
	if n < inHalves {
		prepare(all)
		return all
	}
	var other sync.WaitGroup
	other.Go(func() { prepare(all[n/2:]) })
	prepare(all[:n/2])
	other.Wait()
	return merge(all[:n/2], all[n/2:])
}

// merge joins two sorted lists.
func merge(a, b []entry) []entry {
	all := make([]entry, 0, len(a)+len(b))
	for len(a) > 0 && len(b) > 0 {
		if byKey(a[0], b[0]) < 0 {
			all, a = append(all, a[0]), a[1:]
		} else {
			all, b = append(all, b[0]), b[1:]
		}
	}
	return append(append(all, a...), b...)
}
