package warehouse

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/duckdb/duckdb-go/v2"
	"golang.org/x/sync/errgroup"

	"eventanalytics/pkg/event"
	"eventanalytics/pkg/platform/failpoint"
	"eventanalytics/pkg/warehouse/rollup"
)

// ErrRefused is returned for events that cannot become part of a segment, no
// matter how often it is tried.
var ErrRefused = errors.New("event cannot be stored")

// tmpDir is the folder, below the warehouse folder, of files in the making.
const tmpDir = "tmp"

// order of the events in a segment. A query over some days, one event type or
// one user then reads few row groups, and equal values compress well.
const order = "ORDER BY occurred_at::DATE, event_type, user_key, occurred_at"

// Builder writes segments. Its methods may be called at the same time.
type Builder struct {
	// ShredFrom is the least events of a segment whose common properties get columns
	// of their own. Tests lower it.
	ShredFrom int64

	db      *sql.DB
	dir     string
	spill   string
	folders sync.Map // of projects, that survive a crash
}

// NewBuilder makes a Builder that writes below cfg.Dir, which it creates when
// missing.
func NewBuilder(cfg Config) (*Builder, error) {
	if err := makeFolders(filepath.Join(cfg.Dir, tmpDir)); err != nil {
		return nil, fmt.Errorf("making the warehouse folder: %w", err)
	}
	dir, err := cfg.folder()
	if err != nil {
		return nil, err
	}
	// DuckDB clears the folder it spills to: no two may share one.
	spill, err := os.MkdirTemp(filepath.Join(dir, tmpDir), "spill-")
	if err != nil {
		return nil, fmt.Errorf("making a temporary folder: %w", err)
	}
	db, err := open(cfg, dir, spill)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(spill))
	}
	return &Builder{ShredFrom: shredFrom, db: db, dir: dir, spill: spill}, nil
}

// Close ends what is being written.
func (b *Builder) Close() error {
	if err := errors.Join(b.db.Close(), os.RemoveAll(b.spill)); err != nil {
		return fmt.Errorf("closing DuckDB: %w", err)
	}
	return nil
}

// First and last occurred_at that every reader of the files can represent:
// years 1 to 9999.
var minAt, maxAt = time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC).UnixMicro(), time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC).UnixMicro() - 1

// Check returns an error that is ErrRefused for an event Write would refuse.
func Check(e event.Event) error {
	switch {
	case e.OccurredAt < minAt || e.OccurredAt > maxAt:
		return fmt.Errorf("%w: occurred_at %d is not in the years 1 to 9999", ErrRefused, e.OccurredAt)
	case e.UserID == "" || e.Type == "":
		return fmt.Errorf("%w: user_id or event_type is empty", ErrRefused)
	case !utf8.ValidString(e.UserID) || !utf8.ValidString(e.Type) || !utf8.ValidString(e.Properties):
		return fmt.Errorf("%w: text is not UTF-8", ErrRefused)
	}
	return nil
}

const stageSQL = `
CREATE OR REPLACE TEMP TABLE staged (
    project_id  BIGINT NOT NULL,
    event_id    UUID NOT NULL,
    occurred_at TIMESTAMPTZ NOT NULL,
    user_id     VARCHAR NOT NULL,
    user_key    INTEGER NOT NULL,
    event_type  VARCHAR NOT NULL,
    properties  VARCHAR
)`

// Write makes a segment of a project's events, of which there must be one at
// least; keys are those of their users, in the same order. When it returns, the
// files survive a crash of the machine. epoch is that of the writer's lease and
// becomes part of the name. The error is ErrRefused when the events are at fault,
// not the surroundings.
func (b *Builder) Write(ctx context.Context, project int64, events []event.Event, keys []uint32, epoch int64) (Segment, error) {
	if len(events) == 0 || len(keys) != len(events) {
		return Segment{}, fmt.Errorf("writing a segment of %d events with %d user keys", len(events), len(keys))
	}
	segment := Segment{ProjectID: project, Events: int64(len(events)), Epoch: epoch}
	first, last := events[0].OccurredAt, events[0].OccurredAt
	for _, e := range events {
		if err := Check(e); err != nil {
			return Segment{}, err
		}
		first, last = min(first, e.OccurredAt), max(last, e.OccurredAt)
	}
	segment.MinAt, segment.MaxAt = time.UnixMicro(first).UTC(), time.UnixMicro(last).UTC()

	var rollUp rollup.Builder
	for i, e := range events {
		rollUp.Add(e.OccurredAt, e.Type, keys[i])
	}
	conn, err := b.db.Conn(ctx)
	if err != nil {
		return Segment{}, fmt.Errorf("connecting to DuckDB: %w", err)
	}
	defer conn.Close()
	if _, err := conn.ExecContext(ctx, stageSQL); err != nil {
		return Segment{}, fmt.Errorf("making the staging table: %w", err)
	}
	// The events must not stay in memory until the connection is used again.
	defer conn.ExecContext(context.WithoutCancel(ctx), "DROP TABLE IF EXISTS staged") //nolint:errcheck // replaced next time
	err = conn.Raw(func(driverConn any) error { return stage(ctx, driverConn, project, events, keys) })
	if err != nil {
		return Segment{}, classify(ctx, fmt.Errorf("staging events: %w", err))
	}
	properties, err := b.shred(ctx, conn, "staged", segment.Events, nil)
	if err != nil {
		return Segment{}, classify(ctx, err)
	}
	segment.Shredded = properties.columns
	return b.publish(segment, func() ([]byte, error) { return rollUp.Bytes(project) }, func(tmp string) error {
		return copyTo(ctx, conn, segment, properties.relation, tmp)
	})
}

func stage(ctx context.Context, driverConn any, project int64, events []event.Event, keys []uint32) (err error) {
	appender, err := duckdb.NewAppender(driverConn.(*duckdb.Conn), "temp", "main", "staged")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, appender.CloseWithCancel(ctx)) }()
	for i, e := range events {
		var properties any
		if e.Properties != "" {
			properties = e.Properties
		}
		err := appender.AppendRow(project, duckdb.UUID(e.ID), e.Time(), e.UserID, int32(keys[i]), e.Type, properties)
		if err != nil {
			return err
		}
	}
	return nil
}

// copyTo writes a relation's events into a Parquet file.
func copyTo(ctx context.Context, conn *sql.Conn, segment Segment, relation, tmp string) error {
	columns := "project_id, event_id, occurred_at, user_id, user_key, event_type, properties"
	for _, name := range segment.Shredded {
		columns += ", " + identifier(name)
	}
	result, err := conn.ExecContext(ctx, "COPY (SELECT "+columns+" FROM "+relation+" "+order+") TO "+quote(tmp)+" (FORMAT parquet, COMPRESSION zstd)")
	if err != nil {
		return classify(ctx, fmt.Errorf("writing events of project %d: %w", segment.ProjectID, err))
	}
	if n, err := result.RowsAffected(); err != nil || n != segment.Events {
		return errors.Join(fmt.Errorf("writing events of project %d: %d became %d", segment.ProjectID, segment.Events, n), err)
	}
	return nil
}

// publish makes a segment's two files: the roll-up of the bytes that rollUp
// returns, and the one that events writes. Each is whole and on disk before it
// gets its name.
func (b *Builder) publish(segment Segment, rollUp func() ([]byte, error), events func(tmp string) error) (Segment, error) {
	segment.Path = newName(segment.ProjectID, segment.Epoch)
	segment.RollUp = &RollUpFile{}
	if err := b.makeFolder(filepath.Dir(segment.Path)); err != nil {
		return Segment{}, err
	}
	var g errgroup.Group
	named := segment // segment itself is written to meanwhile
	g.Go(func() (err error) {
		data, err := rollUp()
		if err != nil {
			return err
		}
		segment.RollUp.Bytes, segment.RollUp.SHA256, err = b.writeRollUp(named, data)
		return err
	})
	g.Go(func() (err error) {
		tmp := filepath.Join(b.dir, tmpDir, filepath.Base(segment.Path))
		defer os.Remove(tmp)
		if err := events(tmp); err != nil {
			return err
		}
		segment.Bytes, segment.SHA256, err = seal(tmp, filepath.Join(b.dir, segment.Path), segmentMode)
		return err
	})
	if err := g.Wait(); err != nil {
		return Segment{}, err
	}
	if err := failpoint.Hit(failpoint.FolderBeforeSync); err != nil {
		return Segment{}, err
	}
	return segment, syncFolder(filepath.Join(b.dir, filepath.Dir(segment.Path)))
}

// makeFolder makes a project's folder so that it survives a crash. One that is
// there may be of a writer that was killed before it could see to that.
func (b *Builder) makeFolder(name string) error {
	path := filepath.Join(b.dir, name)
	_, err := os.Stat(path)
	if _, known := b.folders.Load(name); known && err == nil {
		return nil
	}
	if err := makeFolders(path); err != nil {
		return err
	}
	if err := syncFolder(b.dir); err != nil {
		return err
	}
	b.folders.Store(name, nil)
	return nil
}

// writeRollUp makes the file of a segment's roll-up.
func (b *Builder) writeRollUp(segment Segment, data []byte) (size int64, sum [32]byte, err error) {
	tmp := filepath.Join(b.dir, tmpDir, filepath.Base(segment.RollUpPath()))
	defer os.Remove(tmp)
	if err := os.WriteFile(tmp, data, 0o600); err != nil {
		return 0, sum, fmt.Errorf("writing a roll-up: %w", err)
	}
	return seal(tmp, filepath.Join(b.dir, segment.RollUpPath()), segmentMode)
}

// classify marks errors that come from the data itself. Any other may go by, and an
// event that is refused for it would be counted by nobody: better to try again.
func classify(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return err
	}
	switch kind(err) {
	case duckdb.ErrorTypeOutOfRange, duckdb.ErrorTypeConversion, duckdb.ErrorTypeMismatchType, duckdb.ErrorTypeObjectSize,
		duckdb.ErrorTypeInvalidType, duckdb.ErrorTypeConstraint, duckdb.ErrorTypeInvalidInput:
		return fmt.Errorf("%w: %w", ErrRefused, err)
	}
	return err
}
