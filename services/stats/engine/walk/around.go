package walk

import (
	"context"
	"errors"
	"math"

	"github.com/RoaringBitmap/roaring/v2"

	"eventanalytics/pkg/syntax"
	"eventanalytics/pkg/warehouse/walk"
	"eventanalytics/services/stats/engine"
)

// endOfTime is after all events, and as far from them as can be told in an int64.
const endOfTime = math.MaxInt64 / 2

// around is the events of users in a range, and what belongs to them before and after.
type around struct {
	engine.Scope
	engine.Period       // the range
	before        int64 // how long before it events matter, in microseconds; endOfTime: always
	after         int64 // how long after it they matter at first
}

// plan is one for the events to before until, and all before them that matter.
func (a around) plan(ctx context.Context, e *Engine, until int64) *plan {
	p := e.plan(ctx, a.Scope, a.Period)
	p.period = walk.Period{From: math.MinInt64, To: until}
	if a.before < endOfTime {
		p.period.From = a.From - a.before
	}
	return p
}

// until is so long after the range, or the end of time.
func (a around) until(after int64) int64 {
	if after < endOfTime-a.To {
		return a.To + after
	}
	return endOfTime
}

// watcher is called with the events of a user, one user at a time: all from so long before
// the range to before until. It returns whether they are enough: when later ones may
// matter it is called again, with more.
type watcher func(user uint32, events []walk.Event, until int64) (enough bool, err error)

// around has users watched, in several goroutines at a time as plan.walk does. What
// belongs to a range may go on behind it for as long as one likes: then users of whom more
// has to be seen are, in wider and wider walks, and the others are left in peace. prepare
// is called for each walk, and what it returns for each goroutine.
func (e *Engine) around(ctx context.Context, a around, prepare func(*plan) (begin func(*reader) watcher, err error)) error {
	var open *roaring.Bitmap // of whom more has to be seen; nil: everybody
	for after := a.after; ; after = 4*after + minuteMicros {
		until := a.until(after)
		p := a.plan(ctx, e, until)
		var begin func(*reader) watcher
		err := e.ready(func() (err error) {
			begin, err = prepare(p)
			return err
		})
		if err != nil {
			return err
		}
		var options []walk.Option
		if open != nil {
			options = append(options, walk.Only(open.Contains))
		}
		var left []*roaring.Bitmap // by goroutine
		err = e.do(ctx, func(ctx context.Context) error {
			return p.walk(ctx, func(r *reader) visitor {
				more := roaring.New()
				left = append(left, more)
				return watching(begin(r), more, until)
			}, options...)
		})
		if err != nil {
			return err
		}
		if open = roaring.FastOr(left...); open.IsEmpty() {
			return nil
		}
	}
}

// watching visits users, and adds those of whom more has to be seen to more.
func watching(watch watcher, more *roaring.Bitmap, until int64) visitor {
	return func(user uint32, events []walk.Event) error {
		enough, err := watch(user, events, until)
		if !enough {
			more.Add(user)
		}
		return err
	}
}

// alone is the error of a scan that no other engine serves: what is too large here is too
// large.
func alone(err error) error {
	switch {
	case errors.Is(err, engine.ErrTooManyRows):
		return engine.ErrTooManyRows
	case errors.Is(err, engine.ErrTooLarge), errors.Is(err, walk.ErrTooMany):
		return engine.ErrTooLarge
	}
	return err
}

// memory counts what a goroutine keeps while users are visited, some at a time. All of a
// scan spend one budget.
type memory struct {
	budget *engine.SharedBudget
	bytes  int // not yet counted
	most   int // items that holds has counted
}

func (m *memory) spend(bytes int) error {
	if m.bytes += bytes; m.bytes < stepBytes {
		return nil
	}
	bytes, m.bytes = m.bytes, 0
	return m.budget.Spend(bytes)
}

// holds counts what a goroutine holds of one user after the other: so many items of so many
// bytes each, where it never held as many.
func (m *memory) holds(items, bytes int) error {
	more := items - m.most
	if more <= 0 {
		return nil
	}
	m.most = items
	return m.spend(more * bytes)
}

// filterOrNil makes a filter ready; nil when it always holds.
func (p *plan) filterOrNil(ctx context.Context, f syntax.Filter) (*filter, error) {
	if f.IsZero() {
		return nil, nil
	}
	return p.filter(ctx, f)
}
