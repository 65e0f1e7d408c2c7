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

// Midnight returns when a clock first shows a date or, of a date that the zone skipped,
// the next one.
func (z *Zone) Midnight(d Date) int64 {
	for ; ; d++ {
		if from, _, exists := z.Bounds(d, d); exists {
			return from
		}
	}
}

// Dates lists the first dates of the buckets that contain the dates
// [first, last], except buckets of which the range has only days that never existed
// in the zone. unit is none of instants.
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

// lengths are those of the units of instants.
var lengths = map[Unit]int64{Minute: minute, Hour: hour}

// BeginOf returns the minute or hour bucket of an instant: the instant that begins the
// stretch in which the clock shows one minute or hour without being moved. An hour that
// the clock shows twice is two buckets, and one in which it is moved by half an hour two
// shorter ones.
func (z *Zone) BeginOf(unit Unit, us int64) int64 {
	length := lengths[unit]
	spans := z.Spans(us-length, us+1)
	s := spans[len(spans)-1]
	return max(s.Start, us-floorMod(us+s.Offset, length))
}

// EndOf returns the instant that ends a minute or hour bucket.
func (z *Zone) EndOf(unit Unit, bucket int64) int64 {
	length, offset := lengths[unit], z.offset(bucket)
	return z.Spans(bucket, bucket-floorMod(bucket+offset, length)+length)[0].End
}

// Begins lists the minute or hour buckets of the dates [first, last] in order.
func (z *Zone) Begins(unit Unit, first, last Date) []int64 {
	length := lengths[unit]
	begin, end := int64(first)*day, (int64(last)+1)*day
	var begins []int64
	for _, s := range z.Spans(begin-slack, end+slack) {
		// Where a date begins a minute and an hour do, too.
		for at, to := max(s.Start, begin-s.Offset), min(s.End, end-s.Offset); at < to; at += length - floorMod(at+s.Offset, length) {
			begins = append(begins, at)
		}
	}
	return begins
}
