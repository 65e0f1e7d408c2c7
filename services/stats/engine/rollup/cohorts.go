package rollup

import (
	"context"
	"maps"
	"slices"

	"github.com/RoaringBitmap/roaring/v2"

	"eventanalytics/pkg/calendar"
	"eventanalytics/pkg/syntax"
	"eventanalytics/pkg/warehouse/rollup"
	"eventanalytics/services/stats/engine"
)

// Cohorts serves a scan.
func (e *Engine) Cohorts(ctx context.Context, c engine.Cohorts) (rows []engine.CohortUsers, err error) {
	err = e.do(ctx, func(ctx context.Context) error {
		rows, err = e.cohorts(ctx, c)
		return err
	})
	return rows, err
}

func (e *Engine) cohorts(ctx context.Context, c engine.Cohorts) ([]engine.CohortUsers, error) {
	if c.Returned || len(c.Breakdown) > 0 {
		return nil, engine.ErrUnsupported // bitmaps tell no order within a bucket, nor fields
	}
	match, err := typesOf(c.Filter, c.Zone)
	if err != nil {
		return nil, err
	}
	returns, err := typesOf(syntax.And(c.Filter, c.ReturningFilter), c.Zone)
	if err != nil {
		return nil, err
	}
	p, exists := c.Period()
	if !exists {
		return nil, nil
	}
	if !c.InPeriod {
		p.First = engine.FirstDate // earlier dates found no cohort that counts, but are earlier
	}
	slots, err := slotsOf(p, c.Unit)
	if err != nil {
		return nil, err
	}
	cohorts, err := foundCohorts(ctx, e.view.Scan(andType(match, c.Founding)), slots, c)
	if err != nil {
		return nil, err
	}
	r := &returning{Cohorts: c, scan: e.view.Scan(andType(returns, c.Returning)), periods: byDate(byBucket(slots)), sets: map[calendar.Date]*roaring.Bitmap{}}
	return r.count(ctx, cohorts)
}

// foundCohorts returns the members of each cohort: those that no earlier slot has.
// Slots are in the order of time, which is not always that of dates.
func foundCohorts(ctx context.Context, founding *rollup.Scan, slots []slot, c engine.Cohorts) (map[calendar.Date]*roaring.Bitmap, error) {
	first, last := c.Buckets()
	cohorts := map[calendar.Date]*roaring.Bitmap{}
	known := roaring.New()
	if !c.InPeriod && len(slots) > 0 {
		before, err := founding.Users(ctx, rollup.Period{From: rollup.Always.From, To: slots[0].period.From})
		if err != nil {
			return nil, err
		}
		known.Or(before)
	}
	tooLate := func(s slot) bool { return calendar.Date(s.bucket) > last }
	for len(slots) > 0 && tooLate(slots[len(slots)-1]) {
		slots = slots[:len(slots)-1] // nothing that counts comes after it
	}
	for _, s := range slots {
		users, err := founding.Users(ctx, s.period)
		if err != nil {
			return nil, err
		}
		if cohort := calendar.Date(s.bucket); cohort >= first && !tooLate(s) {
			if cohorts[cohort] == nil {
				cohorts[cohort] = roaring.New()
			}
			cohorts[cohort].Or(roaring.AndNot(users, known))
		}
		known.Or(users)
	}
	return cohorts, nil
}

// returning counts returns. It remembers the users of the windows of a cohort or two.
type returning struct {
	engine.Cohorts
	scan    *rollup.Scan
	periods map[calendar.Date][]rollup.Period
	sets    map[calendar.Date]*roaring.Bitmap // users in a bucket or, with After, from it on
}

// count counts the members of each cohort in each window: from the last cohort back, as
// users from a bucket on are those in it and from the next one on.
func (r *returning) count(ctx context.Context, cohorts map[calendar.Date]*roaring.Bitmap) ([]engine.CohortUsers, error) {
	result := engine.NewResult[engine.CohortUsers](ctx)
	for _, cohort := range slices.Backward(slices.Sorted(maps.Keys(cohorts))) {
		members := cohorts[cohort]
		if members.IsEmpty() {
			continue
		}
		for window := len(r.Windows) - 1; window >= 0; window-- {
			n := engine.CohortUsers{Cohort: cohort, Window: engine.Members, Users: int64(members.GetCardinality())}
			if window > 0 {
				n.Window = window
				users, err := r.users(ctx, cohort, window)
				if err != nil {
					return nil, err
				}
				n.Users = int64(members.AndCardinality(users))
			}
			if n.Users == 0 {
				continue
			}
			if err := result.Add(n); err != nil {
				return nil, err
			}
		}
		furthest := r.Unit.Add(cohort, len(r.Windows))
		maps.DeleteFunc(r.sets, func(bucket calendar.Date, _ *roaring.Bitmap) bool { return bucket >= furthest })
	}
	slices.Reverse(result.Rows)
	return result.Rows, nil
}

// users returns who returned in a window.
func (r *returning) users(ctx context.Context, cohort calendar.Date, window int) (*roaring.Bitmap, error) {
	first, end := r.Unit.Add(cohort, r.Windows[window-1]), r.Unit.Add(cohort, r.Windows[window])
	long := end > r.Unit.Add(first, 1) // its users are not remembered: sets have those of one bucket
	if known := r.sets[first]; known != nil && !long {
		return known, nil
	}
	var later *roaring.Bitmap
	if r.After && end <= r.Through {
		if later = r.sets[end]; later == nil {
			end = r.Unit.Add(r.Through, 1)
		}
	}
	var periods []rollup.Period
	for bucket := first; bucket < end; bucket = r.Unit.Add(bucket, 1) {
		periods = append(periods, r.periods[bucket]...)
	}
	users, err := r.scan.Users(ctx, periods...)
	if err != nil || long {
		return users, err
	}
	if later != nil {
		users = roaring.Or(users, later)
	}
	r.sets[first] = users
	return users, nil
}
