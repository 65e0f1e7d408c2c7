package walk

import (
	"context"
	"math"

	"github.com/RoaringBitmap/roaring/v2"

	"eventanalytics/pkg/warehouse/walk"
	"eventanalytics/services/stats/engine"
)

// Doers serves a scan.
func (e *Engine) Doers(ctx context.Context, d engine.Doers) (*roaring.Bitmap, error) {
	period := engine.Always()
	period.From, period.To = d.Since, d.Until
	if d.First {
		period.From = math.MinInt64
	}
	p := e.plan(ctx, d.Scope, period)
	var often *filter
	if err := e.ready(func() error {
		f, err := p.filter(ctx, d.Filter)
		often = both(p.types(d.Types), f)
		return err
	}); err != nil {
		return nil, err
	}
	if err := p.spend(int(p.view.Users()) / 8); err != nil { // each user is in one of the sets
		return nil, err
	}
	var all []*roaring.Bitmap
	begin := func() *roaring.Bitmap {
		users := roaring.New()
		all = append(all, users)
		return users
	}
	err := e.do(ctx, func(ctx context.Context) error {
		if d.First {
			return p.walk(ctx, func(r *reader) visitor { return firstDoers(r, often, d, begin()) }, often.options()...)
		}
		return p.walkBlocks(ctx, func(r *blockReader) walk.BlockVisitor {
			return &doers{Doers: d, r: r, often: often.besideTypes(), users: begin()}
		}, often.options()...)
	})
	if err != nil {
		return nil, err
	}
	return roaring.FastOr(all...), nil
}

// firstDoers adds the users whose first event ever that fits is late enough.
func firstDoers(r *reader, fits *filter, d engine.Doers, users *roaring.Bitmap) visitor {
	return func(user uint32, events []walk.Event) error {
		for i := range events {
			if fits.pass(r, &events[i]) {
				if d.Times == 1 && events[i].Us >= d.Since {
					users.Add(user)
				}
				break
			}
		}
		return nil
	}
}

// doers adds the users who do something so often.
type doers struct {
	engine.Doers
	r     *blockReader
	often *filter
	times []int // by slot
	users *roaring.Bitmap
}

// Begin begins with some users.
func (d *doers) Begin(keys []uint32, _ []int) {
	d.r.keys = keys
	d.times = append(d.times[:0], make([]int, len(keys))...)
}

// Choose leaves out the events that do not count.
func (d *doers) Choose(b *walk.Block) { d.often.keep(d.r, b) }

// Block counts events.
func (d *doers) Block(b *walk.Block) error {
	for _, slot := range b.Slots {
		d.times[slot]++
	}
	return nil
}

// End adds the users.
func (d *doers) End() error {
	for slot, times := range d.times {
		if times == d.Times || times > d.Times && !d.Exactly {
			d.users.Add(d.r.keys[slot])
		}
	}
	return nil
}
