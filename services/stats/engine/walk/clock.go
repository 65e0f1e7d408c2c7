package walk

import "eventanalytics/pkg/calendar"

const (
	minuteMicros = 60 * 1_000_000
	hourMicros   = 60 * minuteMicros
	dayMicros    = 24 * hourMicros
	yearMicros   = 365 * dayMicros
)

// clock tells what a clock in a zone shows. It remembers when it was moved: events come in
// the order of time, one user's after the other's.
type clock struct {
	zone  *calendar.Zone
	span  calendar.Span             // the last one
	years map[int64][]calendar.Span // by the number of 365 days
}

func newClock(zone *calendar.Zone) *clock {
	return &clock{zone: zone, years: map[int64][]calendar.Span{}}
}

// local is an instant as the clock shows it, in microseconds since it showed 1970.
func (c *clock) local(us int64) int64 {
	if us >= c.span.End || us < c.span.Start {
		c.find(us)
	}
	return us + c.span.Offset
}

func (c *clock) find(us int64) {
	year := calendar.FloorDiv(us, yearMicros)
	spans, ok := c.years[year]
	if !ok {
		spans = c.zone.Spans(year*yearMicros, (year+1)*yearMicros)
		c.years[year] = spans
	}
	for _, s := range spans {
		if us < s.End {
			c.span = s
			return
		}
	}
}

// hour is 0 to 23.
func (c *clock) hour(us int64) int {
	return int(calendar.FloorDiv(c.local(us), hourMicros) - 24*calendar.FloorDiv(c.local(us), dayMicros))
}

// weekday is 1, Monday, to 7. 1970 began on a Thursday.
func (c *clock) weekday(us int64) int {
	days := calendar.FloorDiv(c.local(us), dayMicros) + 3
	return int(days-7*calendar.FloorDiv(days, 7)) + 1
}
