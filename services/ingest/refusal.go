package ingest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"time"

	"eventanalytics/pkg/event"
	"eventanalytics/pkg/outbox"
	"eventanalytics/pkg/platform/postgres"
	"eventanalytics/pkg/platform/problem"
	"eventanalytics/pkg/platform/server"
	"eventanalytics/services/ingest/store"
)

// isNDJSON tells the two media types apart; a missing one means JSON.
func isNDJSON(contentType string) (bool, error) {
	if contentType == "" {
		return false, nil
	}
	media, _, err := mime.ParseMediaType(contentType)
	if err == nil {
		switch media {
		case "application/json":
			return false, nil
		case "application/x-ndjson":
			return true, nil
		}
	}
	return false, problem.New(http.StatusUnsupportedMediaType, "unsupported-media-type", "Content-Type must be application/json or application/x-ndjson")
}

// refuseInvalid refuses a batch that has no valid event, or, when it is atomic,
// one that is invalid.
func refuseInvalid(batch *event.Batch, atomic bool) error {
	if len(batch.Invalid) == 0 || len(batch.Events) > 0 && !atomic {
		return nil
	}
	p := problem.New(http.StatusUnprocessableEntity, "invalid-events", "")
	if code := batch.Invalid[0].Code; sameCode(batch.Invalid, code) {
		p.Type = problem.TypePrefix + code
	}
	p.Detail = fmt.Sprintf("%d of %d events are invalid; nothing was stored", len(batch.Invalid), batch.Len())
	p.Errors, p.ErrorsOmitted = listed(invalidErrors(batch.Invalid))
	return p
}

func sameCode(all []event.Invalid, code string) bool {
	for _, i := range all {
		if i.Code != code {
			return false
		}
	}
	return true
}

func conflict(out store.Outcome) error {
	p := problem.New(http.StatusConflict, "conflict", "an event_id is known with another content; nothing was stored")
	p.Errors, p.ErrorsOmitted = listed(conflictErrors(out.Conflicts))
	return p
}

func invalidErrors(all []event.Invalid) []problem.FieldError {
	errs := make([]problem.FieldError, len(all))
	for i, v := range all {
		errs[i] = problem.FieldError{Index: &v.Index, Field: v.Field, Code: v.Code, Message: v.Message}
	}
	return errs
}

func conflictErrors(indexes []int32) []problem.FieldError {
	errs := make([]problem.FieldError, len(indexes))
	for i, at := range indexes {
		index := int(at)
		errs[i] = problem.FieldError{Index: &index, Field: "event_id", Code: "conflict", Message: "is known with another content; the first stays"}
	}
	return errs
}

func listed(all []problem.FieldError) (first []problem.FieldError, omitted int) {
	n := min(len(all), maxListedErrors)
	return all[:n], len(all) - n
}

// refused makes a refusal ready to be kept.
func refused(ctx context.Context, err error) (*reply, error) {
	p := problem.From(err)
	p.Instance = server.RequestFrom(ctx).ID
	b, err := json.Marshal(p)
	if err != nil {
		return nil, fmt.Errorf("writing the refusal: %w", err)
	}
	return &reply{status: p.Status, body: b}, nil
}

// retryAfter is when a client should try again while Postgres is away.
const retryAfter = 2 * time.Second

// overloadRetryAfter is when a client should try again that found no room: an
// upload takes about that long.
const overloadRetryAfter = time.Second

// asProblem gives the reasons why nothing was stored their HTTP form.
func asProblem(err error) error {
	var p *problem.Error
	var request *event.RequestError
	switch {
	case errors.As(err, &p):
		return p
	case errors.As(err, &request):
		return problem.New(http.StatusBadRequest, request.Code, request.Message)
	case errors.Is(err, event.ErrTooManyEvents), errors.Is(err, event.ErrEventTooLarge), errors.Is(err, errTooLarge):
		return problem.New(http.StatusRequestEntityTooLarge, "too-large", err.Error()).WithHeader("Connection", "close")
	case errors.Is(err, context.Canceled): // only a request's context is cancelled
		return problem.ClientGone()
	case errors.Is(err, errOverloaded):
		p := problem.Unavailable("overloaded", "too many uploads at once; send the events again", overloadRetryAfter, nil)
		return p.WithHeader("Connection", "close")
	case postgres.Unavailable(err), errors.Is(err, outbox.ErrRestored):
		return problem.Unavailable("unavailable", "events cannot be stored now; send them again", retryAfter, err)
	}
	return err
}
