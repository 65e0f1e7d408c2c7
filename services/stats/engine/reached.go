package engine

import (
	"context"
	"fmt"
	"slices"

	"github.com/RoaringBitmap/roaring/v2"

	"eventanalytics/pkg/syntax"
)

// Reached asks for the users whose best attempt at a funnel, of those that begin in a period,
// got as far as a step. Later steps may lie behind the period, up to the window.
type Reached struct {
	Scope  // without a filter: the funnel has its own; Asked is nil
	Period // also the end of the history that fields of users look at
	syntax.Reached
}

// reached returns the users who got as far in a funnel as a filter says.
func (r *resolver) reached(ctx context.Context, f syntax.Filter) (*roaring.Bitmap, error) {
	if r.period.From == r.period.To { // nothing begins in it
		return roaring.New(), nil
	}
	q := Reached{Scope: Scope{Zone: r.zone}, Period: r.period, Reached: *f.Reached}
	funnel := &q.Funnel
	funnel.Steps, funnel.Exclude = slices.Clone(funnel.Steps), slices.Clone(funnel.Exclude)
	filters := []*syntax.Filter{&funnel.Filter}
	for i := range funnel.Steps {
		filters = append(filters, &funnel.Steps[i].Filter)
	}
	for i := range funnel.Exclude {
		filters = append(filters, &funnel.Exclude[i].Filter)
	}
	for _, one := range filters {
		var err error
		if *one, err = r.rewrite(ctx, *one); err != nil {
			return nil, err
		}
	}
	if err := r.say(ctx, &q.Scope, nil, filters...); err != nil {
		return nil, err
	}
	key := fmt.Sprintf("%s %s %s", r.Data, r.zone, r.textOf(f))
	if users, ok := r.get(key); ok {
		return users, nil
	}
	q.Sets = r.sets
	users, err := serve(ctx, r.Source, func(e Engine) (*roaring.Bitmap, error) { return e.Reached(ctx, q) })
	if err != nil {
		return nil, err
	}
	r.put(key, users)
	return users, nil
}
