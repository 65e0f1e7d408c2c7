package admin

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.uber.org/zap"

	"eventanalytics/pkg/identity/links"
	"eventanalytics/pkg/outbox"
	"eventanalytics/pkg/platform/logging"
	"eventanalytics/pkg/platform/progress"
	"eventanalytics/pkg/traits/traitlog"
	"eventanalytics/pkg/warehouse"
	"eventanalytics/pkg/warehouse/manifest"
)

// ErrNotRestored is returned by Restore for a database that does not need it.
var ErrNotRestored = errors.New("the database is the one the warehouse was written from; there is nothing to restore")

// Restore activates a database restored from a dump. A restored cluster restarts
// its transaction ids, so the stored position means nothing in it: a worker would
// silently skip new batches, and refuses to start instead.
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
	progress.From(ctx).Step("activating the database", "steps", 0)
	err = pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		now, err := restorable(ctx, tx)
		if err != nil {
			return err
		}
		if now != version {
			return errors.New("the manifest changed during the check: a service is running")
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
	version, original, led, err := manifest.Identity(ctx, db)
	switch {
	case err != nil:
		return 0, err
	case original:
		return 0, ErrNotRestored
	case led:
		return 0, errors.New("a worker leads, or led until a moment ago: stop all services first")
	}
	return version, nil
}

// An upload that was not stopped has locked the ledger since it got its
// transaction id. With an id below that of the new position it could still append
// rows that are refused now, but not once the identity is the new one.
const awaitUploadsSQL = "LOCK TABLE analytics.event_ids, analytics.outbox, analytics.identity_claims, analytics.trait_changes IN SHARE ROW EXCLUSIVE MODE"

func reincarnate(ctx context.Context, tx pgx.Tx, log *zap.Logger) error {
	if _, err := tx.Exec(ctx, "SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0"); err != nil {
		return fmt.Errorf("lifting the time limit: %w", err)
	}
	if _, err := tx.Exec(ctx, awaitUploadsSQL); err != nil {
		return fmt.Errorf("waiting for uploads: %w", err)
	}
	rows, incarnation, err := manifest.Reincarnate(ctx, tx)
	if err != nil {
		return err
	}
	if err := links.Restamp(ctx, tx); err != nil {
		return err
	}
	if err := traitlog.Restamp(ctx, tx); err != nil {
		return err
	}
	log.Info("restored", zap.Int64("rows", rows), zap.Int32("incarnation", incarnation))
	return nil
}
