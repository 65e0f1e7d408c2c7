package question

import (
	"context"
	"time"

	"github.com/RoaringBitmap/roaring/v2"

	"eventanalytics/pkg/syntax"
	"eventanalytics/services/stats/engine"
)

var lifecycle = define[LifecycleParams, Lifecycle](Info{
	Name: "lifecycle", Path: "/api/stats/lifecycle", Summary: "New, returning, resurrecting and dormant users",
	Description: "Four rows for each bucket. Users are active in a bucket when they have an event of the series; new, returning and resurrecting together are the active ones. Buckets that the range cuts are taken whole.",
	Shorten:     "to", ShortenBy: "ask for a shorter range or a longer interval",
	Rows: []Row{{"LifecycleRow", Lifecycle{}.Columns()}},
})

// LifecycleParams are the parameters of lifecycle.
type LifecycleParams struct {
	DayParams
	ActivityParams
	FilterParams
}

// Question resolves the parameters.
func (p *LifecycleParams) Question(now time.Time) (Question, error) {
	days, scope, err := parseRange(&p.DayParams, &p.FilterParams, now)
	if err != nil {
		return nil, err
	}
	series, unit, err := p.activity(scope)
	return Lifecycle{days, p.interval(p.Interval, p.WeekStart), series, unit, scope}, err
}

// Lifecycle asks in each bucket for the users who are new, come back or stay away.
type Lifecycle struct {
	Days
	Interval
	Series syntax.Series `json:"series"` // whose events make users active
	Unit   syntax.Field  `json:"unit"`
	Scope
}

// Columns returns those of a row for each bucket and status.
func (Lifecycle) Columns() []Column {
	return []Column{
		{Name: "bucket", Format: "date", Doc: "First day of the bucket"},
		{Name: "status", Doc: "new: active, never before; returning: active, and in the bucket before; resurrecting: active, not in the bucket before, but earlier; dormant: active in the bucket before, not in this one"},
		{Name: "users", Kind: Integer, Doc: "Users with the status"},
		incomplete,
	}
}

// whole are the days of all buckets that the range has dates of, which it does not cut.
func (q Lifecycle) whole() Days {
	unit := q.unit()
	buckets := q.Timezone.Dates(unit, q.From, q.To)
	if len(buckets) == 0 {
		return q.Days // that never were
	}
	return Days{buckets[0], unit.Add(buckets[len(buckets)-1], 1) - 1}
}

// ClockKey names the bucket that is incomplete.
func (q Lifecycle) ClockKey(now, completeUntil time.Time) string {
	return clockKey(q.whole(), q.Scope, q.unit(), now, completeUntil)
}

// Answer returns four rows for each bucket.
func (q Lifecycle) Answer(ctx context.Context, src *engine.Source) (*Table, error) {
	buckets := bucketsOf(q.whole(), q.Scope, q.unit(), src)
	p := periodOf(buckets, 1)
	scope := q.events()
	asked := q.dates()
	scope.Asked = &asked
	cells, err := src.Tally(ctx, engine.Tally{
		Scope: scope, Range: p.dates(), Series: seriesOf(q.Series, q.Unit), Interval: p.unit, Before: true, Part: engine.UserSets,
	})
	if err != nil {
		return nil, err
	}
	active := make([]*roaring.Bitmap, len(p.list))
	known := roaring.New() // of all time before
	for _, c := range cells {
		if c.Bucket == engine.BeforeRange {
			known.Or(c.Set)
		} else {
			active[p.places[c.Bucket]] = c.Set
		}
	}
	rows := NewTable(ctx, q.Columns(), 4*len(p.list))
	var before uint64       // active in the bucket before
	lapsed := known.Clone() // known, and not active in the bucket before
	for i, now := range active {
		if now == nil {
			now = roaring.New()
		}
		if p.asked[i] >= 0 {
			label, open := TextOf(p.label(p.list[i])), BoolOf(buckets.incomplete(p.list[i]))
			seen, resurrecting := now.AndCardinality(known), now.AndCardinality(lapsed)
			for _, row := range []struct {
				status string
				users  uint64
			}{
				{"new", now.GetCardinality() - seen},
				{"returning", seen - resurrecting},
				{"resurrecting", resurrecting},
				{"dormant", before - (seen - resurrecting)},
			} {
				if err := rows.Add(label, TextOf(row.status), IntegerOf(int64(row.users)), open); err != nil {
					return nil, err
				}
			}
		}
		lapsed = roaring.AndNot(known, now)
		known.Or(now)
		before = now.GetCardinality()
	}
	return rows, nil
}
