package rollup

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"eventanalytics/pkg/property"
)

// ErrNoProperties is returned when a file of a version that counted no properties is
// among those asked about.
var ErrNoProperties = errors.New("the roll-up is of a version that counts no properties")

// Kinds is a number of events that have a property, by the kind of its value.
type Kinds [property.Kinds]uint64

// kinded is a property with a kind of values: its number in some table<<kindBits | kind.
type kinded uint32

const kindBits = 3

func kindedOf(number uint32, kind property.Kind) kinded {
	return kinded(number<<kindBits | uint32(kind))
}

func (k kinded) number() uint32      { return uint32(k) >> kindBits }
func (k kinded) kind() property.Kind { return property.Kind(k & (1<<kindBits - 1)) }

// table numbers the names of properties.
type table struct {
	numbers map[string]uint32
	names   []string
}

func (t *table) number(name string) uint32 {
	n, ok := t.numbers[name]
	if !ok {
		if t.numbers == nil {
			t.numbers = map[string]uint32{}
		}
		name = strings.Clone(name) // a part of an event's JSON
		n = uint32(len(t.names))
		t.numbers[name] = n
		t.names = append(t.names, name)
	}
	return n
}

// shapes numbers the sets of properties, with kinds, that events have: few, mostly, and
// an event is then counted once and not for each of its properties.
type shapes struct {
	table
	numbers map[string]uint32 // by the set, 4 bytes for each kinded
	sets    []string
	events  []uint64 // that have it, by set

	scratch []byte
	event   uint64   // number of the last one
	last    []uint64 // event that had it, by property
}

// of returns the number of an event's shape; ok is false when it has no properties. A
// key that comes twice in an object, which ingest refuses, counts once.
func (s *shapes) of(properties string) (number uint32, ok bool) {
	s.event++
	s.scratch = s.scratch[:0]
	for name, value := range property.Members(properties) {
		n := s.number(name)
		if int(n) == len(s.last) {
			s.last = append(s.last, 0)
		}
		if s.last[n] == s.event {
			continue
		}
		s.last[n] = s.event
		s.scratch = binary.LittleEndian.AppendUint32(s.scratch, uint32(kindedOf(n, value.Kind())))
	}
	if len(s.scratch) == 0 {
		return 0, false
	}
	number, ok = s.numbers[string(s.scratch)]
	if !ok {
		if s.numbers == nil {
			s.numbers = map[string]uint32{}
		}
		number = uint32(len(s.sets))
		set := string(s.scratch)
		s.sets = append(s.sets, set)
		s.events = append(s.events, 0)
		s.numbers[set] = number
	}
	s.events[number]++
	return number, true
}

// kinds returns how many events have each property.
func (s *shapes) kinds() map[string]Kinds {
	all := map[string]Kinds{}
	for i, set := range s.sets {
		for ; set != ""; set = set[4:] {
			k := kinded(binary.LittleEndian.Uint32([]byte(set[:4])))
			kinds := all[s.names[k.number()]]
			kinds[k.kind()] += s.events[i]
			all[s.names[k.number()]] = kinds
		}
	}
	return all
}

// tally counts the events of one day and type by property, kind and quarter.
type tally struct {
	rows   map[kinded]int
	of     []kinded // by row
	counts [][quartersOfDay]uint64
}

func (t *tally) reset() {
	if t.rows == nil {
		t.rows = map[kinded]int{}
	}
	clear(t.rows)
	t.of, t.counts = t.of[:0], t.counts[:0]
}

func (t *tally) row(k kinded) int {
	n, ok := t.rows[k]
	if !ok {
		n = len(t.of)
		t.rows[k] = n
		t.of = append(t.of, k)
		t.counts = append(t.counts, [quartersOfDay]uint64{})
	}
	return n
}

// addShapes adds events, given as shape<<8 | quarter of the day. It sorts them.
func (t *tally) addShapes(s *shapes, events []uint64) {
	slices.Sort(events)
	var rows []int
	for i, x := range events {
		if i == 0 || x>>8 != events[i-1]>>8 {
			rows = rows[:0]
			for set := s.sets[x>>8]; set != ""; set = set[4:] {
				rows = append(rows, t.row(kinded(binary.LittleEndian.Uint32([]byte(set[:4])))))
			}
		}
		for _, row := range rows {
			t.counts[row][x&0xff]++
		}
	}
}

// writeProperties writes the properties of a day of a type, of which to is the entry:
// to the section in memory, in the order of names and kinds, each with its number of
// events, or 0 for all there are; and to the section of the cuts, for those that not all
// events have, their quarters.
func (e *encoder) writeProperties(to entry, names []string) {
	t := &e.tally
	rows := make([]int, len(t.of))
	for i := range rows {
		rows[i] = i
	}
	slices.SortFunc(rows, func(a, b int) int {
		x, y := t.of[a], t.of[b]
		return cmp.Or(strings.Compare(names[x.number()], names[y.number()]), cmp.Compare(x.kind(), y.kind()))
	})
	e.stream = e.stream[:0]
	cutsAt := e.cuts.Len()
	for _, row := range rows {
		counts := &t.counts[row]
		var n uint64
		for _, c := range counts {
			n += c
		}
		all := n == to.events
		if all {
			n = 0
		}
		k := t.of[row]
		e.stream = binary.AppendUvarint(e.stream, uint64(kindedOf(e.properties.number(names[k.number()]), k.kind())))
		e.stream = binary.AppendUvarint(e.stream, n)
		if !all {
			e.writeCuts(counts)
		}
	}
	e.memory.Write(binary.AppendUvarint(nil, uint64(e.cuts.Len()-cutsAt)))
	e.memory.Write(binary.AppendUvarint(nil, uint64(len(e.stream))))
	e.memory.Write(e.stream)
}

// writeCuts writes the quarters that have events: how many without lie before it, and
// whether there is more than one event, in one number, and then how many beyond two.
func (e *encoder) writeCuts(counts *[quartersOfDay]uint64) {
	var b [2 * binary.MaxVarintLen64]byte
	next := 0
	for q, n := range counts {
		if n == 0 {
			continue
		}
		gap := uint64(q-next) << 1
		next = q + 1
		if n == 1 {
			e.cuts.Write(binary.AppendUvarint(b[:0], gap))
			continue
		}
		e.cuts.Write(binary.AppendUvarint(binary.AppendUvarint(b[:0], gap|1), n-2))
	}
}

// daySection is where the properties of a day are.
type daySection struct {
	memoryAt, memoryLen uint64
	cutsAt, cutsLen     uint64 // in their section
}

// next is the section behind s, whose lengths are read.
func (s daySection) next(d *decoder) daySection {
	return daySection{s.memoryAt + s.memoryLen, d.uvarint(math.MaxInt32), s.cutsAt + s.cutsLen, d.uvarint(math.MaxInt32)}
}

// typeProperties are those of a type on a day.
type typeProperties struct {
	entry
	rest decoder
	most uint32 // one more than the highest number
	cuts []byte // nil unless they were read
}

// properties returns the properties of the types of a day, with their quarters if asked
// for.
func (r ref) properties(cuts bool) (all []typeProperties, err error) {
	if !r.file.counted {
		return nil, ErrNoProperties
	}
	s := r.file.sections[r.n]
	var quarters []byte
	if cuts {
		if quarters, err = r.file.readAt(r.file.cutsAt+int64(s.cutsAt), s.cutsLen); err != nil {
			return nil, err
		}
	}
	d := decoder{rest: r.file.properties[s.memoryAt : s.memoryAt+s.memoryLen]}
	for _, x := range r.types() {
		cutsLen := d.uvarint(s.cutsLen)
		part := d.bytes()
		one := typeProperties{entry: x, most: uint32(len(r.file.names)), rest: decoder{rest: part}}
		if s.cutsLen -= cutsLen; d.bad {
			return nil, damagedProperties(x)
		}
		if cuts {
			one.cuts, quarters = quarters[:cutsLen], quarters[cutsLen:]
		}
		all = append(all, one)
	}
	if len(d.rest) > 0 || s.cutsLen > 0 {
		return nil, damagedProperties(*r.all())
	}
	return all, nil
}

// each calls f for each property and kind, with how many of the type's events have it.
func (p typeProperties) each(f func(k kinded, events uint64) error) error {
	for d := p.rest; len(d.rest) > 0; {
		k := kinded(d.uvarint(math.MaxUint32))
		events := d.uvarint(p.events)
		if events == 0 {
			events = p.events
		}
		if d.bad || k.number() >= p.most || k.kind() >= property.Kinds {
			return damagedProperties(p.entry)
		}
		if err := f(k, events); err != nil {
			return err
		}
	}
	return nil
}

// eachQuarter calls f for each property, kind and quarter with events. b has the quarters
// of the type.
func (p typeProperties) eachQuarter(b block, f func(k kinded, quarter uint8, events uint64)) error {
	cuts := decoder{rest: p.cuts}
	err := p.each(func(k kinded, events uint64) error {
		if events == p.events {
			return b.each(p.entry, 0, quartersOfDay, func(q quarterUsers) error {
				f(k, q.quarter, q.events)
				return nil
			})
		}
		for next := uint64(0); events > 0; next++ {
			gap := cuts.uvarint(2*quartersOfDay + 1)
			n := uint64(1)
			if gap&1 != 0 {
				n = 2 + cuts.uvarint(events)
			}
			next += gap >> 1
			if cuts.bad || n > events || next >= quartersOfDay {
				return damagedProperties(p.entry)
			}
			f(k, uint8(next), n)
			events -= n
		}
		return nil
	})
	if err == nil && len(cuts.rest) > 0 {
		err = damagedProperties(p.entry)
	}
	return err
}

func damagedProperties(x entry) error {
	return fmt.Errorf("%w: the properties of day %d are damaged", ErrFormat, x.day)
}

// Properties returns how many of the events in periods have each property, the keys of
// the object itself, by the kind of its value. It takes memory for the names and for one
// file's counts at a time. The error is ErrNoProperties when a file is of a version that
// does not know.
func (s *Scan) Properties(ctx context.Context, periods ...Period) (map[string]Kinds, error) {
	type part struct {
		ref
		piece
	}
	parts := map[*File][]part{}
	for _, p := range s.pieces(periods) {
		for _, r := range p.refs {
			parts[r.file] = append(parts[r.file], part{r, p})
		}
	}
	total := map[string]Kinds{}
	var sums []Kinds // by number
	for f, of := range parts {
		sums = append(sums[:0], make([]Kinds, len(f.names))...)
		for _, p := range of {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			if err := s.addProperties(p.ref, p.piece, sums); err != nil {
				return nil, err
			}
		}
		for i, name := range f.names {
			if sums[i] == (Kinds{}) {
				continue
			}
			kinds := total[name]
			for k, n := range sums[i] {
				kinds[k] += n
			}
			total[name] = kinds
		}
	}
	return total, nil
}

// addProperties adds those of a part of a day of a file.
func (s *Scan) addProperties(r ref, p piece, sums []Kinds) error {
	types := s.types(r)
	if len(types) == 0 {
		return nil
	}
	all, err := r.properties(!p.whole())
	if err != nil {
		return err
	}
	var b block
	if !p.whole() {
		if b, err = s.block(r, types); err != nil {
			return err
		}
	}
	for _, one := range all {
		if len(types) == 0 || one.eventType != types[0].eventType {
			continue
		}
		types = types[1:]
		if p.whole() {
			err = one.each(func(k kinded, events uint64) error {
				sums[k.number()][k.kind()] += events
				return nil
			})
		} else {
			err = one.eachQuarter(b, func(k kinded, quarter uint8, events uint64) {
				if int(quarter) >= p.from && int(quarter) < p.to {
					sums[k.number()][k.kind()] += events
				}
			})
		}
		if err != nil {
			return err
		}
	}
	return nil
}
