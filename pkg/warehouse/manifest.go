package warehouse

import (
	"context"
	"fmt"

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
