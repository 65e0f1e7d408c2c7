package question

import (
	"context"
	"time"

	"eventanalytics/pkg/syntax"
	"eventanalytics/services/stats/engine"
)

var stickiness = define[StickinessParams, Stickiness](Info{
	Name: "stickiness", Path: "/api/stats/stickiness", Summary: "In how many buckets users were active",
	Description: "A row for each number of buckets of the range, from 1, with the users who were active in exactly so many of them; with cumulative in at least so many.",
	Shorten:     "to", ShortenBy: "ask for a shorter range or a longer interval",
	Rows: []Row{{"StickinessRow", Stickiness{}.Columns()}},
})

// StickinessParams are the parameters of stickiness.
type StickinessParams struct {
	DayParams
	ActivityParams
	Least      int  `query:"least" json:"least,omitempty" default:"1" minimum:"1" maximum:"1000000" doc:"Events of a user that make a bucket count"`
	Cumulative bool `query:"cumulative" json:"cumulative,omitempty" doc:"Users active in at least so many buckets"`
	FilterParams
}

// Question resolves the parameters.
func (p *StickinessParams) Question(now time.Time) (Question, error) {
	days, scope, err := parseRange(&p.DayParams, &p.FilterParams, now)
	if err != nil {
		return nil, err
	}
	series, unit, err := p.activity(scope)
	return Stickiness{days, p.interval(p.Interval, p.WeekStart), series, p.Least, p.Cumulative, unit, scope}, err
}

// Stickiness asks in how many buckets of a range users were active.
type Stickiness struct {
	Days
	Interval
	Series     syntax.Series `json:"series"`
	Least      int           `json:"least"` // events of a user that make a bucket count
	Cumulative bool          `json:"cumulative,omitempty"`
	Unit       syntax.Field  `json:"unit"`
	Scope
}

// Columns returns those of a row for each number of buckets.
func (q Stickiness) Columns() []Column {
	users := "Users active in exactly so many buckets"
	if q.Cumulative {
		users = "Users active in at least so many buckets"
	}
	return []Column{
		{Name: "buckets", Kind: Integer, Doc: "A number of buckets"},
		{Name: "users", Kind: Integer, Doc: users},
		{Name: "share", Kind: Number, Nullable: true, Doc: "Of the users active in any; null when there are none"},
	}
}

// Answer returns a row for each number of buckets of the range, from 1.
func (q Stickiness) Answer(ctx context.Context, src *engine.Source) (*Table, error) {
	cells, err := src.Tally(ctx, engine.Tally{
		Scope: q.events(), Range: q.dates(), Series: seriesOf(q.Series, q.Unit), Interval: q.unit(), Least: q.Least, Part: engine.UserSets,
	})
	if err != nil {
		return nil, err
	}
	buckets := len(list(q.Timezone, q.unit(), q.Days))
	exactly, all, err := bucketsOfUsers(ctx, cells, buckets)
	if err != nil {
		return nil, err
	}
	rows := NewTable(ctx, q.Columns(), buckets)
	left := all
	for n := 1; n <= buckets; n++ {
		users, share := exactly[n], NullNumber
		if q.Cumulative {
			users = left
		}
		left -= exactly[n]
		if all > 0 {
			share = NumberOf(float64(users) / float64(all))
		}
		if err := rows.Add(IntegerOf(int64(n)), IntegerOf(users), share); err != nil {
			return nil, err
		}
	}
	return rows, nil
}

// bucketsOfUsers counts the users in each number of cells, and in any.
func bucketsOfUsers(ctx context.Context, cells []engine.Cell, most int) (exactly []int64, all int64, err error) {
	exactly = make([]int64, most+1)
	budget := engine.NewBudget(ctx)
	var of []uint16 // how many cells each user is in
	users := make([]uint32, 4096)
	for _, c := range cells {
		if c.Set == nil || c.Set.IsEmpty() {
			continue
		}
		if room := int(c.Set.Maximum()) + 1; room > len(of) {
			if err := budget.Spend(2 * (room - len(of))); err != nil {
				return nil, 0, err
			}
			of = append(of, make([]uint16, room-len(of))...)
		}
		it := c.Set.ManyIterator()
		for n := it.NextMany(users); n > 0; n = it.NextMany(users) {
			for _, user := range users[:n] {
				of[user]++
			}
		}
	}
	for _, n := range of {
		if n > 0 {
			exactly[n]++
			all++
		}
	}
	return exactly, all, nil
}
