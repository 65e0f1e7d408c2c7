package e2e

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

// client is one caller of one service. Each answer it gets is checked against
// the service's own OpenAPI document.
type client struct {
	base   string
	routes routers.Router
	header http.Header // sent with each request

	username, password string
	projectID          int64
	refreshToken       string
}

const password = "correct horse battery staple"

// anonymous returns a caller without credentials.
func anonymous(t *testing.T, base string) *client {
	t.Helper()
	return &client{base: base, routes: document(t, base), header: http.Header{}}
}

// newUser registers a new account and logs in.
func newUser(t *testing.T, base string) *client {
	t.Helper()
	c := anonymous(t, base)
	c.username, c.password = "user-"+uuid.NewString(), password
	var user struct {
		ProjectID int64 `json:"project_id"`
	}
	c.post(t, "/api/auth/register", object{"username": c.username, "password": c.password}).is(t, 201, "").decode(t, &user)
	c.projectID = user.ProjectID
	c.login(t)
	return c
}

func (c *client) login(t *testing.T) {
	t.Helper()
	var tokens struct {
		Access  string `json:"access_token"`
		Refresh string `json:"refresh_token"`
		Type    string `json:"token_type"`
		Expires int    `json:"expires_in"`
	}
	form := url.Values{"username": {c.username}, "password": {c.password}}
	c.do(t, http.MethodPost, "/api/auth/token", strings.NewReader(form.Encode()), "Content-Type", "application/x-www-form-urlencoded").
		is(t, 200, "").decode(t, &tokens)
	require.Equal(t, "bearer", tokens.Type)
	require.Positive(t, tokens.Expires)
	c.refreshToken = tokens.Refresh
	c.header.Set("Authorization", "Bearer "+tokens.Access)
}

// with returns the same caller with other headers; an empty value removes one.
func (c *client) with(headers ...string) *client {
	other := *c
	other.header = c.header.Clone()
	set(other.header, headers)
	return &other
}

func set(h http.Header, pairs []string) {
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] == "" {
			h.Del(pairs[i])
		} else {
			h.Set(pairs[i], pairs[i+1])
		}
	}
}

type object = map[string]any

func (c *client) get(t *testing.T, path string, query ...string) *answer {
	t.Helper()
	values := url.Values{}
	for i := 0; i < len(query); i += 2 {
		values.Add(query[i], query[i+1])
	}
	if len(values) > 0 {
		path += "?" + values.Encode()
	}
	return c.do(t, http.MethodGet, path, nil)
}

func (c *client) post(t *testing.T, path string, body any) *answer {
	t.Helper()
	b, err := json.Marshal(body)
	require.NoError(t, err)
	return c.do(t, http.MethodPost, path, bytes.NewReader(b), "Content-Type", "application/json")
}

// send posts raw text to /api/events.
func (c *client) send(t *testing.T, body string, headers ...string) *answer {
	t.Helper()
	return c.do(t, http.MethodPost, "/api/events", strings.NewReader(body), append([]string{"Content-Type", "application/json"}, headers...)...)
}

func (c *client) do(t *testing.T, method, path string, body io.Reader, headers ...string) *answer {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, c.base+path, body)
	require.NoError(t, err)
	request.Header = c.header.Clone()
	set(request.Header, headers)
	return c.roundTrip(t, request)
}

func (c *client) roundTrip(t *testing.T, request *http.Request) *answer {
	t.Helper()
	response, err := http.DefaultTransport.RoundTrip(request)
	require.NoError(t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	a := &answer{status: response.StatusCode, header: response.Header, body: body}
	require.NotEmpty(t, a.header.Get("X-Request-Id"), "%s %s: %d", request.Method, request.URL.Path, a.status)
	c.validate(t, request, a)
	return a
}

// aliases are the original service's paths, which the document leaves out.
var aliases = map[string]string{
	"/register":           "/api/auth/register",
	"/api/stats/register": "/api/auth/register",
	"/token":              "/api/auth/token",
	"/api/stats/token":    "/api/auth/token",
	"/api/stats/users/me": "/api/auth/me",
}

// validate checks an answer against the document: its status, its headers and
// its body. Paths and methods the document does not have must be refused.
func (c *client) validate(t *testing.T, request *http.Request, a *answer) {
	t.Helper()
	if a.status >= 400 {
		a.problem(t)
	}
	if path, ok := aliases[request.URL.Path]; ok {
		request = request.Clone(t.Context())
		request.URL.Path = path
	}
	route, parameters, err := c.routes.FindRoute(request)
	if err != nil {
		if request.URL.Path != "/healthz" && request.URL.Path != "/readyz" {
			require.Contains(t, []int{404, 405}, a.status, "%s %s is not in the document", request.Method, request.URL.Path)
		}
		return
	}
	err = openapi3filter.ValidateResponse(t.Context(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{Request: request, PathParams: parameters, Route: route},
		Status:                 a.status,
		Header:                 a.header,
		Body:                   io.NopCloser(bytes.NewReader(a.body)),
		Options:                &openapi3filter.Options{IncludeResponseStatus: true, MultiError: true},
	})
	if err != nil { // it holds the schema and the answer, at length
		require.FailNow(t, "the answer is not as documented", "%s %s: %d %.400s\n%.1000s", request.Method, request.URL, a.status, a.body, err)
	}
}

// answer is a response, read to its end.
type answer struct {
	status int
	header http.Header
	body   []byte
}

type problem struct {
	Type     string         `json:"type"`
	Title    string         `json:"title"`
	Status   int            `json:"status"`
	Detail   string         `json:"detail"`
	Instance string         `json:"instance"`
	Errors   []problemError `json:"errors"`
	Omitted  int            `json:"errors_omitted"`
}

type problemError struct {
	Index                *int
	Field, Code, Message string
}

// problem reads an error, which always has the same form.
func (a *answer) problem(t *testing.T) problem {
	t.Helper()
	require.Equal(t, "application/problem+json", a.header.Get("Content-Type"), "%.400s", a.body)
	var p problem
	a.decode(t, &p)
	require.Equal(t, a.status, p.Status)
	require.NotEmpty(t, p.Title)
	require.NotEmpty(t, p.Detail)
	require.Equal(t, a.header.Get("X-Request-Id"), p.Instance)
	require.True(t, strings.HasPrefix(p.Type, "/problems/"), p.Type)
	return p
}

// is requires a status and, when code is not empty, the suffix of the problem's
// type.
func (a *answer) is(t *testing.T, status int, code string) *answer {
	t.Helper()
	require.Equal(t, status, a.status, "%.1000s", a.body)
	if code != "" {
		require.Equal(t, "/problems/"+code, a.problem(t).Type, "%.1000s", a.body)
	}
	return a
}

func (a *answer) decode(t *testing.T, into any) *answer {
	t.Helper()
	require.NoError(t, json.Unmarshal(a.body, into), "%.400s", a.body)
	return a
}

var documents sync.Map // by base URL

// document loads and checks a service's OpenAPI document.
func document(t *testing.T, base string) routers.Router {
	t.Helper()
	if known, ok := documents.Load(base); ok {
		return known.(routers.Router)
	}
	response, err := http.Get(base + "/openapi.json")
	require.NoError(t, err)
	defer response.Body.Close()
	require.Equal(t, 200, response.StatusCode)
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	doc, err := openapi3.NewLoader().LoadFromData(text)
	require.NoError(t, err)
	require.NoError(t, doc.Validate(t.Context()))
	doc.Servers = openapi3.Servers{{URL: base}}
	router, err := gorillamux.NewRouter(doc)
	require.NoError(t, err)
	documents.Store(base, router)
	return router
}
