package stats

import (
	"context"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"eventanalytics/pkg/auth"
	authhttp "eventanalytics/pkg/auth/http"
	"eventanalytics/pkg/platform/ratelimit"
	"eventanalytics/services/stats/inflight"
	"eventanalytics/services/stats/question"
)

// Route is one way to ask a question.
type Route struct{ Method, Path, Summary string }

// Routes lists those of all questions, for the documents. A question can be asked
// under GET and, with the parameters as JSON, under POST, unless one is in the path.
func Routes() []Route {
	var routes []Route
	for _, d := range question.All() {
		for _, method := range methods(d) {
			routes = append(routes, Route{method, d.Path, d.Summary})
		}
	}
	return routes
}

func methods(d question.Definition) []string {
	if strings.Contains(d.Path, "{") {
		return []string{http.MethodGet}
	}
	return []string{http.MethodGet, http.MethodPost}
}

func (s *Service) register(api huma.API) {
	question.DescribeTypes(api.OpenAPI().Components.Schemas)
	for _, d := range question.All() {
		handle := func(ctx context.Context, p question.Params) (*huma.StreamResponse, error) {
			r, err := s.respond(ctx, d, p)
			if err != nil {
				return nil, err
			}
			return &huma.StreamResponse{Body: r.write}, nil
		}
		for _, method := range methods(d) {
			op := operation(api, d, method)
			if method == http.MethodGet {
				d.Get(api, op, handle)
			} else {
				d.Post(api, op, handle)
			}
		}
	}
}

// operation describes a question's operation.
func operation(api huma.API, d question.Definition, method string) huma.Operation {
	op := huma.Operation{
		OperationID: d.Name, Method: method, Path: d.Path, Summary: d.Summary, Description: d.Description,
		Tags:      []string{"Analytics"},
		Errors:    []int{http.StatusBadRequest, http.StatusNotFound, http.StatusUnprocessableEntity, http.StatusServiceUnavailable},
		Responses: responses(api.OpenAPI().Components.Schemas, d.Rows),
	}
	op = ratelimit.Limited(authhttp.Secured(op, auth.ScopeRead), ratelimit.ClassStats)
	if method == http.MethodPost {
		op.OperationID += "-post"
		op.Summary += " (parameters as JSON)"
		op.DefaultStatus = http.StatusOK
		op.MaxBodyBytes = inflight.RequestBytes
		op.Errors = append(op.Errors, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType)
	}
	return op
}
