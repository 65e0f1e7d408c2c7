package server

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	jsonv2 "github.com/go-json-experiment/json"
	"github.com/labstack/echo/v5"

	"eventanalytics/pkg/platform/problem"
)

// APIVersion of the HTTP contract, as in the OpenAPI document.
const APIVersion = "1.0.0"

// Names of the security schemes in the OpenAPI document. Swagger UI shows them
// in the order of their names.
const (
	BearerScheme = "bearer"
	APIKeyScheme = "apiKey"
	OAuth2Scheme = "account"
	CookieScheme = "session"
	ShareScheme  = "share"
)

func init() {
	// huma creates its own errors (validation, body parsing) through these
	// variables, its documented hook for custom error formats.
	huma.NewError = func(status int, msg string, errs ...error) huma.StatusError { return newError(status, msg, errs...) }
	huma.NewErrorWithContext = func(ctx huma.Context, status int, msg string, errs ...error) huma.StatusError {
		p := newError(status, msg, errs...)
		if ctx == nil {
			return p
		}
		p = ended(ctx.Context(), p, errors.Join(errs...))
		setHeaders(ctx, p)
		return p
	}
}

// newAPI puts huma on top of an echo router. JSON parsing is strict: duplicate
// keys and invalid UTF-8 are rejected. OpenAPI and documentation routes are left
// to pkg/platform/openapi.
func newAPI(e *echo.Echo) huma.API {
	jsonFormat := huma.Format{
		Marshal: func(w io.Writer, v any) error {
			enc := json.NewEncoder(w)
			enc.SetEscapeHTML(false)
			return enc.Encode(v)
		},
		Unmarshal: func(data []byte, v any) error { return jsonv2.Unmarshal(data, v) },
	}
	cfg := huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info: &huma.Info{
				Title:       "Event Analytics",
				Version:     APIVersion,
				Description: "Post user events, each counted exactly once; read daily active users, top events and retention.",
				License:     &huma.License{Name: "Apache-2.0", Identifier: "Apache-2.0"},
			},
			Components: &huma.Components{
				Schemas: huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer),
				SecuritySchemes: map[string]*huma.SecurityScheme{
					OAuth2Scheme: {Type: "oauth2", Description: "User name and password.", Flows: &huma.OAuthFlows{
						Password: &huma.OAuthFlow{TokenURL: "/api/auth/token", Scopes: map[string]string{}},
					}},
					BearerScheme: {Type: "http", Scheme: "bearer", Description: "An access token or an API key."},
					APIKeyScheme: {Type: "apiKey", In: "header", Name: "X-API-Key", Description: "An API key of one project."},
					CookieScheme: {Type: "apiKey", In: "cookie", Name: "__Host-ea_session", Description: "The login of a browser; ea_session without TLS. It counts only without Authorization and X-API-Key, and only on requests of pages of the same origin."},
					ShareScheme:  {Type: "apiKey", In: "header", Name: "Authorization", Description: "Share eas_…: the secret of a link to a board."},
				},
			},
		},
		Formats:                      map[string]huma.Format{"application/json": jsonFormat, "json": jsonFormat},
		DefaultFormat:                "application/json",
		RejectUnknownQueryParameters: true,
		Transformers:                 []huma.Transformer{addInstance},
	}
	return huma.NewAPI(cfg, &adapter{Handler: e, echo: e})
}

// newError turns what huma found, and what a handler returned, into a problem.
func newError(status int, msg string, errs ...error) *problem.Error {
	if len(errs) > 0 {
		if p, ok := problem.As(errs[len(errs)-1]); ok {
			return p
		}
	}
	p := problem.New(status, codeOf(status), msg)
	if status >= http.StatusInternalServerError {
		return problem.From(errors.Join(errs...))
	}
	for _, err := range errs {
		f, ok := fieldError(status, err)
		switch {
		case ok && len(p.Errors) == problem.MaxListed:
			p.ErrorsOmitted++
		case ok:
			p.Errors = append(p.Errors, f)
		case err != nil:
			p.Detail += ": " + message(err)
		}
	}
	if len(p.Errors) > 0 {
		p.Type = problem.TypePrefix + p.Errors[0].Code
		p.Detail = p.Errors[0].Field + ": " + p.Errors[0].Message
	}
	return p
}

// message omits the value that huma quotes: it may be a body with a password.
func message(err error) string {
	var d *huma.ErrorDetail
	if errors.As(err, &d) {
		return d.Message
	}
	return err.Error()
}

func fieldError(status int, err error) (problem.FieldError, bool) {
	var d *huma.ErrorDetail
	if !errors.As(err, &d) || status != http.StatusUnprocessableEntity {
		return problem.FieldError{}, false
	}
	f := problem.FieldError{Code: "invalid-parameter", Message: d.Message}
	var part string
	part, f.Field, _ = strings.Cut(d.Location, ".")
	if part == "body" {
		f.Code = "invalid-field"
	}
	name, isMissing := strings.CutPrefix(d.Message, "expected required property ")
	switch {
	case isMissing:
		name, _, _ = strings.Cut(name, " ")
		f.Field = strings.TrimPrefix(f.Field+"."+name, ".")
		f.Code, f.Message = "missing-field", "is required"
	case strings.HasSuffix(d.Message, "parameter is missing"):
		f.Code, f.Message = "missing-parameter", "is required"
	case strings.HasPrefix(d.Message, "unexpected property"):
		f.Code = "unknown-field"
	case strings.HasPrefix(d.Message, "unknown query parameter"):
		f.Code = "unknown-parameter"
	}
	if f.Field == "" { // the body as a whole
		f.Field = part
	}
	return f, true
}

func codeOf(status int) string {
	switch status {
	case http.StatusBadRequest:
		return "malformed-request"
	case http.StatusUnprocessableEntity:
		return "invalid-field"
	}
	return strings.ReplaceAll(strings.ToLower(http.StatusText(status)), " ", "-")
}

// CheckQuery rejects what huma accepts: a query that cannot be decoded, an empty
// parameter, and one given twice unless it is repeatable. It returns nil for a
// valid query.
func CheckQuery(ctx huma.Context, repeatable ...string) *problem.Error {
	address := ctx.URL()
	return CheckRawQuery(address.RawQuery, repeatable...)
}

// CheckRawQuery is CheckQuery for a Handler.
func CheckRawQuery(raw string, repeatable ...string) *problem.Error {
	query, err := url.ParseQuery(raw)
	if err != nil {
		return problem.New(http.StatusBadRequest, "malformed-query", "the query cannot be decoded: "+err.Error())
	}
	for name, values := range query {
		if len(values) > 1 && !slices.Contains(repeatable, name) {
			return problem.Invalid("invalid-parameter", name, "is given more than once")
		}
		if slices.Contains(values, "") {
			return problem.Invalid("invalid-parameter", name, "is empty")
		}
	}
	return nil
}

// addInstance writes the request's id into every problem that is sent.
func addInstance(ctx huma.Context, _ string, v any) (any, error) {
	if p, ok := v.(*problem.Error); ok {
		return withInstance(ctx.Context(), p), nil
	}
	return v, nil
}

// ended is the problem that a request ends with because of err. The reason of a 5xx is noted
// for the log. It is none of ours when the client has hung up and that is why it failed.
func ended(ctx context.Context, p *problem.Error, err error) *problem.Error {
	if p.Status < http.StatusInternalServerError {
		return p
	}
	if errors.Is(err, context.Canceled) && errors.Is(ctx.Err(), context.Canceled) {
		return problem.ClientGone()
	}
	RequestFrom(ctx).Err = err
	return p
}

func withInstance(ctx context.Context, p *problem.Error) *problem.Error {
	own := *p
	own.Instance = RequestFrom(ctx).ID
	return &own
}

// Refuse answers a request with a problem from a huma middleware.
func Refuse(ctx huma.Context, err error) {
	p := withInstance(ctx.Context(), ended(ctx.Context(), problem.From(err), err))
	setHeaders(ctx, p)
	ctx.SetHeader("Content-Type", problem.ContentType)
	ctx.SetStatus(p.Status)
	_ = json.NewEncoder(ctx.BodyWriter()).Encode(p) // the client may have gone
}

// setHeaders sets the headers that a problem has of its own.
func setHeaders(ctx huma.Context, p *problem.Error) {
	for name, values := range p.GetHeaders() {
		for _, v := range values {
			ctx.SetHeader(name, v)
		}
	}
}

// adapter lets huma register its operations on an echo v5 router; huma's own
// adapter is for echo v4.
type adapter struct {
	http.Handler
	echo *echo.Echo
}

func (a *adapter) Handle(op *huma.Operation, handler func(huma.Context)) {
	path := routePath(op)
	methods := []string{op.Method}
	if op.Method == http.MethodGet {
		methods = Get
	}
	a.echo.Match(methods, path, func(c *echo.Context) error {
		handler(&echoContext{op: op, c: c})
		return nil
	})
}

// routePath is an operation's path as echo writes it.
func routePath(op *huma.Operation) string {
	return strings.NewReplacer("{", ":", "}", "").Replace(op.Path)
}

type echoContext struct {
	op     *huma.Operation
	c      *echo.Context
	status int
}

var _ huma.Context = (*echoContext)(nil)

func (x *echoContext) Operation() *huma.Operation  { return x.op }
func (x *echoContext) Context() context.Context    { return x.c.Request().Context() }
func (x *echoContext) Method() string              { return x.c.Request().Method }
func (x *echoContext) Host() string                { return x.c.Request().Host }
func (x *echoContext) RemoteAddr() string          { return x.c.Request().RemoteAddr }
func (x *echoContext) URL() url.URL                { return *x.c.Request().URL }
func (x *echoContext) TLS() *tls.ConnectionState   { return x.c.Request().TLS }
func (x *echoContext) Param(name string) string    { return x.c.Param(name) }
func (x *echoContext) Query(name string) string    { return x.c.QueryParam(name) }
func (x *echoContext) Header(name string) string   { return x.c.Request().Header.Get(name) }
func (x *echoContext) BodyReader() io.Reader       { return requestBody{x.c.Request().Body} }
func (x *echoContext) BodyWriter() io.Writer       { return x.c.Response() }
func (x *echoContext) Status() int                 { return x.status }
func (x *echoContext) SetHeader(name, v string)    { x.c.Response().Header().Set(name, v) }
func (x *echoContext) AppendHeader(name, v string) { x.c.Response().Header().Add(name, v) }

func (x *echoContext) Version() huma.ProtoVersion {
	r := x.c.Request()
	return huma.ProtoVersion{Proto: r.Proto, ProtoMajor: r.ProtoMajor, ProtoMinor: r.ProtoMinor}
}

func (x *echoContext) EachHeader(each func(name, value string)) {
	for name, values := range x.c.Request().Header {
		for _, v := range values {
			each(name, v)
		}
	}
}

// requestBody turns a body that is badly chunked, truncated or stalled into a
// client error; huma would make it a server error.
type requestBody struct{ io.ReadCloser }

func (b requestBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	switch {
	case err == nil || err == io.EOF: //nolint:errorlint // net/http returns it bare
	case errors.Is(err, context.Canceled): // the client is gone
	case errors.Is(err, os.ErrDeadlineExceeded):
		err = problem.New(http.StatusRequestTimeout, "request-timeout", "the body did not arrive in time")
	default:
		err = problem.New(http.StatusBadRequest, "malformed-request", "the body cannot be read: "+err.Error())
	}
	return n, err
}

func (x *echoContext) GetMultipartForm() (*multipart.Form, error) {
	return nil, errors.New("multipart forms are not accepted")
}

func (x *echoContext) SetReadDeadline(t time.Time) error {
	return huma.SetReadDeadline(x.c.Response(), t)
}

func (x *echoContext) SetStatus(code int) {
	x.status = code
	x.c.Response().WriteHeader(code)
}
