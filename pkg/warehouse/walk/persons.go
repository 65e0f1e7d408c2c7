package walk

import (
	"cmp"
	"runtime"
	"slices"
	"sort"
	"sync"
	"sync/atomic"

	"eventanalytics/pkg/warehouse/persons"
)

// WithPersons returns the view in which users are persons: the events of keys that moved
// are those of their root, whether it has any itself. nil makes each key a person of its
// own again.
//
// A view with persons remembers where the events of moved keys are, once it was walked
// over: see maxAllMoved.
func (v *View) WithPersons(m *persons.Map) *View { return v.WithPersonsAfter(nil, m) }

// WithPersonsAfter is WithPersons for a project whose view before, which may be nil, had
// other files: where moved keys are in those that it has in common is taken over.
func (v *View) WithPersonsAfter(before *View, m *persons.Map) *View {
	if v.sent != nil {
		v = v.sent
	}
	if m == nil {
		return v
	}
	w := *v
	w.persons, w.sent, w.users = m, v, uint32(max(uint64(v.users), m.Keys()))
	known := map[*File]*moved{}
	if before != nil && before.persons.Version() == m.Version() {
		if before.sent == v {
			return before
		}
		for i := range before.parts {
			known[before.parts[i].File] = before.parts[i].moved
		}
	}
	w.parts = slices.Clone(v.parts)
	for i := range w.parts {
		p := &w.parts[i]
		if p.moved = known[p.File]; p.moved == nil {
			p.moved = &moved{persons: m}
		}
	}
	return &w
}

// moved are the events that a file has of keys that moved.
type moved struct {
	persons *persons.Map

	mu   sync.Mutex
	read bool
	many bool  // too many to remember
	runs []run // by root, which is their slot, and of each in the order of the file
}

const (
	// movedAtOnce is how many blocks of a file's users are looked through at a time.
	movedAtOnce = 64
	// maxAllMoved bounds what all views of all projects remember of moved keys, in bytes:
	// five million keys and files. Those of other files are looked for in each walk, which
	// takes ten times as long.
	maxAllMoved = 64 << 20
	runBytes    = 12
)

var allMoved atomic.Int64

// of returns the runs of the roots in [from, to).
func (m *moved) of(f *File, from, to uint32) []run {
	if runs, ok := m.all(f); ok {
		return between(runs, from, to)
	}
	var runs []run
	roots := m.persons.Roots()
	i, _ := slices.BinarySearch(roots, from)
	for ; i < len(roots) && roots[i] < to; i++ {
		for _, key := range m.persons.Members(roots[i]) {
			for _, r := range f.appendRuns(nil, key, key+1) {
				runs = append(runs, run{roots[i], r.at, r.n})
			}
		}
	}
	return runs
}

// all returns the runs of a file; ok is false when they are too many.
func (m *moved) all(f *File) (runs []run, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.read {
		m.runs = nil // a read of a mapped file may have failed
		m.find(f)
		m.read = true
	}
	return m.runs, !m.many
}

// find finds the runs, unless they are too many.
func (m *moved) find(f *File) {
	var some []run
	for i := 0; i < len(f.keys); i += movedAtOnce {
		from, to := f.keys[i], f.highest+1
		if i+movedAtOnce < len(f.keys) {
			to = f.keys[i+movedAtOnce]
		}
		some = f.appendRuns(some[:0], from, to)
		for _, r := range some {
			if key := from + r.slot; m.persons.Moved(key) {
				m.runs = append(m.runs, run{m.persons.Root(key), r.at, r.n})
			}
		}
		if m.many = allMoved.Load()+int64(runBytes*len(m.runs)) > maxAllMoved; m.many {
			m.runs = nil
			return
		}
	}
	m.runs = slices.Clip(m.runs)
	bytes := int64(runBytes * len(m.runs))
	allMoved.Add(bytes)
	runtime.AddCleanup(m, func(bytes int64) { allMoved.Add(-bytes) }, bytes)
	slices.SortFunc(m.runs, func(a, b run) int { return cmp.Or(cmp.Compare(a.slot, b.slot), cmp.Compare(a.at, b.at)) })
}

// between returns the runs of roots in [from, to).
func between(runs []run, from, to uint32) []run {
	search := func(root uint32) int { return sort.Search(len(runs), func(i int) bool { return runs[i].slot >= root }) }
	return runs[search(from):search(to)]
}

// join makes the runs of keys in [from, to) those of persons, of which from is the base:
// moved keys go, and what moved to the others comes in.
func (c *chosen) join(runs []run, from, to uint32) []run {
	own := runs[:0]
	for _, r := range runs {
		if !c.moved.persons.Moved(from + r.slot) {
			own = append(own, r)
		}
	}
	come := c.moved.of(c.File, from, to)
	n, all := len(own), slices.Grow(own, len(come))[:len(own)+len(come)]
	for at := len(all) - 1; len(come) > 0; at-- {
		r := come[len(come)-1]
		if r.slot -= from; n > 0 && all[n-1].slot > r.slot {
			all[at] = all[n-1]
			n--
			continue
		}
		all[at] = r
		come = come[:len(come)-1]
	}
	return all
}

// begins says whether the event at a place of a file is of another key of a person than
// the event before it: one of the two moved.
func (m *moved) begins(f *File, root, at uint32) bool {
	runs := m.of(f, root, root+1)
	i := sort.Search(len(runs), func(i int) bool { return runs[i].at >= at })
	return i < len(runs) && runs[i].at == at || i > 0 && runs[i-1].at+runs[i-1].n == at
}

// isMixed says whether the events of a slot may be of several keys.
func (b *batch) isMixed(slot uint32) bool {
	return b.view.persons != nil && b.view.persons.IsRoot(b.first+b.keyOf(int(slot)))
}

// sortMixed sorts the events of users of several keys. They were read one run behind the
// other: there may be as many as keys and files together, too many to merge each.
func (b *batch) sortMixed() {
	for _, slot := range b.mixed {
		events := b.events[b.starts[slot]:b.ends[slot]]
		slices.SortFunc(events, func(a, b Event) int {
			return cmp.Or(compareEvents(&a, &b), cmp.Compare(a.File, b.File), cmp.Compare(a.At, b.At))
		})
		for i := range len(events) - 1 {
			if compareEvents(&events[i], &events[i+1]) == 0 {
				b.tied = append(b.tied, slot)
				break
			}
		}
	}
	b.mixed = b.mixed[:0]
}

// apart says whether of two neighbours in the order of time and type of a slot ids have to
// tell which comes first: a file has those of one key in their order.
func (b *batch) apart(slot uint32, first, second *Event) bool {
	if first.File != second.File {
		return true
	}
	if !b.isMixed(slot) {
		return false
	}
	if second.At != first.At+1 {
		return true
	}
	m := b.view.movedOf(first.File)
	return m.begins(b.view.files[first.File], b.first+b.keyOf(int(slot)), second.At)
}

// movedOf are the moved keys of a file.
func (v *View) movedOf(file uint32) *moved {
	for i := range v.parts {
		if v.parts[i].number == file {
			return v.parts[i].moved
		}
	}
	return nil
}
