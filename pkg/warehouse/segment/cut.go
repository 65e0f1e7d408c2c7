package segment

import "time"

// Span is a stretch of time and how many events a project has in it.
type Span struct {
	First, Last time.Time // occurred_at, inclusive
	Events      int64
	RawBytes    int64 // of these, as in a Segment
}

// Cut joins days (UTC) with events, in order, to the spans of segments: small days
// go together as long as they have no more than target events; a day with more
// stands alone. No two neighbours could be one.
//
// Late events are kept apart. Most events of a merge are of the last few days, a
// few percent of the weeks before. If they shared a segment, each finished one
// would reach back as far as its latest straggler, and a query about any day
// would have to open a dozen. Apart they stay small, and are merged with each
// other.
func Cut(days []Span, target int64) []Span {
	late := lateDays(days, target)
	return append(pack(days[:late], target), pack(days[late:], target)...)
}

func pack(days []Span, target int64) []Span {
	var spans []Span
	for _, day := range days {
		if n := len(spans); n > 0 && spans[n-1].Events+day.Events <= target {
			last := &spans[n-1]
			last.Last, last.Events, last.RawBytes = day.Last, last.Events+day.Events, last.RawBytes+day.RawBytes
		} else {
			spans = append(spans, day)
		}
	}
	return spans
}

// lateDays returns how many of the first days have late events: those before the
// fewest last days that have nine of ten events. These must be enough for a
// finished segment, and a shorter time than the days before.
func lateDays(days []Span, target int64) int {
	var all, dense int64
	for _, day := range days {
		all += day.Events
	}
	late := len(days)
	for late > 0 && dense*10 < all*9 {
		late--
		dense += days[late].Events
	}
	if late == 0 || !Finished(dense, target) {
		return 0
	}
	if days[late].First.Sub(days[0].First) <= days[len(days)-1].Last.Sub(days[late].First) {
		return 0
	}
	return late
}

// Finished says whether a segment with so many events is no longer merged.
func Finished(events, target int64) bool { return events*2 >= target }
