package duckdb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"eventanalytics/pkg/event"
	"eventanalytics/pkg/warehouse"
	"eventanalytics/pkg/warehouse/pages"
	"eventanalytics/pkg/warehouse/rollup"
	"eventanalytics/pkg/warehouse/segment"
	"eventanalytics/pkg/warehouse/walk"
)

// Builder writes segments. Its methods may be called at the same time.
type Builder struct {
	// ShredFrom is the minimum number of events of a segment whose common properties
	// get columns of their own. Tests lower it.
	ShredFrom int64

	db     *sql.DB
	folder *segment.Folder
	dir    string // of folder
	spill  string
	files  *segment.Publisher
	fields FieldIDs
}

// FieldIDs returns the ids of all columns of a segment of a project whose properties have
// the columns with some names.
type FieldIDs func(ctx context.Context, project int64, names []string) (map[string]int32, error)

// NewBuilder makes a Builder that writes below cfg.Dir, which it creates when
// missing. The columns of what it writes have ids of fields; none have where that is nil.
func NewBuilder(cfg warehouse.Config, fields FieldIDs) (*Builder, error) {
	if err := segment.MakeFolders(cfg.Dir); err != nil {
		return nil, fmt.Errorf("making the warehouse folder: %w", err)
	}
	dir, err := cfg.Folder()
	if err != nil {
		return nil, err
	}
	return NewBuilderIn(cfg, segment.NewFolder(dir), fields)
}

// NewBuilderIn is NewBuilder for the files in a folder, which the caller closes after the
// Builder.
func NewBuilderIn(cfg warehouse.Config, folder *segment.Folder, fields FieldIDs) (*Builder, error) {
	dir := folder.Dir()
	if err := segment.MakeFolders(segment.TemporaryFolder(dir)); err != nil {
		return nil, fmt.Errorf("making the warehouse folder: %w", err)
	}
	// DuckDB clears the folder it spills to: no two may share one.
	spill, err := os.MkdirTemp(segment.TemporaryFolder(dir), "spill-")
	if err != nil {
		return nil, fmt.Errorf("making a temporary folder: %w", err)
	}
	if cfg.Threads == 0 {
		cfg.Threads = 1 // nobody waits for what the worker reads, but for its loads
	}
	db, err := open(cfg, dir, spill)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(spill))
	}
	return &Builder{ShredFrom: shredFrom, db: db, folder: folder, dir: dir, spill: spill, files: segment.NewPublisher(folder), fields: fields}, nil
}

// hold has the files of events of segments of one project in the folder, whole, until
// release is called. The error is segment.ErrQuarantined when one is damaged.
func (b *Builder) hold(ctx context.Context, segments ...segment.Segment) (release func(), err error) {
	files := make([]segment.File, len(segments))
	for i, s := range segments {
		files[i] = s.EventsFile()
	}
	return b.folder.Hold(ctx, segments[0].ProjectID, files...)
}

// verify compares the events of a segment, which is held, with the manifest.
func (b *Builder) verify(ctx context.Context, s segment.Segment) error {
	return b.folder.Verify(ctx, s.ProjectID, s.EventsFile())
}

// Spill is the name of the folder, in segment.TemporaryFolder, that the builder
// uses until it is closed.
func (b *Builder) Spill() string { return filepath.Base(b.spill) }

// Close ends what is being written.
func (b *Builder) Close() error {
	if err := errors.Join(b.db.Close(), os.RemoveAll(b.spill)); err != nil {
		return fmt.Errorf("closing DuckDB: %w", err)
	}
	return nil
}

// Write makes a segment of a project's events, of which there must be at least
// one; keys are those of their users, in the same order. When it returns, the
// files survive a crash of the machine. epoch is that of the writer's lease and
// becomes part of the name. The error is segment.ErrRefused when the events are at
// fault, not the surroundings.
func (b *Builder) Write(ctx context.Context, project int64, events []event.Event, keys []uint32, epoch int64) (segment.Segment, error) {
	if len(events) == 0 || len(keys) != len(events) {
		return segment.Segment{}, fmt.Errorf("writing a segment of %d events with %d user keys", len(events), len(keys))
	}
	s, err := checkAll(project, events)
	if err != nil {
		return segment.Segment{}, err
	}
	s.Epoch = epoch
	var rollUp rollup.Builder
	for i, e := range events {
		rollUp.Add(e.OccurredAt, e.Type, keys[i], e.Properties)
	}
	t := newTable(project, events, keys)
	var properties []chosen
	if s.Events >= b.ShredFrom {
		properties = choose(t, rollUp.Properties())
	}
	return b.publish(ctx, s, t, properties, func() ([]byte, error) { return rollUp.Bytes(project) })
}

// checkAll returns what a segment has of events: their number, size and time.
func checkAll(project int64, events []event.Event) (segment.Segment, error) {
	s := segment.Segment{ProjectID: project, Events: int64(len(events))}
	first, last := events[0].OccurredAt, events[0].OccurredAt
	for i, e := range events {
		if err := segment.Check(e); err != nil {
			return segment.Segment{}, err
		}
		s.RawBytes += segment.RawBytesOf(&events[i])
		first, last = min(first, e.OccurredAt), max(last, e.OccurredAt)
	}
	s.MinAt, s.MaxAt = time.UnixMicro(first).UTC(), time.UnixMicro(last).UTC()
	return s, nil
}

// publish makes the files of s, whose events are in t: the roll-up that rollUp returns, the
// Parquet file, with columns for some properties, and that file's events by user.
func (b *Builder) publish(ctx context.Context, s segment.Segment, t *table, properties []chosen, rollUp func() ([]byte, error)) (segment.Segment, error) {
	s.Shredded = []string{}
	for _, c := range properties {
		s.Shredded = append(s.Shredded, c.name())
	}
	ids, err := b.identify(ctx, &s)
	if err != nil {
		return segment.Segment{}, err
	}
	return b.place(ctx, s, rollUp, func(tmp string) error {
		if err := pages.Write(ctx, tmp, t.groups(rowGroup(s.Events, s.RawBytes), properties), ids); err != nil {
			return fmt.Errorf("writing events of project %d: %w", s.ProjectID, err)
		}
		return nil
	})
}

// identify returns the ids of the columns of s, which says that it has them.
func (b *Builder) identify(ctx context.Context, s *segment.Segment) (map[string]int32, error) {
	if s.FieldIDs = b.fields != nil; !s.FieldIDs {
		return nil, nil
	}
	return b.fields(ctx, s.ProjectID, s.Shredded)
}

// place makes the files of s: the roll-up that rollUp returns, the Parquet file that events
// writes, and that file's events by user.
func (b *Builder) place(ctx context.Context, s segment.Segment, rollUp func() ([]byte, error), events func(tmp string) error) (segment.Segment, error) {
	rollUp = sync.OnceValues(rollUp)
	return b.files.Publish(ctx, s, segment.Content{Events: events, RollUp: rollUp, Users: func(parquet, tmp string) error {
		data, err := rollUp()
		if err != nil {
			return err
		}
		return users(ctx, s, data, parquet, tmp)
	}})
}

// users writes the events of a segment, whose Parquet file is at a path, by user. rollUp
// is the segment's: it knows the names of properties.
func users(ctx context.Context, s segment.Segment, rollUp []byte, parquet, tmp string) error {
	sums, err := rollup.Read(rollUpBytes(rollUp), int64(len(rollUp)))
	if err != nil {
		return err
	}
	if err := walk.Build(ctx, parquet, s.ProjectID, s.Shredded, sums.PropertyNames(), tmp); err != nil {
		return fmt.Errorf("writing events of project %d by user: %w", s.ProjectID, err)
	}
	return nil
}

// A row group is in memory, as it is before compression, when it is written: of events of
// 32 KiB the usual number of rows takes 4 GB.
const (
	maxRowGroup      = 122_880 // DuckDB's default
	minRowGroup      = 2_048   // what it reads at a time
	maxRowGroupBytes = 64 << 20
)

// rowGroup returns how many events a row group of a file gets.
func rowGroup(events, rawBytes int64) int64 {
	if events == 0 {
		return maxRowGroup
	}
	n := maxRowGroupBytes / (rawBytes/events + 1)
	return min(max(n-n%minRowGroup, minRowGroup), maxRowGroup)
}
