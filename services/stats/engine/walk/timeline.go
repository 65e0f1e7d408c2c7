package walk

import (
	"math"
	"slices"

	"eventanalytics/pkg/calendar"
	"eventanalytics/services/stats/engine"
)

// What a timeline says of instants that are in no bucket.
const (
	outside = -1
	earlier = -2 // before the range
)

// timeline finds the bucket of an instant by tables. It does not change.
type timeline struct {
	spans   []stretch
	from    int64 // instants before it are earlier than the range
	first   int64 // date that dates begins with
	dates   []int32
	length  int64   // of buckets that are stretches of time, else 0
	buckets []int64 // as in engine.Count, by index; ascending
}

// stretch is a span, with what is added to the number of a stretch of time to have the
// index of its bucket.
type stretch struct {
	calendar.Span
	add int64
}

// lengths are those of the units that are stretches of time.
var lengths = map[calendar.Unit]int64{calendar.Minute: minuteMicros, calendar.Hour: hourMicros}

// newTimeline makes the timeline of a period's dates.
func newTimeline(p engine.Period, unit calendar.Unit) *timeline {
	t := &timeline{from: p.From, length: lengths[unit]}
	begin, end := int64(math.MaxInt64), int64(math.MinInt64) // dates
	for _, s := range p.Spans {
		begin = min(begin, dateOf(s.Start+s.Offset))
		end = max(end, dateOf(s.End-1+s.Offset)+1)
		one := stretch{Span: s}
		if t.length > 0 {
			first, last := calendar.FloorDiv(s.Start+s.Offset, t.length), calendar.FloorDiv(s.End-1+s.Offset, t.length)
			one.add = int64(len(t.buckets)) - first
			for n := first; n <= last; n++ {
				t.buckets = append(t.buckets, max(n*t.length-s.Offset, s.Start))
			}
		}
		t.spans = append(t.spans, one)
	}
	t.first = begin
	for date := begin; date < end; date++ {
		t.dates = append(t.dates, t.bucketOf(calendar.Date(date), p, unit))
	}
	return t
}

// bucketOf returns the index of a date's bucket, 0 where buckets are stretches of time.
func (t *timeline) bucketOf(date calendar.Date, p engine.Period, unit calendar.Unit) int32 {
	switch {
	case date < p.First:
		return earlier
	case date > p.Last:
		return outside
	case t.length > 0:
		return 0
	}
	var bucket int64
	if unit != engine.Whole {
		bucket = int64(unit.Floor(date))
	}
	if n := len(t.buckets); n == 0 || t.buckets[n-1] != bucket {
		t.buckets = append(t.buckets, bucket)
	}
	return int32(len(t.buckets) - 1)
}

// dateOf is the date of a local time.
func dateOf(local int64) int64 { return calendar.FloorDiv(local, dayMicros) }

// at returns the index of the bucket of an instant that is not after the period, or
// outside or earlier.
func (t *timeline) at(us int64) int {
	if us < t.from {
		return earlier
	}
	s := t.spanOf(us)
	local := us + s.Offset
	bucket := t.dates[dateOf(local)-t.first]
	if t.length == 0 || bucket < 0 {
		return int(bucket)
	}
	if t.length == hourMicros {
		return int(calendar.FloorDiv(local, hourMicros) + s.add)
	}
	return int(calendar.FloorDiv(local, minuteMicros) + s.add)
}

// isOne says whether all instants of the range are in one bucket.
func (t *timeline) isOne() bool {
	return len(t.buckets) == 1 && !slices.ContainsFunc(t.dates, func(bucket int32) bool { return bucket != 0 })
}

// spanOf returns the span that an instant is in.
func (t *timeline) spanOf(us int64) *stretch {
	s := &t.spans[0]
	for i := 1; us >= s.End && i < len(t.spans); i++ {
		s = &t.spans[i]
	}
	return s
}

// appendBuckets appends what at returns for instants, which are mostly in the same span.
func (t *timeline) appendBuckets(instants []int64, buckets []int32) []int32 {
	if t.length > 0 {
		for _, us := range instants {
			buckets = append(buckets, int32(t.at(us)))
		}
		return buckets
	}
	s := t.spanOf(t.from)
	for _, us := range instants {
		if us < t.from {
			buckets = append(buckets, earlier)
			continue
		}
		if us < s.Start || us >= s.End {
			s = t.spanOf(us)
		}
		sinceFirst := uint64(us + s.Offset - t.first*dayMicros) // not below 0
		buckets = append(buckets, t.dates[sinceFirst/dayMicros])
	}
	return buckets
}
