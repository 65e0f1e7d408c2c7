package stats

import (
	"context"
	"net/http"
	"reflect"

	"github.com/danielgtaylor/huma/v2"

	"eventanalytics/pkg/auth"
	authhttp "eventanalytics/pkg/auth/http"
	"eventanalytics/pkg/platform/ratelimit"
	"eventanalytics/services/stats/metric"
)

func (s *Service) register(api huma.API) {
	route[DAUParams](s, api, huma.Operation{
		OperationID: "dau", Path: "/api/stats/dau", Summary: "Daily active users",
		Description: "Distinct users of each day.",
	}, metric.DAURow{})
	route[TopEventsParams](s, api, huma.Operation{
		OperationID: "top-events", Path: "/api/stats/top-events", Summary: "Most frequent event types",
		Description: "By count, descending, then by name.",
	}, metric.TopEventsRow{}, metric.TopEventsUsersRow{})
	route[RetentionParams](s, api, huma.Operation{
		OperationID: "retention", Path: "/api/stats/retention", Summary: "Retention of cohorts",
		Description: "A user belongs to one cohort: the week, day or month of the first event. Window k counts the cohort's members with an event in the k-th such bucket after; window 0 has them all. There is a row for every cohort with members and every window that has begun.",
	}, metric.WeekRetentionRow{}, metric.DayRetentionRow{}, metric.MonthRetentionRow{})
	route[EventsParams](s, api, huma.Operation{
		OperationID: "events", Path: "/api/stats/events", Summary: "Events and users over time",
		Description: "Weeks and months that stick out of the range count only what lies in it.",
	}, metric.EventsRow{}, metric.EventsTypeRow{})
	route[ActiveUsersParams](s, api, huma.Operation{
		OperationID: "active-users", Path: "/api/stats/active-users", Summary: "Active users of a rolling window",
		Description: "For each day the distinct users of the window of days that ends with it.",
	}, metric.ActiveUsersRow{})
	route[EventTypesParams](s, api, huma.Operation{
		OperationID: "event-types", Path: "/api/stats/event-types", Summary: "All event types",
		Description: "By name, with the times of the first and the last such event.",
	}, metric.EventTypesRow{})
	route[LatestParams](s, api, huma.Operation{
		OperationID: "latest-events", Path: "/api/stats/events/latest", Summary: "Latest events",
		Description: "The visible events that happened last, the newest first.",
	}, metric.EventRow{})
	get[EventParams](s, api, huma.Operation{
		OperationID: "event", Path: "/api/stats/events/{event_id}", Summary: "One event",
		Description: "404 when there is no such event, or it is not visible yet.",
	}, metric.EventRow{})
}

// route registers a question under GET and, with the parameters as JSON, under
// POST. rows are the types its rows can have.
func route[P any, PP interface {
	*P
	params
}](s *Service, api huma.API, op huma.Operation, rows ...any) {
	get[P, PP](s, api, op, rows...)
	op.OperationID += "-post"
	op.Method, op.Summary = http.MethodPost, op.Summary+" (parameters as JSON)"
	op.DefaultStatus = http.StatusOK
	op = s.operation(api, op, rows)
	op.Errors = append(op.Errors, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType)
	huma.Register(api, op, func(ctx context.Context, in *struct{ Body P }) (*response, error) {
		return s.respond(ctx, PP(&in.Body))
	})
}

func get[P any, PP interface {
	*P
	params
}](s *Service, api huma.API, op huma.Operation, rows ...any) {
	op.Method = http.MethodGet
	huma.Register(api, s.operation(api, op, rows), func(ctx context.Context, in *P) (*response, error) {
		return s.respond(ctx, PP(in))
	})
}

// operation completes op with what all questions share.
func (s *Service) operation(api huma.API, op huma.Operation, rows []any) huma.Operation {
	op.Tags = []string{"Analytics"}
	op.Errors = []int{http.StatusBadRequest, http.StatusNotFound, http.StatusUnprocessableEntity, http.StatusServiceUnavailable}
	schemas := api.OpenAPI().Components.Schemas
	text := func(doc string) *huma.MediaType {
		return &huma.MediaType{Schema: &huma.Schema{Type: huma.TypeString, Description: doc}}
	}
	op.Responses = map[string]*huma.Response{
		"200": {Description: "The rows; they are computed afresh when the request has Cache-Control: no-cache or no-store", Content: map[string]*huma.MediaType{
			"application/json":            {Schema: answerSchema(schemas, rows)},
			formats["csv"].contentType:    text("The rows, with a header line"),
			formats["ndjson"].contentType: text("A JSON object a line for each row"),
			formats["parquet"].contentType: {Schema: &huma.Schema{
				Type: huma.TypeString, Format: "binary", Description: "The rows as an Apache Parquet file",
			}},
		}},
		"304": {Description: "The answer is still what If-None-Match has"},
	}
	return ratelimit.Limited(authhttp.Secured(op, auth.ScopeRead), ratelimit.ClassStats)
}

// answerSchema describes an answer with rows of one of some types.
func answerSchema(schemas huma.Registry, rows []any) *huma.Schema {
	var kinds []*huma.Schema
	for _, row := range rows {
		kind := schemas.Schema(reflect.TypeOf(row), true, "")
		if _, ok := row.(metric.EventRow); ok { // whose properties are JSON in JSON
			properties := schemas.SchemaFromRef(kind.Ref).Properties["properties"]
			properties.Type = ""
			properties.OneOf = []*huma.Schema{{Type: huma.TypeObject, AdditionalProperties: true}, {Type: "null"}}
		}
		kinds = append(kinds, kind)
	}
	data := &huma.Schema{Type: huma.TypeArray, Items: kinds[0]}
	if len(kinds) > 1 {
		data = &huma.Schema{}
		for _, kind := range kinds {
			data.AnyOf = append(data.AnyOf, &huma.Schema{Type: huma.TypeArray, Items: kind})
		}
	}
	return &huma.Schema{
		Type: huma.TypeObject,
		Properties: map[string]*huma.Schema{
			"data":              data,
			"meta":              schemas.Schema(reflect.TypeFor[Meta](), true, ""),
			"query":             schemas.Schema(reflect.TypeFor[Resolved](), true, ""),
			"response_time_sec": {Type: huma.TypeNumber, Description: "Time the service took, in seconds"},
		},
		Required: []string{"data", "meta", "query", "response_time_sec"},
	}
}
