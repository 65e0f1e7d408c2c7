// Package names keeps which event types and property names each project has, and
// bounds how many there may be. Every name costs memory for as long as its project
// has events: in the roll-ups of each segment, in each replica, in each merge.
//
// The truth is in Postgres: a row for each name, and how many there are in a row of
// the project, whose lock every addition takes. Names are only ever added, so a set of
// as many names as the project has is the project's set: a Registry keeps such sets in
// memory, and asks Postgres only about names that are not in them.
package names

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"eventanalytics/pkg/event"
)

// Config bounds the names of a project.
type Config struct {
	EventTypes int `env:"MAX_EVENT_TYPES" envDefault:"10000" doc:"Maximum distinct event types of a project. Events of further ones are rejected, those of known ones are not"`
	Properties int `env:"MAX_PROPERTY_NAMES" envDefault:"10000" doc:"Maximum distinct property names of a project, not counting those inside properties. Events with further ones are rejected"`
}

// Validate reports everything that is wrong with the settings.
func (c *Config) Validate() error {
	if c.EventTypes < 1 || c.Properties < 1 {
		return errors.New("MAX_EVENT_TYPES and MAX_PROPERTY_NAMES must be positive")
	}
	return nil
}

// Kind of a name.
type Kind int16

// The kinds, as they are stored.
const (
	EventType Kind = 1
	Property  Kind = 2
	kinds          = 3
)

// hash stands for a name: property names may have 32 KiB.
type hash [16]byte

func hashOf(name string) hash {
	sum := sha256.Sum256([]byte(name))
	return hash(sum[:len(hash{})])
}

// maxShown is how many characters of a name are stored for people.
const maxShown = 200

func shown(name string) string {
	n := 0
	for i := range name {
		if n == maxShown {
			return name[:i]
		}
		n++
	}
	return name
}

// name is one to be added.
type name struct {
	kind  Kind
	hash  hash
	shown string
}

const insertSQL = `
WITH added AS (
    INSERT INTO analytics.names (project_id, kind, hash, name)
    SELECT $1, * FROM unnest($2::smallint[], $3::bytea[], $4::text[])
    ON CONFLICT DO NOTHING
    RETURNING kind
)
UPDATE analytics.project_names SET
    event_types = event_types + (SELECT count(*) FROM added WHERE kind = 1),
    properties = properties + (SELECT count(*) FROM added WHERE kind = 2)
WHERE project_id = $1`

// insertAtOnce bounds the names of one statement.
const insertAtOnce = 5_000

// insert adds those of names that are not there, and counts them. The project's row is
// locked, and they go in the order of their key: no two transactions wait for each
// other.
func insert(ctx context.Context, tx pgx.Tx, project int64, names []name) error {
	slices.SortFunc(names, func(a, b name) int {
		if a.kind != b.kind {
			return int(a.kind) - int(b.kind)
		}
		return bytes.Compare(a.hash[:], b.hash[:])
	})
	for some := range slices.Chunk(names, insertAtOnce) {
		ofKind, hashes, texts := make([]int16, len(some)), make([][]byte, len(some)), make([]string, len(some))
		for i := range some {
			ofKind[i], hashes[i], texts[i] = int16(some[i].kind), some[i].hash[:], some[i].shown
		}
		if _, err := tx.Exec(ctx, insertSQL, project, ofKind, hashes, texts); err != nil {
			return fmt.Errorf("adding names: %w", err)
		}
	}
	return nil
}

// counts of a project's names, by kind.
type counts [kinds]int

const ensureSQL = `INSERT INTO analytics.project_names (project_id) VALUES ($1) ON CONFLICT DO NOTHING`

const countsSQL = `SELECT event_types, properties, counted FROM analytics.project_names WHERE project_id = $1`

const lockSQL = countsSQL + ` FOR UPDATE`

// lock makes the project's row, locks it for the rest of tx and reads it.
func lock(ctx context.Context, tx pgx.Tx, project int64) (c counts, counted bool, err error) {
	if _, err := tx.Exec(ctx, ensureSQL, project); err != nil {
		return c, false, fmt.Errorf("making the count of names: %w", err)
	}
	return read(ctx, tx, lockSQL, project)
}

// querier is a pool or a transaction.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

func read(ctx context.Context, db querier, sql string, project int64) (c counts, counted bool, err error) {
	err = db.QueryRow(ctx, sql, project).Scan(&c[EventType], &c[Property], &counted)
	if errors.Is(err, pgx.ErrNoRows) {
		return c, true, nil
	}
	if err != nil {
		return c, false, fmt.Errorf("reading the count of names: %w", err)
	}
	return c, counted, nil
}

const uncountedSQL = `SELECT project_id FROM analytics.project_names WHERE NOT counted ORDER BY project_id`

// Uncounted returns the projects that are older than the counting of names. Their
// names are not bounded until Counted.
func Uncounted(ctx context.Context, pool *pgxpool.Pool) ([]int64, error) {
	rows, err := pool.Query(ctx, uncountedSQL)
	if err != nil {
		return nil, fmt.Errorf("looking for projects without counted names: %w", err)
	}
	projects, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil {
		return nil, fmt.Errorf("looking for projects without counted names: %w", err)
	}
	return projects, nil
}

// Record adds names of one kind that an uncounted project's events have.
func Record(ctx context.Context, pool *pgxpool.Pool, project int64, kind Kind, texts []string) error {
	all := make([]name, len(texts))
	for i, text := range texts {
		all[i] = name{kind, hashOf(text), shown(text)}
	}
	err := pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		if _, _, err := lock(ctx, tx, project); err != nil {
			return err
		}
		return insert(ctx, tx, project, all)
	})
	if err != nil {
		return fmt.Errorf("recording names of project %d: %w", project, err)
	}
	return nil
}

const countedSQL = `UPDATE analytics.project_names SET counted = true WHERE project_id = $1`

// Counted says that all names of the project's events have been recorded: from now on
// they are bounded.
func Counted(ctx context.Context, pool *pgxpool.Pool, project int64) error {
	if _, err := pool.Exec(ctx, countedSQL, project); err != nil {
		return fmt.Errorf("counting names of project %d: %w", project, err)
	}
	return nil
}

// clip shortens a name for a message.
func clip(name string) string {
	const most = 64
	if len(name) <= most {
		return name
	}
	name = name[:most]
	for !utf8.ValidString(name) {
		name = name[:len(name)-1]
	}
	return name + "…"
}

func tooMany(kind Kind, bound int, name string) *event.Mistake {
	if kind == EventType {
		return &event.Mistake{
			Field: "event_type", Code: "too-many-event-types",
			Message: fmt.Sprintf("the project has its %d event types, and this is another", bound),
		}
	}
	return &event.Mistake{
		Field: "properties", Code: "too-many-properties",
		Message: fmt.Sprintf("the project may have %d property names; %q is one too many", bound, clip(name)),
	}
}
