package syncworker

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"eventanalytics/pkg/outbox"
	"eventanalytics/pkg/warehouse"
)

// Verified are the live segments that Verify looked at, with what the manifest
// says of them.
type Verified struct {
	Segments, Events, Bytes int64
	Damaged                 int64 // missing or not what the manifest says
	// Replaced went out of the manifest meanwhile and are not counted.
	Replaced int64
}

const liveSegmentsSQL = "SELECT " + warehouse.SegmentColumns + " FROM analytics.segments WHERE replaced_at IS NULL ORDER BY id"

// Verify compares every live segment of the manifest with its files: size, hash
// and number of events, or with quick their sizes alone. It calls report for each
// file that is missing or damaged and then returns an error that is
// warehouse.ErrQuarantined. Services may run meanwhile; the database may be one
// that waits for Restore.
func Verify(ctx context.Context, pool *pgxpool.Pool, cfg warehouse.Config, quick bool, report func(Damage)) (Verified, error) {
	if quick {
		return verify(ctx, pool, func(s warehouse.Segment) []Damage {
			return damages(s, warehouse.VerifySize(cfg.Dir, s), warehouse.VerifyRollUpSize(cfg.Dir, s))
		}, report)
	}
	db, err := warehouse.Open(cfg)
	if err != nil {
		return Verified{}, err
	}
	v, err := verify(ctx, pool, func(s warehouse.Segment) []Damage {
		events := warehouse.Verify(cfg.Dir, s)
		if events == nil {
			events = db.VerifyEvents(ctx, s)
		}
		return damages(s, events, warehouse.VerifyRollUp(cfg.Dir, s))
	}, report)
	return v, errors.Join(err, db.Close())
}

// Damage is a file that is missing or not what the manifest says.
type Damage struct {
	ProjectID int64
	Path      string // below the warehouse folder
	Reason    error  // fs.ErrNotExist when the file is missing
}

// damages returns what is wrong with a segment's two files.
func damages(s warehouse.Segment, events, rollUp error) (damages []Damage) {
	if events != nil {
		damages = append(damages, Damage{s.ProjectID, s.Path, events})
	}
	if rollUp != nil {
		damages = append(damages, Damage{s.ProjectID, s.RollUpPath(), rollUp})
	}
	return damages
}

// verify checks one snapshot of the manifest, which it holds in memory as every
// replica does.
func verify(ctx context.Context, db outbox.Querier, check func(warehouse.Segment) []Damage, report func(Damage)) (v Verified, err error) {
	rows, err := db.Query(ctx, liveSegmentsSQL)
	if err != nil {
		return Verified{}, fmt.Errorf("reading the manifest: %w", err)
	}
	segments, err := pgx.CollectRows(rows, warehouse.ScanSegment)
	if err != nil {
		return Verified{}, fmt.Errorf("reading the manifest: %w", err)
	}
	for _, segment := range segments {
		if err := ctx.Err(); err != nil {
			return v, err
		}
		if damaged := check(segment); len(damaged) > 0 {
			replaced, err := isReplaced(ctx, db, segment)
			if err != nil {
				return v, err
			}
			if replaced {
				v.Replaced++
				continue
			}
			v.Damaged++
			for _, d := range damaged {
				report(d)
			}
		}
		v.Segments++
		v.Events += segment.Events
		v.Bytes += segment.Bytes
		if segment.RollUp != nil {
			v.Bytes += segment.RollUp.Bytes
		}
	}
	if v.Damaged > 0 {
		return v, fmt.Errorf("%w: %d of %d are missing or not what the manifest says", warehouse.ErrQuarantined, v.Damaged, v.Segments)
	}
	return v, nil
}

const isLiveSQL = "SELECT EXISTS (SELECT FROM analytics.segments WHERE id = $1 AND replaced_at IS NULL)"

// isReplaced says whether a compaction took a segment out of the manifest since
// it was read; its file may then be gone.
func isReplaced(ctx context.Context, db outbox.Querier, segment warehouse.Segment) (bool, error) {
	var live bool
	if err := db.QueryRow(ctx, isLiveSQL, segment.ID).Scan(&live); err != nil {
		return false, fmt.Errorf("reading the manifest again: %w", err)
	}
	return !live, nil
}

// unlistedAtOnce bounds how many paths one statement compares.
const unlistedAtOnce = 1000

// Unlisted calls report for the segment files that the manifest does not name:
// those of a load under way, or what a crash left for garbage collection.
func Unlisted(ctx context.Context, pool *pgxpool.Pool, cfg warehouse.Config, report func(path string)) error {
	var paths []string
	compare := func() error {
		unlisted, err := unreferenced(ctx, pool, paths)
		for _, path := range unlisted {
			report(path)
		}
		paths = paths[:0]
		return err
	}
	err := warehouse.WalkFiles(cfg.Dir, func(path string, _ int64, _ fs.DirEntry) error {
		if paths = append(paths, path); len(paths) < unlistedAtOnce {
			return nil
		}
		return compare()
	})
	if err != nil {
		return err
	}
	return compare()
}
