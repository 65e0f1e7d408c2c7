// Package manifest has every statement of the warehouse and its worker on the
// tables analytics.segments, analytics.rewrites, analytics.sync_state and
// analytics.project_versions: which files make up the warehouse, which of them are
// being rewritten, up to where the outbox is in them, who leads, and whether garbage
// collection is held. It does not know DuckDB.
//
// The state is one row. Whatever changes the list of segments locks that row first
// and raises its version, so that changes have an order and replicas see each.
// Changes of the worker go through a Lease, whose epoch they check.
//
// The outbox's own statements on the state (pkg/outbox: is this the database that
// positions speak of, and where does the outbox end) are there, since ingest must
// not depend on the warehouse.
package manifest

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"eventanalytics/pkg/outbox"
	"eventanalytics/pkg/warehouse/segment"
)

// Channel is notified after the manifest changed.
const Channel = "analytics_manifest"

const notifySQL = "SELECT pg_notify($1, '')"

// Notify wakes the replicas. Call it after the commit.
func Notify(ctx context.Context, db outbox.Querier) error {
	if _, err := db.Exec(ctx, notifySQL, Channel); err != nil {
		return fmt.Errorf("waking the replicas: %w", err)
	}
	return nil
}

// columns are those of analytics.segments that scan reads.
const columns = "id, project_id, path, events, bytes, sha256, min_at, max_at, level, epoch, rollup_bytes, rollup_sha256, users_bytes, users_sha256, shredded, coalesce(raw_bytes, 0), field_ids"

// scan reads a segment from a row of columns.
func scan(row pgx.CollectableRow) (segment.Segment, error) { return scanWith(row) }

// scanChange reads a change from a row of columns and whether it is live.
func scanChange(row pgx.CollectableRow) (c change, err error) {
	c.Segment, err = scanWith(row, &c.live)
	return c, err
}

func scanWith(row pgx.CollectableRow, more ...any) (s segment.Segment, err error) {
	var sum, rollUpSum, usersSum []byte
	var rollUpBytes, usersBytes *int64
	err = row.Scan(append([]any{&s.ID, &s.ProjectID, &s.Path, &s.Events, &s.Bytes, &sum, &s.MinAt, &s.MaxAt, &s.Level, &s.Epoch,
		&rollUpBytes, &rollUpSum, &usersBytes, &usersSum, &s.Shredded, &s.RawBytes, &s.FieldIDs}, more...)...)
	copy(s.SHA256[:], sum)
	s.MinAt, s.MaxAt = s.MinAt.UTC(), s.MaxAt.UTC()
	s.RollUp, s.Users = companion(rollUpBytes, rollUpSum), companion(usersBytes, usersSum)
	return s, err
}

// companion is nil for a file that a segment does not have.
func companion(bytes *int64, sum []byte) *segment.Companion {
	if bytes == nil {
		return nil
	}
	c := &segment.Companion{Bytes: *bytes}
	copy(c.SHA256[:], sum)
	return c
}

const insertSQL = `
INSERT INTO analytics.segments (project_id, path, events, bytes, sha256, min_at, max_at, level, epoch,
                                rollup_bytes, rollup_sha256, users_bytes, users_sha256, shredded, raw_bytes, field_ids)
SELECT project_id, path, events, bytes, sha256, min_at, max_at, level, epoch,
       rollup_bytes, rollup_sha256, users_bytes, users_sha256, string_to_array(shredded, chr(1)), nullif(raw_bytes, 0), field_ids
FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::bigint[], $5::bytea[],
            $6::timestamptz[], $7::timestamptz[], $8::integer[], $9::bigint[], $10::bigint[], $11::bytea[], $12::bigint[], $13::bytea[],
            $14::text[], $15::bigint[], $16::boolean[])
  AS s (project_id, path, events, bytes, sha256, min_at, max_at, level, epoch, rollup_bytes, rollup_sha256, users_bytes, users_sha256, shredded, raw_bytes, field_ids)`

// shreddedSeparator joins the names of a segment's columns, for lack of arrays of
// arrays of different lengths. No column's name has it.
const shreddedSeparator = "\x01"

// Insert lists new segments. By itself it raises no version: replicas learn of
// them with the next change.
func Insert(ctx context.Context, db outbox.Querier, segments []segment.Segment) error {
	n := len(segments)
	projects, paths, events, bytes, sums := make([]int64, n), make([]string, n), make([]int64, n), make([]int64, n), make([][]byte, n)
	first, last, levels, epochs := make([]time.Time, n), make([]time.Time, n), make([]int32, n), make([]int64, n)
	rollUpBytes, rollUpSums, usersBytes, usersSums := make([]*int64, n), make([][]byte, n), make([]*int64, n), make([][]byte, n)
	shredded, raw, fields := make([]string, n), make([]int64, n), make([]bool, n)
	for i, s := range segments {
		projects[i], paths[i], events[i], bytes[i], sums[i] = s.ProjectID, s.Path, s.Events, s.Bytes, s.SHA256[:]
		first[i], last[i], levels[i], epochs[i] = s.MinAt, s.MaxAt, int32(s.Level), s.Epoch
		if s.RollUp != nil {
			rollUpBytes[i], rollUpSums[i] = &s.RollUp.Bytes, s.RollUp.SHA256[:]
		}
		if s.Users != nil {
			usersBytes[i], usersSums[i] = &s.Users.Bytes, s.Users.SHA256[:]
		}
		shredded[i], raw[i], fields[i] = strings.Join(s.Shredded, shreddedSeparator), s.RawBytes, s.FieldIDs
	}
	_, err := db.Exec(ctx, insertSQL, projects, paths, events, bytes, sums, first, last, levels, epochs,
		rollUpBytes, rollUpSums, usersBytes, usersSums, shredded, raw, fields)
	if err != nil {
		return fmt.Errorf("listing segments in the manifest: %w", err)
	}
	return nil
}

const raiseProjectsSQL = `
INSERT INTO analytics.project_versions (project_id, version)
SELECT DISTINCT unnest($1::bigint[]), $2::bigint
ON CONFLICT (project_id) DO UPDATE SET version = excluded.version`

// raiseProjects says that answers of projects may differ from version on.
func raiseProjects(ctx context.Context, db outbox.Querier, projects []int64, version int64) error {
	if _, err := db.Exec(ctx, raiseProjectsSQL, projects, version); err != nil {
		return fmt.Errorf("raising project versions: %w", err)
	}
	return nil
}

func projectsOf(segments []segment.Segment) []int64 {
	projects := make([]int64, len(segments))
	for i, s := range segments {
		projects[i] = s.ProjectID
	}
	return projects
}

const retireSQL = `
UPDATE analytics.segments SET replaced_at = clock_timestamp()
WHERE id = ANY($1::bigint[]) AND replaced_at IS NULL`

// retire takes live segments out of the manifest and returns how many there were.
// Their rows stay until they are expired: readers of older versions need the files.
func retire(ctx context.Context, db outbox.Querier, segments []segment.Segment) (int, error) {
	tag, err := db.Exec(ctx, retireSQL, idsOf(segments))
	if err != nil {
		return 0, fmt.Errorf("retiring segments: %w", err)
	}
	return int(tag.RowsAffected()), nil
}

const liveSQL = "SELECT " + columns + " FROM analytics.segments WHERE replaced_at IS NULL ORDER BY id"

// Live returns the live segments in the order of their ids. Unlike Read it also
// does so in a database that waits to be restored.
func Live(ctx context.Context, db outbox.Querier) ([]segment.Segment, error) {
	rows, err := db.Query(ctx, liveSQL)
	if err != nil {
		return nil, fmt.Errorf("reading the manifest: %w", err)
	}
	segments, err := pgx.CollectRows(rows, scan)
	if err != nil {
		return nil, fmt.Errorf("reading the manifest: %w", err)
	}
	return segments, nil
}

const isLiveSQL = "SELECT EXISTS (SELECT FROM analytics.segments WHERE id = $1 AND replaced_at IS NULL)"

// IsLive says whether a segment that was read earlier is still live. If it is not,
// its files may be gone.
func IsLive(ctx context.Context, db outbox.Querier, s segment.Segment) (live bool, err error) {
	if err := db.QueryRow(ctx, isLiveSQL, s.ID).Scan(&live); err != nil {
		return false, fmt.Errorf("reading the manifest again: %w", err)
	}
	return live, nil
}

const withoutUsersSQL = "SELECT " + columns + ` FROM analytics.segments
WHERE replaced_at IS NULL AND rollup_bytes IS NOT NULL AND users_bytes IS NULL AND id <> ALL ($1::bigint[]) ORDER BY id LIMIT 1`

// WithoutUsers returns the first live segment that has a roll-up and not its events by
// user, other than those with the ids except; ok is false when there is none.
func WithoutUsers(ctx context.Context, db outbox.Querier, except []int64) (s segment.Segment, ok bool, err error) {
	return first(ctx, db, withoutUsersSQL, notNull(except))
}

const withoutFieldIDsSQL = "SELECT " + columns + ` FROM analytics.segments
WHERE replaced_at IS NULL AND rollup_bytes IS NOT NULL AND NOT field_ids AND id <> ALL ($1::bigint[]) ORDER BY id LIMIT 1`

// WithoutFieldIDs returns the first live segment that has a roll-up and whose columns have
// no ids, other than those with the ids except; ok is false when there is none.
func WithoutFieldIDs(ctx context.Context, db outbox.Querier, except []int64) (s segment.Segment, ok bool, err error) {
	return first(ctx, db, withoutFieldIDsSQL, notNull(except))
}

const outdatedSQL = "SELECT " + columns + ` FROM analytics.segments
WHERE replaced_at IS NULL AND rollup_bytes IS NULL AND id <> ALL ($1::bigint[]) ORDER BY id LIMIT 1`

// Outdated returns the first live segment without a roll-up, other than those with
// the ids except; ok is false when there is none.
func Outdated(ctx context.Context, db outbox.Querier, except []int64) (s segment.Segment, ok bool, err error) {
	return first(ctx, db, outdatedSQL, notNull(except))
}

// first returns the segment that sql finds, if any.
func first(ctx context.Context, db outbox.Querier, sql string, args ...any) (s segment.Segment, ok bool, err error) {
	rows, err := db.Query(ctx, sql, args...)
	if err != nil {
		return s, false, fmt.Errorf("looking for old segments: %w", err)
	}
	s, err = pgx.CollectExactlyOneRow(rows, scan)
	if errors.Is(err, pgx.ErrNoRows) {
		return s, false, nil
	}
	if err != nil {
		return s, false, fmt.Errorf("looking for old segments: %w", err)
	}
	return s, true, nil
}

// The manifest names a segment's other files by the Parquet file they are beside.
const unreferencedSQL = `
SELECT f.path FROM unnest($1::text[]) AS f (path)
WHERE NOT EXISTS (SELECT FROM analytics.segments AS s WHERE s.path = regexp_replace(f.path, '\.(rollup|users)$', '.parquet'))`

// Unreferenced returns those of paths that no row names, of a live or a replaced
// segment.
func Unreferenced(ctx context.Context, db outbox.Querier, paths []string) ([]string, error) {
	rows, err := db.Query(ctx, unreferencedSQL, paths)
	if err != nil {
		return nil, fmt.Errorf("looking for files the manifest does not name: %w", err)
	}
	found, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("looking for files the manifest does not name: %w", err)
	}
	return found, nil
}

// Unread says whether a table of the outbox has rows ahead of the position.
func Unread(ctx context.Context, db outbox.Querier, table pgx.Identifier) (unread bool, err error) {
	err = db.QueryRow(ctx, "SELECT EXISTS (SELECT FROM "+table.Sanitize()+" AS o, analytics.sync_state AS s WHERE (o.xid, o.seq) > (s.xid, s.seq))").Scan(&unread)
	if err != nil {
		return false, fmt.Errorf("looking for unread rows: %w", err)
	}
	return unread, nil
}

func idsOf(segments []segment.Segment) []int64 {
	ids := make([]int64, len(segments))
	for i, s := range segments {
		ids[i] = s.ID
	}
	return ids
}

// notNull is ids as an array that is not NULL: nothing compares with that.
func notNull(ids []int64) []int64 { return append([]int64{}, ids...) }

// xid8 writes a transaction id as Postgres reads it.
func xid8(xid uint64) string { return strconv.FormatUint(xid, 10) }
