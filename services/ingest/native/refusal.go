package native

import (
	"errors"
	"net/http"
	"time"

	"eventanalytics/pkg/event"
	"eventanalytics/pkg/outbox"
	"eventanalytics/pkg/platform/postgres"
	"eventanalytics/pkg/platform/problem"
	"eventanalytics/services/ingest/body"
	"eventanalytics/services/ingest/intake"
)

// retryAfter is when a client should try again while Postgres is away.
const retryAfter = 2 * time.Second

// overloadRetryAfter is when a client should try again that found no room: an
// upload takes about that long.
const overloadRetryAfter = time.Second

// keyInUseRetryAfter is when a client should try again whose first request is
// still being answered.
const keyInUseRetryAfter = time.Second

// asProblem gives the reasons why there is no other answer their HTTP form.
func asProblem(err error) error {
	var p *problem.Error
	var request *event.RequestError
	var corrupt *body.CorruptError
	var invalid *intake.InvalidError
	var conflict *intake.ConflictError
	switch {
	case errors.As(err, &p):
		return p
	case errors.As(err, &invalid):
		return invalidEvents(invalid)
	case errors.As(err, &conflict):
		p := problem.New(http.StatusConflict, "conflict", conflict.Error())
		p.Errors, p.ErrorsOmitted = listed(conflictErrors(conflict.Indexes), len(conflict.Indexes))
		return p
	case errors.As(err, &request):
		status := http.StatusUnprocessableEntity
		if request.Malformed {
			status = http.StatusBadRequest
		}
		p := problem.New(status, request.Code, request.Message)
		if request.Event != nil {
			p.Errors = []problem.FieldError{{Index: request.Event, Code: request.Code, Message: request.Message}}
		}
		return p
	case errors.As(err, &corrupt):
		return problem.New(http.StatusBadRequest, "malformed-encoding", corrupt.Error())
	case errors.Is(err, body.ErrEncoding):
		p := problem.New(http.StatusUnsupportedMediaType, "unsupported-encoding", "Content-Encoding must be gzip, zstd or absent")
		return p.WithHeader("Accept-Encoding", "gzip, zstd")
	case errors.Is(err, event.ErrTooManyEvents), errors.Is(err, event.ErrEventTooLarge), errors.Is(err, body.ErrTooLarge):
		return problem.New(http.StatusRequestEntityTooLarge, "too-large", err.Error()).WithHeader("Connection", "close")
	case errors.Is(err, intake.ErrKeyReused):
		return problem.New(http.StatusConflict, "idempotency-key-reused", "this Idempotency-Key was used for another request")
	case errors.Is(err, intake.ErrKeyInUse):
		p := problem.New(http.StatusConflict, "in-progress", "a request with this Idempotency-Key is still being answered")
		p.RetryAfter = keyInUseRetryAfter
		return p
	case errors.Is(err, body.ErrOverloaded):
		p := problem.Unavailable("overloaded", "too many uploads at once; send the events again", overloadRetryAfter, nil)
		return p.WithHeader("Connection", "close")
	case errors.Is(err, body.ErrOwnShare): // not the service's: no alert should count it
		p := problem.New(http.StatusTooManyRequests, "too-many-uploads", "too many uploads of this project at once; send the events again")
		p.RetryAfter = overloadRetryAfter
		return p.WithHeader("Connection", "close")
	case postgres.Unavailable(err), errors.Is(err, outbox.ErrRestored):
		return problem.Unavailable("unavailable", "events cannot be stored now; send them again", retryAfter, err)
	}
	return err
}

// invalidEvents is named after the mistake that all events have in common, if
// there is one.
func invalidEvents(err *intake.InvalidError) *problem.Error {
	p := problem.New(http.StatusUnprocessableEntity, "invalid-events", err.Error())
	if err.Code != "" {
		p.Type = problem.TypePrefix + err.Code
	}
	p.Errors, p.ErrorsOmitted = listed(invalidErrors(err.Invalid), err.Rejected)
	return p
}
