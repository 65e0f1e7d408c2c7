package duckdb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"time"

	driver "github.com/duckdb/duckdb-go/v2"

	"eventanalytics/pkg/warehouse"
	"eventanalytics/pkg/warehouse/manifest"
	"eventanalytics/pkg/warehouse/segment"
)

var (
	// ErrBusy is returned when a query found no place among the running ones
	// before its time was up.
	ErrBusy = errors.New("too many queries are running")
	// ErrTimeout is returned when a query ran longer than QueryTimeout.
	ErrTimeout = errors.New("query took too long")
	// ErrMemory is returned when a query needs more memory than MemoryLimit.
	ErrMemory = errors.New("query needs too much memory")
)

// DB answers queries over segments.
type DB struct {
	db      *sql.DB
	dir     string
	holds   functions
	queries *turns
	working *turns // what Do runs
	timeout time.Duration
	files   *segment.Integrity
}

// Open makes a DB over the folder cfg.Dir, which must exist.
func Open(cfg warehouse.Config) (*DB, error) {
	dir, err := cfg.Folder()
	if err != nil {
		return nil, err
	}
	db, err := open(cfg, dir, "")
	if err != nil {
		return nil, err
	}
	d := &DB{
		db: db, dir: dir, queries: newTurns(cfg.MaxQueries), working: newTurns(runtime.GOMAXPROCS(0)),
		timeout: cfg.QueryTimeout, files: segment.NewIntegrity(dir),
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
	_, waiting := db.queries.count()
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
	// microseconds since 1970 UTC), user_id VARCHAR, user_key (of some type that
	// tells users apart), event_type VARCHAR and properties VARCHAR (JSON as sent,
	// or NULL).
	SQL string
	// Args are sql.Named values for the $name in SQL. The names "project" and "w0",
	// "w1" and so on are taken.
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
	// Texts are functions that Go evaluates, in several goroutines at a time. In SQL one
	// is text_of(text, $name::BIGINT).
	Texts map[string]Function
}

const (
	placeholder        = "{{events}}"
	historyPlaceholder = "{{history}}"
)

// relation is what a placeholder stands for.
type relation struct {
	from, to time.Time
	where    func(Columns) string   // or nil
	more     func(Columns) []string // or nil
	key      string                 // user_key
}

// keyOf is the expression of user_key: one for all of a project's events, or its values
// would not be the same in all queries.
func keyOf(all []segment.Segment) string {
	if slices.ContainsFunc(all, func(s segment.Segment) bool { return s.RollUp == nil }) {
		return "user_id AS user_key" // those of older workers have no keys
	}
	return "user_key"
}

// Run runs q over a snapshot and calls scan for each row of the result. It
// waits at most QueryTimeout for its project's turn among MaxQueries (ErrBusy), then runs
// at most QueryTimeout (ErrTimeout); the end of ctx cancels either. The error is
// segment.ErrQuarantined when a file it needs is damaged.
func (db *DB) Run(ctx context.Context, s *manifest.Snapshot, q Query, scan func(*sql.Rows) error) error {
	segments := s.Segments(q.Project, q.From, q.To)
	args := append([]any{sql.Named("project", q.Project)}, q.Args...)
	bound := map[any]string{}
	bind := func(value any) string {
		name, ok := bound[value]
		if !ok {
			name = fmt.Sprintf("w%d", len(bound))
			bound[value] = name
			args = append(args, sql.Named(name, value))
		}
		return "$" + name
	}
	numbers := map[string]int64{}
	defer func() {
		for _, number := range numbers {
			db.holds.remove(number)
		}
	}()
	for name, text := range q.Texts {
		number := db.holds.addText(text)
		defer db.holds.remove(number)
		args = append(args, sql.Named(name, number))
	}
	number := func(key string, function func() Function) string {
		number, known := numbers[key]
		if !known {
			number = db.holds.addText(function())
			numbers[key] = number
		}
		return bind(number)
	}
	columns := Columns{bind: bind, number: number}
	key := keyOf(s.Segments(q.Project, time.Time{}, time.Time{}))
	text := strings.ReplaceAll(q.SQL, placeholder, db.events(segments, relation{q.From, q.To, q.Where, q.Select, key}, columns))
	if q.History != nil {
		segments = s.Segments(q.Project, time.Time{}, q.To)
		text = strings.ReplaceAll(text, historyPlaceholder, db.events(segments, relation{to: q.To, more: q.History, key: key}, columns))
	}
	if err := checkNames(text, args); err != nil {
		return err
	}

	err := db.limit(ctx, db.queries, q.Project, func(ctx context.Context) error {
		if err := db.check(ctx, segments); err != nil {
			return err
		}
		if err := db.query(ctx, text, args, scan); err != nil {
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
func (db *DB) limit(ctx context.Context, turns *turns, project int64, f func(context.Context) error) error {
	if err := turns.enter(ctx, project, db.timeout); err != nil {
		return err
	}
	defer turns.leave(project)
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

// check hashes the files that were not needed before, or that have changed.
func (db *DB) check(ctx context.Context, segments []segment.Segment) error {
	for _, s := range segments {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := db.files.CheckEvents(s); err != nil {
			return err
		}
	}
	return nil
}

func (db *DB) query(ctx context.Context, text string, args []any, scan func(*sql.Rows) error) error {
	rows, err := db.db.QueryContext(ctx, text, args...)
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

// maxConditions is how many different conditions a query's files may have: each is
// planned for itself, and planning cannot be interrupted.
const maxConditions = 8

// events is the relation {{events}} stands for. File names are our own and the
// bounds are numbers; nothing of a request becomes SQL. The bounds are
// literals because DuckDB skips row groups by constants only.
//
// Files for which the same columns are read are read together: each
// file has its own set, and those that are not read do not matter. Where there are
// too many sets, all are read by the columns that every file has.
func (db *DB) events(segments []segment.Segment, r relation, columns Columns) string {
	more := func() (list string) {
		if r.more != nil {
			for _, column := range r.more(columns) {
				list += ", " + column
			}
		}
		return list
	}
	if len(segments) == 0 {
		return `(SELECT event_id, occurred_at, 0::BIGINT AS us, user_id, user_key, event_type, properties` + more() + `
			FROM (SELECT NULL::UUID AS event_id, NULL::TIMESTAMPTZ AS occurred_at,
			NULL::VARCHAR AS user_id, NULL::INTEGER AS user_key, NULL::VARCHAR AS event_type, NULL::VARCHAR AS properties) WHERE false)`
	}
	bounds := "project_id = $project"
	if !r.from.IsZero() {
		bounds += " AND occurred_at >= " + timestamptzLiteral(r.from)
	}
	if !r.to.IsZero() {
		bounds += " AND occurred_at < " + timestamptzLiteral(r.to.Add(time.Microsecond-1)) // rounded up
	}
	// part is how files are read.
	type part struct{ more, condition string }
	partOf := func() part {
		p := part{more(), bounds}
		if r.where != nil {
			p.condition += " AND (" + r.where(columns) + ")"
		}
		return p
	}
	var parts []part
	files := map[part][]segment.Segment{}
	for _, s := range segments {
		columns.shredded = s.Shredded
		p := partOf()
		if files[p] == nil {
			parts = append(parts, p)
		}
		files[p] = append(files[p], s)
	}
	if len(parts) > maxConditions {
		columns.shredded = nil
		all := partOf()
		parts, files = []part{all}, map[part][]segment.Segment{all: segments}
	}
	var reads []string
	for _, p := range parts {
		reads = append(reads, "SELECT event_id, occurred_at, epoch_us(occurred_at) AS us, user_id, "+r.key+", event_type, properties"+p.more+" FROM "+
			readParquet(db.dir, files[p])+" WHERE "+p.condition)
	}
	return "(" + strings.Join(reads, " UNION ALL ") + ")"
}

// namePattern also matches quoted identifiers, which are no names of values: a
// column of the property $os has one in its name.
var namePattern = regexp.MustCompile(`"(?:[^"]|"")*"|\$([A-Za-z_][A-Za-z_0-9]*)`)

// checkNames refuses SQL that names a value that is missing: the driver would
// fall back to the value in the same place.
func checkNames(text string, args []any) error {
	given := map[string]bool{}
	for _, arg := range args {
		named, ok := arg.(sql.NamedArg)
		if !ok {
			return fmt.Errorf("value %v has no name", arg)
		}
		given[named.Name] = true
	}
	for _, match := range namePattern.FindAllStringSubmatch(text, -1) {
		if match[1] != "" && !given[match[1]] {
			return fmt.Errorf("no value for $%s", match[1])
		}
	}
	return nil
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
