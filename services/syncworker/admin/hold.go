package admin

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"eventanalytics/pkg/warehouse/manifest"
)

// A backup is a dump of Postgres and, after it, a copy of the warehouse folder.
// Between the two no file may go that the dump names, so garbage collection is
// held; package manifest says what makes that safe.
//
// Old outbox partitions are dropped all the same: they hold only batches that
// are behind the position, and the dump has both from one snapshot.

// MaxHold is the maximum time of a hold: a forgotten one must not fill the disk.
const MaxHold = 30 * 24 * time.Hour

// Hold keeps garbage collection from deleting files for the given time, by the
// database's clock, or until Release; reason is shown in the worker's log. A second
// hold never shortens the first. It returns when no collection is under way any
// more, with the end of the hold.
func Hold(ctx context.Context, pool *pgxpool.Pool, d time.Duration, reason string) (until time.Time, err error) {
	if d <= 0 || d > MaxHold {
		return time.Time{}, fmt.Errorf("holding garbage collection for %s: it must be positive and at most %s", d, MaxHold)
	}
	if until, err = manifest.Hold(ctx, pool, d, reason); err != nil {
		return time.Time{}, err
	}
	err = pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error { return manifest.AwaitCollection(ctx, tx) })
	if err != nil {
		return time.Time{}, err
	}
	return until, nil
}

// ErrNotHeld is returned by Release when there was no hold, or it had expired: a
// copy that relied on it may lack files.
var ErrNotHeld = errors.New("garbage collection was not held, or the hold ended before it was released")

// Release ends the hold, whoever took it. It returns ErrNotHeld when there was
// none.
func Release(ctx context.Context, pool *pgxpool.Pool) error {
	held, err := manifest.Lift(ctx, pool)
	if err != nil {
		return err
	}
	if !held {
		return ErrNotHeld
	}
	return nil
}
