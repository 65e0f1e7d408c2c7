package rollup

import (
	"context"

	"github.com/RoaringBitmap/roaring/v2"

	"eventanalytics/pkg/calendar"
	"eventanalytics/pkg/warehouse/rollup"
	"eventanalytics/services/stats/engine"
)

// Users serves a scan.
func (e *Engine) Users(ctx context.Context, u engine.Users) ([]engine.DayUsers, error) {
	result := engine.NewResult[engine.DayUsers](ctx)
	add := func(day calendar.Date, users uint64) error {
		if users == 0 {
			return nil
		}
		return result.Add(engine.DayUsers{Day: day, Users: int64(users)})
	}
	err := e.do(ctx, func(ctx context.Context) error {
		first := u.From - calendar.Date(u.Window-1)
		q, days, err := e.ask(u.Scope, engine.Range{From: first, To: u.To}, calendar.Day)
		if err != nil {
			return err
		}
		if u.Window > 1 {
			return rolling(ctx, q, byDate(days), u, add)
		}
		result.Rows = make([]engine.DayUsers, 0, len(days))
		for _, day := range days {
			users, err := q.CountUsers(ctx, day.periods...)
			if err == nil {
				err = add(calendar.Date(day.at), users)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	return result.Rows, err
}

// rolling adds the users of each window. A window is the end of one block of as many
// days and the beginning of the next: with the unions from each day to its block's
// end, and from the block's beginning to each day, it takes one more union, however
// long it is.
func rolling(ctx context.Context, q *rollup.Scan, periods map[calendar.Date][]rollup.Period, u engine.Users, add func(calendar.Date, uint64) error) error {
	users := func(d calendar.Date) (*roaring.Bitmap, error) { return q.Users(ctx, periods[d]...) }
	var ends []*roaring.Bitmap    // of the block that the window begins in, by day
	var beginning *roaring.Bitmap // of the block that the window ends in
	first, reach := u.From-calendar.Date(u.Window-1), calendar.Date(u.Window-1)
	for d := first; d+reach <= u.To; d++ {
		at := int(d-first) % u.Window
		if at == 0 {
			ends = make([]*roaring.Bitmap, u.Window)
			for i := u.Window - 1; i >= 0; i-- {
				day, err := users(d + calendar.Date(i))
				if err != nil {
					return err
				}
				if ends[i] = day; i+1 < u.Window {
					ends[i] = roaring.Or(day, ends[i+1])
				}
			}
			beginning = roaring.New()
		} else {
			day, err := users(d + reach)
			if err != nil {
				return err
			}
			beginning.Or(day)
		}
		if len(periods[d+reach]) == 0 { // the zone skipped it
			continue
		}
		if err := add(d+reach, ends[at].OrCardinality(beginning)); err != nil {
			return err
		}
	}
	return nil
}
