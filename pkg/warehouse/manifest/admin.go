package manifest

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"eventanalytics/pkg/outbox"
	"eventanalytics/pkg/warehouse/segment"
)

const lockStateSQL = "SELECT FROM analytics.sync_state FOR UPDATE"

const raiseVersionSQL = "UPDATE analytics.sync_state SET version = version + 1 RETURNING version"

// Swap puts a segment into the manifest in place of another, without a lease, and
// returns whether the other was still live; if not, it does nothing. The project's
// version rises too: unlike after Replace, answers change.
//
// No lease keeps garbage collection from the new segment's files: tx must have
// called AwaitCollection and then have seen that they are there.
func Swap(ctx context.Context, tx pgx.Tx, from, to segment.Segment) (swapped bool, err error) {
	if _, err := tx.Exec(ctx, lockStateSQL); err != nil {
		return false, fmt.Errorf("locking the sync state: %w", err)
	}
	live, err := retire(ctx, tx, []segment.Segment{from})
	if err != nil || live == 0 {
		return false, err
	}
	if err := Insert(ctx, tx, []segment.Segment{to}); err != nil {
		return false, err
	}
	return true, raise(ctx, tx, to.ProjectID)
}

func raise(ctx context.Context, tx pgx.Tx, projects ...int64) error {
	var version int64
	if err := tx.QueryRow(ctx, raiseVersionSQL).Scan(&version); err != nil {
		return fmt.Errorf("raising the version: %w", err)
	}
	return raiseProjects(ctx, tx, projects, version)
}

// Raise raises the versions of projects whose answers change for another reason than
// their segments, without a lease.
func Raise(ctx context.Context, tx pgx.Tx, projects ...int64) error {
	if _, err := tx.Exec(ctx, lockStateSQL); err != nil {
		return fmt.Errorf("locking the sync state: %w", err)
	}
	return raise(ctx, tx, projects...)
}

const identitySQL = `
SELECT version, system_identifier = (pg_control_system()).system_identifier, lease_until >= clock_timestamp()
FROM analytics.sync_state FOR UPDATE`

// Identity returns the manifest's version, whether the database is the one that
// positions speak of, and whether a worker leads. In a transaction it also locks
// the state.
func Identity(ctx context.Context, db outbox.Querier) (version int64, original, led bool, err error) {
	if err := db.QueryRow(ctx, identitySQL).Scan(&version, &original, &led); err != nil {
		return 0, false, false, fmt.Errorf("reading the sync state: %w", err)
	}
	return version, original, led, nil
}

// What was loaded before the dump must stay behind the position, whose ids restart
// and are lower.
const restampSQL = `
UPDATE analytics.outbox AS o
SET xid = CASE WHEN (o.xid, o.seq) > (s.xid, s.seq) THEN pg_current_xact_id() ELSE '0'::xid8 END
FROM analytics.sync_state AS s`

// Ids of the other cluster may be far above those of this one: each look at what changed
// would find all rows. A trigger notes this transaction's.
var restampRowsSQL = []string{
	"UPDATE analytics.segments SET changed_xid = DEFAULT", "UPDATE analytics.project_versions SET changed_xid = DEFAULT",
}

// The hold is that of the backup, which is over.
const reincarnateSQL = `
UPDATE analytics.sync_state
SET system_identifier = (pg_control_system()).system_identifier, incarnation = incarnation + 1,
    xid = pg_current_xact_id(), seq = 0, version = version + 1, complete_until = 'epoch',
    hold_until = 'epoch', hold_reason = '', deleted_xid = '0'
RETURNING incarnation`

// Reincarnate makes the database the one that positions speak of: it starts a new
// incarnation of positions at tx's transaction id. The batches of the outbox that
// were not loaded yet get that id, the loaded ones 0. It returns how many batches
// there are, and the incarnation.
func Reincarnate(ctx context.Context, tx pgx.Tx) (batches int64, incarnation int32, err error) {
	tag, err := tx.Exec(ctx, restampSQL)
	if err != nil {
		return 0, 0, fmt.Errorf("giving batches new transaction ids: %w", err)
	}
	for _, sql := range restampRowsSQL {
		if _, err := tx.Exec(ctx, sql); err != nil {
			return 0, 0, fmt.Errorf("giving the manifest's rows a new transaction id: %w", err)
		}
	}
	if err := tx.QueryRow(ctx, reincarnateSQL).Scan(&incarnation); err != nil {
		return 0, 0, fmt.Errorf("storing the new identity: %w", err)
	}
	return tag.RowsAffected(), incarnation, nil
}
