package manifest

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/platform/postgres/pgtest"
	"eventanalytics/pkg/warehouse/segment"
)

// newEpoch is another worker's lease, or this one's after it was started again.
func newEpoch(t *testing.T, pool *pgxpool.Pool) *Lease {
	t.Helper()
	_, err := pool.Exec(t.Context(), "UPDATE analytics.sync_state SET lease_until = 'epoch'")
	require.NoError(t, err)
	l, err := Acquire(t.Context(), pool, "w", time.Minute)
	require.NoError(t, err)
	require.NotNil(t, l)
	return l
}

func TestRewriteThatWasCutShort(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	for range 4 {
		require.NoError(t, Insert(t.Context(), pool, []segment.Segment{{
			ProjectID: 1, Path: uuid.NewString(), Events: 1, Bytes: 1, RawBytes: 1, RollUp: &segment.Companion{}, MinAt: start, MaxAt: start,
		}}))
	}
	all, err := Live(t.Context(), pool)
	require.NoError(t, err)
	in, ids := all[:3], idsOf(all[:3])
	passedOver := func(l *Lease) []int64 {
		ids, err := PassedOver(t.Context(), pool, l.Epoch())
		require.NoError(t, err)
		return ids
	}
	unfinished := func() int64 {
		o, err := Observe(t.Context(), pool)
		require.NoError(t, err)
		return o.Unfinished
	}
	later := func(by time.Duration) {
		_, err := pool.Exec(t.Context(), "UPDATE analytics.rewrites SET begun_at = begun_at - $1::interval", by)
		require.NoError(t, err)
	}

	first := newEpoch(t, pool)
	note, err := first.BeginRewrite(t.Context(), in)
	require.NoError(t, err)
	require.Empty(t, passedOver(first), "it is under way")
	require.Zero(t, unfinished())

	// The process dies, or its lease is taken over while it is still at it.
	second := newEpoch(t, pool)
	require.Equal(t, ids, passedOver(second))
	require.EqualValues(t, 1, unfinished())
	_, err = first.BeginRewrite(t.Context(), in)
	require.ErrorIs(t, err, ErrFenced)

	// An old leader that comes to an end takes its note with it.
	require.NoError(t, EndRewrite(t.Context(), pool, note))
	require.Empty(t, passedOver(second))
	require.Zero(t, unfinished())

	// One that died does not: the wait doubles with each attempt, up to a day.
	_, err = second.BeginRewrite(t.Context(), in)
	require.NoError(t, err)
	for wait := firstWait; wait < 3*maxWait; wait *= 2 {
		l := newEpoch(t, pool)
		wait := min(wait, maxWait)
		later(wait - time.Minute)
		require.Equal(t, ids, passedOver(l))
		later(time.Minute)
		require.Empty(t, passedOver(l), "after %s it is tried again", wait)
		require.EqualValues(t, 1, unfinished(), "until then nobody knows how it ends")
		note, err = l.BeginRewrite(t.Context(), all[2:]) // others, with one of the same
		require.NoError(t, err)
		ids = idsOf(all[2:])
	}

	// A note of segments that are gone means nothing.
	last := newEpoch(t, pool)
	_, err = pool.Exec(t.Context(), "UPDATE analytics.segments SET replaced_at = now() WHERE id = ANY ($1)", ids)
	require.NoError(t, err)
	require.Zero(t, unfinished())
	_, err = last.BeginRewrite(t.Context(), all[:1])
	require.NoError(t, err)
	require.NoError(t, last.Commit(t.Context(), func(tx *Tx) error { return tx.EndRewrite(t.Context(), note+1) }))
	var notes int
	require.NoError(t, pool.QueryRow(t.Context(), "SELECT count(*) FROM analytics.rewrites").Scan(&notes))
	require.Zero(t, notes)
}
