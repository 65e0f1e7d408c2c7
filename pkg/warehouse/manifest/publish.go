package manifest

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"eventanalytics/pkg/outbox"
	"eventanalytics/pkg/warehouse/segment"
)

// Tables of other engines are published over the segments of projects that want one: which
// they are, and which files they need, is here, since garbage collection must know it in the
// transaction in which it drops rows.

// Project is the live segments of one project, in one state of the database.
type Project struct {
	Version  int64
	Position outbox.Position
	// XMin: transactions below it were over, so that what they replaced is not in Segments.
	XMin uint64
	// At is when, by the database's clock.
	At       time.Time
	Segments []segment.Segment
}

const projectStateSQL = `
SELECT incarnation, xid::text::bigint, seq, version, system_identifier = (pg_control_system()).system_identifier,
       pg_snapshot_xmin(pg_current_snapshot())::text::bigint, clock_timestamp()
FROM analytics.sync_state`

const liveOfSQL = "SELECT " + columns + " FROM analytics.segments WHERE project_id = $1 AND replaced_at IS NULL ORDER BY id"

// ReadProject reads the live segments of a project, in the order of their ids. It returns
// outbox.ErrRestored for a restored database.
func ReadProject(ctx context.Context, pool *pgxpool.Pool, project int64) (*Project, error) {
	var p Project
	options := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	err := pgx.BeginTxFunc(ctx, pool, options, func(tx pgx.Tx) error {
		var xid, xmin int64
		var original bool
		if err := tx.QueryRow(ctx, projectStateSQL).Scan(&p.Position.Incarnation, &xid, &p.Position.Seq, &p.Version, &original, &xmin, &p.At); err != nil {
			return err
		}
		if !original {
			return outbox.ErrRestored
		}
		p.Position.XID, p.XMin = uint64(xid), uint64(xmin)
		rows, err := tx.Query(ctx, liveOfSQL, project)
		if err != nil {
			return err
		}
		p.Segments, err = pgx.CollectRows(rows, scan)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading the segments of a project: %w", err)
	}
	return &p, nil
}

const changedProjectsSQL = `
SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint,
       ARRAY(SELECT DISTINCT project_id FROM analytics.segments WHERE changed_xid >= $1::text::xid8)`

// ChangedProjects returns the projects whose segments may be others than those of a state
// of the database, and the xmin of this one, for the next question.
func ChangedProjects(ctx context.Context, db outbox.Querier, since uint64) (projects []int64, xmin uint64, err error) {
	var at int64
	if err := db.QueryRow(ctx, changedProjectsSQL, xid8(since)).Scan(&at, &projects); err != nil {
		return nil, 0, fmt.Errorf("looking for projects that changed: %w", err)
	}
	return projects, uint64(at), nil
}

// Published is a table that is published over a project's segments.
type Published struct {
	// Location of its metadata, as readers see it; empty when there is no table now.
	Location string
	// Number of its metadata. It rises, also after a table was withdrawn.
	Number int64
	// Incarnation of the position that was published.
	Incarnation int32
	// OldestXMin is the XMin of the oldest state that a listed snapshot has. Segments that
	// were replaced by a transaction from there on keep their files.
	OldestXMin uint64
}

// Lake is what is known of a project that has a table, or wants one.
type Lake struct {
	Project int64
	Wanted  bool
	Published
}

const lakesSQL = `
SELECT coalesce(p.id, l.project_id), coalesce(p.lake, false),
       coalesce(l.metadata_location, ''), coalesce(l.files, 0), coalesce(l.incarnation, 0), coalesce(l.oldest_xmin, '0')::text::bigint
FROM (SELECT id, lake FROM analytics.projects WHERE lake) AS p
FULL JOIN (SELECT * FROM analytics.lake_tables WHERE metadata_location IS NOT NULL OR project_id IN (SELECT id FROM analytics.projects WHERE lake)) AS l
  ON l.project_id = p.id
ORDER BY 1`

// Lakes returns the projects that have a table, or want one, in the order of their ids.
func Lakes(ctx context.Context, db outbox.Querier) ([]Lake, error) {
	rows, err := db.Query(ctx, lakesSQL)
	if err != nil {
		return nil, fmt.Errorf("listing published tables: %w", err)
	}
	lakes, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (l Lake, err error) {
		var xmin int64
		err = row.Scan(&l.Project, &l.Wanted, &l.Location, &l.Number, &l.Incarnation, &xmin)
		l.OldestXMin = uint64(xmin)
		return l, err
	})
	if err != nil {
		return nil, fmt.Errorf("listing published tables: %w", err)
	}
	return lakes, nil
}

// EverPublished says whether any project ever had a table.
func EverPublished(ctx context.Context, db outbox.Querier) (ever bool, err error) {
	if err := db.QueryRow(ctx, "SELECT EXISTS (SELECT FROM analytics.lake_tables)").Scan(&ever); err != nil {
		return false, fmt.Errorf("looking for published tables: %w", err)
	}
	return ever, nil
}

// The names under which Iceberg's SQL catalogs find the tables.
const (
	LakeCatalog   = "analytics"
	LakeNamespace = "analytics"
)

// LakeTable is the name of a project's table.
func LakeTable(project int64) string { return "events_" + strconv.FormatInt(project, 10) }

// ErrPublished is returned when a table is not what it was when its successor was made.
var ErrPublished = errors.New("the table was published by another")

// The row is as it was read, or there is none.
const publishSQL = `
INSERT INTO analytics.lake_tables AS l (project_id, files, incarnation, metadata_location, oldest_xmin)
VALUES ($1, $2, $3, $4, $5::text::xid8)
ON CONFLICT (project_id) DO UPDATE
SET files = excluded.files, incarnation = excluded.incarnation, metadata_location = excluded.metadata_location, oldest_xmin = excluded.oldest_xmin
WHERE coalesce(l.metadata_location, '') = $6`

const catalogSQL = `
INSERT INTO lake.iceberg_tables AS t (catalog_name, table_namespace, table_name, metadata_location, previous_metadata_location, iceberg_type)
VALUES ($1, $2, $3, $4, nullif($5, ''), 'TABLE')
ON CONFLICT (catalog_name, table_namespace, table_name) DO UPDATE
SET metadata_location = excluded.metadata_location, previous_metadata_location = excluded.previous_metadata_location`

// Publish makes now a project's table in place of before. The error is ErrPublished when it
// is no longer that.
func (tx *Tx) Publish(ctx context.Context, project int64, before, now Published) error {
	tag, err := tx.Exec(ctx, publishSQL, project, now.Number, now.Incarnation, now.Location, xid8(now.OldestXMin), before.Location)
	if err != nil {
		return fmt.Errorf("publishing a table: %w", err)
	}
	if tag.RowsAffected() == 0 {
		return ErrPublished
	}
	if _, err := tx.Exec(ctx, catalogSQL, LakeCatalog, LakeNamespace, LakeTable(project), now.Location, before.Location); err != nil {
		return fmt.Errorf("publishing a table: %w", err)
	}
	return nil
}

const withdrawSQL = `
WITH gone AS (
    UPDATE analytics.lake_tables SET metadata_location = NULL
    WHERE metadata_location IS NOT NULL AND project_id = ANY ($1::bigint[])
    RETURNING project_id
)
DELETE FROM lake.iceberg_tables AS t USING gone
WHERE t.catalog_name = $2 AND t.table_namespace = $3 AND t.table_name = 'events_' || gone.project_id`

// Withdraw takes the tables of projects out of the catalog. Nothing holds their files any
// more.
func (tx *Tx) Withdraw(ctx context.Context, projects ...int64) error {
	if _, err := tx.Exec(ctx, withdrawSQL, projects, LakeCatalog, LakeNamespace); err != nil {
		return fmt.Errorf("withdrawing a table: %w", err)
	}
	return nil
}

// maxHeld is how much longer than the grace period a table may hold the files of replaced
// segments: one that cannot be published anew must not fill the disk.
const maxHeld = 24 * time.Hour

const stuckSQL = `
SELECT coalesce(array_agg(DISTINCT l.project_id), '{}')
FROM analytics.lake_tables AS l JOIN analytics.segments AS s ON s.project_id = l.project_id
WHERE l.metadata_location IS NOT NULL AND s.replaced_at < clock_timestamp() - $1::interval AND s.changed_xid >= l.oldest_xmin`

func (tx *Tx) withdrawStuck(ctx context.Context, after time.Duration) error {
	var projects []int64
	if err := tx.QueryRow(ctx, stuckSQL, after).Scan(&projects); err != nil {
		return fmt.Errorf("looking for stuck tables: %w", err)
	}
	if len(projects) == 0 {
		return nil
	}
	return tx.Withdraw(ctx, projects...)
}
