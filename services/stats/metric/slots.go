package metric

import (
	"slices"
	"strings"

	"eventanalytics/pkg/calendar"
	"eventanalytics/pkg/warehouse/rollup"
)

const (
	hourMicros = 3600 * 1_000_000
	dayMicros  = 24 * hourMicros
)

// slot is a period of time that lies in one bucket.
type slot struct {
	bucket int64 // its first date, in days since 1970, or for hours the instant it begins with
	period rollup.Period
}

// slotsOf cuts a period into slots, in the order of time. A bucket has several
// where clocks go back over its begin. ok is false when one does not begin or end
// with a quarter of an hour: then a roll-up cannot say what lies in it.
func slotsOf(p period, unit calendar.Unit) (slots []slot, ok bool) {
	for _, span := range p.spans {
		local := func(d calendar.Date) int64 { return int64(d)*dayMicros - span.Offset }
		from, to := max(span.Start, local(p.first)), min(span.End, local(p.last+1))
		for at := from; at < to; {
			var s slot
			var next int64
			if unit == calendar.Hour {
				s.bucket = floor(at+span.Offset, hourMicros) - span.Offset
				next = s.bucket + hourMicros
			} else {
				date := unit.Floor(calendar.Date(floor(at+span.Offset, dayMicros) / dayMicros))
				s.bucket = int64(date)
				next = local(unit.Add(date, 1))
			}
			next = min(next, to)
			var begins, ends bool
			s.period.From, begins = rollup.QuarterAt(at)
			s.period.To, ends = rollup.QuarterAt(next)
			if !begins || !ends {
				return nil, false
			}
			slots = append(slots, s)
			at = next
		}
	}
	return slots, true
}

// floor returns the greatest multiple of n that is not above a.
func floor(a, n int64) int64 {
	rest := a % n
	if rest < 0 {
		rest += n
	}
	return a - rest
}

// bucketPeriods is all of a bucket.
type bucketPeriods struct {
	bucket  int64
	periods []rollup.Period
}

// byBucket returns the buckets of slots, in order.
func byBucket(slots []slot) []bucketPeriods {
	slots = slices.Clone(slots)
	slices.SortStableFunc(slots, func(a, b slot) int { return int(min(max(a.bucket-b.bucket, -1), 1)) })
	var buckets []bucketPeriods
	for _, s := range slots {
		if n := len(buckets); n > 0 && buckets[n-1].bucket == s.bucket {
			buckets[n-1].periods = append(buckets[n-1].periods, s.period)
		} else {
			buckets = append(buckets, bucketPeriods{s.bucket, []rollup.Period{s.period}})
		}
	}
	return buckets
}

func periodsOf(slots []slot) []rollup.Period {
	periods := make([]rollup.Period, 0, len(slots))
	for _, s := range slots {
		periods = append(periods, s.period)
	}
	return periods
}

// ask begins a question about a range, cut into buckets; ok is false when a
// roll-up cannot answer it.
func (s Scope) ask(view *rollup.View, r Range, unit calendar.Unit) (q *rollup.Question, slots []slot, ok bool) {
	match, ok := s.types()
	if !ok {
		return nil, nil, false
	}
	if p, exists := s.days(r.From, r.To); exists {
		slots, ok = slotsOf(p, unit)
	}
	return view.Ask(match), slots, ok
}

// types returns which event types hold under all filters, nil for all; ok is
// false when the filters ask for more than the type.
func (s Scope) types() (match func(eventType string) bool, ok bool) {
	for _, f := range s.Filters {
		if f.field != "event_type" {
			return nil, false
		}
	}
	if len(s.Filters) == 0 {
		return nil, true
	}
	return func(eventType string) bool {
		return !slices.ContainsFunc(s.Filters, func(f Filter) bool { return !f.holds(eventType) })
	}, true
}

// holds says whether a text fulfils a filter, by code points as textSQL.
func (f Filter) holds(text string) bool {
	if f.op == "exists" {
		return true
	}
	return slices.ContainsFunc(f.values, func(value string) bool {
		switch f.op {
		case "~":
			return strings.Contains(text, value)
		case "!=":
			return text != value
		case "<":
			return text < value
		case "<=":
			return text <= value
		case ">":
			return text > value
		case ">=":
			return text >= value
		default: // = and in
			return text == value
		}
	})
}

// only matches one event type.
func only(name string) func(string) bool {
	return func(eventType string) bool { return eventType == name }
}

// both matches name, or all types when it is empty, among those that match.
func both(match func(string) bool, name string) func(string) bool {
	switch {
	case name == "":
		return match
	case match == nil:
		return only(name)
	}
	return func(eventType string) bool { return eventType == name && match(eventType) }
}
