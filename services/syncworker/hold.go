package syncworker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.uber.org/zap"
)

// A backup is a dump of Postgres and, after it, a copy of the warehouse folder.
// Between the two no file may go that the dump names: garbage collection is held
// meanwhile. Two things make that safe against a collection under way when the
// hold is taken:
//
// Rows of replaced segments leave the manifest only in a transaction that locks
// the sync state and finds no hold there; files go after their rows. So
// whatever a dump begun after Hold names keeps its file, even when a worker was
// cut off from Postgres in the middle of a collection.
//
// A collection has an advisory lock from its look at the hold to its last file.
// Hold stores the hold, then waits for that lock, so that nothing vanishes under
// the program that copies the folder either.
//
// Old outbox partitions are dropped all the same: they hold only batches that
// are behind the position, and the dump has both from one snapshot.

// MaxHold is the longest a hold may be taken for: a forgotten one must not fill
// the disk.
const MaxHold = 30 * 24 * time.Hour

// A second hold never shortens the first.
const holdSQL = `
UPDATE analytics.sync_state
SET hold_until = greatest(hold_until, clock_timestamp() + $1::interval), hold_reason = $2
RETURNING hold_until`

const awaitCollectionSQL = "SELECT pg_advisory_xact_lock(hashtextextended('analytics.collect', 0))"

// Hold keeps garbage collection from deleting files for the given time, by the
// database's clock, or until Release; reason is for people who wonder. It
// returns when no collection is under way any more, with the end of the hold.
func Hold(ctx context.Context, pool *pgxpool.Pool, d time.Duration, reason string) (until time.Time, err error) {
	if d <= 0 || d > MaxHold {
		return time.Time{}, fmt.Errorf("holding garbage collection for %s: it must be more than nothing and at most %s", d, MaxHold)
	}
	if err := pool.QueryRow(ctx, holdSQL, d, reason).Scan(&until); err != nil {
		return time.Time{}, fmt.Errorf("holding garbage collection: %w", err)
	}
	err = pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error { return awaitCollection(ctx, tx) })
	if err != nil {
		return time.Time{}, err
	}
	return until.UTC(), nil
}

// awaitCollection returns when no collection is under way; none begins before tx
// ends.
func awaitCollection(ctx context.Context, tx pgx.Tx) error {
	_, err := tx.Exec(ctx, "SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0")
	if err == nil {
		_, err = tx.Exec(ctx, awaitCollectionSQL)
	}
	if err != nil {
		return fmt.Errorf("waiting for the collection under way: %w", err)
	}
	return nil
}

// ErrNotHeld is returned by Release when there was no hold, or it had ended: a
// copy that relied on it may lack files.
var ErrNotHeld = errors.New("garbage collection was not held, or the hold ended before it was released")

const liftSQL = `
UPDATE analytics.sync_state SET hold_until = 'epoch', hold_reason = ''
FROM (SELECT hold_until > clock_timestamp() AS held FROM analytics.sync_state FOR UPDATE) AS before
RETURNING before.held`

// Release ends the hold, whoever took it. It returns ErrNotHeld when there was
// none any more.
func Release(ctx context.Context, pool *pgxpool.Pool) error {
	var held bool
	if err := pool.QueryRow(ctx, liftSQL).Scan(&held); err != nil {
		return fmt.Errorf("releasing garbage collection: %w", err)
	}
	if !held {
		return ErrNotHeld
	}
	return nil
}

const heldSQL = "SELECT hold_until > clock_timestamp(), hold_until, hold_reason FROM analytics.sync_state"

// held looks whether garbage collection is held. tx must have locked the sync
// state.
func (t *term) held(ctx context.Context, tx pgx.Tx) (held bool, err error) {
	var until time.Time
	var reason string
	if err := tx.QueryRow(ctx, heldSQL).Scan(&held, &until, &reason); err != nil {
		return false, fmt.Errorf("looking for a hold: %w", err)
	}
	if held {
		t.log.Info("garbage collection is held", zap.Time("until", until), zap.String("reason", reason))
	}
	return held, nil
}

const (
	lockCollectionSQL   = "SELECT pg_try_advisory_lock(hashtextextended('analytics.collect', 0))"
	unlockCollectionSQL = "SELECT pg_advisory_unlock(hashtextextended('analytics.collect', 0))"
)

// alone runs f under the lock that Hold waits for. It does nothing while another
// process has the lock.
func (t *term) alone(ctx context.Context, f func() error) error {
	conn, err := t.pool.Acquire(ctx)
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
	return f()
}
