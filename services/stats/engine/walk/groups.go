package walk

import (
	"context"

	"eventanalytics/pkg/syntax"
	"eventanalytics/pkg/warehouse/walk"
	"eventanalytics/services/stats/engine"
)

// sorter finds the group of an event. Each goroutine has its own.
type sorter interface {
	// group returns the index of the group.
	group(r *reader, e *walk.Event) int
}

// blockSorter is a sorter that knows how many groups there are.
type blockSorter interface {
	// addGroups adds the groups of a block's events to their cells, unless one is noCell.
	addGroups(r *blockReader, b *walk.Block, cells []uint32)
}

// fields makes the fields of a breakdown ready.
func (p *plan) fields(ctx context.Context, breakdown []syntax.Breakdown) ([]*field, error) {
	fields := make([]*field, len(breakdown))
	for i, b := range breakdown {
		f, err := p.breakdown(ctx, b)
		if err != nil {
			return nil, err
		}
		fields[i] = f
	}
	return fields, nil
}

// one is the sorter of a single group.
type one struct{}

func (one) group(*reader, *walk.Event) int { return 0 }

func (one) addGroups(*blockReader, *walk.Block, []uint32) {}

// listed sorts into groups that are known before, and one behind them for all others.
// Several goroutines may use it.
type listed struct {
	fields []*field
	places [][]uint32 // by field and value: a number from 1 for values that groups have
	widths []int      // by field, how many numbers there are
	groups []int32    // by the numbers of all fields: index of the group
	rest   int
}

// maxListed bounds the table of groups: with three fields most combinations are none.
const maxListed = 1 << 22

func newListed(fields []*field, groups []engine.Group) (*listed, error) {
	l := &listed{fields: fields, rest: len(groups)}
	size := 1
	for i, f := range fields {
		width := 0
		var places []uint32
		for _, g := range groups {
			id, ok := f.find(g[i])
			if !ok {
				continue
			}
			if more := int(id) + 1 - len(places); more > 0 {
				places = append(places, make([]uint32, more)...)
			}
			if places[id] == 0 {
				width++
				places[id] = uint32(width)
			}
		}
		l.places, l.widths = append(l.places, places), append(l.widths, width)
		if size *= width; size > maxListed {
			return nil, engine.ErrUnsupported
		}
	}
	l.groups = make([]int32, size)
	for at := range l.groups {
		l.groups[at] = int32(l.rest)
	}
	for n, g := range groups {
		at := 0
		for i, f := range fields {
			id, ok := f.find(g[i])
			if !ok {
				at = -1 // no event has it
				break
			}
			at = at*l.widths[i] + int(l.places[i][id]) - 1
		}
		if at >= 0 {
			l.groups[at] = int32(n)
		}
	}
	return l, nil
}

func (l *listed) group(r *reader, e *walk.Event) int {
	at := 0
	for i, f := range l.fields {
		id, places := f.id(r, e), l.places[i]
		if int(id) >= len(places) || places[id] == 0 {
			return l.rest
		}
		at = at*l.widths[i] + int(places[id]) - 1
	}
	return int(l.groups[at])
}

func (l *listed) addGroups(r *blockReader, b *walk.Block, cells []uint32) {
	if len(l.fields) != 1 {
		for i := range cells {
			if e := r.event(b, i); cells[i] != noCell {
				cells[i] += uint32(l.group(r.reader, &e))
			}
		}
		return
	}
	places := l.places[0]
	r.ids = l.fields[0].appendIDs(r, b, r.ids[:0])
	for i, id := range r.ids {
		group := uint32(l.rest)
		if int(id) < len(places) && places[id] > 0 {
			group = uint32(l.groups[places[id]-1])
		}
		if cells[i] != noCell {
			cells[i] += group
		}
	}
}

// combination is the values of up to three fields.
type combination [syntax.MaxBreakdown]uint32

// found sorts into the groups that it finds: each combination of values is one.
type found struct {
	fields []*field
	known  map[combination]int
	all    []combination
	last   int // the one that was last asked for: often it is the only one
}

func newFound(fields []*field) *found { return &found{fields: fields, known: map[combination]int{}} }

func (f *found) group(r *reader, e *walk.Event) int {
	var c combination
	for i, field := range f.fields {
		c[i] = field.id(r, e)
	}
	return f.of(c)
}

// of returns the index of a combination.
func (f *found) of(c combination) int {
	if f.last < len(f.all) && f.all[f.last] == c {
		return f.last
	}
	at, ok := f.known[c]
	if !ok {
		at = len(f.all)
		f.known[c] = at
		f.all = append(f.all, c)
	}
	f.last = at
	return at
}

// values are those of a combination.
func (f *found) values(at int) engine.Group {
	g := make(engine.Group, len(f.fields))
	for i, field := range f.fields {
		g[i] = field.texts.text(f.all[at][i])
	}
	return g
}

// single sorts by the value of one field. Several goroutines may use it.
type single struct{ *field }

func (s single) group(r *reader, e *walk.Event) int { return int(s.id(r, e)) }

func (s single) addGroups(r *blockReader, b *walk.Block, cells []uint32) {
	r.ids = s.appendIDs(r, b, r.ids[:0])
	for i, id := range r.ids {
		if cells[i] != noCell {
			cells[i] += id
		}
	}
}
