package question

import (
	"context"

	"eventanalytics/pkg/syntax"
	"eventanalytics/services/stats/engine"
)

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
	exactly, all := bucketsOfUsers(cells, buckets)
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
func bucketsOfUsers(cells []engine.Cell, most int) (exactly []int64, all int64) {
	exactly = make([]int64, most+1)
	var of []uint16 // how many cells each user is in
	users := make([]uint32, 4096)
	for _, c := range cells {
		if c.Set == nil || c.Set.IsEmpty() {
			continue
		}
		if room := int(c.Set.Maximum()) + 1; room > len(of) {
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
	return exactly, all
}
