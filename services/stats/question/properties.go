package question

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"

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
	Series     []string      `query:"series,explode" json:"-" maxItems:"50" nullable:"false" doc:"Event type to ask about; it may be repeated, or be a JSON array of types. Without it, and with *, all"`
	JSONSeries EventTypeList `json:"series,omitempty"`
	FilterParams
}

// maxSeriesTypes is how many event types a series may have.
const maxSeriesTypes = 50

// EventTypeList is event types in JSON: one, or an array of them.
type EventTypeList []string

// UnmarshalJSON reads a string or an array of strings.
func (l *EventTypeList) UnmarshalJSON(data []byte) error {
	return (*Segments)(l).UnmarshalJSON(data)
}

// Schema describes both forms.
func (EventTypeList) Schema(huma.Registry) *huma.Schema {
	maximum := maxSeriesTypes
	one := &huma.Schema{Type: huma.TypeString}
	return &huma.Schema{
		Description: "Event type to ask about, or an array of them; * for all",
		OneOf:       []*huma.Schema{one, {Type: huma.TypeArray, Items: one, MaxItems: &maximum}},
	}
}

// Question resolves the parameters.
func (p *PropertiesParams) Question(now time.Time) (Question, error) {
	days, scope, err := parseRange(&p.DayParams, &p.FilterParams, now)
	if err != nil {
		return nil, err
	}
	types, err := eventTypesOf(p.Series, p.JSONSeries)
	return Properties{days, types, scope}, err
}

// eventTypesOf reads a series that is event types alone, in order and each once; none
// are all. In a URL a list may be JSON.
func eventTypesOf(query, body []string) (types []string, err error) {
	types = append(types, body...)
	for _, text := range query {
		switch text[0] {
		case '[':
			var list []string
			if err := json.Unmarshal([]byte(text), &list); err != nil {
				return nil, invalid("series", "%q is not a JSON array of event types", shorten(text))
			}
			types = append(types, list...)
		case '{':
			return nil, invalid("series", "is an event type or a list of them here, not an object")
		default:
			types = append(types, text)
		}
	}
	if len(types) > maxSeriesTypes {
		return nil, invalid("series", "has %d event types, at most %d are allowed", len(types), maxSeriesTypes)
	}
	for _, name := range types {
		if name == "" || utf8.RuneCountInString(name) > syntax.MaxLength || !utf8.ValidString(name) {
			return nil, invalid("series", "%q is not an event type", shorten(name))
		}
	}
	if slices.Contains(types, "*") {
		return nil, nil
	}
	slices.Sort(types)
	return slices.Compact(types), nil
}

// Properties asks which properties the events of a range have.
type Properties struct {
	Days
	Series []string `json:"series,omitempty" nullable:"false"` // types of the events; none: all
	Scope
}

// Columns returns those of a row for each property.
func (Properties) Columns() []Column {
	return []Column{
		{Name: "property", Doc: "Key of the property"},
		{Name: "types", Doc: "Kinds of its values, separated by commas: text, integer (a number without fraction and exponent), number (any other), boolean, array, object, null"},
		{Name: "events", Kind: Integer, Doc: "Events that have it"},
		{Name: "share", Kind: Number, Doc: "Of the events that were asked about, those that have it: above 0, at most 1"},
	}
}

// Answer returns the rows by events, descending, then by name.
func (q Properties) Answer(ctx context.Context, src *engine.Source) (*Table, error) {
	scope := q.events()
	if len(q.Series) > 0 {
		ofTypes := syntax.Condition{Field: syntax.Field{Source: syntax.EventType}, Op: syntax.In, Values: q.Series}
		scope.Filter = syntax.And(scope.Filter, syntax.Filter{Form: syntax.Holds, Condition: ofTypes})
	}
	found, err := src.Properties(ctx, engine.Properties{Scope: scope, Range: q.dates(), Limit: maxProperties})
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
