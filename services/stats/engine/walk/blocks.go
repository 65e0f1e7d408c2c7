package walk

import (
	"context"

	"eventanalytics/pkg/warehouse/walk"
)

// blockReader looks at events block by block. Each goroutine has its own.
type blockReader struct {
	*reader
	keys []uint32 // of the users at hand, by slot
	kept []uint32 // indexes of events
	row  []uint32 // codes
	ids  []uint32 // values that events are sorted by
}

// walkBlocks is walk for what the order of a user's events does not matter to. begin is
// called for each goroutine, by one at a time.
func (p *plan) walkBlocks(ctx context.Context, begin func(*blockReader) walk.BlockVisitor, options ...walk.Option) error {
	return p.view.WalkBlocks(ctx, p.period, func() walk.BlockVisitor {
		return begin(&blockReader{reader: p.newReader()})
	}, options...)
}

// event is an event of a block, of the user that the reader looks at from then on.
func (r *blockReader) event(b *walk.Block, i int) walk.Event {
	r.key = r.keys[b.Slots[i]]
	return walk.Event{Us: b.Us()[i], Type: b.Types()[i], File: b.File, At: b.At[i]}
}

// codes are those of a block's events in a column.
func (r *blockReader) codes(c *column, b *walk.Block) []uint32 {
	r.row = r.row[:0]
	if c.rows == nil {
		r.row = c.codes.AppendCodes(r.row, b.At)
		return r.row
	}
	for _, at := range b.At {
		r.row = append(r.row, c.code(at))
	}
	return r.row
}

// keep leaves those events in a block that a filter holds for.
func (f *filter) keep(r *blockReader, b *walk.Block) {
	if f.kind == all {
		for i := range f.of {
			f.of[i].keep(r, b)
		}
		return
	}
	if cap(r.kept) < len(b.At) {
		r.kept = make([]uint32, len(b.At))
	}
	kept, n := r.kept[:len(b.At)], 0
	switch f.kind {
	case ofType:
		for i, kind := range b.Types() {
			kept[n] = uint32(i)
			n += oneIf(f.holds[kind])
		}
	case ofProperty:
		file := &f.files[b.File]
		for i, code := range r.codes(&file.column, b) {
			kept[n] = uint32(i)
			n += int(file.holds[code/64] >> (code % 64) & 1)
		}
	case ofSet:
		for i, slot := range b.Slots {
			kept[n] = uint32(i)
			n += oneIf(f.set.has(r.keys[slot]))
		}
	default:
		for i := range b.At {
			e := r.event(b, i)
			kept[n] = uint32(i)
			n += oneIf(f.pass(r.reader, &e))
		}
	}
	b.Keep(kept[:n])
}

// oneIf is 1 or 0.
func oneIf(yes bool) int {
	if yes {
		return 1
	}
	return 0
}

// appendIDs appends the values at a block's events.
func (f *field) appendIDs(r *blockReader, b *walk.Block, ids []uint32) []uint32 {
	switch f.kind {
	case ofProperty:
		file := &f.files[b.File]
		for _, code := range r.codes(&file.column, b) {
			ids = append(ids, file.ids[code])
		}
	case ofType:
		for _, kind := range b.Types() {
			ids = append(ids, f.ids[kind])
		}
	case ofUser:
		for _, slot := range b.Slots {
			ids = append(ids, f.users[r.keys[slot]])
		}
	default:
		for i := range b.At {
			e := r.event(b, i)
			ids = append(ids, f.id(r.reader, &e))
		}
	}
	return ids
}
