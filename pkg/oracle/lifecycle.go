package oracle

import "slices"

// Lifecycle asks which users are new, come back or stay away. What is measured of the
// series does not matter.
type Lifecycle struct {
	Scope
	Series   Series
	Interval string // day, week, week-sunday, week-saturday or month
}

// LifecycleRow is a row of "lifecycle".
type LifecycleRow struct {
	Bucket, Status string
	Users          int
	Incomplete     bool
}

// Rows computes four rows for each bucket of the range. Buckets that the range cuts are
// whole, so that none is incomplete for it; what is known of users is as of the end of
// the range all the same. Days that never were are no buckets.
func (q Lifecycle) Rows(events []Event) []LifecycleRow {
	active := map[string]map[string]bool{} // units by bucket
	first := q.From
	for _, e := range q.fitting(knownIn(events, q.From, q.To, q.Zone), events, q.Series) {
		bucket := bucketOf(q.Interval, e.At, q.Zone)
		first = min(first, bucket)
		if active[bucket] == nil {
			active[bucket] = map[string]bool{}
		}
		active[bucket][e.unit] = true
	}
	buckets := Buckets(q.Interval, firstDay(q.Interval, first), q.To, q.Zone)
	rows := []LifecycleRow{}
	for _, bucket := range Buckets(q.Interval, q.From, q.To, q.Zone) {
		i := slices.Index(buckets, bucket)
		var earlier, before map[string]bool
		earlier = map[string]bool{}
		for _, b := range buckets[:i] {
			before = active[b]
			for unit := range before {
				earlier[unit] = true
			}
		}
		users := map[string]int{}
		for unit := range active[bucket] {
			switch {
			case before[unit]:
				users["returning"]++
			case earlier[unit]:
				users["resurrecting"]++
			default:
				users["new"]++
			}
		}
		for unit := range before {
			if !active[bucket][unit] {
				users["dormant"]++
			}
		}
		incomplete := Incomplete(q.Interval, bucket, bucket, addDays(step(q.Interval, bucket, 1), -1), q.Zone, q.until())
		for _, status := range []string{"new", "returning", "resurrecting", "dormant"} {
			rows = append(rows, LifecycleRow{bucket, status, users[status], incomplete})
		}
	}
	return rows
}
