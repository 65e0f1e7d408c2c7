package walk

import (
	"context"
	"runtime"

	"golang.org/x/sync/errgroup"
)

// Block is some events of one file, of the users that a BlockVisitor began with: by user,
// and of each user in their order. Their times and types are read when they are asked for:
// of most events they need not be.
type Block struct {
	File  uint32   // index in View.Files
	Slots []uint32 // whose they are: index in the keys that Begin got
	At    []uint32 // where in the file

	of *chosen
	// Of no event until they are asked for, and then of each.
	us    []int64
	types []uint32
	kept  [blockEvents]uint32 // by cutTo
}

// blockEvents is how many events a block has at most: with what is found out about them
// they should stay in the processor's cache.
const blockEvents = 2048

func newBlock() *Block {
	return &Block{
		Slots: make([]uint32, blockEvents), At: make([]uint32, blockEvents),
		us: make([]int64, 0, blockEvents), types: make([]uint32, 0, blockEvents),
	}
}

// Us are the times of the events, in microseconds since 1970 UTC.
func (b *Block) Us() []int64 {
	if len(b.us) != len(b.At) {
		b.us = b.us[:len(b.At)]
		read(b.of.times, b.At, b.us)
		first, unit := b.of.first, b.of.unit
		for i, time := range b.us {
			b.us[i] = first + time*unit
		}
	}
	return b.us
}

// Types are the types of the events, by index in View.Types.
func (b *Block) Types() []uint32 {
	if len(b.types) != len(b.At) {
		b.types = b.types[:len(b.At)]
		read(b.of.File.types, b.At, b.types)
		types, mask := b.of.types, uint32(len(b.of.types)-1)
		for i, code := range b.types {
			b.types[i] = types[code&mask]
		}
	}
	return b.types
}

// Keep leaves only some of the events in the block: those with the indexes kept, ascending.
func (b *Block) Keep(kept []uint32) {
	if len(kept) == len(b.At) {
		return
	}
	keep(b.us, kept)
	keep(b.types, kept)
	keep(b.Slots, kept)
	keep(b.At, kept)
	b.cut(len(kept))
}

// keep moves some of all to the front, if there are any.
func keep[T any](all []T, kept []uint32) {
	if len(all) == 0 {
		return
	}
	for to, from := range kept {
		all[to] = all[from]
	}
}

// cut leaves the first n events.
func (b *Block) cut(n int) {
	b.Slots, b.At = b.Slots[:n], b.At[:n]
	b.us, b.types = b.us[:min(n, len(b.us))], b.types[:min(n, len(b.types))]
}

// cutTo leaves the events of a period, of which not all of a file need be.
func (b *Block) cutTo(p Period) {
	if b.of.whole {
		return
	}
	span, n := uint64(p.To-p.From), 0
	for i, us := range b.Us() {
		b.kept[n] = uint32(i)
		n += oneIf(uint64(us-p.From) < span)
	}
	b.Keep(b.kept[:n])
}

// BlockVisitor is given the events of some users after those of others. It must not keep
// what it is given, but may change a Block.
type BlockVisitor interface {
	// Begin begins with the users that have some keys, ascending, and at most so many
	// events each.
	Begin(keys []uint32, room []int)
	// Choose is called with their events, file by file: those of one user come in no order.
	// Some may be outside the period. It may leave out events that do not matter: to read
	// less of an event than all there is to it takes a fraction of the time.
	Choose(b *Block)
	// Block is called with those that are left and in the period.
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
		runs = p.fill(w.block, runs, base)
		w.visitor.Choose(w.block)
		if w.block.cutTo(w.period); len(w.block.At) == 0 {
			continue
		}
		if err := w.visitor.Block(w.block); err != nil {
			return err
		}
	}
	return nil
}

// fill fills a block with events of runs that are of wanted types, and returns the runs
// that are left.
func (c *chosen) fill(b *Block, runs []run, base uint32) (rest []run) {
	b.File, b.of = c.number, c
	b.Slots, b.At, b.us, b.types = b.Slots[:blockEvents], b.At[:blockEvents], b.us[:0], b.types[:0]
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
	return rest
}

// choose writes the events of a run that are of wanted types to a block that has n and
// room for all, and returns how many it has then.
func (c *chosen) choose(b *Block, n int, r run) int {
	slots, places := b.Slots[n:n+int(r.n)], b.At[n:n+int(r.n)]
	if c.some {
		some := c.chooseTypes(r, places)
		for i := range slots[:some] {
			slots[i] = r.slot
		}
		return n + some
	}
	for i := range places {
		slots[i], places[i] = r.slot, r.at+uint32(i)
	}
	return n + len(places)
}
