package question

import "eventanalytics/pkg/syntax"

// ActivityParams say when users are active.
type ActivityParams struct {
	Interval string `query:"interval" json:"interval,omitempty" default:"day" enum:"day,week,month" doc:"Length of the buckets"`
	WeekParams
	Series     []string   `query:"series,explode" json:"-" nullable:"false" doc:"Events that make a user active: an event type, * for all, or JSON with event, filter and first; by default all"`
	JSONSeries SeriesJSON `json:"series,omitempty"`
	Unit       string     `query:"unit" json:"unit,omitempty" default:"user_id" minLength:"1" doc:"Field whose values are counted as users"`
}

// activity reads the events that make users active, and what counts as a user.
func (p *ActivityParams) activity(scope Scope) (s syntax.Series, unit syntax.Field, err error) {
	if unit, err = one("unit", p.Unit, syntax.ParseField); err != nil {
		return s, unit, err
	}
	if s, err = eventsOf("series", p.Series, p.JSONSeries.RawJSON); err != nil {
		return s, unit, err
	}
	if err := syntax.Bound(append(holding(scope.Segment), scope.Filter, s.Filter)...); err != nil {
		return s, unit, invalid("series", "%s", err)
	}
	return s, unit, nil
}

// eventsOf reads one series of which nothing is measured; none is all events.
func eventsOf(parameter string, query []string, body RawJSON) (s syntax.Series, err error) {
	series, err := forms(parameter, query, body, syntax.ParseSeries, syntax.ParseSeriesJSON)
	switch {
	case err != nil:
		return s, err
	case len(series) == 0:
		return s, nil
	case len(series) > 1:
		return s, invalid(parameter, "has %d series; there can be one here, of several event types as in {\"event\":[\"purchase\",\"renewal\"]}", len(series))
	}
	s = series[0]
	for _, member := range []struct {
		name  string
		given bool
	}{{"measure", s.Measure.Name != ""}, {"rolling", s.Rolling != 0}, {"name", s.Name != ""}} {
		if member.given {
			return s, invalid(parameter+"."+member.name, "has no meaning here: nothing is measured")
		}
	}
	return s, nil
}
