package duckdb

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"eventanalytics/pkg/platform/progress"
	"eventanalytics/pkg/warehouse"
	"eventanalytics/pkg/warehouse/manifest"
	"eventanalytics/pkg/warehouse/segment"
)

// exportFormats are what Export writes, by the file's ending. The columns are
// those that import_events reads.
var exportFormats = map[string]string{
	".parquet": "FORMAT parquet, COMPRESSION zstd",
	".csv":     "FORMAT csv, HEADER",
}

// Export writes the events, in a folder, of a project with occurred_at in [from, to), in the
// order of time, into a new file: .parquet or .csv. Zero times do not bound. It
// returns how many there are. The error is segment.ErrQuarantined when one of their
// files is damaged.
func Export(ctx context.Context, cfg warehouse.Config, folder *segment.Folder, s *manifest.Snapshot, project int64, from, to time.Time, file string) (n int64, err error) {
	format, ok := exportFormats[filepath.Ext(file)]
	if !ok {
		return 0, fmt.Errorf("%s is neither .parquet nor .csv", file)
	}
	if _, err := os.Lstat(file); err == nil {
		return 0, fmt.Errorf("%s: %w", file, os.ErrExist)
	}
	dir := folder.Dir()
	out, err := filepath.Abs(filepath.Dir(file))
	if err != nil {
		return 0, fmt.Errorf("finding the folder to export to: %w", err)
	}
	spill, err := os.MkdirTemp(out, ".export-")
	if err != nil {
		return 0, fmt.Errorf("making a temporary folder: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(spill)) }()
	db, err := open(cfg, dir, spill, spill)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()

	segments := s.Segments(project, from, to)
	release, err := verifyAll(ctx, folder, project, segments)
	if err != nil {
		return 0, err
	}
	defer release()
	if filepath.Ext(file) == ".parquet" {
		var events, raw int64
		for _, s := range segments {
			events, raw = events+s.Events, raw+s.RawBytes
		}
		format += fmt.Sprintf(", ROW_GROUP_SIZE %d", rowGroup(events, raw))
	}
	tmp := filepath.Join(spill, "events")
	events := strings.ReplaceAll((&DB{dir: dir}).events(segments, relation{from: from, to: to, key: keyOf(segments)}, Columns{}), "$project", fmt.Sprint(project))
	at := "occurred_at"
	if filepath.Ext(file) == ".csv" { // RFC 3339: DuckDB would write offsets without minutes
		at = "strftime(occurred_at, '%Y-%m-%dT%H:%M:%S.%fZ') AS occurred_at"
	}
	stop := showSize(ctx, tmp)
	result, err := db.ExecContext(ctx, "COPY (SELECT event_id, "+at+", user_id, event_type, properties AS properties_json FROM "+
		events+" AS e ORDER BY e.occurred_at, event_id) TO "+quote(tmp)+" ("+format+")")
	stop()
	if err != nil {
		return 0, fmt.Errorf("exporting: %w", err)
	}
	if n, err = result.RowsAffected(); err != nil {
		return 0, fmt.Errorf("exporting: %w", err)
	}
	if _, _, err := segment.Seal(tmp, file, 0o600); err != nil { // people's data: the operator decides who may read it
		return 0, err
	}
	return n, segment.SyncFolder(out)
}

// verifyAll reads the files of events, and has them in the folder until release is called.
func verifyAll(ctx context.Context, folder *segment.Folder, project int64, segments []segment.Segment) (release func(), err error) {
	total := int64(0)
	for _, s := range segments {
		total += s.Bytes
	}
	shown := progress.From(ctx)
	shown.Step("verifying", progress.Bytes, total)
	var releases []func()
	release = func() {
		for _, one := range releases {
			one()
		}
	}
	for _, s := range segments {
		one, err := folder.Hold(ctx, project, s.EventsFile())
		if err == nil {
			releases = append(releases, one)
			err = cmp.Or(ctx.Err(), folder.Verify(ctx, project, s.EventsFile()))
		}
		if err != nil {
			release()
			return nil, err
		}
		shown.Add(s.Bytes)
	}
	return release, nil
}

// showSize shows how large a file becomes while DuckDB writes it, until stop is
// called. How large it will be is not known: DuckDB sorts before it writes.
func showSize(ctx context.Context, path string) (stop func()) {
	shown := progress.From(ctx)
	if shown == nil {
		return func() {}
	}
	shown.Step("writing", progress.Bytes, 0)
	ctx, cancel := context.WithCancel(ctx)
	look := func() {
		if info, err := os.Stat(path); err == nil {
			shown.At(info.Size(), "")
		}
	}
	var watching sync.WaitGroup
	watching.Go(func() {
		ticker := time.NewTicker(time.Second)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
				look()
			}
		}
	})
	return func() {
		cancel()
		watching.Wait()
		look()
	}
}
