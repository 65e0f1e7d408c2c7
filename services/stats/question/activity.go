package question

import (
	"eventanalytics/pkg/syntax"
)

// ActivityParams say when users are active.
type ActivityParams struct {
	Interval string `query:"interval" json:"interval,omitempty" default:"day" enum:"day,week,month" doc:"Length of the buckets"`
	WeekParams
	Series     []string   `query:"series,explode" json:"-" nullable:"false" doc:"Events that make a user active: an event type, * for all, or JSON with event, filter and first; by default all"`
	JSONSeries SeriesJSON `json:"series,omitempty"`
	Unit       string     `query:"unit" json:"unit,omitempty" default:"user_id" minLength:"1" doc:"Field whose values are counted as users"`
}

// activity reads the one series that a question has, which is not measured.
func (p *ActivityParams) activity(scope Scope) (s syntax.Series, unit syntax.Field, err error) {
	if unit, err = one("unit", p.Unit, syntax.ParseField); err != nil {
		return s, unit, err
	}
	all, err := forms("series", p.Series, p.JSONSeries.RawJSON, syntax.ParseSeries, syntax.ParseSeriesJSON)
	switch {
	case err != nil:
		return s, unit, err
	case len(all) > 1:
		return s, unit, invalid("series", "is given %d times, this question has one", len(all))
	case len(all) == 1:
		s = all[0]
	}
	switch {
	case s.Measure.Name != "":
		return s, unit, invalid("series[0].measure", "is not for this question, which counts users")
	case s.Rolling != 0:
		return s, unit, invalid("series[0].rolling", "is not for this question")
	}
	if err := syntax.Bound(append(holding(scope.Segment), scope.Filter, s.Filter)...); err != nil {
		return s, unit, at("series", err)
	}
	return s, unit, nil
}
