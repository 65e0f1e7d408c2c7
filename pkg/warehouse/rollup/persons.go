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

// ofType is an event type of a day in a file, as entries number them.
type ofType struct {
	*File
	eventType uint32
}

// usersOf returns the persons of an entry of a day. They must not be changed.
func (d *day) usersOf(f *File, x *entry, m *persons.Map) (*roaring.Bitmap, error) {
	if m == nil {
		return f.bitmap(x)
	}
	what := ofType{f, x.eventType}
	d.mu.Lock()
	folded := d.folded[what]
	d.mu.Unlock()
	if folded != nil {
		return folded, nil
	}
	users, err := f.bitmap(x)
	if err != nil {
		return nil, err
	}
	if folded = m.Fold(users); folded == users {
		return users, nil
	}
	d.keep(what, folded)
	return folded, nil
}

// keep keeps the folded set of an entry, if there is room.
func (d *day) keep(what ofType, folded *roaring.Bitmap) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.folded[what] != nil { // another goroutine was faster
		return
	}
	size := int64(folded.GetSizeInBytes()) + foldedBytes
	if allFolded.Add(size) > maxAllFolded {
		allFolded.Add(-size)
		return
	}
	d.kept.folded.Add(size)
	if d.folded == nil {
		d.folded = map[ofType]*roaring.Bitmap{}
	}
	d.folded[what] = folded
}
