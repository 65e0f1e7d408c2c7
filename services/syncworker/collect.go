package syncworker

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"go.uber.org/zap"

	"eventanalytics/pkg/clock"
	"eventanalytics/pkg/outbox"
	"eventanalytics/pkg/platform/failpoint"
	"eventanalytics/pkg/warehouse"
)

const expireSQL = `
DELETE FROM analytics.segments WHERE replaced_at < clock_timestamp() - $1::interval RETURNING path`

// The manifest names a roll-up by the segment it lies beside.
const unreferencedSQL = `
SELECT f.path FROM unnest($1::text[]) AS f (path)
WHERE NOT EXISTS (SELECT FROM analytics.segments AS s WHERE s.path = regexp_replace(f.path, '\.rollup$', '.parquet'))`

// collect deletes files that no reader can need any more: those of segments
// replaced a grace period ago, those a crash left behind, and old temporary
// ones.
//
// A replaced segment's row goes first: a crash in between leaves a file without
// a row, an orphan for the next round, never a row without a file. An orphan is
// deleted only when it is older than the grace period and of this or an earlier
// epoch: a leader that was paused and does not know that it has been replaced
// cannot take its successor's fresh file for one.
//
// While a backup holds it (see Hold) it deletes nothing.
func (t *term) collect(ctx context.Context) error {
	return t.alone(ctx, func() error { return t.collectAlone(ctx) })
}

func (t *term) collectAlone(ctx context.Context) error {
	cutoff := clock.Now().Add(-t.cfg.Warehouse.GracePeriod)
	expired, held, err := t.expire(ctx)
	if err != nil || held {
		return err
	}
	if err := failpoint.Hit(failpoint.CollectBeforeUnlink); err != nil {
		return err
	}
	if err := t.builder.Remove(expired...); err != nil {
		return err
	}
	orphans, err := t.orphans(ctx)
	if err != nil {
		return err
	}
	if err := failpoint.Hit(failpoint.CollectBeforeOrphans); err != nil {
		return err
	}
	if err := t.builder.Remove(orphans...); err != nil {
		return err
	}
	temporary, err := t.builder.RemoveTemporary(cutoff)
	if err != nil {
		return err
	}
	t.metrics.collected.WithLabelValues("replaced").Add(float64(len(expired)))
	t.metrics.collected.WithLabelValues("orphan").Add(float64(len(orphans)))
	t.metrics.collected.WithLabelValues("temporary").Add(float64(temporary))
	if n := len(expired) + len(orphans) + temporary; n > 0 {
		t.log.Info("collected garbage", zap.Int("replaced", len(expired)), zap.Int("orphans", len(orphans)), zap.Int("temporary", temporary))
	}
	return nil
}

// expire drops the rows of segments replaced a grace period ago and returns
// their files, or that collection is held.
func (t *term) expire(ctx context.Context) (paths []string, held bool, err error) {
	err = t.commit(ctx, func(tx pgx.Tx, _ outbox.Position) (err error) {
		if held, err = t.held(ctx, tx); held || err != nil {
			return err
		}
		rows, err := tx.Query(ctx, expireSQL, t.cfg.Warehouse.GracePeriod)
		if err != nil {
			return err
		}
		if paths, err = pgx.CollectRows(rows, pgx.RowTo[string]); err != nil {
			return err
		}
		for _, path := range paths {
			paths = append(paths, warehouse.Segment{Path: path}.RollUpPath())
		}
		return nil
	})
	if err != nil {
		return nil, false, fmt.Errorf("dropping replaced segments from the manifest: %w", err)
	}
	return paths, held, nil
}

// orphans returns old files without a row in the manifest.
func (t *term) orphans(ctx context.Context) ([]string, error) {
	files, err := t.builder.Files(clock.Now().Add(-t.cfg.Warehouse.GracePeriod), t.epoch)
	if err != nil || len(files) == 0 {
		return nil, err
	}
	// A load or early merge that was under way when the files were listed has ended,
	// one way or the other, when the locks are had. Other merges run in this same
	// goroutine.
	t.merging.Lock()
	defer t.merging.Unlock()
	t.writing.Lock()
	defer t.writing.Unlock()
	var found []string
	// A commit whose answer was lost may still be under way: it holds the sync state.
	err = t.commit(ctx, func(tx pgx.Tx, _ outbox.Position) (err error) {
		found, err = unreferenced(ctx, tx, files)
		return err
	})
	return found, err
}

// unreferenced returns those of paths that no row of the manifest names.
func unreferenced(ctx context.Context, db outbox.Querier, paths []string) ([]string, error) {
	rows, err := db.Query(ctx, unreferencedSQL, paths)
	if err != nil {
		return nil, fmt.Errorf("looking for files the manifest does not name: %w", err)
	}
	found, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("looking for files the manifest does not name: %w", err)
	}
	return found, nil
}
