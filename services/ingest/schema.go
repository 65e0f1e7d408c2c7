package ingest

import (
	"github.com/danielgtaylor/huma/v2"
)

// requestBody documents what event.Decode reads. The decoder, not huma, checks
// bodies: it does so while they stream in.
func requestBody(schemas huma.Registry) *huma.RequestBody {
	length := func(n int) *int { return &n }
	text := func(doc string, example any) *huma.Schema {
		return &huma.Schema{Type: huma.TypeString, Description: doc, MinLength: length(1), MaxLength: length(200), Examples: []any{example}}
	}
	properties := &huma.Schema{
		OneOf:       []*huma.Schema{{Type: huma.TypeObject, AdditionalProperties: true}, {Type: "null"}},
		Description: "A JSON object of at most 32 KiB and 32 levels, or null; stored as sent",
		Examples:    []any{map[string]any{"country": "PL", "price": 118.64}},
	}
	one := &huma.Schema{
		Type: huma.TypeObject,
		Properties: map[string]*huma.Schema{
			"event_id": {
				Type: huma.TypeString, Format: "uuid", Description: "Identity of the event inside its project, for ever",
				Examples: []any{"25a4b866-040b-466f-945c-148e4720f511"},
			},
			"occurred_at": {
				Type: huma.TypeString, Description: "RFC 3339 date-time, with T or a space; without an offset UTC; from 1970 to 1 h in the future",
				Examples: []any{"2025-08-21T06:52:34+03:00"},
			},
			"user_id": {
				OneOf:       []*huma.Schema{{Type: huma.TypeInteger}, text("", "u-42")},
				Description: "The integer 42 and the string \"42\" are the same user", Examples: []any{42},
			},
			"event_type":      text("What happened", "view_item"),
			"properties":      properties,
			"properties_json": {OneOf: properties.OneOf, Description: "Another name of properties; only one of them may be given"},
		},
		Required:             []string{"event_id", "occurred_at", "user_id", "event_type"},
		AdditionalProperties: false,
	}
	schemas.Map()["Event"] = one
	ref := &huma.Schema{Ref: "#/components/schemas/Event"}
	array := &huma.Schema{Type: huma.TypeArray, Items: ref, MinItems: length(1)}
	return &huma.RequestBody{
		Required:    true,
		Description: "An array of events, one event, or {\"events\": […]}; as NDJSON one event a line. Content-Encoding may be gzip or zstd.",
		Content: map[string]*huma.MediaType{
			"application/json": {Schema: &huma.Schema{OneOf: []*huma.Schema{
				array, ref,
				{Type: huma.TypeObject, Properties: map[string]*huma.Schema{"events": array}, Required: []string{"events"}, AdditionalProperties: false},
			}}},
			"application/x-ndjson": {Schema: &huma.Schema{Type: huma.TypeString}},
		},
	}
}
