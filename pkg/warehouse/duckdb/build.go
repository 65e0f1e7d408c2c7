package duckdb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	driver "github.com/duckdb/duckdb-go/v2"

	"eventanalytics/pkg/event"
	"eventanalytics/pkg/warehouse"
	"eventanalytics/pkg/warehouse/pages"
	"eventanalytics/pkg/warehouse/rollup"
	"eventanalytics/pkg/warehouse/segment"
	"eventanalytics/pkg/warehouse/walk"
)

// order of the events in a segment. A query over some days, one event type or
// one user then reads few row groups, and equal values compress well.
const order = "ORDER BY occurred_at::DATE, event_type, user_key, occurred_at"

// Builder writes segments. Its methods may be called at the same time.
type Builder struct {
	// ShredFrom is the minimum number of events of a segment whose common properties
	// get columns of their own. Tests lower it.
	ShredFrom int64

	db    *sql.DB
	holds functions
	dir   string
	spill string
	files *segment.Publisher
}

// NewBuilder makes a Builder that writes below cfg.Dir, which it creates when
// missing.
func NewBuilder(cfg warehouse.Config) (*Builder, error) {
	if err := segment.MakeFolders(segment.TemporaryFolder(cfg.Dir)); err != nil {
		return nil, fmt.Errorf("making the warehouse folder: %w", err)
	}
	dir, err := cfg.Folder()
	if err != nil {
		return nil, err
	}
	// DuckDB clears the folder it spills to: no two may share one.
	spill, err := os.MkdirTemp(segment.TemporaryFolder(dir), "spill-")
	if err != nil {
		return nil, fmt.Errorf("making a temporary folder: %w", err)
	}
	// With a second thread the first one waits in a loop for what that one has to do last:
	// 18 to 24 s of CPU for a million events against 14, on two busy CPUs. Several segments
	// are written at once anyway.
	if cfg.Threads == 0 {
		cfg.Threads = 1
	}
	db, err := open(cfg, dir, spill)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(spill))
	}
	b := &Builder{ShredFrom: shredFrom, db: db, dir: dir, spill: spill, files: segment.NewPublisher(dir)}
	if err := b.holds.register(context.Background(), db); err != nil {
		return nil, errors.Join(err, b.Close())
	}
	return b, nil
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
	var columns []chosen
	if s.Events >= b.ShredFrom {
		columns = choose(events, rollUp.Properties())
	}
	conn, err := b.db.Conn(ctx)
	if err != nil {
		return segment.Segment{}, fmt.Errorf("connecting to DuckDB: %w", err)
	}
	defer release(ctx, conn)
	names, drop, err := stage(ctx, conn, project, events, keys, columns)
	if err != nil {
		return segment.Segment{}, err
	}
	defer drop()
	s.Shredded = names
	return b.publish(ctx, s, func() ([]byte, error) { return rollUp.Bytes(project) }, func(tmp string) error {
		return copyTo(ctx, conn, s, "staged", tmp)
	})
}

// publish makes the files of s: the roll-up that rollUp returns, the Parquet file that
// events writes, and that file's events by user.
func (b *Builder) publish(ctx context.Context, s segment.Segment, rollUp func() ([]byte, error), events func(tmp string) error) (segment.Segment, error) {
	rollUp = sync.OnceValues(rollUp)
	return b.files.Publish(s, segment.Content{Events: events, RollUp: rollUp, Users: func(parquet, tmp string) error {
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

// DuckDB holds a row group in memory, as it is before compression, until it is full:
// of events of 32 KiB the usual number of rows takes 4 GB.
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

// copyTo writes the events of a relation, which are those of s, into a Parquet file of small
// pages.
func copyTo(ctx context.Context, conn *sql.Conn, s segment.Segment, relation, tmp string) error {
	columns := "project_id, event_id, occurred_at, user_id, user_key, event_type, properties"
	for _, name := range s.Shredded {
		columns += ", " + identifier(name)
	}
	whole := tmp + ".whole"
	defer os.Remove(whole)
	result, err := conn.ExecContext(ctx, "COPY (SELECT "+columns+" FROM "+relation+" "+order+") TO "+quote(whole)+
		fmt.Sprintf(" (FORMAT parquet, COMPRESSION uncompressed, ROW_GROUP_SIZE %d)", rowGroup(s.Events, s.RawBytes)))
	if err != nil {
		return classify(ctx, fmt.Errorf("writing events of project %d: %w", s.ProjectID, err))
	}
	if n, err := result.RowsAffected(); err != nil || n != s.Events {
		return errors.Join(fmt.Errorf("writing events of project %d: %d became %d", s.ProjectID, s.Events, n), err)
	}
	if err := pages.Split(ctx, whole, tmp); err != nil {
		return fmt.Errorf("writing events of project %d in pages: %w", s.ProjectID, err)
	}
	return nil
}

// classify marks errors that come from the data itself as segment.ErrRefused. Any
// other may pass, and an event that is refused for it would never be counted:
// better to try again.
func classify(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return err
	}
	switch kind(err) {
	case driver.ErrorTypeOutOfRange, driver.ErrorTypeConversion, driver.ErrorTypeMismatchType, driver.ErrorTypeObjectSize,
		driver.ErrorTypeInvalidType, driver.ErrorTypeConstraint, driver.ErrorTypeInvalidInput:
		return fmt.Errorf("%w: %w", segment.ErrRefused, err)
	}
	return err
}
