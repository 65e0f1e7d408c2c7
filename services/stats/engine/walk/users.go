package walk

import (
	"context"
	"slices"

	"eventanalytics/pkg/calendar"
	"eventanalytics/pkg/warehouse/walk"
	"eventanalytics/services/stats/engine"
)

// Users serves a scan.
func (e *Engine) Users(ctx context.Context, u engine.Users) ([]engine.DayUsers, error) {
	first := u.From - calendar.Date(u.Window-1)
	c, err := e.counting(ctx, engine.Tally{Scope: u.Scope, Range: engine.Range{From: first, To: u.To}, Interval: calendar.Day}, func(*counting) error { return nil })
	if c == nil || err != nil {
		return nil, err
	}
	result := engine.NewResult[engine.DayUsers](ctx)
	err = e.do(ctx, func(ctx context.Context) error {
		changes, err := c.windows(ctx, int(first), u.Window, int(u.To-first)+1)
		if err != nil {
			return err
		}
		users := make([]int64, len(changes))
		sum := int64(0)
		for i, change := range changes {
			sum += change
			users[i] = sum
		}
		for _, day := range u.Zone.Dates(calendar.Day, u.From, u.To) {
			if n := users[day-first]; n > 0 {
				if err := result.Add(engine.DayUsers{Day: day, Users: n}); err != nil {
					return err
				}
			}
		}
		return nil
	})
	return result.Rows, err
}

// windows returns how many users more there are in the window that ends with each of so
// many dates than in the one before. A user is in the windows from a date with events on
// until one has passed over it.
func (c *counting) windows(ctx context.Context, first, window, dates int) ([]int64, error) {
	var all [][]int64
	err := c.walk(ctx, func(r *reader) visitor {
		changes := make([]int64, dates+window)
		all = append(all, changes)
		var days []int // of a user
		return func(_ uint32, events []walk.Event) error {
			days = days[:0]
			for i := range events {
				e := &events[i]
				if !c.filter.pass(r, e) {
					continue
				}
				bucket := c.line.at(e.Us)
				if bucket < 0 {
					continue
				}
				day := int(c.line.buckets[bucket]) - first
				if n := len(days); n == 0 || days[n-1] != day {
					days = append(days, day)
				}
			}
			slices.Sort(days) // where clocks go back over midnight they are not in order
			for i, day := range days {
				until := day + window
				if i+1 < len(days) {
					until = min(until, days[i+1])
				}
				changes[day]++
				changes[until]--
			}
			return nil
		}
	})
	sum := make([]int64, dates+window)
	for _, changes := range all {
		for i, n := range changes {
			sum[i] += n
		}
	}
	return sum[:dates], err
}
