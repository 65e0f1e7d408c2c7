package walk

import (
	"context"
	"runtime"

	"eventanalytics/pkg/decimal"
	"eventanalytics/pkg/warehouse/walk"
	"eventanalytics/services/stats/engine"
)

// maxCells bounds the cells that the blockCounters of all goroutines have counters for, so
// that these are within a budget.
const maxCells = 1 << 20

// byBlocks says whether a blockCounter counts it: where the order of a user's events does
// not matter, and nothing is counted but events, users and numbers.
func (c *counting) byBlocks() bool {
	if c.first || c.least > 1 || c.unit != nil || c.groups == 0 {
		return false
	}
	if c.value != nil && c.part != engine.Numbers && c.part != engine.Sums {
		return false
	}
	_, ok := c.sorter().(blockSorter)
	return ok && c.buckets()*c.groups <= maxCells/runtime.GOMAXPROCS(0)
}

// blockCounter counts the events of some users block by block. Its counters are by the
// place of cells.
type blockCounter struct {
	*counting
	r      *blockReader
	choose *filter // of events of the types that are asked for
	sorter blockSorter
	events []int64
	users  []int64
	last   []uint32   // user that was counted last, and 1
	sets   [][]uint32 // of users, ascending
	totals []decimal.Total
	tallied
	// Of a block's events: their buckets, their cells or noCell, their numbers.
	buckets []int32
	cells   []uint32
	values  []uint32
	// The cells of the events of the users at hand are brought together user by user: where
	// those of each slot are, and where they end so far.
	visited []uint32
	ends    []int
	starts  []int
	memory
}

// noCell is that of events outside of all buckets.
const noCell = 1<<32 - 1

func (c *counting) newBlockCounter(r *blockReader) *blockCounter {
	n := c.buckets() * c.groups
	b := &blockCounter{
		counting: c, r: r, choose: c.filter.besideTypes(), sorter: c.sorter().(blockSorter),
		events: make([]int64, n), memory: memory{budget: c.budget, bytes: n * placeBytes},
	}
	switch c.part {
	case engine.Numbers:
		b.tallied = newTallied(n, c.numbers.count, c.dense)
	case engine.Sums:
		b.totals = make([]decimal.Total, n)
	case engine.UserSets:
		b.sets = make([][]uint32, n)
		fallthrough
	case engine.CountUsers:
		b.users, b.last = make([]int64, n), make([]uint32, n)
	}
	return b
}

// placeBytes is what a place has in counters at most, and visitedBytes what an event takes
// until its user is counted.
const (
	placeBytes   = 56
	visitedBytes = 4
)

// countsUsers says whether users are counted.
func (b *blockCounter) countsUsers() bool { return b.users != nil }

// Begin begins with some users.
func (b *blockCounter) Begin(keys []uint32, room []int) {
	b.r.keys = keys
	if !b.countsUsers() {
		return
	}
	b.starts, b.ends = b.starts[:0], b.ends[:0]
	total := 0
	for _, n := range room {
		b.starts, b.ends = append(b.starts, total), append(b.ends, total)
		total += n
	}
	if more := total - len(b.visited); more > 0 {
		b.visited = make([]uint32, total)
		b.bytes += visitedBytes * more // spent with the next block
	}
}

// Choose leaves out the events that do not pass.
func (b *blockCounter) Choose(block *walk.Block) { b.choose.keep(b.r, block) }

// Block counts events.
func (b *blockCounter) Block(block *walk.Block) error {
	if err := b.spend(0); err != nil {
		return err
	}
	b.place(block)
	if b.r.err != nil {
		return b.r.err
	}
	for _, at := range b.cells {
		if at != noCell {
			b.events[at]++
		}
	}
	switch {
	case b.part == engine.Numbers:
		b.values = b.value.appendIDs(b.r, block, b.values[:0])
		return b.spend(b.tally(b.cells, b.values))
	case b.part == engine.Sums:
		b.values = b.value.appendIDs(b.r, block, b.values[:0])
		for i, at := range b.cells {
			if id := b.values[i]; id != 0 && at != noCell {
				b.totals[at].Add(b.numbers.scaled.Integers[id])
			}
		}
	case b.countsUsers():
		for i, at := range b.cells {
			if at != noCell {
				end := &b.ends[block.Slots[i]]
				b.visited[*end] = at
				*end++
			}
		}
	}
	return nil
}

// place finds the cells of a block's events.
func (b *blockCounter) place(block *walk.Block) {
	b.cells = append(b.cells[:0], make([]uint32, len(block.At))...)
	if !b.line.isOne() || b.before {
		b.buckets = b.line.appendBuckets(block.Us(), b.buckets[:0])
		for i, bucket := range b.buckets {
			if b.before && bucket != outside {
				bucket = max(bucket, -1) + 1
			}
			if b.cells[i] = noCell; bucket >= 0 {
				b.cells[i] = uint32(bucket) * uint32(b.groups)
			}
		}
	}
	b.sorter.addGroups(b.r, block, b.cells)
}

// End counts the users.
func (b *blockCounter) End() error {
	if !b.countsUsers() {
		return nil
	}
	for slot, start := range b.starts {
		user := b.r.keys[slot]
		for _, at := range b.visited[start:b.ends[slot]] {
			if b.last[at] == user+1 {
				continue
			}
			b.last[at] = user + 1
			b.users[at]++
			if b.sets != nil {
				b.sets[at] = append(b.sets[at], user)
				if err := b.spend(setBytes); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// spend counts memory. What takes too much is left to another engine.
func (b *blockCounter) spend(bytes int) error { return unsupported(b.memory.spend(bytes)) }

// runBlocks counts, and returns the cells of all goroutines together, by place.
func (c *counting) runBlocks(ctx context.Context) ([]cell, error) {
	var counters []*blockCounter
	err := c.walkBlocks(ctx, func(r *blockReader) walk.BlockVisitor {
		one := c.newBlockCounter(r)
		counters = append(counters, one)
		return one
	}, c.filter.options()...)
	if err != nil || len(counters) == 0 {
		return nil, err
	}
	sum := counters[0]
	for _, other := range counters[1:] {
		sum.merge(other)
	}
	some := 0
	for _, events := range sum.events {
		some += oneIf(events > 0)
	}
	cells := make([]cell, 0, some)
	for at, events := range sum.events {
		if events > 0 {
			cells = append(cells, sum.cell(at))
		}
	}
	return cells, nil
}

// merge adds what another counter has of other users.
func (b *blockCounter) merge(other *blockCounter) {
	for at, n := range other.events {
		b.events[at] += n
	}
	for at, n := range other.users {
		b.users[at] += n
	}
	for at, total := range other.totals {
		b.totals[at].Merge(total)
	}
	for at, set := range other.sets {
		b.sets[at] = append(b.sets[at], set...)
	}
	b.tallied.merge(&other.tallied)
}

// cell is what was counted in a place.
func (b *blockCounter) cell(at int) cell {
	c := cell{at: at, events: b.events[at]}
	if b.users != nil {
		c.users = b.users[at]
	}
	if b.sets != nil {
		c.set = b.sets[at]
	}
	if b.totals != nil {
		c.total = b.totals[at]
	}
	b.tallied.cell(at, &c)
	return c
}
