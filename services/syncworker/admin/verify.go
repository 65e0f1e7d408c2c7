// Package admin does what an operator asks of the warehouse: verify it, rebuild what is
// made of events, export from it, hold its garbage collection for a backup, restore it.
package admin

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"eventanalytics/pkg/platform/progress"
	"eventanalytics/pkg/warehouse"
	"eventanalytics/pkg/warehouse/duckdb"
	"eventanalytics/pkg/warehouse/fields"
	"eventanalytics/pkg/warehouse/manifest"
	"eventanalytics/pkg/warehouse/objects"
	"eventanalytics/pkg/warehouse/segment"
)

// Verified counts the live segments that Verify looked at, with what the manifest
// says of them.
type Verified struct {
	Segments, Events, Bytes int64
	Damaged                 int64 // missing or not what the manifest says
	// Replaced were taken out of the manifest while Verify ran; the other figures do
	// not have them.
	Replaced int64
}

// Verify compares every live segment of the manifest with its files: size, hash
// and number of events, or with quick their sizes alone. It calls report for each
// file that is missing or damaged and then returns an error that is
// segment.ErrQuarantined. Services may be running; the database may be one that
// waits for Restore. It shows the progress of ctx.
func Verify(ctx context.Context, pool *pgxpool.Pool, cfg warehouse.Config, quick bool, report func(Damage)) (v Verified, err error) {
	folder, err := objects.OpenFolder(ctx, cfg, prometheus.NewRegistry())
	if err != nil {
		return Verified{}, err
	}
	defer func() { err = errors.Join(err, folder.Close()) }()
	if quick {
		has, err := sizes(ctx, folder)
		if err != nil {
			return Verified{}, err
		}
		return verify(ctx, pool, func(s segment.Segment) []Damage {
			return damages(s, has)
		}, report)
	}
	db, err := duckdb.OpenIn(cfg, folder)
	if err != nil {
		return Verified{}, err
	}
	ids := columnIDs{pool: pool, known: map[int64]map[string]int32{}}
	v, err = verify(ctx, pool, func(s segment.Segment) []Damage {
		return damages(s, func(f segment.File) error {
			err := folder.VerifyObject(ctx, s.ProjectID, f)
			if err == nil && f.Path == s.Path {
				err = verifyEvents(ctx, db, folder, &ids, s)
			}
			return err
		})
	}, report)
	return v, errors.Join(err, db.Close())
}

// sizes returns what compares a file with its size: with a bucket by one listing, which may
// lack objects of loads that come after it.
func sizes(ctx context.Context, folder *segment.Folder) (func(segment.File) error, error) {
	if !folder.HasBucket() {
		return func(f segment.File) error { return segment.VerifyFileSize(folder.Dir(), f) }, nil
	}
	have := map[string]int64{}
	err := folder.Walk(ctx, func(f segment.Found) (err error) {
		have[f.Path], err = f.Bytes()
		return err
	})
	return func(f segment.File) error {
		bytes, ok := have[f.Path]
		if !ok {
			return folder.Has(ctx, f) // it may have come later
		}
		if bytes != f.Bytes {
			return fmt.Errorf("%w: %s has %d bytes, the manifest says %d", segment.ErrQuarantined, f.Path, bytes, f.Bytes)
		}
		return nil
	}, err
}

// verifyEvents compares the number of a segment's events, and the ids of its columns, with
// its file.
func verifyEvents(ctx context.Context, db *duckdb.DB, folder *segment.Folder, ids *columnIDs, s segment.Segment) error {
	release, err := folder.Hold(ctx, s.ProjectID, s.EventsFile())
	if err != nil {
		return err
	}
	defer release()
	if err := db.VerifyEvents(ctx, s); err != nil {
		return err
	}
	return ids.verify(ctx, folder.Dir(), s)
}

// columnIDs are those of columns, by project, once they were needed.
type columnIDs struct {
	pool  *pgxpool.Pool
	known map[int64]map[string]int32
}

// verify checks the ids of a segment's columns, if it has any. Ids are assigned before a
// segment with them is listed, and never changed.
func (c *columnIDs) verify(ctx context.Context, dir string, s segment.Segment) error {
	if !s.FieldIDs {
		return nil
	}
	ids := c.known[s.ProjectID]
	if ids != nil && segment.CheckFieldIDs(dir, s, ids) == nil {
		return nil
	}
	var err error // what is known may be older than the segment
	if ids, err = fields.All(ctx, c.pool, s.ProjectID); err != nil {
		return err
	}
	c.known[s.ProjectID] = ids
	return segment.CheckFieldIDs(dir, s, ids)
}

// Damage is a file that is missing or not what the manifest says.
type Damage struct {
	ProjectID int64
	Path      string // below the warehouse folder
	Reason    error  // fs.ErrNotExist when the file is missing
}

// damages returns what is wrong with a segment's files.
func damages(s segment.Segment, verify func(segment.File) error) (damages []Damage) {
	for _, f := range s.Files() {
		if err := verify(f); err != nil {
			damages = append(damages, Damage{s.ProjectID, f.Path, err})
		}
	}
	return damages
}

// verify checks one version of the manifest, which it holds in memory as every
// replica does.
func verify(ctx context.Context, pool *pgxpool.Pool, check func(segment.Segment) []Damage, report func(Damage)) (v Verified, err error) {
	segments, err := manifest.Live(ctx, pool)
	if err != nil {
		return Verified{}, err
	}
	shown := progress.From(ctx)
	shown.Step("verifying", progress.Bytes, bytesOf(segments...))
	for _, s := range segments {
		if err := ctx.Err(); err != nil {
			return v, err
		}
		damaged := check(s)
		shown.Add(bytesOf(s))
		if len(damaged) > 0 {
			live, err := manifest.IsLive(ctx, pool, s)
			if err != nil {
				return v, err
			}
			if !live { // a compaction replaced it; its file may be gone
				v.Replaced++
				continue
			}
			v.Damaged++
			for _, d := range damaged {
				if errors.Is(d.Reason, segment.ErrUnavailable) {
					return v, d.Reason // the bucket is away
				}
				report(d)
			}
		}
		v.Segments++
		v.Events += s.Events
		v.Bytes += bytesOf(s)
	}
	if v.Damaged > 0 {
		return v, fmt.Errorf("%w: %d of %d are missing or not what the manifest says", segment.ErrQuarantined, v.Damaged, v.Segments)
	}
	return v, nil
}

// bytesOf is the size of the segments' files.
func bytesOf(segments ...segment.Segment) (n int64) {
	for _, s := range segments {
		for _, f := range s.Files() {
			n += f.Bytes
		}
	}
	return n
}

// unlistedAtOnce bounds how many paths one statement compares.
const unlistedAtOnce = 1000

// Unlisted calls report for the segment files that the manifest does not name:
// those of a load under way, or what a crash left for garbage collection.
func Unlisted(ctx context.Context, pool *pgxpool.Pool, cfg warehouse.Config, report func(path string)) (err error) {
	folder, err := objects.OpenFolder(ctx, cfg, prometheus.NewRegistry())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, folder.Close()) }()
	var paths []string
	compare := func() error {
		unlisted, err := manifest.Unreferenced(ctx, pool, paths)
		for _, path := range unlisted {
			report(path)
		}
		paths = paths[:0]
		return err
	}
	err = folder.Walk(ctx, func(f segment.Found) error {
		if paths = append(paths, f.Path); len(paths) < unlistedAtOnce {
			return nil
		}
		return compare()
	})
	if err != nil {
		return err
	}
	return compare()
}
