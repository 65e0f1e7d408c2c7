package stats

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"eventanalytics/pkg/auth"
	"eventanalytics/pkg/outbox"
	"eventanalytics/pkg/platform/failpoint"
	"eventanalytics/pkg/platform/problem"
	"eventanalytics/pkg/platform/server"
	"eventanalytics/pkg/platform/tracing"
	"eventanalytics/pkg/warehouse/duckdb"
	"eventanalytics/pkg/warehouse/replica"
	"eventanalytics/pkg/warehouse/segment"
	"eventanalytics/services/stats/metric"
)

// Meta says from what an answer was computed.
type Meta struct {
	Timezone      string    `json:"timezone" doc:"In which days and hours are cut"`
	Position      string    `json:"position" doc:"Position of the data, to be sent as min_position"`
	CompleteUntil time.Time `json:"complete_until" doc:"Every event acknowledged before this instant is counted"`
	Stale         bool      `json:"stale" doc:"There may be newer data that could not be read"`
	Source        string    `json:"source" doc:"What the answer was computed from: the sums that are kept of events, or the events themselves; the rows are the same" enum:"rollup,raw"`
	Rows          int       `json:"rows" doc:"How many rows data has"`
}

// answer is the body in JSON.
type answer struct {
	Data            any      `json:"data"`
	Meta            Meta     `json:"meta"`
	Query           Resolved `json:"query"`
	ResponseTimeSec float64  `json:"response_time_sec"`
}

type response struct {
	Status       int
	ContentType  string   `header:"Content-Type"`
	ETag         string   `header:"ETag"`
	CacheControl string   `header:"Cache-Control"`
	Vary         []string `header:"Vary"`
	Body         []byte
}

// respond answers a question: what it is, from which data, whether the client
// has the answer already, and only then the rows.
func (s *Service) respond(ctx context.Context, p params) (*response, error) {
	began := time.Now()
	now := s.now()
	project := auth.From(ctx).ProjectID
	query, resolved, err := p.question(now)
	if err != nil {
		return nil, err
	}
	asked := p.answering()
	snapshot, err := s.snapshot(ctx, project, asked)
	if err != nil {
		return nil, asProblem(ctx, err)
	}
	stale := s.reader.Stale()
	f := chooseFormat(asked.Format, asked.accept)
	tag := entityTag(project, query, resolved, f, snapshot, stale, now)
	r := &response{
		Status: http.StatusOK, ContentType: f.contentType, ETag: tag, CacheControl: "private, no-cache",
		Vary: []string{"Authorization, X-API-Key, Accept, X-Project, Accept-Encoding"},
	}
	if matches(asked.ifNoneMatch, tag) {
		r.Status, r.ContentType = http.StatusNotModified, ""
		s.answers.WithLabelValues(query.Name(), "not_modified").Inc()
		return r, nil
	}
	caching := asked.caching
	caching.keep = caching.keep && !stale
	got, err := s.rows(ctx, tag, caching, query, metric.Source{DB: s.db, Snapshot: snapshot, Project: project, Now: now})
	if err != nil {
		return nil, asProblem(ctx, err)
	}
	n := reflect.ValueOf(got.rows).Len()
	if _, one := query.(metric.OneEvent); one && n == 0 {
		return nil, problem.NotFound("there is no such event, or it is not visible yet")
	}
	r.Body, err = f.encode(answer{
		Data: got.rows,
		Meta: Meta{
			Timezone: resolved.Timezone, Position: s.tokens.Encode(project, snapshot.Position),
			CompleteUntil: snapshot.CompleteUntil.UTC(), Stale: stale, Source: got.from, Rows: n,
		},
		Query: resolved, ResponseTimeSec: time.Since(began).Seconds(),
	})
	if err != nil {
		return nil, fmt.Errorf("writing the answer: %w", err)
	}
	return r, nil
}

// maxWait is the longest a request waits for a position.
const maxWait = 30 * time.Second

// snapshot returns the data to answer from: with the position asked for.
func (s *Service) snapshot(ctx context.Context, project int64, asked *Answering) (*replica.Snapshot, error) {
	wait, err := time.ParseDuration(asked.Wait)
	if err != nil || wait < 0 {
		return nil, invalid("wait", fmt.Sprintf("%q is not a duration, such as 5s", asked.Wait))
	}
	snapshot, err := s.reader.Current()
	if err != nil || asked.MinPosition == "" {
		return snapshot, err
	}
	position, err := s.tokens.Decode(project, asked.MinPosition)
	if errors.Is(err, outbox.ErrBadToken) {
		return nil, problem.Invalid("invalid-position", "min_position", "is not a position of this project")
	}
	if err != nil {
		return nil, err
	}
	if position.Incarnation < snapshot.Position.Incarnation {
		return nil, problem.Invalid("position-expired", "min_position", "is of before the database was restored")
	}
	waiting, cancel := context.WithTimeout(ctx, min(wait, maxWait))
	defer cancel()
	err = s.reader.Wait(waiting, position)
	switch {
	case err == nil:
		return s.reader.Current()
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case waiting.Err() != nil:
		return nil, problem.Unavailable("not-fresh-yet", "the data do not include min_position yet", time.Second, err)
	}
	return nil, err
}

// timely is a metric whose rows depend on the clock, not on the data alone.
type timely interface {
	Moment(now, completeUntil time.Time) string
}

// entityTag names an answer: while the tag stays the same, so do the rows. The
// project's own version is part of it, not the manifest's, so that an idle
// project's answers stay valid while others load. The tag is weak: position,
// complete_until and response_time_sec go on.
func entityTag(project int64, q metric.Query, r Resolved, f format, snapshot *replica.Snapshot, stale bool, now time.Time) string {
	moment := ""
	if t, ok := q.(timely); ok {
		moment = t.Moment(now, snapshot.CompleteUntil)
	}
	key, err := json.Marshal([]any{
		server.APIVersion, project, q.Name(), r, f.contentType,
		snapshot.Position.Incarnation, snapshot.ProjectVersion(project), stale, moment,
	})
	if err != nil {
		panic(err) // texts and numbers
	}
	sum := sha256.Sum256(key)
	return `W/"` + base64.RawURLEncoding.EncodeToString(sum[:16]) + `"`
}

// matches compares weakly, as If-None-Match asks for (RFC 9110, 13.1.2).
func matches(ifNoneMatch, tag string) bool {
	for given := range strings.SplitSeq(ifNoneMatch, ",") {
		given = strings.TrimSpace(given)
		if given == "*" || strings.TrimPrefix(given, "W/") == strings.TrimPrefix(tag, "W/") {
			return true
		}
	}
	return false
}

// computed are the rows of an answer and what they were computed from.
type computed struct {
	rows any
	from string
}

// rows takes the rows from the cache or computes them, together with whoever asks
// for the same meanwhile: the tag tells all that rows depend on. The span is in
// the trace of the first, who also decides whether they are kept.
func (s *Service) rows(ctx context.Context, tag string, c caching, q metric.Query, src metric.Source) (computed, error) {
	if c.take {
		if kept, ok := s.cache.get(tag); ok {
			s.answers.WithLabelValues(q.Name(), "cached").Inc()
			return kept, nil
		}
	}
	source := "shared"
	answer, err := s.shared.do(ctx, tag, func(ctx context.Context) (any, error) {
		source = "computed"
		ctx, span := s.tracer.Start(ctx, "metric "+q.Name(), trace.WithAttributes(attribute.String(tracing.Metric, q.Name())))
		began := time.Now()
		rows, from, err := metric.Answer(ctx, q, src)
		if err == nil {
			err = failpoint.Hit(failpoint.StatsBeforeAnswer)
		}
		if err == nil {
			span.SetAttributes(attribute.Int(tracing.Rows, reflect.ValueOf(rows).Len()), attribute.String(tracing.Source, from))
			s.seconds.WithLabelValues(q.Name(), from).Observe(time.Since(began).Seconds())
			if c.keep {
				s.cache.keep(tag, computed{rows, from})
			}
		}
		tracing.End(span, err)
		return computed{rows, from}, err
	})
	if err != nil {
		return computed{}, err // source may still be written to: the computation can outlive this caller
	}
	s.answers.WithLabelValues(q.Name(), source).Inc()
	return answer.(computed), nil
}

// asProblem says what the client may know of an error, and when to come back.
func asProblem(ctx context.Context, err error) error {
	unavailable := func(code, detail string, retryAfter time.Duration) error {
		return problem.Unavailable(code, detail, retryAfter, err)
	}
	switch {
	case ctx.Err() != nil:
		return problem.ClientGone()
	case errors.Is(err, metric.ErrTooManyRows):
		return problem.Newf(http.StatusUnprocessableEntity, "too-many-rows",
			"the answer has more than %d rows: ask for a shorter range, longer buckets or fewer event types", metric.MaxRows)
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
