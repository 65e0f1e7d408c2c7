// Package problem carries errors to HTTP clients as RFC 9457 problem details.
//
// Domain code returns a *refusal.Error, whose kind decides the status; HTTP code
// may make an *Error itself. Any other error becomes a bare 500: its text is
// logged, never sent.
package problem

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"eventanalytics/pkg/refusal"
)

// ContentType of every error answer.
const ContentType = "application/problem+json"

// TypePrefix precedes the code in a problem's type.
const TypePrefix = "/problems/"

// MaxListed is how many mistakes an answer lists; the others are counted.
const MaxListed = 100

// FieldError names one thing that is wrong with a request.
type FieldError struct {
	Index   *int   `json:"index,omitempty" doc:"Position of the event in the request, from 0"`
	Field   string `json:"field" doc:"Name of the field, parameter or header"`
	Code    string `json:"code" doc:"Stable name of the mistake" example:"invalid-timestamp"`
	Message string `json:"message" doc:"What is wrong, for people"`
}

// Error is a refusal with an HTTP status. The zero value is not useful; make
// one with New or a shorthand.
type Error struct {
	Type     string       `json:"type" doc:"Kind of the problem" example:"/problems/invalid-parameter"`
	Title    string       `json:"title" doc:"The status in words"`
	Status   int          `json:"status" doc:"HTTP status"`
	Detail   string       `json:"detail" doc:"What is wrong, for people"`
	Instance string       `json:"instance,omitempty" doc:"Id of the request, as in X-Request-Id"`
	Errors   []FieldError `json:"errors,omitempty" doc:"Each thing that is wrong"`
	// ErrorsOmitted counts what was wrong beyond those listed.
	ErrorsOmitted int `json:"errors_omitted,omitempty" doc:"How many more things are wrong than errors lists"`

	// RetryAfter, when positive, becomes the Retry-After header (whole seconds,
	// rounded up).
	RetryAfter time.Duration `json:"-"`
	// Header holds further headers of the answer, such as WWW-Authenticate.
	Header http.Header `json:"-"`

	cause error
}

// New makes a problem of the given status; code is the suffix of its type.
func New(status int, code, detail string) *Error {
	return &Error{Type: TypePrefix + code, Title: http.StatusText(status), Status: status, Detail: detail}
}

// Newf is New with a format for the detail.
func Newf(status int, code, format string, args ...any) *Error {
	return New(status, code, fmt.Sprintf(format, args...))
}

// Invalid is a 422 about one field.
func Invalid(code, field, message string) *Error {
	e := New(http.StatusUnprocessableEntity, code, field+": "+message)
	e.Errors = []FieldError{{Field: field, Code: code, Message: message}}
	return e
}

// Unavailable is a 503 that asks the client to come back; cause is logged, not
// sent.
func Unavailable(code, detail string, retryAfter time.Duration, cause error) *Error {
	e := New(http.StatusServiceUnavailable, code, detail)
	e.RetryAfter, e.cause = retryAfter, cause
	return e
}

// ClientGone is a 499, which nginx logs when a client hangs up before its answer:
// no error of ours that an alert should count. Nobody reads the answer.
func ClientGone() *Error {
	return New(statusClientGone, "client-closed-request", "the client closed the request")
}

// statusClientGone is nginx's; HTTP has no status for it.
const statusClientGone = 499

// NotFound is a 404.
func NotFound(detail string) *Error { return New(http.StatusNotFound, "not-found", detail) }

// WithHeader adds a header to the answer.
func (e *Error) WithHeader(name, value string) *Error {
	if e.Header == nil {
		e.Header = http.Header{}
	}
	e.Header.Set(name, value)
	return e
}

// Code returns the suffix of the problem's type.
func (e *Error) Code() string { return e.Type[len(TypePrefix):] }

func (e *Error) Error() string { return fmt.Sprintf("%d %s: %s", e.Status, e.Code(), e.Detail) }

// Unwrap returns the internal cause, if any.
func (e *Error) Unwrap() error { return e.cause }

// GetStatus returns the HTTP status (huma.StatusError).
func (e *Error) GetStatus() int { return e.Status }

// GetHeaders returns the answer's extra headers (huma.HeadersError).
func (e *Error) GetHeaders() http.Header {
	h := e.Header.Clone()
	if h == nil {
		h = http.Header{}
	}
	if e.RetryAfter > 0 {
		h.Set("Retry-After", fmt.Sprint(int64((e.RetryAfter+time.Second-1)/time.Second)))
	}
	return h
}

// ContentType is the media type of the answer (huma.ContentTypeFilter).
func (e *Error) ContentType(string) string { return ContentType }

// As returns err as a problem when it is meant for the client: a problem or a
// refusal of the domain.
func As(err error) (*Error, bool) {
	var p *Error
	if errors.As(err, &p) {
		return p, true
	}
	var r *refusal.Error
	if errors.As(err, &r) {
		return fromRefusal(r), true
	}
	return nil, false
}

// From returns err as a problem: As, or else a 500 that says nothing about the
// cause.
func From(err error) *Error {
	if p, ok := As(err); ok {
		return p
	}
	e := New(http.StatusInternalServerError, "internal", "The request could not be answered; the log has the reason under this request's id.")
	e.cause = err
	return e
}
