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
	if err := ready(func() error {
		f, err := p.filter(ctx, d.Filter)
		often = both(p.types(d.Types), f)
		return err
	}); err != nil {
		return nil, err
	}
	if err := p.spend(int(p.view.Users()) / 8); err != nil { // each user is in one of the sets
		return nil, err
	}
	var options []walk.Option
	if types := often.typesOf(); types != nil && !p.history {
		options = append(options, walk.OfTypes(types))
	}
	var all []*roaring.Bitmap
	err := e.do(ctx, func(ctx context.Context) error {
		return p.walk(ctx, func(r *reader) visitor {
			users := roaring.New()
			all = append(all, users)
			return func(user uint32, events []walk.Event) error {
				if does(r, often, d, events) {
					users.Add(user)
				}
				return nil
			}
		}, options...)
	})
	if err != nil {
		return nil, err
	}
	return roaring.FastOr(all...), nil
}

// does says whether a user does it so often.
func does(r *reader, fits *filter, d engine.Doers, events []walk.Event) bool {
	times := 0
	for i := range events {
		if !fits.pass(r, &events[i]) {
			continue
		}
		if d.First {
			return d.Times == 1 && events[i].Us >= d.Since
		}
		if times++; times > d.Times || times == d.Times && !d.Exactly {
			return !d.Exactly
		}
	}
	return times == d.Times
}
