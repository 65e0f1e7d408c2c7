package walk

import (
	"context"

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
	var all []*activeDays
	err := c.walkBlocks(ctx, func(r *blockReader) walk.BlockVisitor {
		one := &activeDays{
			counting: c, r: r, choose: c.filter.besideTypes(), window: window, words: (dates + 63) / 64,
			changes: make([]int64, dates+window), memory: memory{budget: c.budget},
		}
		for _, date := range c.line.buckets {
			one.days = append(one.days, int(date)-first)
		}
		all = append(all, one)
		return one
	}, c.filter.options()...)
	sum := make([]int64, dates+window)
	for _, one := range all {
		for i, n := range one.changes {
			sum[i] += n
		}
	}
	return sum[:dates], err
}

// activeDays finds the days on which users are active, of which each goroutine counts some.
type activeDays struct {
	*counting
	r       *blockReader
	choose  *filter // of events of the types that are asked for
	window  int
	days    []int // by bucket
	words   int   // in the set of a user's days
	active  bits  // these sets, one behind the other
	buckets []int32
	changes []int64 // of the number of users, by day
	memory
}

// Begin begins with some users.
func (a *activeDays) Begin(keys []uint32, _ []int) {
	a.r.keys = keys
	size := len(keys) * a.words
	if more := size - cap(a.active); more > 0 {
		a.bytes += 8 * more // spent with the next block
		a.active = make(bits, size)
	}
	a.active = a.active[:size]
	clear(a.active)
}

// Choose leaves out the events that do not pass.
func (a *activeDays) Choose(b *walk.Block) { a.choose.keep(a.r, b) }

// Block notes the days of events.
func (a *activeDays) Block(b *walk.Block) error {
	if err := unsupported(a.spend(0)); err != nil {
		return err
	}
	a.buckets = a.line.appendBuckets(b.Us(), a.buckets[:0])
	for i, bucket := range a.buckets {
		if bucket >= 0 {
			a.active.set(64*a.words*int(b.Slots[i]) + a.days[bucket])
		}
	}
	return a.r.err
}

// End counts the users.
func (a *activeDays) End() error {
	for user := a.active; len(user) > 0; user = user[a.words:] {
		const never = -1
		until := never // day from which on the user is in no window
		for day := range user[:a.words].all() {
			if day > until {
				if until != never {
					a.changes[until]--
				}
				a.changes[day]++
			}
			until = day + a.window
		}
		if until != never {
			a.changes[until]--
		}
	}
	return nil
}
