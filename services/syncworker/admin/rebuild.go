package admin

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"eventanalytics/pkg/platform/progress"
	"eventanalytics/pkg/warehouse"
	"eventanalytics/pkg/warehouse/duckdb"
	"eventanalytics/pkg/warehouse/manifest"
	"eventanalytics/pkg/warehouse/segment"
)

// RebuildResult counts what Rebuild found.
type RebuildResult struct {
	Events                              int64
	Equal, Restored, Replaced, Outdated int
}

// Rebuild makes the roll-up of every live segment from its events and compares it
// with the one there is. What is missing or damaged is put back; what differs is
// also replaced in the manifest. It calls report for each segment that was not as
// it should be. Segments whose events are damaged are passed over and become the
// error, which is segment.ErrQuarantined. Services may be running; the database may
// be one that waits for Restore.
func Rebuild(ctx context.Context, pool *pgxpool.Pool, cfg warehouse.Config, report func(segment.Segment, duckdb.Rebuilt)) (r RebuildResult, err error) {
	segments, err := manifest.Live(ctx, pool)
	if err != nil {
		return r, err
	}
	builder, err := duckdb.NewBuilder(cfg)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, builder.Close()) }()
	shown := progress.From(ctx)
	shown.Step("rebuilding", progress.Bytes, bytesOf(segments...))
	var damage []error
	for _, s := range segments {
		err := rebuild(ctx, pool, cfg, builder, s, &r, report)
		shown.Add(bytesOf(s))
		if err != nil && !errors.Is(err, segment.ErrQuarantined) {
			return r, err
		}
		damage = append(damage, err)
	}
	return r, errors.Join(damage...)
}

func rebuild(ctx context.Context, pool *pgxpool.Pool, cfg warehouse.Config, builder *duckdb.Builder, s segment.Segment, r *RebuildResult, report func(segment.Segment, duckdb.Rebuilt)) error {
	if s.RollUp == nil { // no user keys: the worker rewrites it
		r.Outdated++
		return nil
	}
	made, fate, err := builder.Rebuild(ctx, s)
	if err != nil {
		live, again := manifest.IsLive(ctx, pool, s)
		if !live && again == nil {
			return nil // a compaction was faster
		}
		return err
	}
	switch fate {
	case duckdb.RollUpEqual:
		r.Equal++
	case duckdb.RollUpRestored:
		r.Restored++
		report(s, fate)
	case duckdb.RollUpReplaced:
		swapped, err := swap(ctx, pool, cfg.Dir, s, made)
		if err != nil || !swapped {
			return err
		}
		r.Replaced++
		report(s, fate)
	}
	r.Events += s.Events
	return nil
}

// swap puts a segment into the manifest in place of another, unless that one was
// taken out of it since. Answers from the roll-up that was wrong may be in caches, so
// the project's version rises.
//
// No lock of the leader keeps garbage collection from the new files: when this
// process was paused for the grace period, or clocks differ, they are orphans. So
// swap checks that they are still there while no collection is under way.
func swap(ctx context.Context, pool *pgxpool.Pool, dir string, from, to segment.Segment) (swapped bool, err error) {
	err = pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) (err error) {
		if err := manifest.AwaitCollection(ctx, tx); err != nil {
			return err
		}
		if err := errors.Join(segment.VerifySize(dir, to), segment.VerifyRollUpSize(dir, to)); err != nil {
			return err
		}
		swapped, err = manifest.Swap(ctx, tx, from, to)
		return err
	})
	if err != nil {
		return false, fmt.Errorf("replacing a segment: %w", err)
	}
	return swapped, nil
}
