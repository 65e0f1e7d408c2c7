package question

import (
	"github.com/danielgtaylor/huma/v2"

	"eventanalytics/pkg/syntax"
)

// What the types of package syntax look like in JSON.
type (
	fieldSchema     struct{} // syntax.Field
	seriesSchema    struct{} // syntax.Series
	breakdownSchema struct{} // syntax.Breakdown
	formulaSchema   struct{} // syntax.Formula
)

// Schema is that of the text of a field.
func (fieldSchema) Schema(huma.Registry) *huma.Schema {
	longest := syntax.MaxLength
	return &huma.Schema{
		Title: "Field", Type: huma.TypeString, MaxLength: &longest,
		Pattern:     `^(((entry|exit)\.)?(event_type|user_id|first_seen|last_seen|time\.hour|time\.weekday|(properties|user|first)\..+)|cohort:[a-z0-9][a-z0-9_-]*)$`,
		Description: "Where a value comes from; dots lead into objects, numbers into arrays, a backslash makes the character after it an ordinary one. entry. and exit. are in the question sessions alone",
		Examples:    []any{"properties.country", "event_type", "user.plan", "first.utm.source", "time.weekday", "cohort:paying"},
	}
}

// Schema is that of an event type, or of an object with what else a series has.
func (seriesSchema) Schema(schemas huma.Registry) *huma.Schema {
	eventType := func() *huma.Schema {
		return text("Event type", "An event type, or * for all", "purchase", "*")
	}
	most, least := syntax.MaxValues, 1
	fewest, longest := float64(2), float64(syntax.MaxRolling)
	return oneOf("What is measured of which events", eventType(), &huma.Schema{
		Title: "Series", Type: huma.TypeObject, AdditionalProperties: false,
		Properties: map[string]*huma.Schema{
			"event": oneOf("An event type, or several of which an event has one; absent: all", eventType(),
				&huma.Schema{Title: "Event types", Type: huma.TypeArray, Items: eventType(), MinItems: &least, MaxItems: &most}),
			"filter": {Ref: filterRef(schemas)},
			"first":  {Type: huma.TypeBoolean, Description: "Only each user's first event ever that fits"},
			"measure": {
				Type: huma.TypeString, Description: "What is measured",
				Pattern:  `^(users|events|per_user|(sum|avg|min|max|median|p75|p90|p95|p99|distinct)\(.+\))$`,
				Examples: []any{"users", "events", "per_user", "sum(properties.price)", "p95(properties.seconds)", "distinct(properties.page)"},
			},
			"rolling": {Type: huma.TypeInteger, Minimum: &fewest, Maximum: &longest, Description: "Buckets that each value is of, up to its own"},
			"name":    text("Name", "What the series is called in the rows", "Revenue"),
		},
		Examples: []any{map[string]any{"event": []any{"purchase", "renewal"}, "filter": "properties.price>=100", "measure": "sum(properties.price)", "name": "Revenue"}},
	})
}

// doneSchema is that of the events that users did: a series without a measure.
func doneSchema(filter *huma.Schema) *huma.Schema {
	eventType := func() *huma.Schema { return text("Event type", "An event type, or * for all", "purchase") }
	most, least := syntax.MaxValues, 1
	return oneOf("The events that are counted, of all time before the end of the range", eventType(), &huma.Schema{
		Title: "Events", Type: huma.TypeObject, AdditionalProperties: false,
		Properties: map[string]*huma.Schema{
			"event": oneOf("An event type, or several of which an event has one; absent: all", eventType(),
				&huma.Schema{Title: "Event types", Type: huma.TypeArray, Items: eventType(), MinItems: &least, MaxItems: &most}),
			"filter": filter,
			"first":  {Type: huma.TypeBoolean, Description: "Only each user's first event ever that fits"},
		},
		Examples: []any{map[string]any{"event": "purchase", "filter": "properties.price>=100"}},
	})
}

// Schema is that of a field, or of an object with its bins.
func (breakdownSchema) Schema(schemas huma.Registry) *huma.Schema {
	most, least := syntax.MaxBins, 1
	return oneOf("A field that splits the events", fieldSchema{}.Schema(schemas), &huma.Schema{
		Title: "Bins", Type: huma.TypeObject, AdditionalProperties: false, Required: []string{"field"},
		Properties: map[string]*huma.Schema{
			"field": fieldSchema{}.Schema(schemas),
			"bins": {
				Type: huma.TypeArray, Items: &huma.Schema{Type: huma.TypeNumber}, MinItems: &least, MaxItems: &most,
				Description: "Edges, ascending: [0, 10, 100] makes the groups <0, [0,10), [10,100) and >=100",
			},
		},
		Examples: []any{map[string]any{"field": "properties.price", "bins": []any{0, 10, 100}}},
	})
}

// Schema is that of the text of a formula, or of an object with its name.
func (formulaSchema) Schema(huma.Registry) *huma.Schema {
	formula := func() *huma.Schema {
		longest := syntax.MaxFormula
		return &huma.Schema{
			Title: "Formula", Type: huma.TypeString, MaxLength: &longest, Pattern: `^[A-J0-9.+*/() -]+$`,
			Description: "Over the series A, B and so on: numbers, + - * / and parentheses", Examples: []any{"B/A", "(A-B)/A*100"},
		}
	}
	return oneOf("A series computed from others", formula(), &huma.Schema{
		Title: "Named formula", Type: huma.TypeObject, AdditionalProperties: false, Required: []string{"formula"},
		Properties: map[string]*huma.Schema{"formula": formula(), "name": text("Name", "What the formula is called in the rows", "Conversion")},
		Examples:   []any{map[string]any{"formula": "B/A", "name": "Conversion"}},
	})
}

func oneOf(about string, forms ...*huma.Schema) *huma.Schema {
	return &huma.Schema{Description: about, OneOf: forms}
}

// text describes a text of 1 to 200 characters.
func text(title, about string, examples ...any) *huma.Schema {
	shortest, longest := 1, 200
	return &huma.Schema{Title: title, Type: huma.TypeString, MinLength: &shortest, MaxLength: &longest, Description: about, Examples: examples}
}

// SeriesJSON is a list of series as it was sent.
type SeriesJSON struct{ RawJSON }

// Schema shows a list of series, and does not check it: see RawJSON.
func (SeriesJSON) Schema(schemas huma.Registry) *huma.Schema {
	return shown("Series; see the parameter series of GET", seriesSchema{}.Schema(schemas), syntax.MaxSeries)
}

// FormulaJSON is a list of formulas as it was sent.
type FormulaJSON struct{ RawJSON }

// Schema shows a list of formulas, and does not check it.
func (FormulaJSON) Schema(schemas huma.Registry) *huma.Schema {
	return shown("Formulas; see the parameter formula of GET", formulaSchema{}.Schema(schemas), syntax.MaxFormulas)
}

// BreakdownJSON is a list of fields as it was sent.
type BreakdownJSON struct{ RawJSON }

// Schema shows a list of fields, and does not check it.
func (BreakdownJSON) Schema(schemas huma.Registry) *huma.Schema {
	return shown("Fields; see the parameter breakdown of GET", breakdownSchema{}.Schema(schemas), syntax.MaxBreakdown)
}

// shown is the schema of one item, or of a list of at most so many.
func shown(about string, item *huma.Schema, most int) *huma.Schema {
	list := &huma.Schema{Type: huma.TypeArray, Items: item, MaxItems: &most}
	return &huma.Schema{Description: about, Extensions: map[string]any{"oneOf": []*huma.Schema{list, item}}}
}

// EndpointJSON is a series as it was sent.
type EndpointJSON struct{ RawJSON }

// Schema shows a series, and does not check it.
func (EndpointJSON) Schema(schemas huma.Registry) *huma.Schema {
	s := seriesSchema{}.Schema(schemas)
	return &huma.Schema{Description: "A series; see the parameter of GET", Extensions: map[string]any{"oneOf": s.OneOf}}
}
