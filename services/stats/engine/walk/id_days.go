package walk

import (
	"cmp"
	"context"
	"slices"
	"sync"

	"eventanalytics/pkg/calendar"
	"eventanalytics/pkg/warehouse/walk"
	"eventanalytics/services/stats/engine"
)

// IDDays serves a scan.
func (e *Engine) IDDays(ctx context.Context, d engine.IDDays) ([]engine.DaysOfID, error) {
	wanted := make(map[uint32]bool, len(d.Keys))
	for _, key := range d.Keys {
		wanted[key] = true
	}
	own := New(e.limits, e.project, e.view.WithPersons(nil), nil)
	var mu sync.Mutex
	var all []engine.DaysOfID
	s := own.plan(ctx, engine.Scope{Zone: d.Zone}, engine.Always())
	err := own.do(ctx, func(ctx context.Context) error {
		return s.walk(ctx, func(*reader) visitor {
			return func(key uint32, events []walk.Event) error {
				of := engine.DaysOfID{Key: key, First: events[0].Us}
				for i := range events {
					if date := d.Zone.Date(events[i].Us); len(of.Dates) == 0 || of.Dates[len(of.Dates)-1] != date {
						of.Dates = append(of.Dates, date)
					}
				}
				mu.Lock()
				defer mu.Unlock()
				all = append(all, of)
				return nil
			}
		}, walk.Only(func(key uint32) bool { return wanted[key] }))
	})
	slices.SortFunc(all, func(a, b engine.DaysOfID) int { return cmp.Compare(a.Key, b.Key) })
	for i := range all { // clocks that are set back can make a date come again
		slices.SortFunc(all[i].Dates, cmp.Compare[calendar.Date])
		all[i].Dates = slices.Compact(all[i].Dates)
	}
	return all, err
}
