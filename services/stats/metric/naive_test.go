package metric

import (
	"cmp"
	"fmt"
	"slices"
	"sync"
	"time"

	"eventanalytics/pkg/event"
)

// naive computes every metric from plain events, as literally and slowly as the
// words of the HTTP contract allow. It shares nothing with the metrics but the
// rows' types: local dates come from package time, and where a bucket begins is
// found by asking minute by minute.
type naive struct {
	events []event.Event // of one project, those that hold under the filters
	loc    *time.Location
}

func (m naive) day(e event.Event) string { return label(m.loc, time.UnixMicro(e.OccurredAt)) }

func label(loc *time.Location, at time.Time) string { return at.In(loc).Format(time.DateOnly) }

// filter keeps the events for which all conditions hold.
func (m naive) filter(conditions []func(event.Event) bool) naive {
	m.events = slices.DeleteFunc(slices.Clone(m.events), func(e event.Event) bool {
		return slices.ContainsFunc(conditions, func(holds func(event.Event) bool) bool { return !holds(e) })
	})
	return m
}

func (m naive) between(from, to string) []event.Event {
	var kept []event.Event
	for _, e := range m.events {
		if d := m.day(e); d >= from && d <= to {
			kept = append(kept, e)
		}
	}
	return kept
}

func users(events []event.Event) int64 {
	seen := map[string]bool{}
	for _, e := range events {
		seen[e.UserID] = true
	}
	return int64(len(seen))
}

// group splits events by key, and returns the keys in order.
func group(events []event.Event, key func(event.Event) string) (map[string][]event.Event, []string) {
	groups := map[string][]event.Event{}
	for _, e := range events {
		groups[key(e)] = append(groups[key(e)], e)
	}
	var keys []string
	for k := range groups {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return groups, keys
}

// dates lists the dates from…to that the zone's clocks ever showed.
func (m naive) dates(from, to string) []string {
	var all []string
	for d := from; d <= to; d = addDays(d, 1) {
		if _, _, exists := m.bounds(d, d); exists {
			all = append(all, d)
		}
	}
	return all
}

func parseDay(d string) time.Time {
	t, err := time.Parse(time.DateOnly, d)
	if err != nil {
		panic(err)
	}
	return t
}

func addDays(d string, n int) string { return parseDay(d).AddDate(0, 0, n).Format(time.DateOnly) }

type boundsKey struct{ zone, first, last string }

type boundsValue struct {
	from, to time.Time
	exists   bool
}

var knownBounds sync.Map

// bounds finds when the clock first and last showed a date in [first, last].
func (m naive) bounds(first, last string) (from, to time.Time, exists bool) {
	key := boundsKey{m.loc.String(), first, last}
	if v, ok := knownBounds.Load(key); ok {
		b := v.(boundsValue)
		return b.from, b.to, b.exists
	}
	begin, end := parseDay(first).Add(-30*time.Hour), parseDay(last).Add(54*time.Hour)
	for at := begin; at.Before(end); at = at.Add(time.Minute) {
		if d := label(m.loc, at); d >= first && d <= last {
			from, exists = at, true
			break
		}
	}
	for at := end; exists; at = at.Add(-time.Minute) {
		if d := label(m.loc, at); d >= first && d <= last {
			to = at.Add(time.Minute)
			break
		}
	}
	knownBounds.Store(key, boundsValue{from, to, exists})
	return from, to, exists
}

func (m naive) dau(from, to string, fill bool) []DAURow {
	byDay, days := group(m.between(from, to), m.day)
	if fill {
		days = m.dates(from, to)
	}
	rows := []DAURow{}
	for _, d := range days {
		rows = append(rows, DAURow{d, users(byDay[d])})
	}
	return rows
}

func (m naive) topEvents(from, to string, limit int) []TopEventsUsersRow {
	byType, types := group(m.between(from, to), func(e event.Event) string { return e.Type })
	rows := []TopEventsUsersRow{}
	for _, t := range types {
		rows = append(rows, TopEventsUsersRow{t, int64(len(byType[t])), users(byType[t])})
	}
	slices.SortStableFunc(rows, func(a, b TopEventsUsersRow) int {
		return cmp.Or(cmp.Compare(b.TotalCount, a.TotalCount), cmp.Compare(a.EventType, b.EventType))
	})
	return rows[:min(limit, len(rows))]
}

func (m naive) activeUsers(from, to string, window int, fill bool) []ActiveUsersRow {
	rows := []ActiveUsersRow{}
	for _, d := range m.dates(from, to) {
		n := users(m.between(addDays(d, 1-window), d))
		if n > 0 || fill {
			rows = append(rows, ActiveUsersRow{d, n})
		}
	}
	return rows
}

// bucket is the first date of a date's bucket.
func bucket(unit, d string) string {
	t := parseDay(d)
	switch unit {
	case "week":
		for t.Weekday() != time.Monday {
			t = t.AddDate(0, 0, -1)
		}
	case "month":
		t = t.AddDate(0, 0, 1-t.Day())
	}
	return t.Format(time.DateOnly)
}

func step(unit, d string, n int) string {
	t := parseDay(d)
	switch unit {
	case "week":
		t = t.AddDate(0, 0, 7*n)
	case "month":
		t = t.AddDate(0, n, 0)
	default:
		t = t.AddDate(0, 0, n)
	}
	return t.Format(time.DateOnly)
}

// hour takes the minutes that the clock shows off the instant.
func (m naive) hour(at time.Time) time.Time {
	local := at.In(m.loc)
	return at.Add(-time.Duration(local.Minute())*time.Minute - time.Duration(local.Second())*time.Second - time.Duration(local.Nanosecond()))
}

func (m naive) hourLabel(start time.Time) string {
	for at := start; at.Before(start.Add(time.Hour)); at = at.Add(time.Minute) {
		if m.hour(at).Equal(start) {
			_, offset := at.In(m.loc).Zone()
			return start.In(time.FixedZone("", offset)).Format(time.RFC3339)
		}
	}
	panic("no instant in the hour " + start.String())
}

// hours lists the hours of the dates from…to, in order.
func (m naive) hours(from, to string) []time.Time {
	var all []time.Time
	for at := parseDay(from).Add(-30 * time.Hour); at.Before(parseDay(to).Add(54 * time.Hour)); at = at.Add(time.Minute) {
		if d := label(m.loc, at); d >= from && d <= to {
			all = append(all, m.hour(at))
		}
	}
	slices.SortFunc(all, time.Time.Compare)
	return slices.CompactFunc(all, time.Time.Equal)
}

func (m naive) eventCounts(from, to, unit string, byType, fill bool) []EventsTypeRow {
	const sortable = "2006-01-02T15:04:05.000000Z"
	key := func(e event.Event) string { return bucket(unit, m.day(e)) }
	name := func(key string) string { return key }
	if unit == "hour" {
		key = func(e event.Event) string { return m.hour(time.UnixMicro(e.OccurredAt)).UTC().Format(sortable) }
		name = func(key string) string {
			at, err := time.Parse(sortable, key)
			if err != nil {
				panic(err)
			}
			return m.hourLabel(at)
		}
	}
	events := m.between(from, to)
	byBucket, buckets := group(events, key)
	types := []string{""}
	if byType {
		_, types = group(events, func(e event.Event) string { return e.Type })
	}
	if fill {
		buckets = nil
		if unit == "hour" {
			for _, at := range m.hours(from, to) {
				buckets = append(buckets, at.UTC().Format(sortable))
			}
		} else {
			for _, d := range m.dates(from, to) {
				buckets = append(buckets, bucket(unit, d))
			}
			buckets = slices.Compact(buckets)
		}
	}
	rows := []EventsTypeRow{}
	for _, b := range buckets {
		for _, t := range types {
			var in []event.Event
			for _, e := range byBucket[b] {
				if !byType || e.Type == t {
					in = append(in, e)
				}
			}
			if len(in) > 0 || fill {
				rows = append(rows, EventsTypeRow{name(b), t, int64(len(in)), users(in)})
			}
		}
	}
	return rows
}

func (m naive) format(us int64) string {
	return time.UnixMicro(us).In(m.loc).Format("2006-01-02T15:04:05.999999Z07:00")
}

func (m naive) eventTypes() []EventTypesRow {
	byType, types := group(m.events, func(e event.Event) string { return e.Type })
	rows := []EventTypesRow{}
	for _, t := range types {
		slices.SortFunc(byType[t], func(a, b event.Event) int { return cmp.Compare(a.OccurredAt, b.OccurredAt) })
		rows = append(rows, EventTypesRow{t, m.format(byType[t][0].OccurredAt), m.format(byType[t][len(byType[t])-1].OccurredAt)})
	}
	return rows
}

func (m naive) latest(limit int) []EventRow {
	events := slices.Clone(m.events)
	slices.SortFunc(events, func(a, b event.Event) int {
		return cmp.Or(cmp.Compare(b.OccurredAt, a.OccurredAt), cmp.Compare(b.ID.String(), a.ID.String()))
	})
	rows := []EventRow{}
	for _, e := range events[:min(limit, len(events))] {
		rows = append(rows, EventRow{e.ID.String(), m.format(e.OccurredAt), e.UserID, e.Type, JSON(e.Properties)})
	}
	return rows
}

type naiveRetention struct {
	start, end, unit    string
	windows             int
	inPeriod            bool
	founding, returning string
	now, complete       time.Time
}

// retention returns rows as text: their type depends on the granularity.
func (m naive) retention(q naiveRetention) []string {
	byUser, all := group(m.events, func(e event.Event) string { return e.UserID })
	cohorts := map[string][]string{}
	for _, user := range all {
		var first *event.Event
		for _, e := range byUser[user] {
			if q.founding != "" && e.Type != q.founding || q.inPeriod && m.day(e) < q.start {
				continue
			}
			if first == nil || e.OccurredAt < first.OccurredAt {
				first = &e
			}
		}
		if first == nil {
			continue
		}
		c := bucket(q.unit, m.day(*first))
		if c >= bucket(q.unit, q.start) && c <= bucket(q.unit, q.end) {
			cohorts[c] = append(cohorts[c], user)
		}
	}
	rows := []string{}
	for c := bucket(q.unit, q.start); c <= bucket(q.unit, q.end); c = step(q.unit, c, 1) {
		for k := 0; k < q.windows && len(cohorts[c]) > 0; k++ {
			b, next := step(q.unit, c, k), step(q.unit, c, k+1)
			from, to, exists := m.bounds(b, addDays(next, -1))
			if !exists || from.After(q.now) {
				continue
			}
			retained := 0
			for _, user := range cohorts[c] {
				if k == 0 || slices.ContainsFunc(byUser[user], func(e event.Event) bool {
					return bucket(q.unit, m.day(e)) == b && (q.returning == "" || e.Type == q.returning)
				}) {
					retained++
				}
			}
			size := len(cohorts[c])
			rows = append(rows, fmt.Sprint(c, k, size, retained, float64(retained)/float64(size), to.After(q.now) || to.After(q.complete)))
		}
	}
	return rows
}
