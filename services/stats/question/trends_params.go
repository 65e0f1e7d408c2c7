package question

import (
	"fmt"
	"time"

	"eventanalytics/pkg/syntax"
)

var trends = define[TrendsParams, Trends](Info{
	Name: "trends", Path: "/api/stats/trends", Summary: "How much there is, over time",
	Description: "One to ten series of events, each measured in every bucket: users, events, sums, averages, quantiles, distinct values; split by up to three fields, beside an earlier range, with formulas over the series. " +
		"There is a row where there is something to count; fill=zero adds the others. A breakdown adds a column for each field, named like it, and the column group.",
	Shorten: "to", ShortenBy: "ask for a shorter range, a longer interval, fewer series or a smaller top",
	Rows: []Row{
		{"TrendsRow", Trends{}.Columns()},
		{"TrendsComparedRow", Trends{Compare: "previous"}.Columns()},
		{"TrendsGroupRow", append(Trends{}.Columns(), groupColumn)},
		{"TrendsComparedGroupRow", append(Trends{Compare: "previous"}.Columns(), groupColumn)},
	},
})

// WeekParams say on which day weeks begin.
type WeekParams struct {
	WeekStart string `query:"week_start" json:"week_start,omitempty" enum:"monday,sunday,saturday" doc:"Day on which weeks begin; without it the project's"`
}

// IntervalParams are the parameters that say how time is cut.
type IntervalParams struct {
	Interval string `query:"interval" json:"interval,omitempty" default:"day" enum:"minute,hour,day,week,month,quarter,year,all" doc:"Length of the buckets; all is one for the whole range"`
	WeekParams
}

// TrendsParams are the parameters of trends.
type TrendsParams struct {
	DayParams
	IntervalParams
	Series      []string    `query:"series,explode" json:"-" nullable:"false" doc:"What to measure: an event type, * for all, or JSON with event, filter, first, measure, rolling and name; 1 to 10"`
	JSONSeries  SeriesJSON  `json:"series,omitempty"`
	Measure     string      `query:"measure" json:"measure,omitempty" default:"users" minLength:"1" doc:"Measure of the series that name none: users, events, per_user, or of a field sum, avg, min, max, median, p75, p90, p95, p99, distinct, as in sum(properties.price)"`
	Formula     []string    `query:"formula,explode" json:"-" nullable:"false" doc:"Computed from the series A, B, …: A/B, or JSON with formula and name; at most 5"`
	JSONFormula FormulaJSON `json:"formula,omitempty"`
	Rolling     int         `query:"rolling" json:"rolling,omitempty" minimum:"2" maximum:"366" doc:"Each value is that of so many buckets up to its own"`
	Cumulative  bool        `query:"cumulative" json:"cumulative,omitempty" doc:"Each value is that of all buckets up to its own"`
	Compare     string      `query:"compare" json:"compare,omitempty" minLength:"1" doc:"With the values of an earlier range beside: previous, or so far back as in 30d, 4w, 12mo, 1y"`
	Unit        string      `query:"unit" json:"unit,omitempty" default:"user_id" minLength:"1" doc:"Field whose values are counted as users"`
	SplitParams
	FilterParams
}

// Question resolves the parameters.
func (p *TrendsParams) Question(now time.Time) (Question, error) {
	q := Trends{Interval: p.interval(p.Interval, p.WeekStart), Cumulative: p.Cumulative, Compare: p.Compare}
	var err error
	if q.Days, q.Scope, err = parseRange(&p.DayParams, &p.FilterParams, now); err != nil {
		return nil, err
	}
	if err := q.bound(q.Days); err != nil {
		return nil, err
	}
	if q.Unit, err = one("unit", p.Unit, syntax.ParseField); err != nil {
		return nil, err
	}
	if q.Series, err = forms("series", p.Series, p.JSONSeries.RawJSON, syntax.ParseSeries, syntax.ParseSeriesJSON); err != nil {
		return nil, err
	}
	if err := p.complete(q.Series); err != nil {
		return nil, err
	}
	filters := append(holding(q.Segment), q.Filter)
	for _, s := range q.Series {
		filters = append(filters, s.Filter)
	}
	if err := syntax.Bound(filters...); err != nil {
		return nil, at("series", err)
	}
	formulas := func(texts []string) ([]syntax.Formula, error) { return syntax.ParseFormulas(texts, len(q.Series)) }
	fromJSON := func(data []byte) ([]syntax.Formula, error) { return syntax.ParseFormulasJSON(data, len(q.Series)) }
	if q.Formulas, err = forms("formula", p.Formula, p.JSONFormula.RawJSON, formulas, fromJSON); err != nil {
		return nil, err
	}
	if q.Split, err = p.split(); err != nil {
		return nil, err
	}
	return q, q.checkCompare()
}

// complete puts the defaults into series, and refuses what contradicts itself.
func (p *TrendsParams) complete(series []syntax.Series) error {
	if len(series) == 0 {
		return invalid("series", "is required")
	}
	measure, err := one("measure", p.Measure, syntax.ParseMeasure)
	if err != nil {
		return err
	}
	if p.Rolling > 0 && p.Cumulative {
		return invalid("rolling", "cannot be with cumulative")
	}
	for i := range series {
		s := &series[i]
		if s.Measure.Name == "" {
			s.Measure = measure
		}
		if s.Rolling == 0 {
			s.Rolling = p.Rolling
		}
		if s.Rolling > 0 && p.Interval == Whole {
			return invalid(fmt.Sprintf("series[%d].rolling", i), "needs an interval: all has one bucket")
		}
	}
	return nil
}

// checkCompare refuses a range to compare with that is none.
func (q Trends) checkCompare() error {
	if q.Compare == "" {
		return nil
	}
	if _, _, ok := cutSpan(q.Compare); !ok && q.Compare != "previous" {
		return invalid("compare", "%q is not previous, or days, weeks, months or years as in 30d, 4w, 12mo, 1y", shorten(q.Compare))
	}
	if _, err := parseDay(param{"compare", q.compared().From.String()}, 0); err != nil {
		return invalid("compare", "%s leads to before the year 1", q.Compare)
	}
	return nil
}

// forms reads a parameter that may be repeated, or given in JSON.
func forms[T any](name string, texts []string, data RawJSON, parse func([]string) ([]T, error), parseJSON func([]byte) ([]T, error)) ([]T, error) {
	var all []T
	var err error
	switch {
	case len(texts) > 0:
		all, err = parse(texts)
	case len(data) > 0:
		all, err = parseJSON(data)
	}
	if err != nil {
		return nil, at(name, err)
	}
	return all, nil
}

// one reads a parameter of one text.
func one[T any](name, text string, parse func(string) (T, error)) (T, error) {
	value, err := parse(text)
	if err != nil {
		err = invalid(name, "%q %s", shorten(text), err)
	}
	return value, err
}
