package admin

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"eventanalytics/pkg/platform/progress"
	"eventanalytics/pkg/traits/traitlog"
	"eventanalytics/pkg/warehouse"
	"eventanalytics/pkg/warehouse/duckdb"
	"eventanalytics/pkg/warehouse/fields"
	"eventanalytics/pkg/warehouse/manifest"
	"eventanalytics/pkg/warehouse/objects"
	"eventanalytics/pkg/warehouse/segment"
)

// RebuildResult counts what Rebuild found: files, and segments of older versions that
// lack one.
type RebuildResult struct {
	Events                              int64
	Equal, Restored, Replaced, Outdated int
	// Relinked says that links between ids were not those that the log makes.
	Relinked bool
	// Reset says that properties of users or groups were not those that the log makes.
	Reset bool
}

// Rebuild makes links between ids and properties of users and groups anew from their logs,
// and the roll-up of every live segment and its events by user from its events, and
// compares them with those there are. What is missing or damaged is put back; what
// differs is also replaced in the manifest. It calls report for each file, by its path,
// that was not as it should be. Segments whose events are damaged are passed over and
// become the error, which is segment.ErrQuarantined. Services may be running; the
// database may be one that waits for Restore.
func Rebuild(ctx context.Context, pool *pgxpool.Pool, cfg warehouse.Config, report func(path string, fate duckdb.Fate)) (r RebuildResult, err error) {
	if r.Relinked, err = fromLog(ctx, pool, relink(pool), linkedProjects); err != nil {
		return r, fmt.Errorf("rebuilding links: %w", err)
	}
	if r.Reset, err = fromLog(ctx, pool, traitlog.Rebuild, traitlog.Projects); err != nil {
		return r, fmt.Errorf("rebuilding properties: %w", err)
	}
	segments, err := manifest.Live(ctx, pool)
	if err != nil {
		return r, err
	}
	if err := segment.MakeFolders(cfg.Dir); err != nil {
		return r, fmt.Errorf("making the warehouse folder: %w", err)
	}
	folder, err := objects.OpenFolder(ctx, cfg, prometheus.NewRegistry())
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, folder.Close()) }()
	builder, err := duckdb.NewBuilderIn(cfg, folder, fields.New(pool).Of)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, builder.Close()) }()
	shown := progress.From(ctx)
	shown.Step("rebuilding", progress.Bytes, bytesOf(segments...))
	var damage []error
	for _, s := range segments {
		err := rebuild(ctx, pool, folder, builder, s, &r, report)
		shown.Add(bytesOf(s))
		if err != nil && !errors.Is(err, segment.ErrQuarantined) {
			return r, err
		}
		damage = append(damage, err)
	}
	return r, errors.Join(damage...)
}

func rebuild(ctx context.Context, pool *pgxpool.Pool, folder *segment.Folder, builder *duckdb.Builder, s segment.Segment, r *RebuildResult, report func(string, duckdb.Fate)) error {
	if s.RollUp == nil || s.Users == nil { // the worker makes what is missing
		r.Outdated++
	}
	if s.RollUp == nil { // it rewrites the segment: the events have no user keys
		return nil
	}
	if err := folder.Discard(s.Files()...); err != nil { // what the bucket has is looked at
		return err
	}
	made, fates, err := builder.Rebuild(ctx, s)
	if err != nil {
		live, again := manifest.IsLive(ctx, pool, s)
		if !live && again == nil {
			return nil // a compaction was faster
		}
		return err
	}
	if fates.IsReplaced() {
		swapped, err := swap(ctx, pool, folder, s, made)
		if err != nil || !swapped {
			return err
		}
	}
	r.Events += s.Events
	r.count(s.RollUpPath(), fates.RollUp, report)
	if s.Users != nil {
		r.count(s.UsersPath(), fates.Users, report)
	}
	return nil
}

func (r *RebuildResult) count(path string, fate duckdb.Fate, report func(string, duckdb.Fate)) {
	switch fate {
	case duckdb.Equal:
		r.Equal++
		return
	case duckdb.Restored:
		r.Restored++
	case duckdb.Replaced:
		r.Replaced++
	}
	report(path, fate)
}

// swap puts a segment into the manifest in place of another, unless that one was
// taken out of it since. Answers from the file that was wrong may be in caches, so
// the project's version rises.
//
// No lock of the leader keeps garbage collection from the new files: when this
// process was paused for the grace period, or clocks differ, they are orphans. So
// swap checks that they are still there while no collection is under way.
func swap(ctx context.Context, pool *pgxpool.Pool, folder *segment.Folder, from, to segment.Segment) (swapped bool, err error) {
	err = pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) (err error) {
		if err := manifest.AwaitCollection(ctx, tx); err != nil {
			return err
		}
		for _, file := range to.Files() {
			if err := folder.Has(ctx, file); err != nil {
				return err
			}
		}
		swapped, err = manifest.Swap(ctx, tx, from, to)
		return err
	})
	if err != nil {
		return false, fmt.Errorf("replacing a segment: %w", err)
	}
	return swapped, nil
}
