package walk

import (
	"context"

	"github.com/RoaringBitmap/roaring/v2"

	"eventanalytics/services/stats/engine"
	"eventanalytics/services/stats/engine/walk/funnel"
)

// Reached serves a scan.
func (e *Engine) Reached(ctx context.Context, q engine.Reached) (*roaring.Bitmap, error) {
	if e.view == nil {
		return roaring.New(), nil
	}
	scope := q.Scope
	scope.Filter = q.Funnel.Filter
	var f *funneling
	if err := e.ready(func() (err error) {
		f, err = e.attempts(ctx, engine.Funnel{
			Scope: scope, Steps: q.Funnel.Steps, Exclude: q.Funnel.Exclude, Window: q.Funnel.Window, Order: engine.Order(q.Funnel.Order),
		}, q.Period)
		return err
	}); err != nil {
		return nil, err
	}
	if err := f.spend(int(f.view.Users()) / 8); err != nil { // each user is in one of the sets
		return nil, err
	}
	var all []*roaring.Bitmap
	err := e.do(ctx, func(ctx context.Context) error {
		return f.walk(ctx, func(r *reader) visitor {
			users := roaring.New()
			all = append(all, users)
			one, finder, held := &funnelUser{funnelEvents: f.events(r)}, funnel.New(f.rules), memory{budget: f.budget}
			return func(user uint32, events []event) error {
				if !one.entered(events) {
					return nil
				}
				if err := held.holds(cap(one.list), listBytes); err != nil {
					return unsupported(err)
				}
				best, err := finder.Best(ctx, one.list) // there is one bucket
				if len(best) == 1 && (best[0].Reached == q.Step || best[0].Reached > q.Step && !q.Dropped) {
					users.Add(user)
				}
				return err
			}
		}, f.options()...)
	})
	if err != nil {
		return nil, err
	}
	return roaring.FastOr(all...), nil
}
