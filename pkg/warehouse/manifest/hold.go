package manifest

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"eventanalytics/pkg/outbox"
)

// Garbage collection can be held, so that no file goes that the manifest names
// now. Two things make that safe against a collection under way:
//
// Rows of replaced segments leave the manifest only in a transaction that locks
// the state and finds no hold there (Tx.Held, then Tx.Expire); files go after their
// rows. So whatever a dump begun after Hold names keeps its file, even when a
// worker was cut off from Postgres in the middle of a collection.
//
// A collection shares an advisory lock with others from its look at the hold to its last
// file (WithCollectionLock). Whoever stores the hold and then waits for that lock
// (AwaitCollection) knows that no file vanishes any more.

// A second hold never shortens the first.
const holdSQL = `
UPDATE analytics.sync_state
SET hold_until = greatest(hold_until, clock_timestamp() + $1::interval), hold_reason = $2
RETURNING hold_until`

// Hold stores a hold of the time d from now, by the database's clock, and returns
// when it ends. A collection may still be under way.
func Hold(ctx context.Context, db outbox.Querier, d time.Duration, reason string) (until time.Time, err error) {
	if err := db.QueryRow(ctx, holdSQL, d, reason).Scan(&until); err != nil {
		return time.Time{}, fmt.Errorf("holding garbage collection: %w", err)
	}
	return until.UTC(), nil
}

const liftSQL = `
UPDATE analytics.sync_state SET hold_until = 'epoch', hold_reason = ''
FROM (SELECT hold_until > clock_timestamp() AS held FROM analytics.sync_state FOR UPDATE) AS before
RETURNING before.held`

// Lift ends the hold, whoever took it. held says whether there was one that had
// not expired.
func Lift(ctx context.Context, db outbox.Querier) (held bool, err error) {
	if err := db.QueryRow(ctx, liftSQL).Scan(&held); err != nil {
		return false, fmt.Errorf("releasing garbage collection: %w", err)
	}
	return held, nil
}

const heldSQL = "SELECT hold_until > clock_timestamp(), hold_until, hold_reason FROM analytics.sync_state"

// Held looks whether garbage collection is held, until when and what for. The
// transaction has locked the state: the answer stays true until it ends.
func (tx *Tx) Held(ctx context.Context) (held bool, until time.Time, reason string, err error) {
	if err := tx.QueryRow(ctx, heldSQL).Scan(&held, &until, &reason); err != nil {
		return false, until, "", fmt.Errorf("looking for a hold: %w", err)
	}
	return held, until, reason, nil
}

const awaitCollectionSQL = "SELECT pg_advisory_xact_lock(hashtextextended('analytics.collect', 0))"

// AwaitCollection returns when no collection is under way, however long that
// takes; none begins before tx ends.
func AwaitCollection(ctx context.Context, tx pgx.Tx) error {
	_, err := tx.Exec(ctx, "SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0")
	if err == nil {
		_, err = tx.Exec(ctx, awaitCollectionSQL)
	}
	if err != nil {
		return fmt.Errorf("waiting for the collection under way: %w", err)
	}
	return nil
}

const (
	lockCollectionSQL   = "SELECT pg_try_advisory_lock_shared(hashtextextended('analytics.collect', 0))"
	unlockCollectionSQL = "SELECT pg_advisory_unlock_shared(hashtextextended('analytics.collect', 0))"
)

// WithCollectionLock runs collect under the lock that AwaitCollection waits for, beside other
// collections: of segments, and of what tables left. It does nothing while somebody has waited,
// or waits, for these to end.
func WithCollectionLock(ctx context.Context, pool *pgxpool.Pool, collect func() error) error {
	conn, err := pool.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("connecting to Postgres: %w", err)
	}
	defer conn.Release()
	var locked bool
	if err := conn.QueryRow(ctx, lockCollectionSQL).Scan(&locked); err != nil {
		return fmt.Errorf("locking garbage collection: %w", err)
	}
	if !locked {
		return nil
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		if _, err := conn.Exec(ctx, unlockCollectionSQL); err != nil {
			_ = conn.Conn().Close(ctx) // the lock goes with the session
		}
	}()
	return collect()
}
