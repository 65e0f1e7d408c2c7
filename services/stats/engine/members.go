package engine

import (
	"context"
	"math"

	"github.com/RoaringBitmap/roaring/v2"

	"eventanalytics/pkg/calendar"
)

// Members returns the users of a cohort with an event up to the end of a local date, as of
// that end; attempts at funnels may begin at any time before it.
func (s *Source) Members(ctx context.Context, cohort string, zone *calendar.Zone, to calendar.Date) (*roaring.Bitmap, error) {
	ctx, end := s.limited(ctx)
	defer end()
	r := s.resolver(Scope{Zone: zone}, &Range{FirstDate, to})
	users, err := r.members(ctx, cohort)
	return users, expired(ctx, err)
}

func (r *resolver) members(ctx context.Context, cohort string) (*roaring.Bitmap, error) {
	set, err := r.cohort(ctx, cohort)
	if err != nil {
		return nil, err
	}
	all, err := r.doers(ctx, Doers{Scope: Scope{Zone: r.zone}, Since: math.MinInt64, Until: r.period.To, Times: 1}, "")
	if err != nil {
		return nil, err
	}
	return set.and(Set{Users: all}).Users, nil
}
