package syncworker

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"eventanalytics/pkg/warehouse"
)

// RebuildResult counts what Rebuild found.
type RebuildResult struct {
	Events                              int64
	Equal, Restored, Replaced, Outdated int
}

// Rebuild makes the roll-up of every live segment again from its events and
// compares it with the one there is. What is missing or damaged is put back; what
// differs is replaced, in the manifest too. It calls report for each segment that
// was not as it should be. Segments whose events are damaged are passed over and
// become the error, which is warehouse.ErrQuarantined. Services may run meanwhile; the database may be one that
// waits for Restore.
func Rebuild(ctx context.Context, pool *pgxpool.Pool, cfg warehouse.Config, report func(warehouse.Segment, warehouse.Rebuilt)) (r RebuildResult, err error) {
	rows, err := pool.Query(ctx, liveSegmentsSQL)
	if err != nil {
		return r, fmt.Errorf("reading the manifest: %w", err)
	}
	segments, err := pgx.CollectRows(rows, warehouse.ScanSegment)
	if err != nil {
		return r, fmt.Errorf("reading the manifest: %w", err)
	}
	builder, err := warehouse.NewBuilder(cfg)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, builder.Close()) }()
	var damage []error
	for _, segment := range segments {
		err := rebuild(ctx, pool, cfg, builder, segment, &r, report)
		if err != nil && !errors.Is(err, warehouse.ErrQuarantined) {
			return r, err
		}
		damage = append(damage, err)
	}
	return r, errors.Join(damage...)
}

func rebuild(ctx context.Context, pool *pgxpool.Pool, cfg warehouse.Config, builder *warehouse.Builder, segment warehouse.Segment, r *RebuildResult, report func(warehouse.Segment, warehouse.Rebuilt)) error {
	if segment.RollUp == nil { // no user keys: the worker makes it anew
		r.Outdated++
		return nil
	}
	made, fate, err := builder.Rebuild(ctx, segment)
	if err != nil {
		replaced, again := isReplaced(ctx, pool, segment)
		if replaced && again == nil {
			return nil // a compaction was faster
		}
		return err
	}
	switch fate {
	case warehouse.RollUpEqual:
		r.Equal++
	case warehouse.RollUpRestored:
		r.Restored++
		report(segment, fate)
	case warehouse.RollUpReplaced:
		swapped, err := swap(ctx, pool, cfg, segment, made)
		if err != nil || !swapped {
			return err
		}
		r.Replaced++
		report(segment, fate)
	}
	r.Events += segment.Events
	return nil
}

const lockStateSQL = "SELECT FROM analytics.sync_state FOR UPDATE"

const raiseVersionSQL = "UPDATE analytics.sync_state SET version = version + 1 RETURNING version"

// swap puts a segment into the manifest in place of another, unless that went out
// of it meanwhile. The project's version rises, too: answers from the roll-up that
// was wrong are in caches.
//
// No lock of the leader's keeps garbage collection from the new files: when this
// process was paused for the grace period, or clocks differ, they are orphans. So
// swap looks whether they are still there while no collection is under way.
func swap(ctx context.Context, pool *pgxpool.Pool, cfg warehouse.Config, from, to warehouse.Segment) (swapped bool, err error) {
	err = pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		if err := awaitCollection(ctx, tx); err != nil {
			return err
		}
		if err := errors.Join(warehouse.VerifySize(cfg.Dir, to), warehouse.VerifyRollUpSize(cfg.Dir, to)); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, lockStateSQL); err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, retireSQL, []int64{from.ID})
		if err != nil || tag.RowsAffected() == 0 {
			return err
		}
		if err := warehouse.InsertSegments(ctx, tx, []warehouse.Segment{to}); err != nil {
			return err
		}
		swapped = true
		var version int64
		if err := tx.QueryRow(ctx, raiseVersionSQL).Scan(&version); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, projectVersionsSQL, []int64{to.ProjectID}, version)
		return err
	})
	if err != nil {
		return false, fmt.Errorf("replacing a segment: %w", err)
	}
	return swapped, nil
}
