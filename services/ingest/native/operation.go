package native

import (
	"net/http"
	"reflect"

	"github.com/danielgtaylor/huma/v2"

	"eventanalytics/pkg/auth"
	authhttp "eventanalytics/pkg/auth/http"
	"eventanalytics/pkg/platform/ratelimit"
)

// operation describes POST /api/events. The document is all that is made of it,
// except for the scope and the limit: the handler and event.Decode check requests
// while they stream in.
func operation(schemas huma.Registry) huma.Operation {
	op := ratelimit.Limited(authhttp.Secured(huma.Operation{
		OperationID: "post-events",
		Method:      http.MethodPost,
		Path:        "/api/events",
		Summary:     "Post events",
		Description: "Takes one event or many. Each is stored exactly once, however often it is sent: its event_id is its permanent identity inside the project. " +
			"An answer of 202 says that the events are safe. After 429, 5xx or no answer, send the same events again; after another 4xx that will not help: errors lists the events to blame by their index in the request. " +
			"An event that breaks a rule is rejected alone, with atomic all are; only a body that is not JSON (400) or is too large (413) is refused as a whole.",
		Tags: []string{"Events"},
		Errors: []int{
			http.StatusBadRequest, http.StatusConflict, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType,
			http.StatusUnprocessableEntity, http.StatusServiceUnavailable,
		},
	}, auth.ScopeIngest), ratelimit.ClassIngest)
	op.Parameters = append(op.Parameters, parameters()...)
	op.RequestBody = requestBody(schemas)
	op.Responses = map[string]*huma.Response{"202": {
		Description: "Accepted: what is reported accepted or duplicate is stored durably",
		Content: map[string]*huma.MediaType{"application/json": {
			Schema: schemas.Schema(reflect.TypeFor[Answer](), true, "Answer"),
		}},
		Headers: map[string]*huma.Header{
			"Content-Type": {Schema: &huma.Schema{Type: huma.TypeString}},
			"Idempotency-Replayed": {Schema: &huma.Schema{
				Type: huma.TypeString, Description: "true when the answer is that of an earlier request with this Idempotency-Key",
			}},
		},
	}}
	return op
}

// parameters are what readParams reads.
func parameters() []*huma.Param {
	const (
		atomic = "Store all events or none"
		key    = "Makes the whole upload repeatable for 24 hours: the same key and body get the same answer"
	)
	return []*huma.Param{{
		Name: "atomic", In: "query", Description: atomic, Explode: new(bool),
		Schema: &huma.Schema{Type: huma.TypeBoolean, Description: atomic},
	}, {
		Name: "Idempotency-Key", In: "header", Description: key,
		Schema: &huma.Schema{Type: huma.TypeString, Description: key, MaxLength: new(maxKeyLength)},
	}}
}

// requestBody describes what event.Decode reads.
func requestBody(schemas huma.Registry) *huma.RequestBody {
	length := func(n int) *int { return &n }
	text := func(doc string, example any) *huma.Schema {
		return &huma.Schema{Type: huma.TypeString, Description: doc, MinLength: length(1), MaxLength: length(200), Examples: []any{example}}
	}
	properties := &huma.Schema{
		OneOf:       []*huma.Schema{{Type: huma.TypeObject, AdditionalProperties: true}, {Type: "null"}},
		Description: "A JSON object of at most 32 KiB and 32 levels, or null; stored as sent. Numbers keep their digits, and must be finite as a 64-bit float. The outermost keys of a project's events are bounded like its types (MAX_PROPERTY_NAMES), code too-many-properties",
		Examples:    []any{map[string]any{"country": "PL", "price": 118.64}},
	}
	one := &huma.Schema{
		Type: huma.TypeObject,
		Properties: map[string]*huma.Schema{
			"event_id": {
				Type: huma.TypeString, Format: "uuid", Description: "Permanent identity of the event inside its project",
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
			"event_type":      text("What happened. A project has at most so many different types (MAX_EVENT_TYPES, 10,000): an event with a further one is rejected, code too-many-event-types", "view_item"),
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
