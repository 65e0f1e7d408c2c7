package oracle

// Stickiness asks in how many buckets users were active. What is measured of the series
// does not matter.
type Stickiness struct {
	Scope
	Series     Series
	Interval   string // day, week, week-sunday, week-saturday or month
	Least      int    // events that make a bucket count
	Cumulative bool   // users of at least so many buckets
}

// StickinessRow is a row of "stickiness". Share is nil when no user has a bucket that
// counts.
type StickinessRow struct {
	Buckets, Users int
	Share          *float64
}

// Rows computes a row for each number of buckets of the range, from 1.
func (q Stickiness) Rows(events []Event) []StickinessRow {
	counts := map[string]map[string]int{} // of events by unit and bucket
	for _, e := range q.fitting(knownIn(events, q.From, q.To, q.Zone), events, q.Series) {
		if !q.contains(e.At) {
			continue
		}
		if counts[e.unit] == nil {
			counts[e.unit] = map[string]int{}
		}
		counts[e.unit][bucketOf(q.Interval, e.At, q.Zone)]++
	}
	users := map[int]int{} // by buckets that count
	all := 0
	for _, of := range counts {
		buckets := 0
		for _, n := range of {
			if n >= q.Least {
				buckets++
			}
		}
		users[buckets]++
		if buckets > 0 {
			all++
		}
	}
	rows := []StickinessRow{}
	last := len(Buckets(q.Interval, q.From, q.To, q.Zone))
	for n := 1; n <= last; n++ {
		row := StickinessRow{Buckets: n, Users: users[n]}
		for more := n + 1; more <= last && q.Cumulative; more++ {
			row.Users += users[more]
		}
		row.Share = divided(whole(row.Users), all)
		rows = append(rows, row)
	}
	return rows
}
