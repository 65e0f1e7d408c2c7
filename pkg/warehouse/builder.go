package warehouse

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
	"unicode/utf8"

	"github.com/duckdb/duckdb-go/v2"

	"eventanalytics/pkg/event"
)

// ErrRefused is returned for events that cannot become part of a segment, no
// matter how often it is tried.
var ErrRefused = errors.New("event cannot be stored")

// tmpDir is the folder, below the warehouse folder, of files in the making.
const tmpDir = "tmp"

// order of the events in a segment. A query over some days, one event type or
// one user then reads few row groups, and equal values compress well.
const order = "ORDER BY occurred_at::DATE, event_type, user_id, occurred_at"

// Builder writes segments. Its methods may be called at the same time.
type Builder struct {
	db    *sql.DB
	dir   string
	spill string
}

// NewBuilder makes a Builder that writes below cfg.Dir, which it creates when
// missing.
func NewBuilder(cfg Config) (*Builder, error) {
	// Other users' replicas and tools read the files.
	if err := os.MkdirAll(filepath.Join(cfg.Dir, tmpDir), 0o755); err != nil { //nolint:gosec // see above
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
	return &Builder{db: db, dir: dir, spill: spill}, nil
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
    event_type  VARCHAR NOT NULL,
    properties  VARCHAR
)`

// Write makes a segment of a project's events, of which there must be one at
// least. When it returns, the file survives a crash of the machine. epoch is
// that of the writer's lease and becomes part of the name. The error is
// ErrRefused when the events are at fault, not the surroundings.
func (b *Builder) Write(ctx context.Context, project int64, events []event.Event, epoch int64) (Segment, error) {
	if len(events) == 0 {
		return Segment{}, errors.New("writing a segment of no events")
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
	err = conn.Raw(func(driverConn any) error { return stage(ctx, driverConn, project, events) })
	if err != nil {
		return Segment{}, classify(ctx, fmt.Errorf("staging events: %w", err))
	}
	return b.publish(ctx, conn, segment, "FROM staged")
}

func stage(ctx context.Context, driverConn any, project int64, events []event.Event) (err error) {
	appender, err := duckdb.NewAppender(driverConn.(*duckdb.Conn), "temp", "main", "staged")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, appender.CloseWithCancel(ctx)) }()
	for _, e := range events {
		var properties any
		if e.Properties != "" {
			properties = e.Properties
		}
		err := appender.AppendRow(project, duckdb.UUID(e.ID), e.Time(), e.UserID, e.Type, properties)
		if err != nil {
			return err
		}
	}
	return nil
}

// publish copies a relation into a temporary file and makes it the segment's.
func (b *Builder) publish(ctx context.Context, conn *sql.Conn, segment Segment, from string) (Segment, error) {
	name := newName(segment.ProjectID, segment.Epoch)
	tmp := filepath.Join(b.dir, tmpDir, filepath.Base(name))
	defer os.Remove(tmp)
	result, err := conn.ExecContext(ctx, "COPY (SELECT project_id, event_id, occurred_at, user_id, event_type, properties "+
		from+" "+order+") TO "+quote(tmp)+" (FORMAT parquet, COMPRESSION zstd)")
	if err != nil {
		return Segment{}, classify(ctx, fmt.Errorf("writing %s: %w", name, err))
	}
	if n, err := result.RowsAffected(); err != nil || n != segment.Events {
		return Segment{}, errors.Join(fmt.Errorf("writing %s: %d events became %d", name, segment.Events, n), err)
	}
	segment.Path = name
	return segment, seal(b.dir, tmp, &segment)
}

// classify marks errors that come from the data itself.
func classify(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return err
	}
	switch kind(err) {
	case duckdb.ErrorTypeInvalid, duckdb.ErrorTypeIO, duckdb.ErrorTypeOutOfMemory, duckdb.ErrorTypeInterrupt,
		duckdb.ErrorTypeFatal, duckdb.ErrorTypeInternal, duckdb.ErrorTypePermission:
		return err
	}
	return fmt.Errorf("%w: %w", ErrRefused, err)
}
