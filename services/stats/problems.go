package stats

import (
	"context"
	"errors"
	"net/http"
	"time"

	"eventanalytics/pkg/platform/problem"
	"eventanalytics/pkg/warehouse/duckdb"
	"eventanalytics/pkg/warehouse/replica"
	"eventanalytics/pkg/warehouse/segment"
	"eventanalytics/services/stats/engine"
	"eventanalytics/services/stats/question"
)

// statusClientGone is what the log shows for a client that hung up; nobody
// receives it.
const statusClientGone = 499

// asProblem says what the client may know of an error, and when to come back.
func asProblem(ctx context.Context, err error) error {
	unavailable := func(code, detail string, retryAfter time.Duration) error {
		return problem.Unavailable(code, detail, retryAfter, err)
	}
	var parameter *question.ParamError
	switch {
	case errors.As(err, &parameter):
		return problem.Invalid("invalid-parameter", parameter.Name, parameter.Message)
	case ctx.Err() != nil:
		return problem.New(statusClientGone, "client-gone", "the client closed the request")
	case errors.Is(err, engine.ErrTooManyRows):
		return problem.Newf(http.StatusUnprocessableEntity, "too-many-rows",
			"the answer has more than %d rows: ask for a shorter range, longer buckets or fewer event types", engine.MaxRows)
	case errors.Is(err, engine.ErrTooLarge):
		return problem.Newf(http.StatusUnprocessableEntity, "answer-too-large",
			"the answer has more than %d MiB: ask for a shorter range, longer buckets, fewer event types or a lower limit", engine.MaxBytes>>20)
	case errors.Is(err, replica.ErrNotReady):
		return unavailable("not-ready", "the service has just started", time.Second)
	case errors.Is(err, replica.ErrStale):
		return unavailable("stale", "the data could not be brought up to date for too long", 10*time.Second)
	case errors.Is(err, duckdb.ErrBusy):
		return unavailable("busy", "too many questions are being answered", time.Second)
	case errors.Is(err, duckdb.ErrTimeout):
		return unavailable("query-timeout", "the question takes too long: ask for a shorter range or with fewer conditions", 10*time.Second)
	case errors.Is(err, duckdb.ErrMemory):
		return unavailable("query-too-large", "the question needs too much memory: ask for a shorter range", 10*time.Second)
	case errors.Is(err, segment.ErrQuarantined):
		return unavailable("data-damaged", "some of the data asked for are damaged and being kept back", time.Minute)
	}
	return err
}
