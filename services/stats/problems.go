package stats

import (
	"context"
	"errors"
	"fmt"
	"time"

	"eventanalytics/pkg/cohort"
	"eventanalytics/pkg/platform/postgres"
	"eventanalytics/pkg/platform/problem"
	"eventanalytics/pkg/warehouse/duckdb"
	"eventanalytics/pkg/warehouse/replica"
	"eventanalytics/pkg/warehouse/segment"
	"eventanalytics/services/stats/engine"
	"eventanalytics/services/stats/engine/clickhouse"
	"eventanalytics/services/stats/inflight"
	"eventanalytics/services/stats/question"
)

// asProblem says what the client may know of an error, and when to come back.
func asProblem(ctx context.Context, d question.Definition, err error) error {
	unavailable := func(code, detail string, retryAfter time.Duration) error {
		return problem.Unavailable(code, detail, retryAfter, err)
	}
	var parameter *question.ParamError
	var known *problem.Error
	switch {
	case errors.As(err, &known):
		return err
	case errors.As(err, &parameter):
		return problem.Invalid("invalid-parameter", parameter.Name, parameter.Message)
	case ctx.Err() != nil:
		return problem.ClientGone()
	case errors.Is(err, question.ErrNoQuestion), errors.Is(err, errPrivate): // any more
		return problem.Invalid("cannot-be-shared", "tile", err.Error())
	case errors.Is(err, engine.ErrTooManyRows):
		return tooLong(d, fmt.Sprintf("%d rows", engine.MaxRows))
	case errors.Is(err, engine.ErrTooLarge):
		return tooLong(d, fmt.Sprintf("%d MiB", engine.MaxBytes>>20))
	case errors.Is(err, inflight.ErrBusy), errors.Is(err, engine.ErrNoRoom):
		return unavailable("busy", "the answers in flight, or those of this project, leave no room for another", 5*time.Second)
	case errors.Is(err, replica.ErrNotReady):
		return unavailable("not-ready", "the service has just started", time.Second)
	case errors.Is(err, replica.ErrStale):
		return unavailable("stale", "the data could not be brought up to date for too long", 10*time.Second)
	case errors.Is(err, duckdb.ErrBusy):
		return unavailable("busy", "too many questions are being answered", time.Second)
	case errors.Is(err, engine.ErrNoEnd):
		return problem.Invalid("invalid-parameter", "filter", "is about what users did lately (last), before the end of a range: this question has none")
	case errors.Is(err, engine.ErrNoKeys):
		return unavailable("upgrading", "the project has events of an earlier release, which are being rewritten: until then nothing can be asked about what users did, nor cohorts", time.Minute)
	case errors.Is(err, cohort.ErrChanged):
		return unavailable("cohort-changed", "a cohort was changed while it was read; try again", time.Second)
	case errors.Is(err, duckdb.ErrTimeout), errors.Is(err, engine.ErrTimeout), errors.Is(err, clickhouse.ErrTimeout):
		return unavailable("query-timeout", "the question takes too long: ask for a shorter range or with fewer conditions", 10*time.Second)
	case errors.Is(err, engine.ErrUnsupported): // by all engines: it takes too much
		return unavailable("query-too-large", "the question takes more than can be held at once: ask for a shorter range", 10*time.Second)
	case errors.Is(err, duckdb.ErrMemory), errors.Is(err, clickhouse.ErrMemory):
		return unavailable("query-too-large", "the question needs too much memory: ask for a shorter range", 10*time.Second)
	case errors.Is(err, segment.ErrQuarantined):
		return unavailable("data-damaged", "some of the data asked for are damaged and being kept back", time.Minute)
	case errors.Is(err, segment.ErrUnavailable):
		return unavailable("unavailable", "some of the data asked for cannot be fetched now; try again", 5*time.Second)
	case errors.Is(err, segment.ErrOutdated):
		return unavailable("upgrading", "some of the data asked for are of an older version and being rewritten", time.Minute)
	}
	return err
}

// unread refuses for now where Postgres, which has what, cannot be asked. Other errors, and
// none, stay what they are.
func unread(what string, err error) error {
	if postgres.Unavailable(err) {
		return problem.Unavailable("unavailable", what+" cannot be read now; try again", 2*time.Second, err)
	}
	return err
}

// tooLong refuses an answer, and names the parameter that makes it shorter.
func tooLong(d question.Definition, most string) error {
	return problem.Invalid("answer-too-long", d.Shorten, fmt.Sprintf("the answer would have more than %s: %s", most, d.ShortenBy))
}
