package manifest

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"eventanalytics/pkg/outbox"
	"eventanalytics/pkg/warehouse/segment"
)

// Tx is a transaction that only the holder of a lease can commit.
type Tx struct {
	outbox.Querier // for statements on other tables
	// Stored is the position that is stored.
	Stored outbox.Position

	lease *Lease
}

const lockSQL = `
SELECT incarnation, xid::text::bigint, seq FROM analytics.sync_state WHERE epoch = $1` + originalSQL + ` FOR UPDATE`

// Commit runs f in a transaction that only the holder of the lease can commit, and
// only in the database that it was acquired in: the transaction locks the state, so
// that no other worker can acquire the lease before it ends. All of what f does is
// committed, or nothing. It returns ErrFenced when another worker has the lease; f
// is not called then.
//
// When the answer to the commit is lost, the error does not say whether it took
// place; the state does.
func (l *Lease) Commit(ctx context.Context, f func(*Tx) error) error {
	return pgx.BeginFunc(ctx, l.pool, func(tx pgx.Tx) error {
		stored, err := position(tx.QueryRow(ctx, lockSQL, l.epoch))
		if err != nil {
			return err
		}
		return f(&Tx{Querier: tx, Stored: stored, lease: l})
	})
}

const advanceSQL = `
UPDATE analytics.sync_state
SET xid = $2::text::xid8, seq = $3, version = version + 1, complete_until = greatest(complete_until, $4)
WHERE epoch = $1
RETURNING version`

// Advance lists the segments of a load and moves the position past its rows, to
// to. completeUntil may be zero; it never goes back. The version rises, and with it
// those of the segments' projects, and of those whose users were linked or changed.
func (tx *Tx) Advance(ctx context.Context, to outbox.Position, completeUntil time.Time, loaded []segment.Segment, changed ...int64) error {
	var version int64
	err := tx.QueryRow(ctx, advanceSQL, tx.lease.epoch, xid8(to.XID), to.Seq, orEpoch(completeUntil)).Scan(&version)
	if err != nil {
		return fmt.Errorf("moving the position: %w", err)
	}
	if err := Insert(ctx, tx, loaded); err != nil {
		return err
	}
	return raiseProjects(ctx, tx, append(projectsOf(loaded), changed...), version)
}

// orEpoch is Postgres' 'epoch' for the zero time.
func orEpoch(at time.Time) time.Time {
	if at.IsZero() {
		return time.Unix(0, 0)
	}
	return at
}

const bumpSQL = "UPDATE analytics.sync_state SET version = version + 1 WHERE epoch = $1"

// Replace retires segments, which must all be live, and lists out, which must have
// exactly their events. The version rises; those of projects do not, since no
// answer changes.
func (tx *Tx) Replace(ctx context.Context, in, out []segment.Segment) error {
	live, err := retire(ctx, tx, in)
	if err != nil {
		return err
	}
	if live != len(in) {
		return fmt.Errorf("retiring segments: %d of %d are live", live, len(in))
	}
	if err := Insert(ctx, tx, out); err != nil {
		return err
	}
	return tx.raise(ctx)
}

// raise raises the version.
func (tx *Tx) raise(ctx context.Context) error {
	if _, err := tx.Exec(ctx, bumpSQL, tx.lease.epoch); err != nil {
		return fmt.Errorf("raising the version: %w", err)
	}
	return nil
}

const addUsersSQL = `
UPDATE analytics.segments SET users_bytes = $2, users_sha256 = $3
WHERE id = $1 AND replaced_at IS NULL AND users_bytes IS NULL`

// AddUsers lists the file of a live segment's events by user, which it did not have. The
// version rises; those of projects do not, since no answer changes.
func (tx *Tx) AddUsers(ctx context.Context, s segment.Segment) error {
	tag, err := tx.Exec(ctx, addUsersSQL, s.ID, s.Users.Bytes, s.Users.SHA256[:])
	if err != nil {
		return fmt.Errorf("listing the users of segment %s: %w", s.Path, err)
	}
	if tag.RowsAffected() == 0 {
		return fmt.Errorf("listing the users of segment %s: it is not live, or has them", s.Path)
	}
	return tx.raise(ctx)
}

// A replaced segment may be in a listed snapshot of a published table; see Published.
const expireSQL = `
DELETE FROM analytics.segments AS s
WHERE replaced_at < clock_timestamp() - $1::interval AND NOT EXISTS (
    SELECT FROM analytics.lake_tables AS l
    WHERE l.project_id = s.project_id AND l.metadata_location IS NOT NULL AND s.changed_xid >= l.oldest_xmin)
RETURNING path`

// Expire drops the rows of segments that were replaced more than grace ago and
// returns their paths. Once it is committed nothing needs their files any more. Those
// that a published table lists stay; a table that lists one for longer than maxHeld
// beyond grace is withdrawn.
func (tx *Tx) Expire(ctx context.Context, grace time.Duration) ([]string, error) {
	if err := tx.withdrawStuck(ctx, grace+maxHeld); err != nil {
		return nil, err
	}
	rows, err := tx.Query(ctx, expireSQL, grace)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}
