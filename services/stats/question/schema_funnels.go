package question

import (
	"maps"

	"github.com/danielgtaylor/huma/v2"

	"eventanalytics/pkg/syntax"
)

// What the types of package syntax that funnels have look like in JSON.
type (
	exclusionSchema struct{} // syntax.Exclusion
	secondsSchema   struct{} // syntax.Seconds
)

// Schema is that of an event type, or of an object with what else an exclusion has.
func (exclusionSchema) Schema(schemas huma.Registry) *huma.Schema {
	series := seriesSchema{}.Schema(schemas).OneOf
	return oneOf("Events that make an attempt void", series[0], &huma.Schema{
		Title: "Exclusion", Type: huma.TypeObject, AdditionalProperties: false,
		Properties: map[string]*huma.Schema{
			"event": series[1].Properties["event"], "filter": series[1].Properties["filter"],
			"after": stepNumber("Number of the step behind which the event lies"), "before": stepNumber("Number of the step before which it lies"),
		},
		Examples: []any{map[string]any{"event": "refund", "after": 1, "before": 3}},
	})
}

// stepNumber is the schema of the number of a step.
func stepNumber(about string) *huma.Schema {
	least, most := float64(1), float64(syntax.MaxSteps)
	return &huma.Schema{Type: huma.TypeInteger, Minimum: &least, Maximum: &most, Description: about}
}

// funnelSchema is that of the funnel that a filter has.
func funnelSchema(filter *huma.Schema) *huma.Schema {
	fewest, most, mostExcluded := syntax.MinSteps, syntax.MaxSteps, syntax.MaxExclusions
	events := doneSchema(filter).OneOf
	named := *events[1]
	named.Title, named.Properties = "Step", maps.Clone(named.Properties)
	named.Properties["name"] = text("Name", "What the step is called", "Paid")
	excluded := *events[1]
	excluded.Title = "Exclusion"
	excluded.Properties = map[string]*huma.Schema{
		"event": events[1].Properties["event"], "filter": filter,
		"after": stepNumber("Number of the step behind which the event lies"), "before": stepNumber("Number of the step before which it lies"),
	}
	exclusion := oneOf("Events that make an attempt void", events[0], &excluded)
	return &huma.Schema{
		Type: huma.TypeObject, Required: []string{"steps"}, AdditionalProperties: false, Description: "A funnel as in the question funnels; its own filter holds in it, not the question's",
		Properties: map[string]*huma.Schema{
			"steps":   {Type: huma.TypeArray, Items: oneOf("Which events a step is", events[0], &named), MinItems: &fewest, MaxItems: &most, Description: "Steps in their order"},
			"window":  {Type: huma.TypeString, Pattern: `^[0-9]+(d|h|min|s)$`, Description: "Longest time from the first step to the last; 7d where it is absent", Examples: []any{"3d"}},
			"order":   {Type: huma.TypeString, Enum: []any{"ordered", "any", "strict"}, Description: "ordered where it is absent"},
			"exclude": oneOf("Exclusions", exclusion, &huma.Schema{Title: "Exclusions", Type: huma.TypeArray, Items: exclusion, MaxItems: &mostExcluded}),
			"filter":  filter,
		},
		Examples: []any{map[string]any{"steps": []any{"app_open", "view_item", "purchase"}, "window": "7d"}},
	}
}

// Schema is that of the edges of bins.
func (secondsSchema) Schema(huma.Registry) *huma.Schema {
	least, most := 2, syntax.MaxBins
	none := float64(0)
	return &huma.Schema{
		Title: "Seconds", Type: huma.TypeArray, Items: &huma.Schema{Type: huma.TypeNumber, Minimum: &none}, MinItems: &least, MaxItems: &most,
		Description: "Edges of bins of times, ascending", Examples: []any{[]any{0, 60, 3600, 86400}},
	}
}

// stepSchema is that of a step: a series without a measure.
func stepSchema(schemas huma.Registry) *huma.Schema {
	series := seriesSchema{}.Schema(schemas).OneOf
	step := *series[1]
	step.Title, step.Properties = "Step", maps.Clone(step.Properties)
	delete(step.Properties, "measure")
	delete(step.Properties, "rolling")
	step.Examples = []any{map[string]any{"event": "purchase", "filter": "properties.price>=100", "name": "Paid"}}
	return oneOf("Which events a step is", series[0], &step)
}

// StepsJSON is a list of steps as it was sent.
type StepsJSON struct{ RawJSON }

// Schema shows a list of steps, and does not check it: see RawJSON.
func (StepsJSON) Schema(schemas huma.Registry) *huma.Schema {
	least, most := syntax.MinSteps, syntax.MaxSteps
	list := &huma.Schema{Type: huma.TypeArray, Items: stepSchema(schemas), MinItems: &least, MaxItems: &most}
	return &huma.Schema{Description: "Steps; see the parameter steps of GET", Extensions: map[string]any{"oneOf": []*huma.Schema{list}}}
}

// ExcludeJSON is a list of exclusions as it was sent.
type ExcludeJSON struct{ RawJSON }

// Schema shows a list of exclusions, and does not check it.
func (ExcludeJSON) Schema(schemas huma.Registry) *huma.Schema {
	return shown("Exclusions; see the parameter exclude of GET", exclusionSchema{}.Schema(schemas), syntax.MaxExclusions)
}

// BinsJSON is the edges of bins as they were sent.
type BinsJSON struct{ RawJSON }

// Schema shows a list of numbers, and does not check it.
func (BinsJSON) Schema(schemas huma.Registry) *huma.Schema {
	return &huma.Schema{Description: "Bins; see the parameter bins of GET", Extensions: map[string]any{"oneOf": []*huma.Schema{secondsSchema{}.Schema(schemas)}}}
}

// AttributionJSON is a step as it was sent.
type AttributionJSON struct{ RawJSON }

// Schema shows the forms, and does not check them.
func (AttributionJSON) Schema(schemas huma.Registry) *huma.Schema {
	return &huma.Schema{Description: "Step; see the parameter attribution of GET", Extensions: map[string]any{"oneOf": Attribution(0).Schema(schemas).OneOf}}
}

// Schema is that of a word, or of the number of a step.
func (Attribution) Schema(huma.Registry) *huma.Schema {
	least, most := float64(1), float64(syntax.MaxSteps)
	return oneOf("Step whose event sorts users",
		&huma.Schema{Title: "End", Type: huma.TypeString, Enum: []any{"first", "last"}},
		&huma.Schema{Title: "Step number", Type: huma.TypeInteger, Minimum: &least, Maximum: &most})
}
