package engine

import (
	"math"

	"eventanalytics/pkg/calendar"
)

// Period is a stretch of time in which local dates are asked about.
type Period struct {
	From, To int64 // instants, [From, To)
	// First and Last are the dates that count. Where clocks go back over midnight,
	// others lie between From and To.
	First, Last calendar.Date
	Spans       []calendar.Span // of [From, To)
}

// Period returns when the clocks of a zone show the dates of r. exists is false when
// the zone skipped all of them.
func (r Range) Period(zone *calendar.Zone) (p Period, exists bool) {
	from, to, exists := zone.Bounds(r.From, r.To)
	return Period{from, to, r.From, r.To, zone.Spans(from, to)}, exists
}

// Until returns the instant that ends the history that fields of users look at, in a
// scan of a period.
func (s Scope) Until(p Period) int64 {
	if s.Asked == nil {
		return p.To
	}
	if asked, exists := s.Asked.Period(s.Zone); exists {
		return asked.To
	}
	return s.Zone.Midnight(s.Asked.To)
}

// FirstDate and LastDate are bounds that no date lies outside of.
var (
	FirstDate, _ = calendar.ParseDate("0001-01-01")
	LastDate, _  = calendar.ParseDate("9999-12-31")
)

// Always is all time. It tells no dates: it has UTC's.
func Always() Period {
	return Period{math.MinInt64, math.MaxInt64, FirstDate, LastDate, []calendar.Span{{}}}
}

// Period returns the time from the first event that can found a cohort that counts,
// if what came before is known, to the end of the last window.
func (c Cohorts) Period() (p Period, exists bool) {
	first, last := c.Buckets()
	if c.InPeriod {
		first = c.From
	}
	end := c.Unit.Add(last, c.Windows[len(c.Windows)-1]) - 1
	if c.After {
		end = max(end, c.Unit.Add(c.Through, 1)-1)
	}
	p, exists = Range{first, end}.Period(c.Zone)
	// Where clocks go back over midnight, a later date lies before the end: users that
	// came first on it are in no cohort that counts.
	p.Last = LastDate
	return p, exists
}
