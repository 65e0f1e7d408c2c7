package rollup

import (
	"cmp"
	"slices"

	"eventanalytics/pkg/calendar"
	"eventanalytics/pkg/warehouse/rollup"
	"eventanalytics/services/stats/engine"
)

const (
	hourMicros = 3600 * 1_000_000
	dayMicros  = 24 * hourMicros
)

// slot is a period of time that lies in one bucket.
type slot struct {
	bucket int64 // as in engine.Count
	period rollup.Period
}

// slotsOf cuts a period into slots, in the order of time. A bucket has several
// where clocks go back over its begin. The error is engine.ErrUnsupported when one
// does not begin or end with a quarter of an hour: then a roll-up cannot say what
// lies in it.
func slotsOf(p engine.Period, unit calendar.Unit) ([]slot, error) {
	var slots []slot
	for _, span := range p.Spans {
		local := func(d calendar.Date) int64 { return int64(d)*dayMicros - span.Offset }
		from, to := max(span.Start, local(p.First)), min(span.End, local(p.Last+1))
		for at := from; at < to; {
			var s slot
			var next int64
			switch unit {
			case engine.Whole:
				next = to
			case calendar.Minute:
				return nil, engine.ErrUnsupported
			case calendar.Hour:
				hour := calendar.FloorDiv(at+span.Offset, hourMicros)*hourMicros - span.Offset
				s.bucket = max(hour, span.Start) // no hour goes on when the clock is moved
				next = hour + hourMicros
			default:
				date := unit.Floor(calendar.Date(calendar.FloorDiv(at+span.Offset, dayMicros)))
				s.bucket = int64(date)
				next = local(unit.Add(date, 1))
			}
			next = min(next, to)
			var begins, ends bool
			s.period.From, begins = rollup.QuarterAt(at)
			s.period.To, ends = rollup.QuarterAt(next)
			if !begins || !ends {
				return nil, engine.ErrUnsupported
			}
			slots = append(slots, s)
			at = next
		}
	}
	return slots, nil
}

// bucket is a bucket with all of its time.
type bucket struct {
	at      int64 // as in engine.Count
	periods []rollup.Period
}

// byBucket returns the buckets of slots, in order.
func byBucket(slots []slot) []bucket {
	slots = slices.Clone(slots)
	slices.SortStableFunc(slots, func(a, b slot) int { return cmp.Compare(a.bucket, b.bucket) })
	var buckets []bucket
	for _, s := range slots {
		if n := len(buckets); n > 0 && buckets[n-1].at == s.bucket {
			buckets[n-1].periods = append(buckets[n-1].periods, s.period)
		} else {
			buckets = append(buckets, bucket{s.bucket, []rollup.Period{s.period}})
		}
	}
	return buckets
}

// byDate returns the periods of buckets by their first date.
func byDate(buckets []bucket) map[calendar.Date][]rollup.Period {
	periods := make(map[calendar.Date][]rollup.Period, len(buckets))
	for _, b := range buckets {
		periods[calendar.Date(b.at)] = b.periods
	}
	return periods
}
