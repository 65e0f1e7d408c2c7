package rollup

import (
	"slices"
	"sync/atomic"

	"github.com/RoaringBitmap/roaring/v2"

	"eventanalytics/pkg/warehouse/persons"
)

// WithPersons returns the view in which users are persons: the key of each is that of its
// root. nil makes each key a person of its own again.
func (v *View) WithPersons(m *persons.Map) *View { return v.WithPersonsAfter(nil, m) }

// WithPersonsAfter is WithPersons for a project whose view before, which may be nil, had
// other files or other persons: what it knows of days is taken over where neither changed
// for any of the day's users.
func (v *View) WithPersonsAfter(before *View, m *persons.Map) *View {
	if v.sent != nil {
		v = v.sent
	}
	if m == nil {
		return v
	}
	w := &View{users: max(v.users, m.Keys()), memo: v.memo, persons: m, sent: v}
	var known []*day
	var changed *roaring.Bitmap
	if before != nil && before.persons != nil {
		if before.sent == v && before.persons.Version() == m.Version() {
			return before
		}
		known, changed = before.days, m.Changed(before.persons)
	}
	for _, d := range v.days {
		for len(known) > 0 && known[0].day < d.day {
			known = known[1:]
		}
		switch {
		case len(known) > 0 && known[0].day == d.day && slices.Equal(known[0].refs, d.refs) && !d.meets(changed):
			d = known[0]
		case d.meets(m.MovedKeys()):
			d = newDay(d.day, d.refs, v.memo)
		}
		w.days = append(w.days, d)
	}
	return w
}

// meets says whether a day has any of some users.
func (d *day) meets(keys *roaring.Bitmap) bool {
	if keys.IsEmpty() {
		return false
	}
	for _, r := range d.refs {
		users, err := r.file.bitmap(r.all())
		if err != nil || users.Intersects(keys) {
			return true
		}
	}
	return false
}

// maxAllFolded bounds the memory of folded sets that all days of all projects keep, in
// bytes: about 600 days of 60,000 users. Those that do not fit are folded each time.
const maxAllFolded = 64 << 20

var allFolded atomic.Int64

// foldedBytes is what a folded set takes beside its users.
const foldedBytes = 200

// place is where the users of a day and type are in a file.
type place struct {
	*File
	*entry
}

// persons appends the sets whose union are a day's users, each a person. Those of all files
// are folded together: one set, of those for all types or of those of each.
func (s *Scan) persons(d *day, sets []*roaring.Bitmap) ([]*roaring.Bitmap, error) {
	of := map[string][]place{} // by type, "" for all of them
	all := !slices.ContainsFunc(d.refs, func(r ref) bool { return !s.everything(r.file) })
	for _, r := range d.refs {
		if all {
			of[""] = append(of[""], place{r.file, r.all()})
			continue
		}
		types := s.types(r)
		for i := range types {
			name := r.file.types[types[i].eventType-1]
			of[name] = append(of[name], place{r.file, &types[i]})
		}
	}
	var err error
	for name, places := range of {
		if sets, err = d.persons(sets, name, places, s.view.persons); err != nil {
			return nil, err
		}
	}
	return sets, nil
}

// persons appends the sets of the places of a type.
func (d *day) persons(sets []*roaring.Bitmap, eventType string, of []place, m *persons.Map) ([]*roaring.Bitmap, error) {
	d.mu.Lock()
	folded := d.folded[eventType]
	d.mu.Unlock()
	if folded != nil {
		return append(sets, folded), nil
	}
	sent, meets := make([]*roaring.Bitmap, len(of)), false
	for i, p := range of {
		var err error
		if sent[i], err = p.bitmap(p.entry); err != nil {
			return nil, err
		}
		meets = meets || sent[i].Intersects(m.MovedKeys())
	}
	if !meets {
		return append(sets, sent...), nil
	}
	folded = m.Fold(union(sent))
	d.keep(eventType, folded)
	return append(sets, folded), nil
}

// keep keeps the folded set of a type, if there is room.
func (d *day) keep(eventType string, folded *roaring.Bitmap) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.folded[eventType] != nil { // another goroutine was faster
		return
	}
	size := int64(folded.GetSizeInBytes()) + foldedBytes
	if allFolded.Add(size) > maxAllFolded {
		allFolded.Add(-size)
		return
	}
	d.kept.folded.Add(size)
	if d.folded == nil {
		d.folded = map[string]*roaring.Bitmap{}
	}
	d.folded[eventType] = folded
}
