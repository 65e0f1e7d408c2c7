package oracle

import (
	"math/big"
	"slices"
	"time"
)

// Sessions asks for visits.
type Sessions struct {
	Scope // its filter keeps the sessions with an event for which it holds
	Split
	Interval string // as that of Trends
	Gap      time.Duration
	Fill     bool // rows for buckets and groups without sessions
}

// SessionRow is a row of "sessions"; nil is null.
type SessionRow struct {
	Bucket string
	Group
	Sessions, Users                       int
	SessionsPerUser, EventsPerSession     *float64
	Bounces                               int
	BounceRate, AvgSeconds, MedianSeconds *float64
	Incomplete                            bool
}

// session is what a unit did without a longer pause.
type session struct {
	unit   string
	events []Event // in their order
	values []*string
	bucket string
}

// sessions cuts the events of each unit where there is more than a gap from one to the
// next. Events without the unit's value are in none.
func (s Scope) sessions(k known, events []Event, gap time.Duration) (all []session) {
	events = slices.Clone(events)
	slices.SortFunc(events, inOrder)
	last := map[string]int{} // index of each unit's last session
	for _, e := range events {
		unit, ok := k.text(s.unit(), e)
		if !ok {
			continue
		}
		i, known := last[unit]
		if known && e.At.Sub(all[i].events[len(all[i].events)-1].At) <= gap {
			all[i].events = append(all[i].events, e)
			continue
		}
		last[unit] = len(all)
		all = append(all, session{unit: unit, events: []Event{e}})
	}
	return all
}

// ofEvents are the events of the session of each event.
func ofEvents(sessions []session) map[string][]Event {
	of := map[string][]Event{}
	for _, s := range sessions {
		for _, e := range s.events {
			of[e.ID] = s.events
		}
	}
	return of
}

// Rows computes the rows by bucket, then group.
func (q Sessions) Rows(events []Event) []SessionRow {
	k := knownIn(events, q.From, q.To, q.Zone)
	all := q.sessions(k, events, q.Gap)
	k.sessions = ofEvents(all)
	var kept []session
	var combinations [][]*string
	for _, s := range all {
		if !q.contains(s.events[0].At) || !slices.ContainsFunc(s.events, func(e Event) bool { return q.Filter == nil || q.Filter.holds(k, e) }) {
			continue
		}
		for _, b := range q.Breakdown {
			var value *string
			for _, e := range s.events {
				if value == nil {
					value = b.value(k, e)
				}
			}
			s.values = append(s.values, value)
		}
		s.bucket = q.From
		if q.Interval != "all" {
			s.bucket = bucketOf(q.Interval, s.events[0].At, q.Zone)
		}
		kept, combinations = append(kept, s), append(combinations, s.values)
	}
	groups := q.groups(combinations, func(values []*string) *float64 {
		n := 0
		for _, s := range kept {
			if combination(s.values) == combination(values) {
				n++
			}
		}
		return rounded(whole(n))
	})
	rows := []SessionRow{}
	for _, label := range q.labels() {
		for g, group := range groups {
			of := slices.DeleteFunc(slices.Clone(kept), func(s session) bool {
				return s.bucket != label || !has(groups, g, combination(s.values))
			})
			if len(of) > 0 || q.Fill {
				rows = append(rows, q.row(label, group, of))
			}
		}
	}
	return rows
}

// labels are those of the buckets of the range.
func (q Sessions) labels() []string {
	if q.Interval != "all" {
		return Buckets(q.Interval, q.From, q.To, q.Zone)
	}
	if len(Buckets("day", q.From, q.To, q.Zone)) == 0 {
		return nil
	}
	return []string{q.From}
}

func (q Sessions) row(label string, group Group, of []session) SessionRow {
	row := SessionRow{Bucket: label, Group: group, Sessions: len(of)}
	users := map[string]bool{}
	events, seconds := 0, new(big.Rat)
	var lengths []*big.Rat
	for _, s := range of {
		users[s.unit] = true
		events += len(s.events)
		if len(s.events) == 1 {
			row.Bounces++
		}
		length := big.NewRat(s.events[len(s.events)-1].At.Sub(s.events[0].At).Nanoseconds(), 1e9)
		lengths = append(lengths, length)
		seconds.Add(seconds, length)
	}
	row.Users = len(users)
	row.SessionsPerUser, row.EventsPerSession = divided(whole(len(of)), len(users)), divided(whole(events), len(of))
	row.BounceRate, row.AvgSeconds = divided(whole(row.Bounces), len(of)), divided(seconds, len(of))
	if len(of) > 0 {
		row.MedianSeconds = rounded(quantile(quantiles["median"], lengths))
	}
	row.Incomplete = Trends{Scope: q.Scope, Interval: q.Interval}.incomplete(label)
	return row
}

// Cells are the values of a row as the columns of the question have them.
func (q Sessions) Cells(r SessionRow) []any {
	row := []any{r.Bucket}
	if len(q.Breakdown) > 0 {
		for _, v := range r.Values {
			row = append(row, orNull(v))
		}
		row = append(row, r.Name)
	}
	return append(row, r.Sessions, r.Users, orNull(r.SessionsPerUser), orNull(r.EventsPerSession), r.Bounces,
		orNull(r.BounceRate), orNull(r.AvgSeconds), orNull(r.MedianSeconds), r.Incomplete)
}
