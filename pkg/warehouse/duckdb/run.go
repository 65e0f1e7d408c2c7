package duckdb

import (
	"context"
	"database/sql"
	sqldriver "database/sql/driver"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	driver "github.com/duckdb/duckdb-go/v2"

	"eventanalytics/pkg/warehouse"
	"eventanalytics/pkg/warehouse/manifest"
	"eventanalytics/pkg/warehouse/segment"
	"eventanalytics/pkg/warehouse/turns"
)

var (
	// ErrBusy is returned when a query found no place among the running ones
	// before its time was up.
	ErrBusy = turns.ErrBusy
	// ErrTimeout is returned when a query ran longer than QueryTimeout.
	ErrTimeout = errors.New("query took too long")
	// ErrNoKeys is returned for a project with persons of whose users some have no keys
	// yet: those of workers of the first release, until they are upgraded.
	ErrNoKeys = errors.New("some of the project's users have no keys yet, which their persons go by")
	// ErrMemory is returned when a query needs more memory than MemoryLimit.
	ErrMemory = errors.New("query needs too much memory")
)

// DB answers queries over segments.
type DB struct {
	db      *sql.DB
	dir     string
	holds   functions
	queries *turns.Turns
	working *turns.Turns // what Do runs
	timeout time.Duration
	files   *segment.Integrity
}

// Open makes a DB over the folder cfg.Dir, which must exist.
func Open(cfg warehouse.Config) (*DB, error) {
	dir, err := cfg.Folder()
	if err != nil {
		return nil, err
	}
	return OpenIn(cfg, segment.NewFolder(dir))
}

// OpenIn is Open for the files in a folder, which the caller closes after the DB.
func OpenIn(cfg warehouse.Config, folder *segment.Folder) (*DB, error) {
	dir := folder.Dir()
	db, err := open(cfg, dir, "")
	if err != nil {
		return nil, err
	}
	d := &DB{
		db: db, dir: dir, queries: turns.New(cfg.MaxQueries), working: turns.New(runtime.GOMAXPROCS(0)),
		timeout: cfg.QueryTimeout, files: segment.NewIntegrity(folder),
	}
	if err := d.holds.register(context.Background(), db); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return d, nil
}

// Files knows which files queries may read. A replica shares it, so that each is
// hashed once.
func (db *DB) Files() *segment.Integrity { return db.files }

// Waiting returns how many queries wait for their turn.
func (db *DB) Waiting() int {
	_, waiting := db.queries.Count()
	return waiting
}

// Close ends all queries.
func (db *DB) Close() error {
	if err := db.db.Close(); err != nil {
		return fmt.Errorf("closing DuckDB: %w", err)
	}
	return nil
}

// Query is fixed SQL with bound values over the events of one project.
type Query struct {
	Project int64
	// From and To prune the files that are read: only events with occurred_at
	// in [From, To) are promised to be there, others may be. Zero values do not
	// bound.
	From, To time.Time
	// SQL reads {{events}}, a relation of the project's events with the columns
	// event_id UUID, occurred_at TIMESTAMPTZ, us BIGINT (occurred_at in
	// microseconds since 1970 UTC), user_id VARCHAR (as sent), user_key (of some type
	// that tells users apart: where the snapshot has persons, the key of the root),
	// event_type VARCHAR and properties VARCHAR (JSON as sent,
	// or NULL).
	SQL string
	// Args are sql.Named values for the $name in SQL. The names "project", "moved" and
	// "w0", "w1" and so on are taken.
	Args []any
	// Where, if not nil, returns a condition that the events must meet. It is called
	// for each set of columns that files have.
	Where func(Columns) string
	// Select, if not nil, returns further columns of {{events}}, as expressions with
	// names. It is called as Where is.
	Select func(Columns) []string
	// History, if not nil, has SQL read {{history}}, too: all of the project's events
	// before To, with the further columns that it returns.
	History func(Columns) []string
	// Places, if not nil, has {{events}} have the column place BIGINT, which Places tells
	// the meaning of.
	Places *Places
	// Texts are functions that Go evaluates, in several goroutines at a time. In SQL one
	// is text_of(text, $name::BIGINT).
	Texts map[string]Function
}

const (
	placeholder        = "{{events}}"
	historyPlaceholder = "{{history}}"
)

// Run runs q over a snapshot and calls scan for each row of the result. It
// waits at most QueryTimeout for its project's turn among MaxQueries (ErrBusy), then runs
// at most QueryTimeout (ErrTimeout); the end of ctx cancels either. The error is
// segment.ErrQuarantined when a file it needs is damaged.
func (db *DB) Run(ctx context.Context, s *manifest.Snapshot, q Query, scan func(*sql.Rows) error) error {
	segments := s.Segments(q.Project, q.From, q.To)
	values := db.newValues(q.Project, q.Args...)
	defer values.release()
	for name, text := range q.Texts {
		values.addText(name, text)
	}
	columns := values.columns()
	key, err := userKey(s, q.Project, values)
	if err != nil {
		return err
	}
	text := strings.ReplaceAll(q.SQL, placeholder, db.events(segments, relation{q.From, q.To, q.Where, q.Select, key, q.Places}, columns))
	if q.History != nil {
		segments = s.Segments(q.Project, time.Time{}, q.To)
		text = strings.ReplaceAll(text, historyPlaceholder, db.events(segments, relation{to: q.To, more: q.History, key: key}, columns))
	}
	return db.execute(ctx, q.Project, segments, text, values, scan)
}

// execute runs a statement that reads segments of a project.
func (db *DB) execute(ctx context.Context, project int64, segments []segment.Segment, text string, values *values, scan func(*sql.Rows) error) error {
	if err := checkNames(text, values.args); err != nil {
		return err
	}
	release, err := db.hold(ctx, project, segments) // before its turn: others need not wait for what is fetched
	if err != nil {
		return err
	}
	defer release()
	err = db.limit(ctx, db.queries, project, func(ctx context.Context) error {
		if err := db.check(ctx, segments); err != nil {
			return err
		}
		if err := db.query(ctx, text, values.args, scan); err != nil {
			return err
		}
		return db.check(ctx, segments) // none was replaced while it ran
	})
	switch kind(err) {
	case driver.ErrorTypeOutOfMemory:
		return fmt.Errorf("%w: %w", ErrMemory, err)
	case driver.ErrorTypeIO:
		return errors.Join(err, db.missing(segments))
	}
	return err
}

// Do runs f, which computes without DuckDB, under the same time limits as Run, and
// as many at a time as there are CPUs, for a project.
func (db *DB) Do(ctx context.Context, project int64, f func(context.Context) error) error {
	return db.limit(ctx, db.working, project, f)
}

// limit runs f, for at most QueryTimeout, once it is the project's turn.
func (db *DB) limit(ctx context.Context, places *turns.Turns, project int64, f func(context.Context) error) error {
	if err := places.Enter(ctx, project, db.timeout); err != nil {
		return err
	}
	defer places.Leave(project)
	limited, cancel := context.WithTimeoutCause(ctx, db.timeout, ErrTimeout)
	defer cancel()
	err := f(limited)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(context.Cause(limited), ErrTimeout):
		return ErrTimeout
	}
	return err
}

// hold has the files of events in the folder until release is called.
func (db *DB) hold(ctx context.Context, project int64, segments []segment.Segment) (release func(), err error) {
	files := make([]segment.File, len(segments))
	for i, s := range segments {
		files[i] = s.EventsFile()
	}
	return db.files.Hold(ctx, project, files...)
}

// Read calls read with the paths of the files with the events of segments, which are whole, and
// there until it returns. The error is segment.ErrQuarantined when one is damaged, or was
// replaced while it was read.
func (db *DB) Read(ctx context.Context, project int64, segments []segment.Segment, read func(paths []string) error) error {
	release, err := db.hold(ctx, project, segments)
	if err != nil {
		return err
	}
	defer release()
	if err := db.check(ctx, segments); err != nil {
		return err
	}
	paths := make([]string, len(segments))
	for i, s := range segments {
		paths[i] = filepath.Join(db.dir, s.Path)
	}
	if err := read(paths); err != nil {
		return err
	}
	return db.check(ctx, segments)
}

// check hashes the files that were not needed before, or that have changed.
func (db *DB) check(ctx context.Context, segments []segment.Segment) error {
	for _, s := range segments {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := db.files.Check(s.EventsFile()); err != nil {
			return err
		}
	}
	return nil
}

func (db *DB) query(ctx context.Context, text string, args []any, scan func(*sql.Rows) error) error {
	conn, err := db.db.Conn(ctx)
	if err != nil {
		return fmt.Errorf("connecting to the warehouse: %w", err)
	}
	defer release(ctx, conn)
	rows, err := conn.QueryContext(ctx, text, args...)
	if err != nil {
		return fmt.Errorf("querying the warehouse: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return fmt.Errorf("reading the warehouse's answer: %w", err)
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("reading the warehouse's answer: %w", err)
	}
	return nil
}

// release gives a connection back, unless its query was cancelled: one of DuckDB's threads
// may not have seen that yet, and the next query would undo it and wait forever.
func release(ctx context.Context, conn *sql.Conn) {
	if ctx.Err() != nil {
		_ = conn.Raw(func(any) error { return sqldriver.ErrBadConn }) // closes it
	}
	_ = conn.Close() // it may be closed
}

// missing returns segment.ErrQuarantined when a file of the segments cannot be
// found.
func (db *DB) missing(segments []segment.Segment) error {
	for _, s := range segments {
		if _, err := os.Stat(filepath.Join(db.dir, s.Path)); err != nil {
			return fmt.Errorf("%w: %w", segment.ErrQuarantined, err)
		}
	}
	return nil
}

// VerifyEvents compares the number of events that a segment's file has by its
// footer with the manifest. It is no substitute for segment.Verify.
func (db *DB) VerifyEvents(ctx context.Context, s segment.Segment) error {
	var n int64
	err := db.db.QueryRowContext(ctx, "SELECT num_rows FROM parquet_file_metadata("+quote(filepath.Join(db.dir, s.Path))+")").Scan(&n)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return fmt.Errorf("%w: reading its footer: %w", segment.ErrQuarantined, err)
	}
	if n != s.Events {
		return fmt.Errorf("%w: %s has %d events, the manifest says %d", segment.ErrQuarantined, s.Path, n, s.Events)
	}
	return nil
}
