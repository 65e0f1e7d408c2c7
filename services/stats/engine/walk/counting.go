package walk

import (
	"cmp"
	"context"
	"slices"

	"github.com/RoaringBitmap/roaring/v2"

	"eventanalytics/pkg/decimal"
	"eventanalytics/pkg/warehouse/walk"
	"eventanalytics/services/stats/engine"
)

// counting is what is counted of events, by bucket and group.
type counting struct {
	*plan
	filter *filter // of events
	first  bool    // only each user's first event that passes
	unit   *field  // which events must have; nil: none
	line   *timeline
	before bool // counts what is before the range, as a bucket before the others
	sorter func() sorter
	groups int // how many there are; 0 when they are found, in one bucket
	least  int
	part   engine.Part
	value  *field // of numbers, or whose values are counted in the place of users
	// numbers are the value's, by its ids.
	numbers *numbers
	dense   bool // cells have a counter for each number that there is
}

// cell is what there is of a group in a bucket.
type cell struct {
	at     int // bucket · groups + group
	events int64
	users  int64
	last   int64           // user counted last, and 1
	held   int             // events of the current user that are held back
	set    []uint32        // users, ascending
	values *roaring.Bitmap // counted in the place of users
	dense  []uint32        // events by number
	sparse map[uint32]int64
	total  decimal.Total // of the scaled numbers
}

// counter counts the events of some users.
type counter struct {
	*counting
	r      *reader
	sorter sorter
	slots  []uint32 // by a cell's place: its index in cells, and 1
	cells  []cell
	held   []held
	memory
}

// held is an event that counts when the user has enough others.
type held struct {
	cell  int
	value uint32
}

// run counts, and returns the cells of all goroutines together, by place.
func (c *counting) run(ctx context.Context) ([]cell, *found, error) {
	if c.byBlocks() {
		cells, err := c.runBlocks(ctx)
		return cells, nil, err
	}
	var counters []*counter
	err := c.walk(ctx, func(r *reader) visitor {
		one := &counter{counting: c, r: r, sorter: c.sorter(), memory: memory{budget: c.budget}}
		if c.groups > 0 {
			one.slots = make([]uint32, c.buckets()*c.groups)
		}
		counters = append(counters, one)
		return one.visit
	}, c.filter.options()...)
	if err != nil || len(counters) == 0 {
		return nil, nil, err
	}
	sum := counters[0]
	for _, other := range counters[1:] {
		sum.merge(other)
	}
	cells := slices.DeleteFunc(sum.cells, func(c cell) bool { return c.events == 0 })
	slices.SortFunc(cells, func(a, b cell) int { return cmp.Compare(a.at, b.at) })
	groups, _ := sum.sorter.(*found)
	return cells, groups, nil
}

// buckets returns how many there are.
func (c *counting) buckets() int {
	if c.before {
		return len(c.line.buckets) + 1
	}
	return len(c.line.buckets)
}

// bucket returns the label of a cell's bucket.
func (c *counting) bucket(at int) int64 {
	at /= c.groups
	if !c.before {
		return c.line.buckets[at]
	}
	if at == 0 {
		return engine.BeforeRange
	}
	return c.line.buckets[at-1]
}

func (c *counter) visit(user uint32, events []walk.Event) error {
	for i := range events {
		e := &events[i]
		if !c.filter.pass(c.r, e) || c.unit != nil && c.unit.id(c.r, e) == 0 {
			continue
		}
		bucket := c.line.at(e.Us)
		if c.before && bucket != outside {
			bucket = max(bucket, -1) + 1
		}
		if bucket >= 0 {
			if err := c.count(user, bucket, e); err != nil {
				return err
			}
		}
		if c.first {
			break
		}
	}
	if c.least > 1 {
		return c.release(user)
	}
	return nil
}

// count counts an event in a bucket.
func (c *counter) count(user uint32, bucket int, e *walk.Event) error {
	at := bucket*c.groups + c.sorter.group(c.r, e)
	if at >= len(c.slots) {
		c.slots = append(c.slots, make([]uint32, at+1-len(c.slots)+len(c.slots)/2)...)
	}
	slot := c.slots[at]
	if slot == 0 {
		if err := c.spend(cellBytes); err != nil {
			return err
		}
		c.cells = append(c.cells, cell{at: at})
		slot = uint32(len(c.cells))
		c.slots[at] = slot
	}
	var value uint32
	if c.value != nil {
		value = c.value.id(c.r, e)
	}
	if c.least > 1 {
		c.cells[slot-1].held++
		c.held = append(c.held, held{int(slot) - 1, value})
		return nil
	}
	return c.add(&c.cells[slot-1], user, value)
}

// release counts the events of a user that were held back, where there are enough.
func (c *counter) release(user uint32) error {
	for _, h := range c.held {
		if one := &c.cells[h.cell]; one.held >= c.least {
			if err := c.add(one, user, h.value); err != nil {
				return err
			}
		}
	}
	for _, h := range c.held {
		c.cells[h.cell].held = 0
	}
	c.held = c.held[:0]
	return nil
}

// What cells take in memory.
const (
	cellBytes   = 200
	setBytes    = 4
	valueBytes  = 8
	numberBytes = 64
	stepBytes   = 64 << 10
)

// add adds an event to a cell.
func (c *counter) add(to *cell, user, value uint32) error {
	to.events++
	switch {
	case c.part == engine.OnlyEvents:
	case c.part == engine.Numbers:
		if value != 0 {
			return c.addNumber(to, value, 1)
		}
	case c.part == engine.Sums:
		if value != 0 {
			to.total.Add(c.numbers.scaled.Integers[value])
		}
	case c.value != nil:
		if to.values == nil {
			to.values = roaring.New()
		}
		if value != 0 && to.values.CheckedAdd(value) {
			return c.spend(valueBytes)
		}
	case to.last != int64(user)+1:
		to.last = int64(user) + 1
		to.users++
		if c.part == engine.UserSets {
			to.set = append(to.set, user)
			return c.spend(setBytes)
		}
	}
	return nil
}

func (c *counter) addNumber(to *cell, value uint32, events int64) error {
	if c.dense {
		if to.dense == nil {
			to.dense = make([]uint32, c.numbers.count)
		}
		to.dense[value] += uint32(events)
		return nil
	}
	if to.sparse == nil {
		to.sparse = map[uint32]int64{}
	}
	before := len(to.sparse)
	to.sparse[value] += events
	if len(to.sparse) > before {
		return c.spend(numberBytes)
	}
	return nil
}

// spend counts memory. What takes too much is left to another engine.
func (c *counter) spend(bytes int) error { return unsupported(c.memory.spend(bytes)) }

// merge adds the cells of another counter, of other users.
func (c *counter) merge(other *counter) {
	mine, found1 := c.sorter.(*found)
	theirs, _ := other.sorter.(*found)
	for i := range other.cells {
		from := &other.cells[i]
		if found1 {
			from.at = mine.of(theirs.all[from.at])
		}
		if more := from.at + 1 - len(c.slots); more > 0 {
			c.slots = append(c.slots, make([]uint32, more)...)
		}
		slot := c.slots[from.at]
		if slot == 0 {
			c.cells = append(c.cells, *from)
			c.slots[from.at] = uint32(len(c.cells))
			continue
		}
		to := &c.cells[slot-1]
		to.events += from.events
		to.users += from.users
		to.set = append(to.set, from.set...)
		if from.values != nil {
			if to.values == nil {
				to.values = roaring.New()
			}
			to.values.Or(from.values)
		}
		to.total.Merge(from.total)
		to.mergeNumbers(from)
	}
}

// mergeNumbers adds the numbers of another cell, which must not be used after.
func (to *cell) mergeNumbers(from *cell) {
	if to.dense == nil {
		to.dense = from.dense
	} else {
		for value, n := range from.dense {
			to.dense[value] += n
		}
	}
	if to.sparse == nil {
		to.sparse = from.sparse
	} else {
		for value, n := range from.sparse {
			to.sparse[value] += n
		}
	}
}

// maxDense bounds the memory of counters for all numbers in all cells of a goroutine.
const maxDense = 16 << 20

// setDense decides how numbers are counted. cells is how many there may be.
func (c *counting) setDense(cells int) {
	c.dense = c.part == engine.Numbers && 4*cells*c.numbers.count <= maxDense
}
