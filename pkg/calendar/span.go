package calendar

import (
	"slices"
	"time"
)

// Span is a stretch of time with one offset.
type Span struct {
	Start, End int64 // [Start, End)
	Offset     int64 // microseconds east of UTC
}

// Spans cuts [from, to) where the zone's offset changes. An instant us in a
// span has the local clock us + Offset. Neighbours have different offsets.
func (z *Zone) Spans(from, to int64) []Span {
	var spans []Span
	for at := from; at < to; {
		_, next := time.UnixMicro(at).In(z.loc).ZoneBounds()
		end := to
		if !next.IsZero() {
			end = min(to, next.UnixMicro())
		}
		if end <= at {
			// For rules without an end, package time ends every year after 365
			// days; on the last day of a leap year that bound is already past.
			end = min(to, at+hour)
		}
		offset := z.offset(at)
		if n := len(spans); n > 0 && spans[n-1].Offset == offset { // only the name changed
			spans[n-1].End = end
		} else {
			spans = append(spans, Span{at, end, offset})
		}
		at = end
	}
	return spans
}

// slack exceeds every offset from UTC there has ever been.
const slack = day

// Bounds returns the first instant, inclusive, and the last, exclusive, whose
// local date is in [first, last]. Where clocks go back over midnight, instants of
// other dates are between them as well. exists is false if the zone skipped all
// of these dates.
func (z *Zone) Bounds(first, last Date) (from, to int64, exists bool) {
	begin, end := int64(first)*day, (int64(last)+1)*day
	for _, s := range z.Spans(begin-slack, end+slack) {
		a, b := max(s.Start, begin-s.Offset), min(s.End, end-s.Offset)
		if a >= b {
			continue
		}
		if !exists {
			from, exists = a, true
		}
		to = b
	}
	return from, to, exists
}

// Dates lists the first dates of the buckets that contain the dates
// [first, last], except buckets of which the range has only days that never existed
// in the zone. unit is Day, Week or Month.
func (z *Zone) Dates(unit Unit, first, last Date) []Date {
	begin, end := int64(first)*day, (int64(last)+1)*day
	var dates []Date
	for _, s := range z.Spans(begin-slack, end+slack) {
		from, to := max(s.Start+s.Offset, begin), min(s.End+s.Offset, end) // on the clock
		for d := Date(FloorDiv(from, day)); int64(d)*day < to; d++ {
			dates = append(dates, unit.Floor(d))
		}
	}
	slices.Sort(dates)
	return slices.Compact(dates)
}

// HourOf returns the hour bucket of an instant: the instant that begins the stretch in
// which the clock shows one hour without being moved. An hour that the clock shows
// twice is two buckets, and one in which it is moved by half an hour two shorter ones.
func (z *Zone) HourOf(us int64) int64 {
	spans := z.Spans(us-hour, us+1)
	s := spans[len(spans)-1]
	return max(s.Start, us-floorMod(us+s.Offset, hour))
}

// HourEnd returns the instant that ends an hour bucket.
func (z *Zone) HourEnd(bucket int64) int64 {
	offset := z.offset(bucket)
	return z.Spans(bucket, bucket-floorMod(bucket+offset, hour)+hour)[0].End
}

// Hours lists the hour buckets of the dates [first, last] in order.
func (z *Zone) Hours(first, last Date) []int64 {
	begin, end := int64(first)*day, (int64(last)+1)*day
	var hours []int64
	for _, s := range z.Spans(begin-slack, end+slack) {
		// Where a date begins an hour does, too.
		for at, to := max(s.Start, begin-s.Offset), min(s.End, end-s.Offset); at < to; at += hour - floorMod(at+s.Offset, hour) {
			hours = append(hours, at)
		}
	}
	return hours
}
