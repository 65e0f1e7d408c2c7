package syncworker

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"go.opentelemetry.io/otel/attribute"
	"go.uber.org/zap"

	"eventanalytics/pkg/clock"
	"eventanalytics/pkg/outbox"
	"eventanalytics/pkg/platform/failpoint"
	"eventanalytics/pkg/platform/logging"
	"eventanalytics/pkg/platform/postgres"
	"eventanalytics/pkg/platform/tracing"
	"eventanalytics/pkg/warehouse"
)

// errMoved is returned when the stored position is not where this term's last
// load left it: a commit that seemed to fail had succeeded.
var errMoved = errors.New("the position has moved")

const (
	// maxFailures in a row end the term: another worker may have more luck, and
	// this one starts anew.
	maxFailures = 5
	// firstRetry doubles with each failure.
	firstRetry = 200 * time.Millisecond
	// idleUpdate is how often complete_until moves while nothing is loaded.
	idleUpdate = time.Second
)

// load moves rows of the outbox into the warehouse until ctx ends.
func (t *term) load(ctx context.Context) error {
	wake := make(chan struct{}, 1)
	var listener sync.WaitGroup
	defer listener.Wait()
	listening, stop := context.WithCancel(ctx)
	defer stop()
	listener.Go(func() {
		postgres.Listen(listening, t.pool, outbox.ChannelAppended, t.log, func() { signal(wake) })
	})

	failures := 0
	for ctx.Err() == nil {
		began := time.Now()
		drained, err := t.loadOnce(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, errFenced):
			return err
		case err != nil:
			if failures++; failures == maxFailures {
				return err
			}
			t.log.Warn("loading; trying again", zap.Int("failures", failures), zap.Error(err))
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
			clock.Pause(ctx, t.cfg.LoadInterval-time.Since(began))
		case <-time.After(t.cfg.PollInterval):
		}
	}
	return nil
}

func signal(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// loadOnce loads one batch and reports whether it was all there is.
func (t *term) loadOnce(ctx context.Context) (drained bool, err error) {
	began := time.Now()
	batch, err := outbox.Tail(ctx, t.pool, t.position, t.cfg.LoadRows, t.cfg.LoadEvents)
	if err != nil {
		return false, err
	}
	if len(batch.Rows) == 0 {
		return true, t.loadNothing(ctx, batch)
	}
	if err := failpoint.Hit(failpoint.LoadAfterTail); err != nil {
		return false, err
	}
	ctx, span := t.span(ctx, "load", began)
	defer func() { tracing.End(span, err) }()
	span.SetAttributes(attribute.Int(tracing.Rows, len(batch.Rows)))
	t.writing.RLock()
	defer t.writing.RUnlock()
	b, err := t.write(ctx, batch.Rows)
	if err != nil {
		return false, err
	}
	if err := t.publish(ctx, b, batch); err != nil {
		return false, errors.Join(err, t.reposition(ctx))
	}
	span.SetAttributes(attribute.Int(tracing.Events, b.events), attribute.Int(tracing.Segments, len(b.segments)),
		attribute.Int(tracing.DeadLetters, len(b.dead)))
	took := time.Since(began)
	t.metrics.loaded(b, took)
	t.log.Debug("loaded", zap.Int(logging.Events, b.events), zap.Int(logging.Segments, len(b.segments)), zap.Duration(logging.Duration, took))
	signal(t.loaded)
	signal(t.compactable)
	return batch.Drained, nil
}

const advanceSQL = `
UPDATE analytics.sync_state
SET xid = $2::text::xid8, seq = $3, version = version + 1, complete_until = greatest(complete_until, $4)
WHERE epoch = $1
RETURNING version`

const projectVersionsSQL = `
INSERT INTO analytics.project_versions (project_id, version)
SELECT DISTINCT unnest($1::bigint[]), $2::bigint
ON CONFLICT (project_id) DO UPDATE SET version = excluded.version`

// publish makes a written batch visible and moves the position past it, in one
// transaction. It refuses when the stored position is not where the batch
// begins: then these rows are in the warehouse already.
func (t *term) publish(ctx context.Context, b written, batch outbox.Batch) error {
	complete := t.complete.loaded(batch)
	next := batch.Rows[len(batch.Rows)-1].Position
	if t.beforeCommit != nil {
		if err := t.beforeCommit(ctx, b.segments); err != nil {
			return err
		}
	}
	if err := failpoint.Hit(failpoint.LoadBeforeCommit); err != nil {
		return err
	}
	err := t.commit(ctx, func(tx pgx.Tx, stored outbox.Position) error {
		if stored != t.position {
			return errMoved
		}
		var version int64
		err := tx.QueryRow(ctx, advanceSQL, t.epoch, xid8(next.XID), next.Seq, instant(complete.until)).Scan(&version)
		if err != nil {
			return fmt.Errorf("moving the position: %w", err)
		}
		if err := warehouse.InsertSegments(ctx, tx, b.segments); err != nil {
			return err
		}
		if err := insertDeadLetters(ctx, tx, b.dead); err != nil {
			return err
		}
		projects := make([]int64, len(b.segments))
		for i, segment := range b.segments {
			projects[i] = segment.ProjectID
		}
		if _, err := tx.Exec(ctx, projectVersionsSQL, projects, version); err != nil {
			return fmt.Errorf("raising project versions: %w", err)
		}
		return failpoint.Hit(failpoint.LoadInCommit)
	})
	if err != nil {
		return fmt.Errorf("publishing a load: %w", err)
	}
	if err := failpoint.Hit(failpoint.LoadAfterCommit); err != nil {
		return err
	}
	complete.stored = complete.until
	t.position, t.complete = next, complete
	t.notify(ctx)
	return nil
}

// instant is Postgres' 'epoch' for the zero time.
func instant(at time.Time) time.Time {
	if at.IsZero() {
		return time.Unix(0, 0)
	}
	return at
}

const notifySQL = "SELECT pg_notify($1, '')"

// notify wakes the replicas; they poll as well.
func (t *term) notify(ctx context.Context) {
	if _, err := t.pool.Exec(ctx, notifySQL, warehouse.Channel); err != nil && ctx.Err() == nil {
		t.log.Warn("telling replicas of a new version; they will poll", zap.Error(err))
	}
}

const completeSQL = "UPDATE analytics.sync_state SET complete_until = greatest(complete_until, $2) WHERE epoch = $1" + originalSQL

// loadNothing moves complete_until on while there is nothing to load.
func (t *term) loadNothing(ctx context.Context, batch outbox.Batch) error {
	t.complete = t.complete.loaded(batch)
	until := t.complete.until
	if until.Sub(t.complete.stored) < idleUpdate {
		return nil
	}
	tag, err := t.pool.Exec(ctx, completeSQL, t.epoch, until)
	if err != nil {
		return fmt.Errorf("noting completeness: %w", err)
	}
	if tag.RowsAffected() == 0 {
		return errFenced
	}
	t.complete.stored = until
	return nil
}

const positionSQL = "SELECT incarnation, xid::text::bigint, seq FROM analytics.sync_state WHERE epoch = $1"

// reposition reads the position again: when a commit's answer was lost, only
// Postgres knows whether it took place.
func (t *term) reposition(ctx context.Context) error {
	var p outbox.Position
	var xid int64
	err := t.pool.QueryRow(ctx, positionSQL, t.epoch).Scan(&p.Incarnation, &xid, &p.Seq)
	if errors.Is(err, pgx.ErrNoRows) {
		return errFenced
	}
	if err != nil {
		return fmt.Errorf("reading the position: %w", err)
	}
	p.XID = uint64(xid)
	t.position = p
	return nil
}
