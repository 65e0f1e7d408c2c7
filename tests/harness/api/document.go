package api

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"

	"eventanalytics/pkg/client"
)

// Documented returns a transport that compares each answer with the OpenAPI
// document of the service it came from: its status, its headers and its body. A
// request whose answer is not as documented fails.
func Documented() http.RoundTripper {
	for _, contentType := range []string{"application/x-ndjson", "application/vnd.apache.parquet", "text/event-stream"} {
		openapi3filter.RegisterBodyDecoder(contentType, openapi3filter.FileBodyDecoder)
	}
	return &documented{next: http.DefaultTransport, documents: map[string]*document{}}
}

type documented struct {
	next http.RoundTripper

	mu        sync.Mutex
	documents map[string]*document // by the service's scheme and host
}

// document is a service's, loaded by the first request to the service.
type document struct {
	once   sync.Once
	routes routers.Router
	err    error
}

func (d *documented) RoundTrip(request *http.Request) (*http.Response, error) {
	routes, err := d.routes(request.Context(), request.URL.Scheme+"://"+request.URL.Host)
	if err != nil {
		return nil, err
	}
	response, err := d.next.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	response.Body = io.NopCloser(bytes.NewReader(body))
	answer := &client.Response{Status: response.StatusCode, Header: response.Header, Body: body}
	if err := check(request, answer, routes); err != nil { // it holds the schema and the answer, at length
		return nil, fmt.Errorf("the answer is not as documented: %s %s: %d %.400s\n%.1000w", request.Method, request.URL, answer.Status, body, err)
	}
	return response, nil
}

func (d *documented) routes(ctx context.Context, base string) (routers.Router, error) {
	d.mu.Lock()
	doc, ok := d.documents[base]
	if !ok {
		doc = &document{}
		d.documents[base] = doc
	}
	d.mu.Unlock()
	doc.once.Do(func() { doc.routes, doc.err = d.load(context.WithoutCancel(ctx), base) })
	return doc.routes, doc.err
}

// load loads and checks a service's document.
func (d *documented) load(ctx context.Context, base string) (routers.Router, error) {
	c, err := client.New(client.Config{URL: base, Transport: d.next})
	if err != nil {
		return nil, err
	}
	r, err := c.Do(ctx, client.Request{Path: "/openapi.json"})
	if err != nil {
		return nil, fmt.Errorf("asking for the document: %w", err)
	}
	if r.Status != http.StatusOK {
		return nil, fmt.Errorf("asking for the document: %w", r.Problem())
	}
	doc, err := openapi3.NewLoader().LoadFromData(r.Body)
	if err != nil {
		return nil, fmt.Errorf("reading the document: %w", err)
	}
	if err := doc.Validate(ctx); err != nil {
		return nil, fmt.Errorf("checking the document: %w", err)
	}
	doc.Servers = openapi3.Servers{{URL: base}}
	return gorillamux.NewRouter(doc)
}

// aliases are the original service's paths, which the document leaves out.
var aliases = map[string]string{
	"/register":           "/api/auth/register",
	"/api/stats/register": "/api/auth/register",
	"/token":              "/api/auth/token",
	"/api/stats/token":    "/api/auth/token",
	"/api/stats/users/me": "/api/auth/me",
}

// check compares an answer with the document. Paths and methods that the document
// does not have must be refused.
func check(request *http.Request, a *client.Response, routes routers.Router) error {
	if a.Header.Get("X-Request-Id") == "" {
		return errors.New("it has no X-Request-Id")
	}
	if a.Status >= http.StatusBadRequest {
		if err := checkProblem(a); err != nil {
			return err
		}
	}
	if path, ok := aliases[request.URL.Path]; ok {
		request = request.Clone(request.Context())
		request.URL.Path = path
	}
	route, parameters, err := routes.FindRoute(request)
	if err != nil {
		health := request.URL.Path == "/healthz" || request.URL.Path == "/readyz"
		if health || a.Status == http.StatusNotFound || a.Status == http.StatusMethodNotAllowed {
			return nil
		}
		return fmt.Errorf("the route is not in the document: %w", err)
	}
	return openapi3filter.ValidateResponse(request.Context(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{Request: request, PathParams: parameters, Route: route},
		Status:                 a.Status,
		Header:                 a.Header,
		Body:                   io.NopCloser(bytes.NewReader(a.Body)),
		Options:                &openapi3filter.Options{IncludeResponseStatus: true, MultiError: true},
	})
}
