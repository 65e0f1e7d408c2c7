package syncworker

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.uber.org/zap"

	"eventanalytics/pkg/outbox"
	"eventanalytics/pkg/platform/logging"
	"eventanalytics/pkg/warehouse"
)

// ErrNotRestored is returned by Restore for a database that does not need it.
var ErrNotRestored = errors.New("the database is the one the warehouse was written from; there is nothing to restore")

const restoreStateSQL = `
SELECT version, system_identifier = (pg_control_system()).system_identifier, lease_until >= clock_timestamp()
FROM analytics.sync_state FOR UPDATE`

// What was loaded before the dump must stay behind the position, whose ids start
// anew and are lower.
const restampSQL = `
UPDATE analytics.outbox AS o
SET xid = CASE WHEN (o.xid, o.seq) > (s.xid, s.seq) THEN pg_current_xact_id() ELSE '0'::xid8 END
FROM analytics.sync_state AS s`

// The hold is that of the backup, which has ended.
const reincarnateSQL = `
UPDATE analytics.sync_state
SET system_identifier = (pg_control_system()).system_identifier, incarnation = incarnation + 1,
    xid = pg_current_xact_id(), seq = 0, version = version + 1, complete_until = 'epoch',
    hold_until = 'epoch', hold_reason = ''
RETURNING incarnation`

// Restore takes a database restored from a dump into use. A restored cluster
// numbers its transactions anew, so the stored position means nothing in it: a
// worker would skip new batches in silence, and refuses to start instead.
//
// Restore checks the files of the manifest against their hashes. Then, in one
// transaction, it gives the batches that were not loaded yet that transaction's
// id and starts a new incarnation of positions at it. All services must be
// stopped. It returns ErrNotRestored for a database that does not need it.
func Restore(ctx context.Context, pool *pgxpool.Pool, cfg warehouse.Config, log *zap.Logger) error {
	version, err := restorable(ctx, pool)
	if err != nil {
		return fmt.Errorf("restoring: %w", err)
	}
	_, err = Verify(ctx, pool, cfg, false, func(d Damage) {
		log.Error("segment is missing or damaged", zap.String(logging.Segment, d.Path),
			zap.Int64(logging.ProjectID, d.ProjectID), zap.Error(d.Reason))
	})
	if err != nil {
		return fmt.Errorf("restoring: %w", err)
	}
	err = pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		now, err := restorable(ctx, tx)
		if err != nil {
			return err
		}
		if now != version {
			return errors.New("the manifest changed meanwhile: a service is running")
		}
		return reincarnate(ctx, tx, log)
	})
	if err != nil {
		return fmt.Errorf("restoring: %w", err)
	}
	return nil
}

// restorable returns the manifest's version, or why there is nothing to do.
func restorable(ctx context.Context, db outbox.Querier) (version int64, err error) {
	var same, led bool
	if err := db.QueryRow(ctx, restoreStateSQL).Scan(&version, &same, &led); err != nil {
		return 0, fmt.Errorf("reading the sync state: %w", err)
	}
	if same {
		return 0, ErrNotRestored
	}
	if led {
		return 0, errors.New("a worker leads, or led until a moment ago: stop all services first")
	}
	return version, nil
}

// An upload that was not stopped has locked the ledger since it got its
// transaction id. With an id below that of the new position it could still append
// rows that are refused now, but not once the identity is the new one.
const awaitUploadsSQL = "LOCK TABLE analytics.event_ids, analytics.outbox IN SHARE ROW EXCLUSIVE MODE"

func reincarnate(ctx context.Context, tx pgx.Tx, log *zap.Logger) error {
	if _, err := tx.Exec(ctx, "SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0"); err != nil {
		return fmt.Errorf("lifting the time limit: %w", err)
	}
	if _, err := tx.Exec(ctx, awaitUploadsSQL); err != nil {
		return fmt.Errorf("waiting for uploads: %w", err)
	}
	tag, err := tx.Exec(ctx, restampSQL)
	if err != nil {
		return fmt.Errorf("giving batches new transaction ids: %w", err)
	}
	var incarnation int32
	if err := tx.QueryRow(ctx, reincarnateSQL).Scan(&incarnation); err != nil {
		return fmt.Errorf("storing the new identity: %w", err)
	}
	log.Info("restored", zap.Int64("rows", tag.RowsAffected()), zap.Int32("incarnation", incarnation))
	return nil
}
