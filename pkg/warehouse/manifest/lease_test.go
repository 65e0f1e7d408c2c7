package manifest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/outbox"
	"eventanalytics/pkg/platform/postgres/pgtest"
)

func TestFencedLeaseChangesNothing(t *testing.T) {
	t.Parallel()
	pool, ctx := pgtest.New(t), t.Context()
	first, err := Acquire(ctx, pool, "first", time.Minute)
	require.NoError(t, err)
	require.NotNil(t, first)
	none, err := Acquire(ctx, pool, "second", time.Minute)
	require.NoError(t, err)
	require.Nil(t, none, "the first has it")
	before, err := Read(ctx, pool)
	require.NoError(t, err)
	require.Equal(t, before.Position, first.Acquired())

	require.NoError(t, first.Release(ctx))
	second, err := Acquire(ctx, pool, "second", time.Minute)
	require.NoError(t, err)
	require.Greater(t, second.Epoch(), first.Epoch())
	called := func(*Tx) error { t.Error("called"); return nil }
	require.ErrorIs(t, first.Commit(ctx, called), ErrFenced)
	require.ErrorIs(t, first.Renew(ctx, time.Hour), ErrFenced)
	require.ErrorIs(t, first.Complete(ctx, time.Now()), ErrFenced)
	_, err = first.Position(ctx)
	require.ErrorIs(t, err, ErrFenced)
	require.NoError(t, first.Release(ctx))
	none, err = Acquire(ctx, pool, "third", time.Minute)
	require.NoError(t, err)
	require.Nil(t, none, "the first could not release what the second has")
	after, err := ReadAfter(ctx, pool, before)
	require.NoError(t, err)
	require.Equal(t, before, after)

	// A database restored from a dump has the same epoch.
	_, err = pool.Exec(ctx, "UPDATE analytics.sync_state SET system_identifier = 1")
	require.NoError(t, err)
	require.ErrorIs(t, second.Commit(ctx, called), ErrFenced)
	require.ErrorIs(t, second.Renew(ctx, time.Hour), ErrFenced)
	_, err = Read(ctx, pool)
	require.ErrorIs(t, err, outbox.ErrRestored)
	_, err = Acquire(ctx, pool, "third", time.Minute)
	require.ErrorIs(t, err, outbox.ErrRestored)
}

// What goes wrong in a transaction undoes all of it.
func TestCommitIsAllOrNothing(t *testing.T) {
	t.Parallel()
	pool, ctx := pgtest.New(t), t.Context()
	lease, err := Acquire(ctx, pool, "first", time.Minute)
	require.NoError(t, err)
	to := outbox.Position{Incarnation: 1, XID: 7, Seq: 1}
	require.NoError(t, lease.Commit(ctx, func(tx *Tx) error {
		require.NoError(t, tx.Advance(ctx, to, time.Now(), nil))
		return tx.Replace(ctx, nil, nil)
	}))
	at, err := lease.Position(ctx)
	require.NoError(t, err)
	require.Equal(t, to, at)
	until := value[time.Time](t, pool, "SELECT complete_until FROM analytics.sync_state")

	require.ErrorIs(t, lease.Commit(ctx, func(tx *Tx) error {
		require.Equal(t, to, tx.Stored)
		require.NoError(t, tx.Advance(ctx, outbox.Position{Incarnation: 1, XID: 9, Seq: 3}, time.Now(), nil))
		return ErrFenced
	}), ErrFenced)
	at, err = lease.Position(ctx)
	require.NoError(t, err)
	require.Equal(t, to, at)
	require.NoError(t, lease.Complete(ctx, until.Add(-time.Hour)))
	require.Equal(t, until, value[time.Time](t, pool, "SELECT complete_until FROM analytics.sync_state"), "it never goes back")
}
