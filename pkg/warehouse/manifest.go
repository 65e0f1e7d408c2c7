package warehouse

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"eventanalytics/pkg/outbox"
)

// Channel is notified after the manifest changed.
const Channel = "analytics_manifest"

// Manifest reads the list of segments that make up the warehouse.
type Manifest struct{ pool *pgxpool.Pool }

// NewManifest reads the manifest through pool.
func NewManifest(pool *pgxpool.Pool) *Manifest { return &Manifest{pool: pool} }

// Snapshot reads the manifest's current version. It returns outbox.ErrRestored
// for a restored database.
func (m *Manifest) Snapshot(ctx context.Context) (*Snapshot, error) { return m.after(ctx, nil) }

// after reads the current version; when that is the one of known, its segments
// are taken over unread.
func (m *Manifest) after(ctx context.Context, known *Snapshot) (*Snapshot, error) {
	var s *Snapshot
	// All statements see the same state.
	options := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	err := pgx.BeginTxFunc(ctx, m.pool, options, func(tx pgx.Tx) (err error) {
		s, err = readSnapshot(ctx, tx, known)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading the manifest: %w", err)
	}
	return s, nil
}

const stateSQL = `
SELECT incarnation, xid::text::bigint, seq, version, complete_until,
       system_identifier = (pg_control_system()).system_identifier
FROM analytics.sync_state`

const segmentsSQL = "SELECT " + SegmentColumns + " FROM analytics.segments WHERE replaced_at IS NULL ORDER BY id"

const projectVersionsSQL = "SELECT project_id, version FROM analytics.project_versions"

func readSnapshot(ctx context.Context, tx pgx.Tx, known *Snapshot) (*Snapshot, error) {
	var s Snapshot
	var xid int64
	var original bool
	err := tx.QueryRow(ctx, stateSQL).Scan(
		&s.Position.Incarnation, &xid, &s.Position.Seq, &s.Version, &s.CompleteUntil, &original)
	if err != nil {
		return nil, err
	}
	if !original {
		return nil, outbox.ErrRestored
	}
	s.Position.XID = uint64(xid)
	if known != nil && known.Version == s.Version && known.Position == s.Position {
		return known.at(s.CompleteUntil), nil
	}

	rows, err := tx.Query(ctx, segmentsSQL)
	if err != nil {
		return nil, err
	}
	segments, err := pgx.CollectRows(rows, ScanSegment)
	if err != nil {
		return nil, err
	}

	versions := map[int64]int64{}
	if rows, err = tx.Query(ctx, projectVersionsSQL); err != nil {
		return nil, err
	}
	var project, version int64
	_, err = pgx.ForEachRow(rows, []any{&project, &version}, func() error {
		versions[project] = version
		return nil
	})
	if err != nil {
		return nil, err
	}
	return NewSnapshot(s.Version, s.Position, s.CompleteUntil.UTC(), segments, versions), nil
}

// SegmentColumns are the columns of analytics.segments that ScanSegment reads.
const SegmentColumns = "id, project_id, path, events, bytes, sha256, min_at, max_at, level, epoch, rollup_bytes, rollup_sha256, shredded"

// ScanSegment reads a segment from a row of SegmentColumns.
func ScanSegment(row pgx.CollectableRow) (Segment, error) {
	var s Segment
	var sum, rollUpSum []byte
	var rollUpBytes *int64
	err := row.Scan(&s.ID, &s.ProjectID, &s.Path, &s.Events, &s.Bytes, &sum, &s.MinAt, &s.MaxAt, &s.Level, &s.Epoch,
		&rollUpBytes, &rollUpSum, &s.Shredded)
	copy(s.SHA256[:], sum)
	s.MinAt, s.MaxAt = s.MinAt.UTC(), s.MaxAt.UTC()
	if rollUpBytes != nil {
		s.RollUp = &RollUpFile{Bytes: *rollUpBytes}
		copy(s.RollUp.SHA256[:], rollUpSum)
	}
	return s, err
}

const insertSegmentsSQL = `
INSERT INTO analytics.segments (project_id, path, events, bytes, sha256, min_at, max_at, level, epoch,
                                rollup_bytes, rollup_sha256, shredded)
SELECT project_id, path, events, bytes, sha256, min_at, max_at, level, epoch,
       rollup_bytes, rollup_sha256, string_to_array(shredded, chr(1))
FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::bigint[], $5::bytea[],
            $6::timestamptz[], $7::timestamptz[], $8::integer[], $9::bigint[], $10::bigint[], $11::bytea[], $12::text[])
  AS s (project_id, path, events, bytes, sha256, min_at, max_at, level, epoch, rollup_bytes, rollup_sha256, shredded)`

// shreddedSeparator joins the names of a segment's columns, for lack of arrays of
// arrays of different lengths. No column's name has it.
const shreddedSeparator = "\x01"

// InsertSegments lists new segments in the manifest.
func InsertSegments(ctx context.Context, tx pgx.Tx, segments []Segment) error {
	n := len(segments)
	projects, paths, events, bytes, sums := make([]int64, n), make([]string, n), make([]int64, n), make([]int64, n), make([][]byte, n)
	first, last, levels, epochs := make([]time.Time, n), make([]time.Time, n), make([]int32, n), make([]int64, n)
	rollUpBytes, rollUpSums, shredded := make([]*int64, n), make([][]byte, n), make([]string, n)
	for i, s := range segments {
		projects[i], paths[i], events[i], bytes[i], sums[i] = s.ProjectID, s.Path, s.Events, s.Bytes, s.SHA256[:]
		first[i], last[i], levels[i], epochs[i] = s.MinAt, s.MaxAt, int32(s.Level), s.Epoch
		if s.RollUp != nil {
			rollUpBytes[i], rollUpSums[i] = &s.RollUp.Bytes, s.RollUp.SHA256[:]
		}
		shredded[i] = strings.Join(s.Shredded, shreddedSeparator)
	}
	_, err := tx.Exec(ctx, insertSegmentsSQL, projects, paths, events, bytes, sums, first, last, levels, epochs,
		rollUpBytes, rollUpSums, shredded)
	if err != nil {
		return fmt.Errorf("listing segments in the manifest: %w", err)
	}
	return nil
}
