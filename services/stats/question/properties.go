package question

import (
	"context"
	"strings"
	"time"

	"eventanalytics/pkg/property"
	"eventanalytics/pkg/syntax"
	"eventanalytics/services/stats/engine"
)

var properties = define[PropertiesParams, Properties](Info{
	Name: "properties", Path: "/api/stats/properties", Summary: "Properties of events",
	Description: "The keys of the events' properties themselves, not of objects in them: those that most events have first, then by name; at most 1,000.",
	Shorten:     "series", ShortenBy: "ask about fewer event types",
	Rows: []Row{{"PropertiesRow", Properties{}.Columns()}},
})

// maxProperties is how many rows an answer has at most.
const maxProperties = 1000

// PropertiesParams are the parameters of properties.
type PropertiesParams struct {
	DayParams
	Series     []string   `query:"series,explode" json:"-" nullable:"false" doc:"Events to look at: an event type, * for all, or JSON with event and filter"`
	JSONSeries SeriesJSON `json:"series,omitempty"`
	FilterParams
}

// Question resolves the parameters.
func (p *PropertiesParams) Question(now time.Time) (Question, error) {
	days, scope, err := parseRange(&p.DayParams, &p.FilterParams, now)
	if err != nil {
		return nil, err
	}
	series, err := eventsOf("series", p.Series, p.JSONSeries.RawJSON)
	if err != nil {
		return nil, err
	}
	if series.First {
		return nil, invalid("series.first", "is not for this question, which is about all events")
	}
	if err := syntax.Bound(append(holding(scope.Segment), scope.Filter, series.Filter)...); err != nil {
		return nil, invalid("series", "%s", err)
	}
	return Properties{days, series, scope}, nil
}

// Properties asks which properties the events of a range have.
type Properties struct {
	Days
	Series syntax.Series `json:"series"` // whose events are looked at
	Scope
}

// Columns returns those of a row for each property.
func (Properties) Columns() []Column {
	return []Column{
		{Name: "property", Doc: "Key of the property"},
		{Name: "types", Doc: "Kinds of its values, separated by commas: text, integer (a number without a fraction, as 10, 10.0 and 1e1), number (any other), boolean, array, object, null"},
		{Name: "events", Kind: Integer, Doc: "Events that have it"},
		{Name: "share", Kind: Number, Doc: "Of the events that were asked about, those that have it: above 0, at most 1"},
	}
}

// Answer returns the rows by events, descending, then by name.
func (q Properties) Answer(ctx context.Context, src *engine.Source) (*Table, error) {
	scope := q.events()
	scope.Filter = syntax.And(scope.Filter, q.Series.Filter)
	found, err := src.Properties(ctx, engine.Properties{Scope: scope, Range: q.dates(), Types: q.Series.Events, Limit: maxProperties})
	if err != nil {
		return nil, err
	}
	rows := NewTable(ctx, q.Columns(), len(found))
	for _, p := range found {
		var kinds []string
		for kind, n := range p.Kinds {
			if n > 0 {
				kinds = append(kinds, property.Kind(kind).String())
			}
		}
		if err := rows.Add(TextOf(p.Name), TextOf(strings.Join(kinds, ",")), IntegerOf(p.Events), NumberOf(float64(p.Events)/float64(p.Of))); err != nil {
			return nil, err
		}
	}
	return rows, nil
}
