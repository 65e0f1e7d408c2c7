package maintain

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"

	"eventanalytics/pkg/platform/failpoint"
	"eventanalytics/pkg/platform/logging"
	"eventanalytics/pkg/platform/tracing"
	"eventanalytics/pkg/warehouse/duckdb"
	"eventanalytics/pkg/warehouse/manifest"
	"eventanalytics/pkg/warehouse/segment"
	"eventanalytics/services/syncworker/lease"
)

// Compactor merges small segments. Its two lanes may run at the same time.
type Compactor struct {
	policy  manifest.Policy
	pool    *pgxpool.Pool
	term    *lease.Term
	builder *duckdb.Builder
	damage  *damage
	merged  func() // called after each merge: the next level may be full
	metrics *Metrics
	tracer  trace.Tracer
	log     *zap.Logger

	looked [2]look // by lane
}

// sweepEvery is how often all projects are looked at for something to merge; in between
// only those whose segments changed are.
const sweepEvery = time.Minute

// look is the last one of a lane that found nothing more to merge.
type look struct {
	mark  manifest.Mark // when it began; zero: all projects have to be looked at
	swept time.Time     // when all were
	cut   []int64       // segments that were passed over
}

// Compact merges the segments of a lane until no project has enough of one level.
// Loads continue while it runs. A merge that fails is passed over until the next
// call: it may fail forever, and must not hold up those of other projects.
func (c *Compactor) Compact(ctx context.Context, lane manifest.Lane) error {
	last := c.looked[lane]
	c.looked[lane] = look{} // unless nothing fails
	cut, err := manifest.PassedOver(ctx, c.pool, c.term.Epoch())
	if err != nil {
		return err
	}
	slices.Sort(cut)
	if time.Since(last.swept) >= sweepEvery || !slices.Equal(cut, last.cut) { // some may be tried again
		last = look{swept: time.Now()}
	}
	mark, err := manifest.ReadMark(ctx, c.pool)
	if err != nil {
		return err
	}
	if err := c.compact(ctx, lane, last.mark); err != nil || ctx.Err() != nil {
		return err
	}
	c.looked[lane] = look{mark, last.swept, cut}
	return nil
}

// compact is Compact for projects whose segments changed since a mark.
func (c *Compactor) compact(ctx context.Context, lane manifest.Lane, since manifest.Mark) error {
	var failed []int64
	var errs []error
	if lane == manifest.MainLane {
		errs = append(errs, c.measure(ctx))
	}
	for ctx.Err() == nil {
		in, err := c.once(ctx, lane, failed, since)
		if err != nil {
			errs = append(errs, err)
		}
		if len(in) == 0 || errors.Is(err, manifest.ErrFenced) {
			break
		}
		if err != nil && !(errors.Is(err, segment.ErrQuarantined) && c.damage.add(ctx, in)) {
			for _, s := range in {
				failed = append(failed, s.ID)
			}
		}
	}
	return errors.Join(errs...)
}

// once merges segments other than those with the ids except and returns them, none
// when there is nothing to merge in projects that changed since a mark.
func (c *Compactor) once(ctx context.Context, lane manifest.Lane, except []int64, since manifest.Mark) (in []segment.Segment, err error) {
	began := time.Now()
	if lane == manifest.EarlyLane { // the main lane takes turns with garbage collection
		c.term.Merging.Lock()
		defer c.term.Merging.Unlock()
	}
	cut, err := manifest.PassedOver(ctx, c.pool, c.term.Epoch())
	if err != nil {
		return nil, err
	}
	if in, err = manifest.Candidates(ctx, c.pool, lane, c.policy, slices.Concat(c.damage.list(), cut, except), since); err != nil || len(in) < 2 {
		return nil, err
	}
	ctx, span := tracing.StartAt(ctx, c.tracer, "compact", began)
	defer func() { tracing.End(span, err) }()
	span.SetAttributes(attribute.Int64(tracing.ProjectID, in[0].ProjectID), attribute.Int(tracing.Merged, len(in)))
	var out []segment.Segment
	err = rewrite(ctx, c.pool, c.term, in, func() (_ []segment.Segment, err error) {
		if out, err = c.builder.Merge(ctx, in, c.policy.Target, c.term.Epoch()); err != nil {
			return nil, err
		}
		return out, failpoint.Hit(failpoint.CompactBeforeSwap)
	})
	if err != nil {
		return in, err
	}
	if err := failpoint.Hit(failpoint.CompactAfterSwap); err != nil {
		return in, err
	}
	c.term.Notify(ctx)
	events, took := segment.EventsOf(out), time.Since(began)
	span.SetAttributes(attribute.Int(tracing.Segments, len(out)), attribute.Int64(tracing.Events, events))
	c.metrics.compactions.Observe(took.Seconds())
	c.metrics.compacted.Add(float64(events))
	c.merged()
	c.log.Debug("compacted", zap.Int64(logging.ProjectID, in[0].ProjectID), zap.Int(logging.Segments, len(in)),
		zap.Int("into", len(out)), zap.Duration(logging.Duration, took))
	return in, nil
}

// measure finds the sizes of segments that were written before these were noted: they
// are not merged until then. A damaged one does not hold up the others.
func (c *Compactor) measure(ctx context.Context) error {
	var errs []error
	for ctx.Err() == nil {
		s, ok, err := manifest.Unmeasured(ctx, c.pool, c.policy, c.damage.list())
		if err != nil || !ok {
			return errors.Join(append(errs, err)...)
		}
		raw, err := c.builder.Measure(ctx, s)
		if err == nil {
			err = manifest.Measured(ctx, c.pool, s, raw)
		}
		if err != nil {
			errs = append(errs, err)
			if !c.damage.add(ctx, []segment.Segment{s}) {
				break
			}
		}
	}
	return errors.Join(errs...)
}
