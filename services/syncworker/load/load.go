// Package load moves batches from the outbox into the warehouse: it tails the
// outbox, writes segments and publishes them together with the new position.
package load

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"

	"eventanalytics/pkg/clock"
	"eventanalytics/pkg/event"
	"eventanalytics/pkg/outbox"
	"eventanalytics/pkg/platform/failpoint"
	"eventanalytics/pkg/platform/logging"
	"eventanalytics/pkg/platform/postgres"
	"eventanalytics/pkg/platform/tracing"
	"eventanalytics/pkg/warehouse/manifest"
	"eventanalytics/pkg/warehouse/segment"
	"eventanalytics/services/syncworker/lease"
	"eventanalytics/services/syncworker/userkey"
)

// ErrMoved is returned when the stored position is not where this loader's last
// load left it: a commit that seemed to fail had succeeded.
var ErrMoved = errors.New("the position has moved")

const (
	// maxFailures in a row end the term: another worker may have more luck, and
	// this one starts over.
	maxFailures = 5
	// firstRetry doubles with each failure.
	firstRetry = 200 * time.Millisecond
	// idleUpdate is how often complete_until moves while nothing is loaded.
	idleUpdate = time.Second
)

// Config of a Loader.
type Config struct {
	// Bounds are the maximum of one load.
	Bounds outbox.Bounds
	// Interval is the minimum time from one load to the next when there is no backlog.
	Interval time.Duration
	// Poll is how often the outbox is looked at when no notification comes.
	Poll time.Duration
}

// Writer makes a segment of a project's events, as duckdb.Builder does. The error
// is segment.ErrRefused when the events are at fault.
type Writer interface {
	Write(ctx context.Context, project int64, events []event.Event, keys []uint32, epoch int64) (segment.Segment, error)
}

// Deps are what a Loader needs.
type Deps struct {
	Pool    *pgxpool.Pool
	Term    *lease.Term
	Writer  Writer
	Keys    *userkey.Keys
	Loaded  func() // called after each load with events
	Log     *zap.Logger
	Tracer  trace.Tracer
	Metrics *Metrics
}

// Loader loads during one term. Its methods are for one goroutine.
type Loader struct {
	cfg      Config
	deps     Deps
	position outbox.Position // up to which this loader has loaded
	complete completeness
}

// New makes a Loader that begins where the term was when it began.
func New(cfg Config, deps Deps) *Loader {
	return &Loader{cfg: cfg, deps: deps, position: deps.Term.Acquired()}
}

// Position is up to where the loader has loaded.
func (l *Loader) Position() outbox.Position { return l.position }

// Run loads until ctx ends. It returns manifest.ErrFenced when another worker leads,
// or the error of several failures in a row.
func (l *Loader) Run(ctx context.Context) error {
	wake := make(chan struct{}, 1)
	var listener sync.WaitGroup
	defer listener.Wait()
	listening, stop := context.WithCancel(ctx)
	defer stop()
	listener.Go(func() {
		postgres.Listen(listening, l.deps.Pool, outbox.ChannelAppended, l.deps.Log, func() {
			select {
			case wake <- struct{}{}:
			default:
			}
		})
	})

	failures := 0
	for ctx.Err() == nil {
		began := time.Now()
		drained, err := l.Once(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, manifest.ErrFenced):
			return err
		case err != nil:
			if failures++; failures == maxFailures {
				return err
			}
			l.deps.Log.Warn("loading; trying again", zap.Int("failures", failures), zap.Error(err))
			clock.Pause(ctx, firstRetry<<(failures-1))
			continue
		}
		failures = 0
		if !drained {
			continue
		}
		select {
		case <-ctx.Done():
		case <-wake:
			clock.Pause(ctx, l.cfg.Interval-time.Since(began))
		case <-time.After(l.cfg.Poll):
		}
	}
	return nil
}

// Once loads what one look at the outbox finds, and reports whether it was all
// there is.
func (l *Loader) Once(ctx context.Context) (drained bool, err error) {
	began := time.Now()
	batch, err := outbox.Tail(ctx, l.deps.Pool, l.position, l.cfg.Bounds)
	if err != nil {
		return false, err
	}
	with, err := l.beside(ctx, &batch)
	if err != nil {
		return false, err
	}
	if len(batch.Rows) == 0 && !with.any() {
		return true, l.loadNothing(ctx, batch)
	}
	if err := failpoint.Hit(failpoint.LoadAfterTail); err != nil {
		return false, err
	}
	ctx, span := tracing.StartAt(ctx, l.deps.Tracer, "load", began)
	defer func() { tracing.End(span, err) }()
	span.SetAttributes(attribute.Int(tracing.Rows, len(batch.Rows)))
	l.deps.Term.Writing.RLock()
	defer l.deps.Term.Writing.RUnlock()
	w, err := l.write(ctx, batch.Rows)
	if err != nil {
		return false, err
	}
	if err := l.publish(ctx, w, batch, with); err != nil {
		return false, errors.Join(err, l.reposition(ctx))
	}
	span.SetAttributes(attribute.Int(tracing.Events, w.events), attribute.Int(tracing.Segments, len(w.segments)),
		attribute.Int(tracing.DeadLetters, len(w.dead)))
	took := time.Since(began)
	l.deps.Metrics.loaded(w, took)
	l.deps.Log.Debug("loaded", zap.Int(logging.Events, w.events), zap.Int(logging.Segments, len(w.segments)), zap.Duration(logging.Duration, took))
	l.deps.Loaded()
	return batch.Drained, nil
}

// loadNothing moves complete_until on while there is nothing to load.
func (l *Loader) loadNothing(ctx context.Context, batch outbox.Batch) error {
	l.complete = l.complete.loaded(batch, batch.XMin)
	until := l.complete.until
	if until.Sub(l.complete.stored) < idleUpdate {
		return nil
	}
	if err := l.deps.Term.Complete(ctx, until); err != nil {
		return err
	}
	l.complete.stored = until
	return nil
}
