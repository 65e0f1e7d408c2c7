package duckdb

import (
	"math"

	"eventanalytics/pkg/warehouse/segment"
)

// What Latest looks at first, by the number of events that are likely to be there, and
// how much further back it looks each time. Where a filter leaves nothing it reads all
// events, and an eighth of them twice.
const (
	enoughFor = 32 // as many as are asked for: where a filter leaves few, or the last are older
	further   = 8
	shortest  = int64(60e6) // a minute, in microseconds
)

// newest knows how many events there are likely to be in a time before the last.
type newest struct {
	segments    []segment.Segment
	first, last int64 // instants of the first and last event that count, in microseconds since 1970
}

func newestOf(segments []segment.Segment) newest {
	n := newest{segments, math.MaxInt64, math.MinInt64}
	for _, s := range segments {
		n.first, n.last = min(n.first, s.MinAt.UnixMicro()), max(n.last, s.MaxAt.UnixMicro())
	}
	return n
}

// holds says whether there are events from before a time before the last one.
func (n newest) holds(back int64) bool { return n.last-n.first > back }

// with returns a time before the last event that is likely to have so many events, if
// those of each segment are spread evenly over its time.
func (n newest) with(events int64) (back int64) {
	for back = shortest; n.holds(back); back *= further {
		found := 0.0
		for _, s := range n.segments {
			from, to := s.MinAt.UnixMicro(), s.MaxAt.UnixMicro()
			if since, until := max(from, n.last-back), min(to, n.last); since <= until {
				found += float64(s.Events) * float64(until-since+1) / float64(to-from+1)
			}
		}
		if found >= float64(events) {
			break
		}
	}
	return back
}
