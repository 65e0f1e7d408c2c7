// Package fields has the ids of the columns of segments (field_id of Parquet), by which
// formats of tables such as Iceberg know a column whatever its name. Columns of properties
// get theirs in Postgres, project by project.
package fields

import (
	"context"
	"fmt"
	"maps"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"eventanalytics/pkg/outbox"
)

// fixed are the columns that all segments have. Ids up to 99 are kept for more of them.
var fixed = map[string]int32{
	"project_id": 1, "event_id": 2, "occurred_at": 3, "user_id": 4, "user_key": 5, "event_type": 6, "properties": 7,
}

// Fixed returns the ids of the columns that all segments have.
func Fixed() map[string]int32 { return maps.Clone(fixed) }

// IDs are those of the columns of properties, in Postgres. Its methods may be called at the
// same time, also by several processes.
type IDs struct{ pool *pgxpool.Pool }

// New makes IDs of the database that pool leads to.
func New(pool *pgxpool.Pool) *IDs { return &IDs{pool} }

// Of returns the ids of all columns of a segment of a project whose properties have the
// columns with some names. Those that have none yet get one, which is theirs permanently.
func (i *IDs) Of(ctx context.Context, project int64, names []string) (map[string]int32, error) {
	ids := Fixed()
	if len(names) == 0 {
		return ids, nil
	}
	err := read(ctx, i.pool, ids, namedSQL, project, names)
	if err == nil && len(ids) < len(fixed)+len(names) {
		err = i.assign(ctx, ids, project, names)
	}
	if err != nil {
		return nil, fmt.Errorf("looking up the ids of columns: %w", err)
	}
	return ids, nil
}

const (
	lockSQL = "SELECT pg_advisory_xact_lock(hashtextextended('analytics.shredded_columns', $1))"
	// The lock is taken by a statement before, so that this one sees what others added.
	assignSQL = `
INSERT INTO analytics.shredded_columns (project_id, name, field_id)
SELECT $1, name, (SELECT coalesce(max(field_id), 99) FROM analytics.shredded_columns WHERE project_id = $1) + row_number() OVER (ORDER BY name)
FROM unnest($2::text[]) AS n (name)
WHERE NOT EXISTS (SELECT FROM analytics.shredded_columns AS s WHERE s.project_id = $1 AND s.name = n.name)`
	namedSQL = "SELECT name, field_id FROM analytics.shredded_columns WHERE project_id = $1 AND name = ANY ($2::text[])"
	allSQL   = "SELECT name, field_id FROM analytics.shredded_columns WHERE project_id = $1"
)

func (i *IDs) assign(ctx context.Context, ids map[string]int32, project int64, names []string) error {
	return pgx.BeginFunc(ctx, i.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, lockSQL, project); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, assignSQL, project, names); err != nil {
			return err
		}
		return read(ctx, tx, ids, namedSQL, project, names)
	})
}

// All returns the ids of all columns that segments of a project may have. It assigns none.
func All(ctx context.Context, db outbox.Querier, project int64) (map[string]int32, error) {
	ids := Fixed()
	if err := read(ctx, db, ids, allSQL, project); err != nil {
		return nil, fmt.Errorf("reading the ids of columns: %w", err)
	}
	return ids, nil
}

// read adds the ids that a statement finds.
func read(ctx context.Context, db outbox.Querier, to map[string]int32, sql string, args ...any) error {
	rows, err := db.Query(ctx, sql, args...)
	if err != nil {
		return err
	}
	var name string
	var id int32
	_, err = pgx.ForEachRow(rows, []any{&name, &id}, func() error {
		to[name] = id
		return nil
	})
	return err
}
