package manifest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"eventanalytics/pkg/outbox"
)

// ErrFenced is returned when another worker took the lease over, or the database
// is no longer the one it was taken in: nothing can be committed under it any more.
var ErrFenced = errors.New("another worker leads")

// Lease is the right to change the manifest. At most one worker has one that
// works: each has a higher epoch than all before, and every transaction checks the
// stored epoch. All time in it is the database's. Its methods may be called at the
// same time.
type Lease struct {
	pool     *pgxpool.Pool
	epoch    int64
	acquired outbox.Position
}

const leaseFreeSQL = `
SELECT lease_until < clock_timestamp(), system_identifier = (pg_control_system()).system_identifier
FROM analytics.sync_state`

const acquireSQL = `
UPDATE analytics.sync_state
SET epoch = epoch + 1, leader = $1, lease_until = clock_timestamp() + $2
WHERE lease_until < clock_timestamp()
RETURNING epoch, incarnation, xid::text::bigint, seq`

// Acquire takes the lease for the time d, in the name of leader. It returns nil
// when another worker has it, and outbox.ErrRestored for a restored database.
func Acquire(ctx context.Context, pool *pgxpool.Pool, leader string, d time.Duration) (*Lease, error) {
	var free, same bool
	if err := pool.QueryRow(ctx, leaseFreeSQL).Scan(&free, &same); err != nil {
		return nil, fmt.Errorf("reading the lease: %w", err)
	}
	if !same {
		return nil, outbox.ErrRestored
	}
	if !free {
		return nil, nil
	}
	l := &Lease{pool: pool}
	var xid int64
	err := pool.QueryRow(ctx, acquireSQL, leader, d).Scan(&l.epoch, &l.acquired.Incarnation, &xid, &l.acquired.Seq)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil // another was faster
	}
	if err != nil {
		return nil, fmt.Errorf("taking the lease: %w", err)
	}
	l.acquired.XID = uint64(xid)
	return l, nil
}

// Epoch is higher than that of every lease before.
func (l *Lease) Epoch() int64 { return l.epoch }

// Acquired is the position that was stored when the lease was acquired.
func (l *Lease) Acquired() outbox.Position { return l.acquired }

// A database restored from a dump may have the same epoch.
const originalSQL = " AND system_identifier = (pg_control_system()).system_identifier"

const renewSQL = "UPDATE analytics.sync_state SET lease_until = clock_timestamp() + $2 WHERE epoch = $1" + originalSQL

// Renew keeps the lease for the time d from now. It returns ErrFenced when another
// worker has it.
func (l *Lease) Renew(ctx context.Context, d time.Duration) error {
	tag, err := l.pool.Exec(ctx, renewSQL, l.epoch, d)
	if err != nil {
		return fmt.Errorf("renewing the lease: %w", err)
	}
	if tag.RowsAffected() == 0 {
		return ErrFenced
	}
	return nil
}

const releaseSQL = "UPDATE analytics.sync_state SET lease_until = 'epoch' WHERE epoch = $1"

// Release lets another worker take over at once.
func (l *Lease) Release(ctx context.Context) error {
	if _, err := l.pool.Exec(ctx, releaseSQL, l.epoch); err != nil {
		return fmt.Errorf("releasing the lease: %w", err)
	}
	return nil
}

const positionSQL = "SELECT incarnation, xid::text::bigint, seq FROM analytics.sync_state WHERE epoch = $1"

// Position reads the stored position. It returns ErrFenced when another worker has
// the lease.
func (l *Lease) Position(ctx context.Context) (outbox.Position, error) {
	return position(l.pool.QueryRow(ctx, positionSQL, l.epoch))
}

func position(row pgx.Row) (p outbox.Position, err error) {
	var xid int64
	err = row.Scan(&p.Incarnation, &xid, &p.Seq)
	if errors.Is(err, pgx.ErrNoRows) {
		return p, ErrFenced
	}
	if err != nil {
		return p, fmt.Errorf("reading the position: %w", err)
	}
	p.XID = uint64(xid)
	return p, nil
}

const completeSQL = "UPDATE analytics.sync_state SET complete_until = greatest(complete_until, $2) WHERE epoch = $1" + originalSQL

// Complete notes that every event acknowledged before until is in the segments. It
// never goes back, and returns ErrFenced when another worker has the lease.
func (l *Lease) Complete(ctx context.Context, until time.Time) error {
	tag, err := l.pool.Exec(ctx, completeSQL, l.epoch, until)
	if err != nil {
		return fmt.Errorf("noting completeness: %w", err)
	}
	if tag.RowsAffected() == 0 {
		return ErrFenced
	}
	return nil
}
