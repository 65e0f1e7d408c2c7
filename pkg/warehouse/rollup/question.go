package rollup

import (
	"context"
	"math/bits"
	"slices"
	"strings"

	"github.com/RoaringBitmap/roaring/v2"

	"eventanalytics/pkg/calendar"
)

// Period is the time [From, To). Those of one question must not overlap.
type Period struct{ From, To Quarter }

// Always is all time.
var Always = Period{minQuarter, maxQuarter}

// Days fit into 32 bits.
const minQuarter, maxQuarter = -quartersOfDay << 31, quartersOfDay << 31

// Question asks a view about some event types. It is for one goroutine.
type Question struct {
	view  *View
	match func(eventType string) bool
	known map[*File][]bool // by type, for files that have types that do not match

	// only, if not empty, is the one type asked about, of those that wider is about.
	only  string
	wider *Question

	*scratch
	blocks map[ref]block
	last   int32 // the day read last: blocks has it and the one before
}

type scratch struct {
	set []uint64 // a bit for each user
}

// Ask begins a question about the event types that match; nil is for all.
func (v *View) Ask(match func(eventType string) bool) *Question {
	return &Question{view: v, match: match, known: map[*File][]bool{}, scratch: &scratch{}, blocks: map[ref]block{}}
}

// Of asks about one of the event types that q is about. However many types are
// asked about one after the other, they share q's memory, and what it has read.
func (q *Question) Of(eventType string) *Question {
	one := &Question{view: q.view, only: eventType, wider: q, scratch: q.scratch, blocks: map[ref]block{}}
	if q.match != nil && !q.match(eventType) || q.only != "" && q.only != eventType {
		one.view = &View{}
	}
	return one
}

// everything says that all types of a file match.
func (q *Question) everything(f *File) bool { return q.only == "" && q.matching(f) == nil }

// matching returns which types of a file match, nil for all.
func (q *Question) matching(f *File) []bool {
	if q.match == nil {
		return nil
	}
	matching, ok := q.known[f]
	if ok {
		return matching
	}
	matching = make([]bool, len(f.types))
	all := true
	for i, name := range f.types {
		matching[i] = q.match(name)
		all = all && matching[i]
	}
	if all {
		matching = nil
	}
	q.known[f] = matching
	return matching
}

// types returns the matching types of a day of a file.
func (q *Question) types(r ref) []entry {
	if q.only != "" { // types of a day are in the order of their names
		types := r.types()
		i, ok := slices.BinarySearchFunc(types, q.only, func(x entry, name string) int { return strings.Compare(r.file.types[x.eventType-1], name) })
		if !ok {
			return nil
		}
		return types[i : i+1]
	}
	matching := q.matching(r.file)
	if matching == nil {
		return r.types()
	}
	var types []entry
	for _, x := range r.types() {
		if matching[x.eventType-1] {
			types = append(types, x)
		}
	}
	return types
}

// piece is a part of a day.
type piece struct {
	*day
	from, to int // quarters of the day
}

func (p piece) whole() bool { return p.from == 0 && p.to == quartersOfDay }

// pieces cuts periods at midnight UTC.
func (q *Question) pieces(periods []Period) []piece {
	var pieces []piece
	for _, p := range periods {
		from, to := max(p.From, minQuarter), min(p.To, maxQuarter)
		if from >= to {
			continue
		}
		for _, d := range q.view.between(int32(calendar.FloorDiv(int64(from), quartersOfDay)), int32(calendar.FloorDiv(int64(to-1), quartersOfDay))) {
			midnight := Quarter(d.day) * quartersOfDay
			pieces = append(pieces, piece{d, int(max(from-midnight, 0)), int(min(to-midnight, quartersOfDay))})
		}
	}
	return pieces
}

// CountUsers returns the number of distinct users in periods. Of a day, local ones
// included, it is remembered until one of the segments with the day changes.
func (q *Question) CountUsers(ctx context.Context, periods ...Period) (uint64, error) {
	pieces := q.pieces(periods)
	if len(pieces) == 0 {
		return 0, nil
	}
	what, next, one := q.counted(pieces)
	if one {
		if users, ok := pieces[0].recall(what, next); ok {
			return users, nil
		}
	}
	sets, marked, err := q.gather(ctx, pieces)
	if err != nil {
		return 0, err
	}
	var users uint64
	switch {
	case len(sets) > 0:
		users = cardinality(q.withMarked(sets, marked))
	case marked:
		for _, word := range q.set {
			users += uint64(bits.OnesCount64(word))
		}
	}
	if one {
		pieces[0].remember(what, count{next, users})
	}
	return users, nil
}

// counted says what pieces are when they are one day, or the end of one and the
// begin of the next, of all types or of one.
func (q *Question) counted(pieces []piece) (what counted, next uint64, ok bool) {
	first, last := pieces[0], pieces[len(pieces)-1]
	switch {
	case len(pieces) == 1:
	case len(pieces) == 2 && last.day.day == first.day.day+1 && first.to == quartersOfDay && last.from == 0:
		next = last.id
	default:
		return what, 0, false
	}
	if what.eventType, ok = q.one(pieces); !ok {
		return what, 0, false
	}
	what.from, what.to = first.from, last.to
	return what, next, true
}

// Users returns the distinct users in periods. The set must not be changed.
func (q *Question) Users(ctx context.Context, periods ...Period) (*roaring.Bitmap, error) {
	sets, marked, err := q.gather(ctx, q.pieces(periods))
	if err != nil {
		return nil, err
	}
	return union(q.withMarked(sets, marked)), nil
}

// withMarked adds the users that are marked, if there are any, to sets.
func (q *Question) withMarked(sets []*roaring.Bitmap, marked bool) []*roaring.Bitmap {
	if !marked {
		return sets
	}
	return append(sets, roaring.FromDense(q.set, true))
}

func union(sets []*roaring.Bitmap) *roaring.Bitmap {
	if len(sets) == 1 {
		return sets[0]
	}
	return roaring.FastOr(sets...)
}

func cardinality(sets []*roaring.Bitmap) uint64 {
	if len(sets) == 2 {
		return sets[0].OrCardinality(sets[1])
	}
	return union(sets).GetCardinality()
}

// gather returns the sets of whole days, and marks the users of the other pieces
// in q.set if there are any.
func (q *Question) gather(ctx context.Context, pieces []piece) (sets []*roaring.Bitmap, marked bool, err error) {
	for _, p := range pieces {
		if err := ctx.Err(); err != nil {
			return nil, false, err
		}
		if p.whole() {
			if sets, err = q.sets(p.day, sets); err != nil {
				return nil, false, err
			}
			continue
		}
		if !marked {
			q.clear()
			marked = true
		}
		if err := q.mark(p); err != nil {
			return nil, false, err
		}
	}
	return sets, marked, nil
}

func (q *Question) clear() {
	if q.set == nil {
		q.set = make([]uint64, q.view.users/64+1)
		return
	}
	clear(q.set)
}

// sets appends the sets whose union are a day's users.
func (q *Question) sets(d *day, sets []*roaring.Bitmap) ([]*roaring.Bitmap, error) {
	for _, r := range d.refs {
		if q.everything(r.file) {
			users, err := r.file.bitmap(r.all())
			if err != nil {
				return nil, err
			}
			sets = append(sets, users)
			continue
		}
		types := q.types(r)
		for i := range types {
			users, err := r.file.bitmap(&types[i])
			if err != nil {
				return nil, err
			}
			sets = append(sets, users)
		}
	}
	return sets, nil
}

// one returns the one type in pieces that the question is about, or "" when it is
// about all.
func (q *Question) one(pieces []piece) (name string, ok bool) {
	if q.only != "" {
		return q.only, true
	}
	if q.match == nil {
		return "", true
	}
	for _, p := range pieces {
		for _, r := range p.refs {
			for _, x := range q.types(r) {
				found := r.file.types[x.eventType-1]
				if name != "" && name != found {
					return "", false
				}
				name = found
			}
		}
	}
	return name, name != ""
}

// mark sets the bits of the users of a part of a day.
func (q *Question) mark(p piece) error {
	return q.eachQuarter(p, func(_ *File, _ entry, users quarterUsers) error { return users.mark(q.set) })
}

func (q *Question) eachQuarter(p piece, f func(*File, entry, quarterUsers) error) error {
	for _, r := range p.refs {
		types := q.types(r)
		if len(types) == 0 {
			continue
		}
		b, err := q.block(r, types)
		if err != nil {
			return err
		}
		for _, x := range types {
			err := b.each(x, p.from, p.to, func(users quarterUsers) error { return f(r.file, x, users) })
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// block reads the quarters of a day of a file, from the first of types to the
// last. It keeps those of two days: where days are cut off UTC each is asked for
// twice.
func (q *Question) block(r ref, types []entry) (block, error) {
	if b, ok := q.blocks[r]; ok {
		return b, nil
	}
	if q.wider != nil {
		if b, ok := q.wider.blocks[r]; ok {
			return b, nil
		}
	}
	if d := r.all().day; d != q.last {
		for old := range q.blocks {
			if old.all().day != q.last {
				delete(q.blocks, old)
			}
		}
		q.last = d
	}
	first := int(types[0].quartersAt)
	all := r.types()
	from := 0
	for int(all[from].quartersAt) != first {
		from++
	}
	to := from + 1
	for all[to-1].eventType != types[len(types)-1].eventType {
		to++
	}
	b, err := r.file.read(all[from:to])
	if err == nil {
		q.blocks[r] = b
	}
	return b, err
}

// Total is what there is of an event type.
type Total struct {
	Events uint64
	// First and Last are the times of the first and the last event in
	// microseconds since 1970 UTC. They are right only for whole days.
	First, Last int64
}

// Totals returns what there is of each type in periods.
func (q *Question) Totals(ctx context.Context, periods ...Period) (map[string]Total, error) {
	totals := map[string]Total{}
	add := func(f *File, x entry, events uint64) {
		name := f.types[x.eventType-1]
		t, ok := totals[name]
		if !ok {
			t.First, t.Last = x.first, x.last
		}
		totals[name] = Total{t.Events + events, min(t.First, x.first), max(t.Last, x.last)}
	}
	for _, p := range q.pieces(periods) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if p.whole() {
			for _, r := range p.refs {
				for _, x := range q.types(r) {
					add(r.file, x, x.events)
				}
			}
			continue
		}
		err := q.eachQuarter(p, func(f *File, x entry, users quarterUsers) error {
			add(f, x, users.events)
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return totals, nil
}

// Events returns the number of events in periods.
func (q *Question) Events(ctx context.Context, periods ...Period) (uint64, error) {
	var n uint64
	for _, p := range q.pieces(periods) {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		if !p.whole() {
			err := q.eachQuarter(p, func(_ *File, _ entry, users quarterUsers) error {
				n += users.events
				return nil
			})
			if err != nil {
				return 0, err
			}
			continue
		}
		for _, r := range p.refs {
			if q.everything(r.file) {
				n += r.all().events
				continue
			}
			for _, x := range q.types(r) {
				n += x.events
			}
		}
	}
	return n, nil
}
