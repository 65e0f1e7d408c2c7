package rollup

import (
	"context"
	"math/bits"
	"slices"
	"strings"

	"github.com/RoaringBitmap/roaring/v2"

	"eventanalytics/pkg/calendar"
)

// Period is the time [From, To). Those of one scan must not overlap.
type Period struct{ From, To Quarter }

// Always is all time.
var Always = Period{minQuarter, maxQuarter}

// Days fit into 32 bits.
const minQuarter, maxQuarter = -quartersOfDay << 31, quartersOfDay << 31

// Scan reads a view for some event types. It is for one goroutine.
type Scan struct {
	view  *View
	match func(eventType string) bool
	known map[*File][]bool // by type, for files that have types that do not match

	// only, if not empty, is the one type asked about, of those that wider is about.
	only  string
	wider *Scan

	*scratch
	blocks map[ref]block
	last   int32 // the day read last: blocks has it and the one before
}

type scratch struct {
	set []uint64 // a bit for each user
}

// Scan begins a scan of the event types that match; nil is for all.
func (v *View) Scan(match func(eventType string) bool) *Scan {
	return &Scan{view: v, match: match, known: map[*File][]bool{}, scratch: &scratch{}, blocks: map[ref]block{}}
}

// Of asks about one of the event types that s is about. However many types are
// asked about one after the other, they share s's memory, and what it has read.
func (s *Scan) Of(eventType string) *Scan {
	one := &Scan{view: s.view, only: eventType, wider: s, scratch: s.scratch, blocks: map[ref]block{}}
	if s.match != nil && !s.match(eventType) || s.only != "" && s.only != eventType {
		one.view = &View{}
	}
	return one
}

// everything says that all types of a file match.
func (s *Scan) everything(f *File) bool { return s.only == "" && s.matching(f) == nil }

// matching returns which types of a file match, nil for all.
func (s *Scan) matching(f *File) []bool {
	if s.match == nil {
		return nil
	}
	matching, ok := s.known[f]
	if ok {
		return matching
	}
	matching = make([]bool, len(f.types))
	all := true
	for i, name := range f.types {
		matching[i] = s.match(name)
		all = all && matching[i]
	}
	if all {
		matching = nil
	}
	s.known[f] = matching
	return matching
}

// types returns the matching types of a day of a file.
func (s *Scan) types(r ref) []entry {
	if s.only != "" { // types of a day are in the order of their names
		types := r.types()
		i, ok := slices.BinarySearchFunc(types, s.only, func(x entry, name string) int { return strings.Compare(r.file.types[x.eventType-1], name) })
		if !ok {
			return nil
		}
		return types[i : i+1]
	}
	matching := s.matching(r.file)
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
func (s *Scan) pieces(periods []Period) []piece {
	var pieces []piece
	for _, p := range periods {
		from, to := max(p.From, minQuarter), min(p.To, maxQuarter)
		if from >= to {
			continue
		}
		for _, d := range s.view.between(int32(calendar.FloorDiv(int64(from), quartersOfDay)), int32(calendar.FloorDiv(int64(to-1), quartersOfDay))) {
			midnight := Quarter(d.day) * quartersOfDay
			pieces = append(pieces, piece{d, int(max(from-midnight, 0)), int(min(to-midnight, quartersOfDay))})
		}
	}
	return pieces
}

// CountUsers returns the number of distinct users in periods. Of a day, local ones
// included, it is remembered until one of the segments with the day changes.
func (s *Scan) CountUsers(ctx context.Context, periods ...Period) (uint64, error) {
	pieces := s.pieces(periods)
	if len(pieces) == 0 {
		return 0, nil
	}
	what, next, one := s.counted(pieces)
	if one {
		if users, ok := pieces[0].recall(what, next); ok {
			return users, nil
		}
	}
	sets, marked, err := s.gather(ctx, pieces)
	if err != nil {
		return 0, err
	}
	var users uint64
	switch {
	case len(sets) > 0:
		users = cardinality(s.withMarked(sets, marked))
	case marked:
		for _, word := range s.set {
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
func (s *Scan) counted(pieces []piece) (what counted, next uint64, ok bool) {
	first, last := pieces[0], pieces[len(pieces)-1]
	switch {
	case len(pieces) == 1:
	case len(pieces) == 2 && last.day.day == first.day.day+1 && first.to == quartersOfDay && last.from == 0:
		next = last.id
	default:
		return what, 0, false
	}
	if what.eventType, ok = s.one(pieces); !ok {
		return what, 0, false
	}
	what.from, what.to = first.from, last.to
	return what, next, true
}

// Users returns the distinct users in periods. The set must not be changed.
func (s *Scan) Users(ctx context.Context, periods ...Period) (*roaring.Bitmap, error) {
	sets, marked, err := s.gather(ctx, s.pieces(periods))
	if err != nil {
		return nil, err
	}
	return union(s.withMarked(sets, marked)), nil
}

// withMarked adds the users that are marked, if there are any, to sets.
func (s *Scan) withMarked(sets []*roaring.Bitmap, marked bool) []*roaring.Bitmap {
	if !marked {
		return sets
	}
	return append(sets, roaring.FromDense(s.set, true))
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
// in s.set if there are any.
func (s *Scan) gather(ctx context.Context, pieces []piece) (sets []*roaring.Bitmap, marked bool, err error) {
	for _, p := range pieces {
		if err := ctx.Err(); err != nil {
			return nil, false, err
		}
		if p.whole() {
			if sets, err = s.sets(p.day, sets); err != nil {
				return nil, false, err
			}
			continue
		}
		if !marked {
			s.clear()
			marked = true
		}
		if err := s.mark(p); err != nil {
			return nil, false, err
		}
	}
	if marked {
		s.view.persons.FoldBits(s.set)
	}
	return sets, marked, nil
}

func (s *Scan) clear() {
	if s.set == nil {
		s.set = make([]uint64, s.view.users/64+1)
		return
	}
	clear(s.set)
}

// sets appends the sets whose union are a day's users.
func (s *Scan) sets(d *day, sets []*roaring.Bitmap) ([]*roaring.Bitmap, error) {
	if s.view.persons != nil {
		return s.persons(d, sets)
	}
	for _, r := range d.refs {
		if s.everything(r.file) {
			users, err := r.file.bitmap(r.all())
			if err != nil {
				return nil, err
			}
			sets = append(sets, users)
			continue
		}
		types := s.types(r)
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

// one returns the one type in pieces that the scan is about, or "" when it is
// about all.
func (s *Scan) one(pieces []piece) (name string, ok bool) {
	if s.only != "" {
		return s.only, true
	}
	if s.match == nil {
		return "", true
	}
	for _, p := range pieces {
		for _, r := range p.refs {
			for _, x := range s.types(r) {
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
func (s *Scan) mark(p piece) error {
	return s.eachQuarter(p, func(_ *File, _ entry, users quarterUsers) error { return users.mark(s.set) })
}

func (s *Scan) eachQuarter(p piece, f func(*File, entry, quarterUsers) error) error {
	for _, r := range p.refs {
		types := s.types(r)
		if len(types) == 0 {
			continue
		}
		b, err := s.block(r, types)
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
func (s *Scan) block(r ref, types []entry) (block, error) {
	if b, ok := s.blocks[r]; ok {
		return b, nil
	}
	if s.wider != nil {
		if b, ok := s.wider.blocks[r]; ok {
			return b, nil
		}
	}
	if d := r.all().day; d != s.last {
		for old := range s.blocks {
			if old.all().day != s.last {
				delete(s.blocks, old)
			}
		}
		s.last = d
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
		s.blocks[r] = b
	}
	return b, err
}

// Types returns the names of the event types that have events, in the order of code
// points: the first limit of those after a name. It takes memory for these alone,
// however many there are.
func (s *Scan) Types(ctx context.Context, after string, limit int) ([]string, error) {
	var names []string
	cut := func() {
		slices.Sort(names)
		names = slices.Compact(names)
		names = names[:min(limit, len(names))]
	}
	seen := map[*File]bool{}
	for _, d := range s.view.days {
		for _, r := range d.refs {
			if seen[r.file] {
				continue
			}
			seen[r.file] = true
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			matching := s.matching(r.file)
			for i, name := range r.file.types {
				if name <= after || matching != nil && !matching[i] {
					continue
				}
				if names = append(names, name); len(names) >= 2*limit {
					cut()
				}
			}
		}
	}
	cut()
	return names, nil
}

// Total is what there is of an event type.
type Total struct {
	Events uint64
	// First and Last are the times of the first and the last event in
	// microseconds since 1970 UTC. They are right only for whole days.
	First, Last int64
}

// Totals returns what there is of each type in periods.
func (s *Scan) Totals(ctx context.Context, periods ...Period) (map[string]Total, error) {
	totals := map[string]Total{}
	add := func(f *File, x entry, events uint64) {
		name := f.types[x.eventType-1]
		t, ok := totals[name]
		if !ok {
			t.First, t.Last = x.first, x.last
		}
		totals[name] = Total{t.Events + events, min(t.First, x.first), max(t.Last, x.last)}
	}
	for _, p := range s.pieces(periods) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if p.whole() {
			for _, r := range p.refs {
				for _, x := range s.types(r) {
					add(r.file, x, x.events)
				}
			}
			continue
		}
		err := s.eachQuarter(p, func(f *File, x entry, users quarterUsers) error {
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
func (s *Scan) Events(ctx context.Context, periods ...Period) (uint64, error) {
	var n uint64
	for _, p := range s.pieces(periods) {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		if !p.whole() {
			err := s.eachQuarter(p, func(_ *File, _ entry, users quarterUsers) error {
				n += users.events
				return nil
			})
			if err != nil {
				return 0, err
			}
			continue
		}
		for _, r := range p.refs {
			if s.everything(r.file) {
				n += r.all().events
				continue
			}
			for _, x := range s.types(r) {
				n += x.events
			}
		}
	}
	return n, nil
}
