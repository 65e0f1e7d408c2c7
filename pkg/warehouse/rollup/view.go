package rollup

import (
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/RoaringBitmap/roaring/v2"

	"eventanalytics/pkg/warehouse/persons"
)

// View is the roll-up of a project: of all its live segments together. It does
// not change: any number of scans may run at the same time.
type View struct {
	days  []*day // in order
	users uint64 // one more than the highest user key
	memo  *memo

	persons *persons.Map
	sent    *View // without persons; nil when it is this one
}

// day is a day (UTC) of a view.
type day struct {
	id   uint64 // its own, in this process
	day  int32  // since 1970-01-01
	refs []ref

	mu     sync.Mutex
	counts map[counted]count          // once they were asked for
	folded map[string]*roaring.Bitmap // users by type, of a view with persons: those that differ
	kept   *kept                      // how many
}

// counted is what users were counted of: an event type, or all of them under "",
// from a quarter of the day until one of the same day, or of the next.
type counted struct {
	eventType string
	from, to  int
}

// count is a number of distinct users. It is right as long as next is the id of the
// day that follows, 0 when none was needed. (By a pointer, days and files of long
// ago would stay in memory.)
type count struct{ next, users uint64 }

// maxRemembered bounds what a day remembers: applications make up as many types as
// they like.
const maxRemembered = 256

// maxAllRemembered bounds what all days of all projects do, at about 100 bytes each. A
// project's days may remember as much as they leave free: callers could have a few
// events on each of 3,660 days, and ask for them in every time zone.
const maxAllRemembered = 1 << 20

// memo counts what the days of a project remember; all counts those of all projects.
type memo struct{ all, own *atomic.Int64 }

var allRemembered atomic.Int64

// take counts one more, if there is room.
func (m *memo) take() bool {
	own, free := m.own.Add(1), maxAllRemembered-m.all.Add(1)
	if own > free {
		m.give(1)
		return false
	}
	return true
}

func (m *memo) give(n int64) {
	m.own.Add(-n)
	m.all.Add(-n)
}

// kept is how much one day remembers. It is given back when the day is no longer used.
type kept struct {
	*memo
	n      atomic.Int64
	folded atomic.Int64 // bytes
}

func (k *kept) giveAll() {
	k.give(k.n.Load())
	allFolded.Add(-k.folded.Load())
}

func newDay(at int32, refs []ref, m *memo) *day {
	d := &day{id: dayIDs.Add(1), day: at, refs: refs, kept: &kept{memo: m}}
	runtime.AddCleanup(d, (*kept).giveAll, d.kept)
	return d
}

// recall returns a number that was counted before.
func (d *day) recall(what counted, next uint64) (users uint64, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	c, ok := d.counts[what]
	return c.users, ok && c.next == next
}

// remember keeps a number for recall.
func (d *day) remember(what counted, c count) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.counts == nil {
		d.counts = map[counted]count{}
	}
	_, known := d.counts[what]
	if !known {
		if len(d.counts) >= maxRemembered || !d.kept.take() {
			return
		}
		d.kept.n.Add(1)
	}
	d.counts[what] = c
}

var dayIDs atomic.Uint64

// NewView makes the view of the roll-ups of one project.
func NewView(files []*File) (*View, error) {
	v := &View{memo: &memo{&allRemembered, &atomic.Int64{}}}
	var refs []ref
	for _, f := range files {
		if f.Project != files[0].Project {
			return nil, fmt.Errorf("roll-ups of projects %d and %d in one view", files[0].Project, f.Project)
		}
		refs = append(refs, f.days...)
		v.users = max(v.users, f.Users())
	}
	slices.SortStableFunc(refs, func(a, b ref) int { return int(a.all().day) - int(b.all().day) })
	for len(refs) > 0 {
		at := refs[0].all().day
		n := 1
		for n < len(refs) && refs[n].all().day == at {
			n++
		}
		var same []ref
		same, refs = refs[:n], refs[n:]
		// A copy: a day that stays the same in later views would keep all files of this one.
		v.days = append(v.days, newDay(at, slices.Clone(same), v.memo))
	}
	return v, nil
}

// between returns the days [first, last] that have events.
func (v *View) between(first, last int32) []*day {
	search := func(d int32) int {
		i, _ := slices.BinarySearchFunc(v.days, d, func(x *day, d int32) int { return int(x.day) - int(d) })
		return i
	}
	from := search(first)
	to := from
	for to < len(v.days) && v.days[to].day <= last {
		to++
	}
	return v.days[from:to]
}
