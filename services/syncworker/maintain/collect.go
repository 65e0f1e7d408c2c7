package maintain

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"go.uber.org/zap"

	"eventanalytics/pkg/clock"
	"eventanalytics/pkg/platform/failpoint"
	"eventanalytics/pkg/warehouse/manifest"
	"eventanalytics/pkg/warehouse/segment"
	"eventanalytics/services/syncworker/lease"
)

// Collector deletes files.
type Collector struct {
	folder  *segment.Folder
	spill   string // entry of the temporary folder that is in use
	grace   time.Duration
	pool    *pgxpool.Pool
	term    *lease.Term
	metrics *Metrics
	log     *zap.Logger
}

// Collect deletes files that no reader can need any more: those of segments
// replaced a grace period ago, those a crash left behind, and old temporary
// ones.
//
// A replaced segment's row goes first: a crash in between leaves a file without
// a row, an orphan for the next round, never a row without a file. An orphan is
// deleted only when it is older than the grace period and of this or an earlier
// epoch: a leader that was paused and does not know that it has been replaced
// cannot take its successor's fresh file for one.
//
// While a backup holds it (see manifest.Hold) it deletes nothing.
func (c *Collector) Collect(ctx context.Context) error {
	return manifest.WithCollectionLock(ctx, c.pool, func() error { return c.collectLocked(ctx) })
}

func (c *Collector) collectLocked(ctx context.Context) error {
	cutoff := clock.Now().Add(-c.grace)
	expired, held, err := c.expire(ctx)
	if err != nil || held {
		return err
	}
	if err := failpoint.Hit(failpoint.CollectBeforeUnlink); err != nil {
		return err
	}
	if err := c.folder.Remove(ctx, expired...); err != nil {
		return err
	}
	orphans, err := c.orphans(ctx)
	if err != nil {
		return err
	}
	if err := failpoint.Hit(failpoint.CollectBeforeOrphans); err != nil {
		return err
	}
	if err := c.folder.Remove(ctx, orphans...); err != nil {
		return err
	}
	temporary, err := segment.RemoveTemporary(c.folder.Dir(), cutoff, c.spill)
	if err != nil {
		return err
	}
	c.metrics.collected.WithLabelValues("replaced").Add(float64(len(expired)))
	c.metrics.collected.WithLabelValues("orphan").Add(float64(len(orphans)))
	c.metrics.collected.WithLabelValues("temporary").Add(float64(temporary))
	if n := len(expired) + len(orphans) + temporary; n > 0 {
		c.log.Info("collected garbage", zap.Int("replaced", len(expired)), zap.Int("orphans", len(orphans)), zap.Int("temporary", temporary))
	}
	return nil
}

// expire drops the rows of segments replaced a grace period ago and returns
// their files, or that collection is held.
func (c *Collector) expire(ctx context.Context) (_ []string, held bool, err error) {
	var paths []string
	err = c.term.Commit(ctx, func(tx *manifest.Tx) (err error) {
		var until time.Time
		var reason string
		if held, until, reason, err = tx.Held(ctx); err != nil {
			return err
		}
		if held {
			c.log.Info("garbage collection is held", zap.Time("until", until), zap.String("reason", reason))
			return nil
		}
		paths, err = tx.Expire(ctx, c.grace)
		return err
	})
	if err != nil {
		return nil, false, fmt.Errorf("dropping replaced segments from the manifest: %w", err)
	}
	var files []string
	for _, path := range paths {
		files = append(files, segment.Paths(path)...)
	}
	return files, held, nil
}

// orphans returns old files without a row in the manifest.
func (c *Collector) orphans(ctx context.Context) ([]string, error) {
	files, err := c.folder.Files(ctx, clock.Now().Add(-c.grace), c.term.Epoch())
	if err != nil || len(files) == 0 {
		return nil, err
	}
	// Once both locks are held, any load or early merge in flight when the files were
	// listed has either committed or failed. Other merges run in this same goroutine.
	c.term.Merging.Lock()
	defer c.term.Merging.Unlock()
	c.term.Writing.Lock()
	defer c.term.Writing.Unlock()
	var found []string
	// A commit whose answer was lost may still be under way: it holds the sync state.
	err = c.term.Commit(ctx, func(tx *manifest.Tx) (err error) {
		found, err = manifest.Unreferenced(ctx, tx, files)
		return err
	})
	return found, err
}
