package stats

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"eventanalytics/pkg/auth"
	"eventanalytics/pkg/outbox"
	"eventanalytics/pkg/platform/failpoint"
	"eventanalytics/pkg/platform/problem"
	"eventanalytics/pkg/platform/tracing"
	"eventanalytics/pkg/warehouse/replica"
	"eventanalytics/services/stats/engine"
	"eventanalytics/services/stats/inflight"
	"eventanalytics/services/stats/question"
)

// Meta says from what an answer was computed.
type Meta struct {
	Timezone      string    `json:"timezone" doc:"Time zone in which days and hours are cut"`
	Position      string    `json:"position" doc:"Position of the data, to be sent as min_position"`
	CompleteUntil time.Time `json:"complete_until" doc:"Every event acknowledged before this instant is counted"`
	Stale         bool      `json:"stale" doc:"There may be newer data that could not be read"`
	// IdentityPosition is empty where no ids were ever linked, or each counts.
	IdentityPosition string `json:"identity_position,omitempty" doc:"Position of the last link between ids that counts; absent when none does"`
	Source           string `json:"source" doc:"What the answer was computed from: rollup: sums kept of the events; walk: files of the events by user; raw: the events themselves; engine: these, read by another engine (ClickHouse). The rows are the same" enum:"rollup,walk,raw,engine"`
	Rows             int    `json:"rows" doc:"How many rows data has"`
}

// answer is all that is written of an answer.
type answer struct {
	rows     *question.Table
	meta     any // of which JSON has all, and other formats nothing
	query    any
	counting counting // what it was asked to count as a user
	seconds  float64  // that it took
}

// respond answers a request: what the question is, from which data, whether the
// client has the answer already, and only then the rows. It counts against the bytes in
// flight until the response was written.
func (s *Service) respond(ctx context.Context, d question.Definition, p question.Params) (r *response, err error) {
	project := auth.From(ctx).ProjectID
	done, err := s.inFlight.Request(project)
	if err != nil {
		s.countRefusal(err)
		return nil, asProblem(ctx, d, err)
	}
	r = &response{patience: s.patience, slow: s.slow, release: done}
	if err := s.prepare(ctx, project, d, p, r); err != nil {
		r.release()
		s.countRefusal(err)
		return nil, asProblem(ctx, d, err)
	}
	return r, nil
}

func (s *Service) prepare(ctx context.Context, project int64, d question.Definition, p question.Params, r *response) error {
	began := time.Now()
	now := s.now()
	output := p.Output()
	output.In(auth.From(ctx).WeekStart)
	q, err := p.Question(output.Now(now))
	if err != nil {
		return err
	}
	headers := output.Headers()
	snapshot, err := s.snapshot(ctx, project, output)
	if err != nil {
		return err
	}
	snapshot, linked, err := s.identities.counted(ctx, snapshot, project, output)
	if err != nil {
		return err
	}
	stale := s.reader.Stale()
	f := chooseFormat(output)
	data := dataOf(snapshot, project)
	named := question.Cohorts(q)
	cohorts, keys, err := s.cohorts.of(ctx, project, named, data, snapshot.Persons(project))
	if err != nil {
		return err
	}
	if auth.From(ctx).ShareID != 0 { // they may have changed since it was made
		if err := showableCohorts(named, cohorts); err != nil {
			return err
		}
	}
	source := func() *engine.Source {
		src := s.asking(snapshot, project, now, data, cohorts)
		src.History = &history{s, snapshot, project, src, named}
		return src
	}
	tag := entityTag(project, d.Name, q, keys, f, snapshot, stale, now)
	r.status, r.tag = http.StatusOK, tag
	if matches(headers.IfNoneMatch, tag) {
		r.status = http.StatusNotModified
		s.answers.WithLabelValues(d.Name, "not_modified").Inc()
		return nil
	}
	policy := parseCacheControl(headers.CacheControl)
	policy.write = policy.write && !stale
	got, err := s.rows(ctx, d.Name, tag, policy, q, source, project)
	if err != nil {
		return err
	}
	done := r.release
	r.release = func() { got.hold.Release(); done() }
	if d.NotFound != "" && got.rows.Len() == 0 {
		return problem.NotFound(d.NotFound)
	}
	if f.extension != "" {
		r.fileName = f.fileName(d.Name, q)
	}
	return r.encode(f, answer{
		rows: got.rows,
		meta: Meta{
			Timezone: output.Timezone, Position: s.tokens.Encode(project, snapshot.Position),
			CompleteUntil: snapshot.CompleteUntil.UTC(), Stale: stale, IdentityPosition: linked, Source: got.source, Rows: got.rows.Len(),
		},
		query: q, counting: countingOf(output), seconds: time.Since(began).Seconds(),
	})
}

// dataOf names the version of a project's data, and that of its persons: links change it,
// and questions may ask for others.
func dataOf(snapshot *replica.Snapshot, project int64) string {
	return fmt.Sprint(snapshot.Position.Incarnation, " ", snapshot.ProjectVersion(project), " ", snapshot.Persons(project).Version())
}

// asking has a project's data answer a question that names some cohorts.
func (s *Service) asking(snapshot *replica.Snapshot, project int64, now time.Time, data string, named map[string]engine.Cohort) *engine.Source {
	src := s.source(snapshot, project, now)
	src.Project, src.Data, src.Named, src.Kept, src.Timeout = project, data, named, s.sets, s.timeout
	src.Traits = userTraits{s.pool, project}
	if m := snapshot.Persons(project); m != nil {
		src.People = people{s.names, project, m}
	}
	return src
}

// maxWait is the longest a request waits for a position.
const maxWait = 30 * time.Second

// snapshot returns the data to answer from, which include the position asked for.
func (s *Service) snapshot(ctx context.Context, project int64, output *question.OutputParams) (*replica.Snapshot, error) {
	wait, err := time.ParseDuration(output.Wait)
	if err != nil || wait < 0 {
		return nil, problem.Invalid("invalid-parameter", "wait", fmt.Sprintf("%q is not a duration, such as 5s", output.Wait))
	}
	snapshot, err := s.reader.Current()
	if err != nil || output.MinPosition == "" {
		return snapshot, err
	}
	position, err := s.tokens.Decode(project, output.MinPosition)
	if errors.Is(err, outbox.ErrBadToken) {
		return nil, problem.Invalid("invalid-position", "min_position", "is not a position of this project")
	}
	if err != nil {
		return nil, err
	}
	if position.Incarnation < snapshot.Position.Incarnation {
		return nil, problem.Invalid("position-expired", "min_position", "predates the last restore of the database")
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

// computed are the rows of an answer and what they were computed from.
type computed struct {
	rows   *question.Table
	source string
	hold   *inflight.Hold // of their memory
}

// share makes n requests use the rows.
func (c computed) share(n int) { c.hold.Share(n) }

// release ends one's use.
func (c computed) release() { c.hold.Release() }

// rows reads the rows from the cache, or computes them together with the requests
// that ask the same while it does: the tag covers everything that rows depend on. The
// span is in the trace of the first request, which also decides whether they are
// kept. The caller releases them. What source returns is asked only when they are computed:
// it has a look at each of the project's files.
func (s *Service) rows(ctx context.Context, name, tag string, policy cachePolicy, q question.Question, source func() *engine.Source, project int64) (computed, error) {
	if policy.read {
		if kept, ok := s.cache.Get(project, tag); ok {
			if err := kept.hold.Use(ctx); err != nil {
				return computed{}, err
			}
			s.answers.WithLabelValues(name, "cached").Inc()
			return kept, nil
		}
	}
	cameFrom := "shared"
	got, err := s.shared.do(ctx, tag, func(ctx context.Context) (computed, error) {
		cameFrom = "computed"
		got, err := s.compute(ctx, name, q, source(), project)
		if err == nil && policy.write {
			s.cache.keep(project, tag, got)
		}
		return got, err
	})
	if err != nil {
		return computed{}, err // cameFrom may still be written to: the computation can outlive this request
	}
	s.answers.WithLabelValues(name, cameFrom).Inc()
	return got, nil
}

func (s *Service) compute(ctx context.Context, name string, q question.Question, src *engine.Source, project int64) (got computed, err error) {
	hold := s.inFlight.Hold(project)
	defer func() {
		if err != nil {
			hold.Done(0)
		}
	}()
	ctx = engine.WithMeter(ctx, hold)
	ctx, span := s.tracer.Start(ctx, "metric "+name, trace.WithAttributes(attribute.String(tracing.Metric, name)))
	defer func() { tracing.End(span, err) }()
	began := time.Now()
	rows, err := q.Answer(ctx, src)
	if err == nil {
		err = failpoint.Hit(failpoint.StatsBeforeAnswer)
	}
	if err != nil {
		return computed{}, err
	}
	rows.Seal()
	hold.Done(rows.Bytes())
	got = computed{rows, src.Name(), hold}
	span.SetAttributes(attribute.Int(tracing.Rows, rows.Len()), attribute.String(tracing.Source, got.source))
	s.seconds.WithLabelValues(name, got.source).Observe(time.Since(began).Seconds())
	return got, nil
}
