package server

import (
	"context"
	"encoding/json"
	"net/http"
	"reflect"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"eventanalytics/pkg/platform/problem"
)

// Handler reads a request and writes the answer itself. An error that it returns
// is answered as a problem; it must not have written anything then.
type Handler func(w http.ResponseWriter, r *http.Request) error

// Handle registers an operation for what huma.Register cannot do: bodies read as a
// stream, answers in the form of another protocol. The API's middleware guards it
// like any other operation, so it must be in use before. The OpenAPI document
// shows what op says, and a problem for each of op.Errors.
//
// One that is Hidden is served and not in the document.
//
// Handle panics when op says nothing about Security: that a route is open to
// anyone must be a decision, made with an empty list.
func (s *Server) Handle(op huma.Operation, h Handler) {
	if op.Security == nil {
		panic(op.Method + " " + op.Path + " does not say who may call it")
	}
	if !op.Hidden {
		describeErrors(&op, s.API.OpenAPI().Components.Schemas)
		s.API.OpenAPI().AddOperation(&op)
	}
	if op.Metadata[foreignKey] == true {
		s.foreign[routePath(&op)] = true
	}
	s.API.Adapter().Handle(&op, s.API.Middlewares().Handler(op.Middlewares.Handler(func(ctx huma.Context) {
		c := unwrap(ctx).c
		r := c.Request().WithContext(ctx.Context())
		r.Body = requestBody{r.Body}
		if err := h(c.Response(), r); err != nil {
			writeProblem(r.Context(), c.Response(), err)
		}
	})))
}

const foreignKey = "server.foreign"

// Foreign says of an operation for Handle that it is of another vendor's protocol, whose
// clients cannot be told what we would like: it answers other origins itself, whatever
// CORS_ORIGINS are, repairs what is not text, and may have a key in its path.
func Foreign(op huma.Operation) huma.Operation {
	if op.Metadata == nil {
		op.Metadata = map[string]any{}
	}
	op.Metadata[foreignKey] = true
	return op
}

// describeErrors does for Handle what huma.Register does.
func describeErrors(op *huma.Operation, schemas huma.Registry) {
	if op.Responses == nil {
		op.Responses = map[string]*huma.Response{}
	}
	schema := schemas.Schema(reflect.TypeFor[problem.Error](), true, "Error")
	for _, status := range append(op.Errors, http.StatusInternalServerError) {
		op.Responses[strconv.Itoa(status)] = &huma.Response{
			Description: http.StatusText(status),
			Content:     map[string]*huma.MediaType{problem.ContentType: {Schema: schema}},
		}
	}
}

// HTTPRequest is the request behind a context, for middleware that needs what huma does
// not show. Its body is the operation's to read.
func HTTPRequest(ctx huma.Context) *http.Request { return unwrap(ctx).c.Request() }

// unwrap returns the context that middleware has wrapped. It panics when one in
// between has no Unwrap.
func unwrap(ctx huma.Context) *echoContext {
	for {
		if own, ok := ctx.(*echoContext); ok {
			return own
		}
		ctx = ctx.(interface{ Unwrap() huma.Context }).Unwrap()
	}
}

// writeProblem answers with a problem, in the bytes that huma would write.
func writeProblem(ctx context.Context, w http.ResponseWriter, err error) {
	p := withInstance(ctx, ended(ctx, problem.From(err), err))
	for name, values := range p.GetHeaders() {
		w.Header()[name] = values
	}
	w.Header().Set("Content-Type", problem.ContentType)
	w.WriteHeader(p.Status)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(p) // the client may have gone
}
