package sdk

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/labstack/echo/v5"

	"eventanalytics/pkg/platform/server"
)

// tag of the routes in the OpenAPI document.
const tag = "SDKs"

// Register adds the routes of the protocols, and of the quarantine, to srv. A path of two
// protocols, such as /track, is described by the first.
func (s *Service) Register(srv *server.Server) {
	type place struct{ method, path string }
	var order []place
	at := map[place][]candidate{}
	for _, name := range names {
		p := s.protocols[name]
		if p == nil {
			continue
		}
		for i := range p.Routes {
			where := place{p.Routes[i].Method, p.Routes[i].Path}
			if at[where] == nil {
				order = append(order, where)
			}
			at[where] = append(at[where], candidate{p, &p.Routes[i]})
		}
	}
	asked := map[string]bool{} // paths with an answer to preflights
	for _, where := range order {
		first := at[where][0].route
		h := s.handler(at[where])
		op := document(first)
		if first.Served != "" {
			documented := op
			srv.API.OpenAPI().AddOperation(&documented)
			op.Path, op.Hidden = first.Served, true
			srv.Echo().Pre(take(first))
		}
		srv.Handle(op, h)
		if !strings.HasSuffix(where.path, "*") && first.Served == "" {
			srv.Handle(hidden(where.method, where.path+"/"), h)
		}
		if !asked[where.path] && where.method != http.MethodOptions && at[place{http.MethodOptions, where.path}] == nil {
			asked[where.path] = true
			s.preflights(srv, first)
		}
	}
	s.registerQuarantine(srv)
}

// preflights answers browsers' questions about a path, with a slash behind it or without.
func (s *Service) preflights(srv *server.Server, route *Route) {
	paths := []string{route.Path, route.Path + "/"}
	switch {
	case route.Served != "":
		paths = []string{route.Served}
	case strings.HasSuffix(route.Path, "*"):
		paths = paths[:1]
	}
	for _, path := range paths {
		srv.Handle(hidden(http.MethodOptions, path), func(w http.ResponseWriter, r *http.Request) error {
			s.preflight(w, r)
			return nil
		})
	}
}

// hidden is an operation that the document does not show.
func hidden(method, path string) huma.Operation {
	return server.Foreign(huma.Operation{Method: method, Path: path, Hidden: true, Security: []map[string][]string{}})
}

// take takes a route's requests to where they are served, before they are routed.
func take(route *Route) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c *echo.Context) error {
			if r := c.Request(); route.Own(r) {
				r.URL.Path, r.URL.RawPath = route.Served, ""
			}
			return next(c)
		}
	}
}

func (s *Service) handler(all []candidate) server.Handler {
	route := all[0].route
	if route.Serve == nil {
		return s.serve(all)
	}
	return func(w http.ResponseWriter, r *http.Request) error {
		if r.Method == http.MethodOptions {
			err := route.Serve(w, r) // its own headers
			s.preflight(w, r)
			return err
		}
		s.allowOrigin(w, r)
		if !route.Keyed {
			w.Header().Set("Cache-Control", "max-age=300")
			return route.Serve(w, r)
		}
		c := &call{Service: s, candidate: all[0], http: r, request: &Request{HTTP: r, Query: r.URL.Query()}, patience: s.patience(r)}
		keys, err := headerKeys(r, c.request.Query)
		if err == nil {
			_, err = c.identify(r.Context(), keys)
		}
		if err != nil {
			return c.refuse(w, err)
		}
		return route.Serve(w, r)
	}
}

// document describes a route. What requests and answers look like is the vendor's
// business: docs/sdks names what is mapped.
func document(route *Route) huma.Operation {
	op := huma.Operation{
		OperationID: route.ID, Method: route.Method, Path: route.Path, Summary: route.Summary,
		Description: route.Description, Tags: []string{tag}, Hidden: strings.HasSuffix(route.Path, "*"),
		Security: []map[string][]string{},
	}
	for part := range strings.SplitSeq(route.Path, "/") {
		if name, ok := strings.CutPrefix(part, "{"); ok {
			op.Parameters = append(op.Parameters, &huma.Param{
				Name: strings.TrimSuffix(name, "}"), In: "path", Required: true, Schema: &huma.Schema{Type: huma.TypeString},
			})
		}
	}
	statuses := []int{200}
	if route.Serve == nil {
		op.Security = []map[string][]string{{server.BearerScheme: {}}, {server.APIKeyScheme: {}}, {}}
		statuses = append(statuses, 400, 401, 403, 429, 503)
	}
	op.Responses = map[string]*huma.Response{}
	for _, status := range statuses {
		op.Responses[strconv.Itoa(status)] = &huma.Response{Description: http.StatusText(status) + ", in the vendor's form"}
	}
	return server.Foreign(op)
}

// Calls makes Route.Own of a path parameter that has one of a few values.
func Calls(parameter int, values ...string) func(*http.Request) bool {
	return func(r *http.Request) bool {
		parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
		return parameter < len(parts) && slices.Contains(values, parts[parameter])
	}
}
