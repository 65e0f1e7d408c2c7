package oracle

import (
	"slices"
	"sync"
	"time"
)

const layout = time.DateOnly

// dayOf is the date that a clock in the zone shows.
func dayOf(at time.Time, zone *time.Location) string { return at.In(zone).Format(layout) }

// timestamp writes an instant as RFC 3339, with as many digits of the second as it
// has.
func timestamp(at time.Time, zone *time.Location) string {
	return at.In(zone).Format("2006-01-02T15:04:05.999999Z07:00")
}

func parseDay(day string) time.Time {
	t, err := time.Parse(layout, day)
	if err != nil {
		panic(err) // the test that asks wrote it
	}
	return t
}

func addDays(day string, n int) string { return parseDay(day).AddDate(0, 0, n).Format(layout) }

// begins are the days that weeks begin on, by the names of their units: week is that of
// ISO.
var begins = map[string]time.Weekday{"week": time.Monday, "week-sunday": time.Sunday, "week-saturday": time.Saturday}

// firstDay is the first date of the day, week, month, quarter or year of a date.
func firstDay(unit, day string) string {
	t := parseDay(day)
	switch unit {
	case "week", "week-sunday", "week-saturday":
		for t.Weekday() != begins[unit] {
			t = t.AddDate(0, 0, -1)
		}
	case "month", "quarter", "year":
		for t.Day() != 1 || unit == "quarter" && t.Month()%3 != 1 || unit == "year" && t.Month() != 1 {
			t = t.AddDate(0, 0, -1)
		}
	}
	return t.Format(layout)
}

// step is the first date of the n-th bucket after the one that begins on day.
func step(unit, day string, n int) string {
	t := parseDay(day)
	switch unit {
	case "week", "week-sunday", "week-saturday":
		t = t.AddDate(0, 0, 7*n)
	case "month":
		t = t.AddDate(0, n, 0)
	case "quarter":
		t = t.AddDate(0, 3*n, 0)
	case "year":
		t = t.AddDate(n, 0, 0)
	default:
		t = t.AddDate(0, 0, n)
	}
	return t.Format(layout)
}

// bucketOf is the label of the bucket that an instant is in.
func bucketOf(unit string, at time.Time, zone *time.Location) string {
	switch unit {
	case "minute":
		return timeLabel(at.Truncate(time.Minute), zone)
	case "hour":
		return timeLabel(hour(at, zone), zone)
	}
	return firstDay(unit, dayOf(at, zone))
}

// Buckets lists the labels of the buckets of local days, in order; days that never were
// are in none. Units are minute, hour, day, week, week-sunday, week-saturday, month,
// quarter and year.
func Buckets(unit, from, to string, zone *time.Location) []string {
	var labels []string
	if unit == "minute" || unit == "hour" {
		begin, end := reach(from, to)
		for at := begin; at.Before(end); at = at.Add(time.Minute) {
			if day := dayOf(at, zone); day >= from && day <= to && (unit == "minute" || beginsHour(at, zone)) {
				labels = append(labels, timeLabel(at, zone))
			}
		}
		return labels
	}
	for day := from; day <= to; day = addDays(day, 1) {
		if _, _, exists := bounds(day, day, zone); exists {
			labels = append(labels, firstDay(unit, day))
		}
	}
	return slices.Compact(labels)
}

// beginsHour says whether the clock shows another hour, or was moved, since the minute
// before.
func beginsHour(at time.Time, zone *time.Location) bool {
	now, before := at.In(zone), at.Add(-time.Minute).In(zone)
	_, offset := now.Zone()
	_, offsetBefore := before.Zone()
	return now.Hour() != before.Hour() || offset != offsetBefore
}

// hour goes back to the minute in which the hour of an instant began.
func hour(at time.Time, zone *time.Location) time.Time {
	at = at.Truncate(time.Minute)
	for !beginsHour(at, zone) {
		at = at.Add(-time.Minute)
	}
	return at
}

// timeLabel is the begin of an hour or minute with the offset that the clock has then.
func timeLabel(begin time.Time, zone *time.Location) string {
	return begin.In(zone).Format(time.RFC3339)
}

// reach is a time outside of which no clock on Earth shows one of the days.
func reach(first, last string) (begin, end time.Time) {
	return parseDay(first).Add(-30 * time.Hour), parseDay(last).Add(54 * time.Hour)
}

type boundsKey struct{ zone, first, last string }

type boundsValue struct {
	from, to time.Time
	exists   bool
}

var knownBounds sync.Map

// bounds finds when the clock first shows a date in [first, last], and when it has
// shown the last one.
func bounds(first, last string, zone *time.Location) (from, to time.Time, exists bool) {
	key := boundsKey{zone.String(), first, last}
	if v, ok := knownBounds.Load(key); ok {
		b := v.(boundsValue)
		return b.from, b.to, b.exists
	}
	// Numbers, because texts would be what most of the time is spent on.
	number := func(t time.Time) int { y, m, d := t.Date(); return (y*100+int(m))*100 + d }
	low, high := number(parseDay(first)), number(parseDay(last))
	shown := func(at time.Time) bool { n := number(at.In(zone)); return n >= low && n <= high }
	begin, end := reach(first, last)
	for from = begin; from.Before(end) && !shown(from); {
		from = from.Add(time.Minute)
	}
	exists = from.Before(end)
	for to = end; exists && !shown(to.Add(-time.Minute)); {
		to = to.Add(-time.Minute)
	}
	knownBounds.Store(key, boundsValue{from, to, exists})
	return from, to, exists
}
