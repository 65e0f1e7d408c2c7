package question

import (
	"context"
	"time"
	"unicode/utf8"

	"eventanalytics/pkg/syntax"
	"eventanalytics/services/stats/engine"
)

var propertyValues = define[PropertyValuesParams, PropertyValues](Info{
	Name: "property-values", Path: "/api/stats/property-values", Summary: "Values of a field",
	Description: "The values that most events of a range have in a field first, then by code points; null, the last of equals: there is none.",
	Shorten:     "limit", ShortenBy: "ask for fewer values",
	Rows: []Row{
		{"PropertyValuesRow", PropertyValues{}.Columns()},
		{"PropertyValuesUsersRow", PropertyValues{Include: "users"}.Columns()},
	},
})

// PropertyValuesParams are the parameters of property-values.
type PropertyValuesParams struct {
	DayParams
	Property   string     `query:"property" json:"property,omitempty" minLength:"1" doc:"Field whose values to list; required: event_type, user_id, properties.country, user.plan, first.plan, first_seen, last_seen, time.hour or time.weekday" example:"properties.country"`
	Q          string     `query:"q" json:"q,omitempty" maxLength:"200" doc:"Only values that contain this, in upper or lower case"`
	Series     []string   `query:"series,explode" json:"-" nullable:"false" doc:"Events to look at: an event type, * for all, or JSON with event, filter and first"`
	JSONSeries SeriesJSON `json:"series,omitempty"`
	Limit      int        `query:"limit" json:"limit,omitempty" default:"20" minimum:"1" maximum:"1000" doc:"Maximum number of rows"`
	Include    string     `query:"include" json:"include,omitempty" enum:"users" doc:"users: with the distinct users of each value"`
	FilterParams
}

// Question resolves the parameters.
func (p *PropertyValuesParams) Question(now time.Time) (Question, error) {
	q := PropertyValues{Q: p.Q, Limit: p.Limit, Include: p.Include}
	var err error
	if q.Days, q.Scope, err = parseRange(&p.DayParams, &p.FilterParams, now); err != nil {
		return nil, err
	}
	if p.Property == "" {
		return nil, invalid("property", "is required")
	}
	if q.Property, err = one("property", p.Property, syntax.ParseField); err != nil {
		return nil, err
	}
	if !utf8.ValidString(q.Q) {
		return nil, invalid("q", "is not UTF-8")
	}
	if q.Series, err = eventsOf("series", p.Series, p.JSONSeries.RawJSON); err != nil {
		return nil, err
	}
	if err := syntax.Bound(append(holding(q.Segment), q.Filter, q.Series.Filter)...); err != nil {
		return nil, invalid("series", "%s", err)
	}
	return q, nil
}

// PropertyValues asks which values the events of a range have in a field.
type PropertyValues struct {
	Days
	Property syntax.Field  `json:"property"`
	Q        string        `json:"q,omitempty"` // contained in the values; empty: any
	Series   syntax.Series `json:"series"`
	Limit    int           `json:"limit"`
	Include  string        `json:"include,omitempty"` // users: with the distinct users of each value
	Scope
}

// Columns returns those of a row for each value.
func (q PropertyValues) Columns() []Column {
	columns := []Column{
		{Name: "value", Nullable: true, Doc: "Value as text, a number in canonical form; null: there is none"},
		{Name: "events", Kind: Integer, Doc: "Events that have it"},
	}
	if q.Include == "" {
		return columns
	}
	return append(columns, Column{Name: "users", Kind: Integer, Doc: "Distinct users with such an event, over the whole range"})
}

// Answer returns the rows by events, descending, then by value.
func (q PropertyValues) Answer(ctx context.Context, src *engine.Source) (*Table, error) {
	found, err := src.TopValues(ctx, engine.TopValues{
		Scope: q.events(), Range: q.dates(), Series: seriesOf(q.Series, syntax.Field{}),
		Field: q.Property, Contains: q.Q, Users: q.Include != "", Limit: q.Limit,
	})
	if err != nil {
		return nil, err
	}
	rows := NewTable(ctx, q.Columns(), len(found))
	for _, v := range found {
		row := []Value{TextOf(v.Value), IntegerOf(v.Events), IntegerOf(v.Users)}
		if v.Missing {
			row[0] = NullText
		}
		if err := rows.Add(row[:len(rows.Columns)]...); err != nil {
			return nil, err
		}
	}
	return rows, nil
}
