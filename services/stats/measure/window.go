package measure

import (
	"maps"
	"slices"

	"github.com/RoaringBitmap/roaring/v2"

	"eventanalytics/pkg/decimal"
	"eventanalytics/pkg/syntax"
	"eventanalytics/services/stats/engine"
)

// Windows returns the value of each window of n neighbouring cells that ends with a cell,
// taken as one; n = 0 is for all cells up to it. cells has one for each bucket, some
// without events. ok tells which windows have events; the value of the others is nothing.
func Windows(m syntax.Measure, cells []engine.Cell, n int) (values []Value, ok []bool) {
	w := newWindow(m, cells, n)
	values, ok = make([]Value, len(cells)), make([]bool, len(cells))
	var events int64
	for i, c := range cells {
		if n > 0 && i >= n {
			if old := cells[i-n]; old.Events > 0 {
				events -= old.Events
				w.take(i - n)
			}
		}
		if c.Events > 0 {
			events += c.Events
			w.add(i)
		}
		if values[i], ok[i] = Nothing(m), events > 0; ok[i] {
			values[i] = w.value(i, events)
		}
	}
	return values, ok
}

// window is what a measure needs to know of the cells in a window.
type window interface {
	add(cell int)  // the next one with events
	take(cell int) // the first one added, which leaves
	// value is that of the window that ends with a cell and has so many events.
	value(end int, events int64) Value
}

func newWindow(m syntax.Measure, cells []engine.Cell, n int) window {
	switch m.Name {
	case syntax.Events:
		return eventWindow{}
	case syntax.Sum, syntax.Avg:
		return &sumWindow{measure: m.Name, cells: cells}
	case syntax.Users, syntax.PerUser, syntax.Distinct:
		return &userWindow{perUser: m.Name == syntax.PerUser, cells: cells, length: n, behind: roaring.New()}
	}
	return newNumberWindow(m.Name, cells)
}

type eventWindow struct{}

func (eventWindow) add(int)                         {}
func (eventWindow) take(int)                        {}
func (eventWindow) value(_ int, events int64) Value { return number(float64(events)) }

// sumWindow adds and takes back the sums of cells.
type sumWindow struct {
	measure string
	cells   []engine.Cell
	sum     decimal.Sum
}

func (w *sumWindow) add(cell int) {
	if sum := w.cells[cell].Sum; sum != nil {
		w.sum.Add(sum)
	}
}

func (w *sumWindow) take(cell int) {
	if sum := w.cells[cell].Sum; sum != nil {
		w.sum.Take(sum)
	}
}

func (w *sumWindow) value(int, int64) Value { return sumOrAverage(w.measure, &w.sum) }

// userWindow unites sets. A window is the end of one block of as many cells and the
// beginning of the next: with the unions from each cell to its block's end, and from the
// block's beginning on, it takes one more union, however long it is.
type userWindow struct {
	perUser bool
	cells   []engine.Cell
	length  int // 0: without end
	ends    []*roaring.Bitmap
	behind  *roaring.Bitmap // of the cells behind the block of ends
	next    int             // the first cell behind that block
}

func (w *userWindow) add(cell int) {
	if set := w.cells[cell].Set; set != nil {
		w.behind.Or(set)
	}
}

func (*userWindow) take(int) {}

func (w *userWindow) value(end int, events int64) Value {
	var users int64
	if first := end - w.length + 1; w.length > 0 && first > 0 {
		if first >= w.next {
			w.block(first, end)
		}
		users = int64(w.ends[first-(w.next-w.length)].OrCardinality(w.behind))
	} else {
		users = int64(w.behind.GetCardinality())
	}
	if w.perUser {
		return ratio(events, users)
	}
	return number(float64(users))
}

// block unites the cells of a window from its end to each: the windows that begin in it
// need one of these unions, and the cells behind.
func (w *userWindow) block(first, end int) {
	w.ends = make([]*roaring.Bitmap, w.length)
	union := roaring.New()
	for i := end; i >= first; i-- {
		if set := w.cells[i].Set; set != nil && !set.IsEmpty() {
			union = roaring.Or(union, set)
		}
		w.ends[i-first] = union
	}
	w.next, w.behind = end+1, roaring.New()
}

// numberWindow counts the events of each number that any cell has, in a binary indexed
// tree, in which the number at a place is found without adding all of them up.
type numberWindow struct {
	measure string
	cells   []engine.Cell
	numbers []decimal.Decimal       // ascending
	places  map[decimal.Decimal]int // in numbers
	tree    []int64                 // from 1
	count   int64
}

func newNumberWindow(measure string, cells []engine.Cell) *numberWindow {
	w := &numberWindow{measure: measure, cells: cells, places: map[decimal.Decimal]int{}}
	for _, c := range cells {
		for n := range c.Numbers.All() {
			w.places[n] = 0
		}
	}
	w.numbers = slices.SortedFunc(maps.Keys(w.places), decimal.Compare)
	for i, n := range w.numbers {
		w.places[n] = i
	}
	w.tree = make([]int64, len(w.numbers)+1)
	return w
}

func (w *numberWindow) add(cell int)  { w.change(cell, 1) }
func (w *numberWindow) take(cell int) { w.change(cell, -1) }

func (w *numberWindow) change(cell int, sign int64) {
	for n, events := range w.cells[cell].Numbers.All() {
		w.count += sign * events
		for i := w.places[n] + 1; i < len(w.tree); i += i & -i {
			w.tree[i] += sign * events
		}
	}
}

func (w *numberWindow) value(int, int64) Value { return between(w.measure, w.count, w.at) }

// at returns the number at a place from 0.
func (w *numberWindow) at(place int64) decimal.Decimal {
	step := 1
	for step*2 < len(w.tree) {
		step *= 2
	}
	i := 0
	for ; step > 0; step /= 2 {
		if next := i + step; next < len(w.tree) && w.tree[next] <= place {
			place -= w.tree[next]
			i = next
		}
	}
	return w.numbers[i]
}
