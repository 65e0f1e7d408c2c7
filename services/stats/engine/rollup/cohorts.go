package rollup

import (
	"context"
	"maps"
	"slices"

	"github.com/RoaringBitmap/roaring/v2"

	"eventanalytics/pkg/calendar"
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
	match, err := typesOf(c.Filter, c.Zone)
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
	founding := e.view.Scan(andType(match, c.Founding))
	cohorts, err := foundCohorts(ctx, founding, slots, c)
	if err != nil {
		return nil, err
	}
	returning := founding
	if c.Returning != c.Founding {
		returning = e.view.Scan(andType(match, c.Returning))
	}
	return countReturns(ctx, returning, cohorts, byDate(byBucket(slots)), c)
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

// countReturns counts the members of each cohort in each window.
func countReturns(ctx context.Context, returning *rollup.Scan, cohorts map[calendar.Date]*roaring.Bitmap, periods map[calendar.Date][]rollup.Period, c engine.Cohorts) ([]engine.CohortUsers, error) {
	active := map[calendar.Date]*roaring.Bitmap{} // in the windows of one cohort
	result := engine.NewResult[engine.CohortUsers](ctx)
	for _, cohort := range slices.Sorted(maps.Keys(cohorts)) {
		delete(active, cohort)
		members := cohorts[cohort]
		if members.IsEmpty() {
			continue
		}
		if err := result.Add(engine.CohortUsers{Cohort: cohort, Users: int64(members.GetCardinality())}); err != nil {
			return nil, err
		}
		for k := 1; k < c.Windows; k++ {
			bucket := c.Unit.Add(cohort, k)
			if active[bucket] == nil {
				users, err := returning.Users(ctx, periods[bucket]...)
				if err != nil {
					return nil, err
				}
				active[bucket] = users
			}
			users := members.AndCardinality(active[bucket])
			if users == 0 {
				continue
			}
			if err := result.Add(engine.CohortUsers{Cohort: cohort, Window: k, Users: int64(users)}); err != nil {
				return nil, err
			}
		}
	}
	return result.Rows, nil
}
