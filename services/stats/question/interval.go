package question

import (
	"slices"

	"eventanalytics/pkg/calendar"
	"eventanalytics/services/stats/engine"
)

// Whole is the interval of one bucket for a whole range.
const Whole = "all"

// Interval is how a question cuts its range.
type Interval struct {
	Interval  string `json:"interval"`
	WeekStart string `json:"week_start"` // monday, sunday or saturday
}

// weeks are the units of weeks by the days that they begin on.
var weeks = map[string]calendar.Unit{"monday": calendar.Week, "sunday": calendar.SundayWeek, "saturday": calendar.SaturdayWeek}

// unit returns that of the buckets.
func (i Interval) unit() calendar.Unit {
	switch i.Interval {
	case Whole:
		return engine.Whole
	case string(calendar.Week):
		return weeks[i.WeekStart]
	}
	return calendar.Unit(i.Interval)
}

// maxDaysOf are the longest ranges of short intervals, in local dates.
var maxDaysOf = map[calendar.Unit]calendar.Date{calendar.Minute: 1, calendar.Hour: 92}

// bound refuses a range that has too many buckets.
func (i Interval) bound(d Days) error {
	n, most := d.To-d.From+1, maxDaysOf[i.unit()]
	if most > 0 && n > most {
		return invalid("interval", "the range has %d days, at most %d are allowed by %s", n, most, i.Interval)
	}
	return nil
}

// period is a range cut into buckets.
type period struct {
	buckets
	list   []int64
	places map[int64]int // in list
	asked  []int         // of each bucket in list, its place among those that were asked about, or -1
}

// periodOf cuts some days. Before them come so many whole buckets, as far as there are
// any. Where clocks go back over midnight, buckets that were not asked about lie between
// the others.
func periodOf(b buckets, before int) period {
	own := list(b.zone, b.unit, b.Days)
	p := period{buckets: b, list: own, places: map[int64]int{}}
	if before > 0 && len(own) > 0 {
		p.From = longBefore(b.unit, b.From, before)
		wide := list(b.zone, b.unit, p.Days)
		first := slices.Index(wide, own[0])
		p.list = wide[max(0, first-before):]
		if !b.unit.OfInstants() {
			p.From = calendar.Date(p.list[0])
		}
	}
	for i, bucket := range p.list {
		p.places[bucket] = i
		place, found := slices.BinarySearch(own, bucket)
		if !found {
			place = -1
		}
		p.asked = append(p.asked, place)
	}
	return p
}

// longBefore returns a date with at least so many buckets between it and another. No zone
// has skipped more than two dates.
func longBefore(unit calendar.Unit, d calendar.Date, buckets int) calendar.Date {
	if unit.OfInstants() {
		return max(engine.FirstDate, d-calendar.Date(buckets/20)-2) // no day has fewer than 20 hours
	}
	return max(engine.FirstDate, unit.Add(unit.Floor(d), -buckets-2))
}
