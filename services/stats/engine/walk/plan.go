package walk

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sort"

	"eventanalytics/pkg/calendar"
	"eventanalytics/pkg/warehouse/walk"
	"eventanalytics/services/stats/engine"
)

// plan is what a scan looks at, made ready for the files of a view. It is made in one
// goroutine, and does not change while events are visited.
type plan struct {
	engine  *Engine
	view    *walk.View
	files   []*walk.File
	rows    Rows
	zone    *calendar.Zone
	period  walk.Period // of the events that filters and fields are asked about
	until   int64       // instant that ends the history that fields of users look at
	sets    map[string]engine.Set
	said    *engine.Operations
	budget  *engine.SharedBudget // of all that the scan holds in memory
	columns map[keyed][]column
	history bool // visitors look at the users' whole history
}

// plan begins the plan of a scan of a period.
func (e *Engine) plan(ctx context.Context, scope engine.Scope, p engine.Period) *plan {
	return &plan{
		engine: e, view: e.view, files: e.view.Files(), rows: e.rows, zone: scope.Zone, period: walk.Period{From: p.From, To: p.To}, until: scope.Until(p), sets: scope.Sets, said: scope.Operations,
		budget: engine.NewSharedBudget(ctx), columns: map[keyed][]column{},
	}
}

// visitor is called with the events of a user, one user at a time. It must not keep them.
type visitor func(user uint32, events []walk.Event) error

// walk calls visitors with all users that have an event in the plan's period, and with
// these events. It works in several goroutines at a time; each has a reader, with which
// filters and fields look at events, and a visitor of its own, that begin returns. begin
// is called by one at a time.
func (p *plan) walk(ctx context.Context, begin func(*reader) visitor, options ...walk.Option) error {
	period := p.period
	if p.history {
		// One walk with more events: a second one would have to find each user again.
		period = walk.Period{From: math.MinInt64, To: max(period.To, p.until)}
	}
	options = append(options, walk.Grow(p.hold))
	return p.view.Walk(ctx, period, func() walk.Visitor {
		r := p.newReader()
		visit := begin(r)
		return func(u *walk.User) error {
			events := u.Events
			r.key = u.Key
			if p.history {
				r.events = events
				events = between(events, p.period)
			}
			if len(events) == 0 {
				return nil
			}
			if err := visit(u.Key, events); err != nil {
				return err
			}
			return r.err
		}
	}, options...)
}

// hold counts the events of users with many. More than there is memory for is what the
// walk itself says of more than it may hold.
func (p *plan) hold(bytes int) error {
	err := p.budget.Spend(bytes)
	if errors.Is(err, engine.ErrTooLarge) || errors.Is(err, engine.ErrTooManyRows) {
		return fmt.Errorf("%w: %w", walk.ErrTooMany, err)
	}
	return err
}

// newReader makes a goroutine's reader.
func (p *plan) newReader() *reader {
	return &reader{plan: p, clock: newClock(p.zone)}
}

// between are those of a user's events that are in a period.
func between(events []walk.Event, p walk.Period) []walk.Event {
	return before(events[len(before(events, p.From)):], p.To)
}

// before are those of a user's events that are before an instant.
func before(events []walk.Event, us int64) []walk.Event {
	if n := len(events); n == 0 || events[n-1].Us < us {
		return events
	}
	return events[:sort.Search(len(events), func(i int) bool { return events[i].Us >= us })]
}

// reader looks at the events of one user after the other. Each goroutine has its own.
type reader struct {
	plan   *plan
	clock  *clock
	key    uint32       // of the user
	events []walk.Event // of the user's history, and later ones, if the plan has it
	// entry and exit are the first and the last event of the session at hand.
	entry, exit *walk.Event
	err         error // ends the walk
}

// past are the events of the user's history.
func (r *reader) past() []walk.Event { return before(r.events, r.plan.until) }
