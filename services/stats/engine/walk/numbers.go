package walk

import (
	"context"
	"maps"
	"math"
	mathbits "math/bits"
	"runtime"
	"slices"

	"golang.org/x/sync/errgroup"

	"eventanalytics/pkg/decimal"
	"eventanalytics/pkg/syntax"
	"eventanalytics/services/stats/engine"
)

// numbers are the distinct numbers of a field by id, ascending from 1; 0 stands for none.
type numbers struct {
	count int // of ids
	// Either of them: what is added up is scaled, unless it needs too many digits.
	scaled decimal.Scaled
	all    []decimal.Decimal
}

// numbersOf makes the numbers of a field ready. sums says that they are only added up.
func (p *plan) numbersOf(ctx context.Context, of syntax.Field, sums bool) (*field, *numbers, error) {
	if of.Source == syntax.Property && len(of.Keys) == 1 && len(p.unknown(of, p.period)) == 0 {
		if f, n, err := p.integers(p.property(of.Keys[0], p.period)); f != nil || err != nil {
			if err == nil && !sums {
				n.all = n.scaled.Decimals()
			}
			return f, n, err
		}
	}
	f, err := p.fieldAs(ctx, of, engine.NumberOf)
	if err != nil {
		return nil, nil, err
	}
	n := &numbers{count: len(f.texts.all), all: f.sortNumbers()}
	if sums {
		n.scaled, _ = decimal.Scale(n.all)
	}
	return f, n, nil
}

// sortNumbers gives the values of a field, which are numbers, other ids, which ascend as
// they do, and returns them by id.
func (f *field) sortNumbers() []decimal.Decimal {
	all, ids := make([]decimal.Decimal, len(f.texts.all)), make([]uint32, len(f.texts.all))
	for id := range all {
		ids[id] = uint32(id)
		all[id], _ = decimal.Parse(f.texts.all[id]) // all but that of 0 are
	}
	slices.SortFunc(ids[1:], func(a, b uint32) int { return decimal.Compare(all[a], all[b]) })
	ranks, sorted := make([]uint32, len(ids)), make([]decimal.Decimal, len(ids))
	for rank, id := range ids {
		ranks[id], sorted[rank] = uint32(rank), all[id]
	}
	f.texts = nil
	for i := range f.files {
		rename(f.files[i].ids, ranks)
	}
	for _, ids := range [][]uint32{f.ids, f.users, f.in[:]} {
		rename(ids, ranks)
	}
	return sorted
}

// rename gives other ids.
func rename(ids, to []uint32) {
	for i, id := range ids {
		ids[i] = to[id]
	}
}

// What a value of a file takes as an integer, and as the id of its number; what 64 marks of
// possible numbers take, and what a distinct number does.
const (
	integerBytes  = 8 + 4
	markBytes     = 8 + 4
	distinctBytes = 64
)

// integers makes numbers ready as integers, with ids that ascend as they do: it takes a
// tenth of the time that their texts would. The field is nil where they need too many
// digits for that.
func (p *plan) integers(columns []column) (*field, *numbers, error) {
	bytes := 0
	for i := range columns {
		bytes += integerBytes * columns[i].len()
	}
	if bytes > engine.MaxBytes/2 {
		return nil, nil, nil // texts that many values share take less
	}
	if err := p.spend(bytes); err != nil {
		return nil, nil, err
	}
	files := make([]decimal.Scaled, len(columns))
	var g errgroup.Group
	g.SetLimit(runtime.GOMAXPROCS(0))
	for i := range columns {
		g.Go(func() error {
			return p.view.Guard(func() error {
				files[i] = columns[i].integers()
				return nil
			})
		})
	}
	if err := g.Wait(); err != nil {
		return nil, nil, err
	}
	scaled, ok := decimal.Align(files)
	if !ok {
		return nil, nil, nil
	}
	f := &field{kind: ofProperty, files: make([]coded, len(files))}
	room := memory{budget: p.budget}
	distinct, byFile, err := number(files, room.spend)
	if err != nil {
		return nil, nil, unsupported(err)
	}
	for i, ids := range byFile {
		f.files[i] = coded{columns[i], ids}
	}
	scaled.Integers = distinct
	return f, &numbers{count: len(distinct), scaled: scaled}, nil
}

// integers are the numbers of a column, by code.
func (c *column) integers() (s decimal.Scaled) {
	s.Integers = append(make([]int64, 0, c.len()), decimal.None)
	values := c.codes.Values()
	for json, ok := values.Next(); ok; json, ok = values.Next() {
		s.Append(json)
	}
	return s
}

// number gives the distinct ones of integers ids in their order, and returns them by id and
// the ids by file and code. It spends the memory that they take.
func number(files []decimal.Scaled, spend func(bytes int) error) (distinct []int64, ids [][]uint32, err error) {
	count, least, most := 0, int64(math.MaxInt64), int64(math.MinInt64)
	ids = make([][]uint32, len(files))
	for i := range files {
		ids[i] = make([]uint32, len(files[i].Integers))
		count += len(files[i].Integers)
		for _, n := range files[i].Integers {
			if n != decimal.None {
				least, most = min(least, n), max(most, n)
			}
		}
	}
	if span := uint64(most - least); least <= most && span/64 < uint64(count) {
		distinct, err = numberByMarks(files, ids, least, span, spend)
	} else {
		distinct, err = numberByMap(files, ids, spend)
	}
	return distinct, ids, err
}

// numberByMarks has a bit for each integer that is possible.
func numberByMarks(files []decimal.Scaled, ids [][]uint32, least int64, span uint64, spend func(int) error) ([]int64, error) {
	marks := newBits(int(span))
	if err := spend(markBytes * len(marks)); err != nil {
		return nil, err
	}
	for i := range files {
		for _, n := range files[i].Integers {
			if n != decimal.None {
				marks.set(int(n - least))
			}
		}
	}
	distinct, before := []int64{0}, make([]uint32, len(marks))
	for i, word := range marks {
		before[i] = uint32(len(distinct))
		for ; word != 0; word &= word - 1 {
			distinct = append(distinct, least+int64(64*i+mathbits.TrailingZeros64(word)))
			if err := spend(distinctBytes); err != nil {
				return nil, err
			}
		}
	}
	for i := range files {
		for code, n := range files[i].Integers {
			if n != decimal.None {
				at := uint64(n - least)
				ids[i][code] = before[at/64] + uint32(mathbits.OnesCount64(marks[at/64]&(1<<(at%64)-1)))
			}
		}
	}
	return distinct, nil
}

// numberByMap sorts the integers that there are.
func numberByMap(files []decimal.Scaled, ids [][]uint32, spend func(int) error) ([]int64, error) {
	distinct, found := []int64{0}, map[int64]uint32{}
	for i := range files {
		for code, n := range files[i].Integers {
			if n == decimal.None {
				continue
			}
			id, known := found[n]
			if !known {
				if err := spend(distinctBytes); err != nil {
					return nil, err
				}
				id = uint32(len(distinct))
				found[n] = id
				distinct = append(distinct, n)
			}
			ids[i][code] = id
		}
	}
	slices.Sort(distinct[1:])
	ranks := make([]uint32, len(distinct))
	for i, n := range distinct[1:] {
		ranks[found[n]] = uint32(i) + 1
	}
	for i := range ids {
		rename(ids[i], ranks)
	}
	return distinct, nil
}

// of are the numbers of a cell, and what they take besides those that cells share.
func (n *numbers) of(c *cell) (of engine.Numbered, bytes int) {
	switch {
	case c.dense != nil:
		of = engine.Numbered{Numbers: n.all[1:], Events: make([]int64, n.count-1)}
		for i, events := range c.dense[1:] {
			of.Events[i] = int64(events)
		}
		return of, eventsBytes * len(of.Events)
	case len(c.sparse) > 0:
		for _, id := range slices.Sorted(maps.Keys(c.sparse)) {
			of.Add(n.all[id], c.sparse[id])
		}
	}
	return of, numberBytes * of.Len()
}

// eventsBytes is what the events of a number take.
const eventsBytes = 8
