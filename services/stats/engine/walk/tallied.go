package walk

// tallied counts numbers by the place of cells. A counter for each number of each cell is
// more than a processor's cache holds, so numbers wait in a list for each cell until there
// are many, and are then counted together.
type tallied struct {
	distinct int // how many numbers there are
	dense    [][]uint32
	sparse   []map[uint32]int64 // in place of dense where that would be too large
	waiting  [][]uint32
}

// maxWaiting is how many numbers wait at most, in all cells of a goroutine, and maxRoom in
// one.
const (
	maxWaiting = 1 << 19
	maxRoom    = 1 << 12
)

func newTallied(places, numbers int, dense bool) tallied {
	t := tallied{distinct: numbers, waiting: make([][]uint32, places)}
	if dense {
		t.dense = make([][]uint32, places)
	} else {
		t.sparse = make([]map[uint32]int64, places)
	}
	return t
}

// tally counts events by their cells and numbers, 0 for none, and returns the memory that
// it takes.
func (t *tallied) tally(cells, numbers []uint32) (bytes int) {
	room := max(1, min(maxRoom, maxWaiting/len(t.waiting)))
	for i, at := range cells {
		if numbers[i] == 0 || at == noCell {
			continue
		}
		list := &t.waiting[at]
		if *list = append(*list, numbers[i]); len(*list) >= room {
			bytes += t.settle(int(at))
		}
	}
	return bytes
}

// settle counts the numbers that wait in a cell.
func (t *tallied) settle(at int) (bytes int) {
	waiting := t.waiting[at]
	t.waiting[at] = waiting[:0]
	if t.dense != nil {
		if t.dense[at] == nil {
			t.dense[at] = make([]uint32, t.distinct)
		}
		counts := t.dense[at]
		for _, n := range waiting {
			counts[n]++
		}
		return 0
	}
	if t.sparse[at] == nil {
		t.sparse[at] = map[uint32]int64{}
	}
	counts := t.sparse[at]
	before := len(counts)
	for _, n := range waiting {
		counts[n]++
	}
	return numberBytes * (len(counts) - before)
}

// merge adds what another has counted.
func (t *tallied) merge(other *tallied) {
	for at := range t.waiting {
		var mine, theirs cell
		t.cell(at, &mine)
		other.cell(at, &theirs)
		mine.mergeNumbers(&theirs)
		if t.dense != nil {
			t.dense[at] = mine.dense
		} else {
			t.sparse[at] = mine.sparse
		}
	}
}

// cell puts the numbers of a place into a cell.
func (t *tallied) cell(at int, c *cell) {
	if len(t.waiting) == 0 {
		return
	}
	if len(t.waiting[at]) > 0 {
		t.settle(at)
	}
	if t.dense != nil {
		c.dense = t.dense[at]
	} else {
		c.sparse = t.sparse[at]
	}
}
