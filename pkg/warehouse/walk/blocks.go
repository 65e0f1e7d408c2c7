package walk

import (
	"context"
	"runtime"

	"golang.org/x/sync/errgroup"
)

// Block is some events of one file, of the users that a BlockVisitor began with: by user,
// and of each user in their order.
type Block struct {
	File  uint32   // index in View.Files
	Slots []uint32 // whose they are: index in the keys that Begin got
	Us    []int64  // occurred_at, in microseconds since 1970 UTC
	Types []uint32 // index in View.Types
	At    []uint32 // where in the file
}

// blockEvents is how many events a block has at most: with what is found out about them
// they should stay in the processor's cache.
const blockEvents = 2048

func newBlock() *Block {
	return &Block{
		Slots: make([]uint32, blockEvents), Us: make([]int64, blockEvents),
		Types: make([]uint32, blockEvents), At: make([]uint32, blockEvents),
	}
}

// Keep leaves only some of the events in the block: those with the indexes kept, ascending.
func (b *Block) Keep(kept []uint32) {
	if len(kept) == len(b.At) {
		return
	}
	for to, from := range kept {
		b.Slots[to], b.Us[to], b.Types[to], b.At[to] = b.Slots[from], b.Us[from], b.Types[from], b.At[from]
	}
	b.cut(len(kept))
}

func (b *Block) cut(n int) {
	b.Slots, b.Us, b.Types, b.At = b.Slots[:n], b.Us[:n], b.Types[:n], b.At[:n]
}

// BlockVisitor is given the events of some users after those of others. It must not keep
// what it is given, but may change a Block.
type BlockVisitor interface {
	// Begin begins with the users that have some keys, ascending, and at most so many
	// events each.
	Begin(keys []uint32, room []int)
	// Block is called with their events, file by file: those of one user come in no order.
	Block(b *Block) error
	// End is called when they were all given.
	End() error
}

// WalkBlocks is Walk where the order of a user's events does not matter: it neither brings
// those of several files together nor calls for each user.
func (v *View) WalkBlocks(ctx context.Context, p Period, begin func() BlockVisitor, change ...Option) error {
	s := v.scan(p, blockBatch, true, change)
	if s.isEmpty() {
		return ctx.Err()
	}
	defer runtime.KeepAlive(v)
	g, ctx := errgroup.WithContext(ctx)
	for range s.workers() {
		w := &blockWorker{batch: newBatch(s), visitor: begin(), block: newBlock()}
		g.Go(func() error {
			defer w.release()
			return v.Guard(func() error { return w.run(ctx) })
		})
	}
	return g.Wait()
}

// blockWorker takes batches of users from a scan.
type blockWorker struct {
	*batch
	visitor BlockVisitor
	block   *Block
	list    []uint32 // keys
}

func (w *blockWorker) run(ctx context.Context) error {
	return w.batches(func(first, end uint32) error {
		return w.each(ctx, first, end, func(from, to, _ int) error {
			w.list = w.list[:0]
			for slot := from; slot < to; slot++ {
				w.list = append(w.list, first+w.keyOf(slot))
			}
			w.visitor.Begin(w.list, w.counts[from:to])
			for i := range w.parts {
				if err := ctx.Err(); err != nil {
					return err
				}
				if err := w.visit(&w.parts[i], w.take(i, to), uint32(from)); err != nil {
					return err
				}
			}
			return w.visitor.End()
		})
	})
}

// visit visits the events of runs of a file, whose slots begin with base.
func (w *blockWorker) visit(p *chosen, runs []run, base uint32) error {
	for len(runs) > 0 {
		w.block.cut(blockEvents)
		runs = p.fill(w.block, runs, base)
		if len(w.block.At) == 0 {
			continue
		}
		if err := w.visitor.Block(w.block); err != nil {
			return err
		}
	}
	return nil
}

// fill fills a block with the wanted events of runs, and returns the runs that are left.
func (c *chosen) fill(b *Block, runs []run, base uint32) (rest []run) {
	b.File = c.number
	n := 0
	for i := range runs {
		r := &runs[i]
		part := *r
		part.n = min(r.n, uint32(blockEvents-n))
		part.slot -= base
		n = c.choose(b, n, part)
		if part.n < r.n {
			r.at, r.n = r.at+part.n, r.n-part.n
			rest = runs[i:]
			break
		}
	}
	b.cut(n)
	c.read(b)
	return rest
}

// choose writes the events of a run that are of wanted types to a block that has n and
// room for all, and returns how many it has then.
func (c *chosen) choose(b *Block, n int, r run) int {
	places := b.At[n : n+int(r.n)]
	if c.some {
		places = places[:c.chooseTypes(r, places)]
	} else {
		for i := range places {
			places[i] = r.at + uint32(i)
		}
	}
	for i := range places {
		b.Slots[n+i] = r.slot
	}
	return n + len(places)
}

// read reads the events of a block, and leaves in it those that are in the period. It
// writes as readAll does.
func (c *chosen) read(b *Block) {
	times, from, span := c.times, c.from, c.to-c.from
	codes, types, mask := c.File.types, c.types, uint64(len(c.types)-1)
	slots, us, kinds, n := b.Slots, b.Us[:len(b.At)], b.Types[:len(b.At)], 0
	for i, at := range b.At {
		time := times.at(int(at))
		kinds[n] = types[codes.at(int(at))&mask]
		us[n] = c.first + int64(time)*c.unit
		slots[n], b.At[n] = slots[i], at
		n += oneIf(time-from < span)
	}
	b.cut(n)
}
