package replica

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"eventanalytics/pkg/outbox"
	"eventanalytics/pkg/platform/postgres/pgtest"
	"eventanalytics/pkg/warehouse"
	"eventanalytics/pkg/warehouse/manifest"
	"eventanalytics/pkg/warehouse/segment"
)

// list puts a segment into the manifest and moves the position to (xid, 1).
func list(t testing.TB, pool *pgxpool.Pool, s segment.Segment, xid int) {
	t.Helper()
	require.NoError(t, pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) error {
		return manifest.Insert(t.Context(), tx, []segment.Segment{s})
	}))
	move(t, pool, fmt.Sprintf("version = version + 1, xid = '%d', seq = 1", xid))
}

func move(t testing.TB, pool *pgxpool.Pool, set string) {
	t.Helper()
	_, err := pool.Exec(t.Context(), "UPDATE analytics.sync_state SET "+set)
	require.NoError(t, err)
}

func newReader(t testing.TB, cfg warehouse.Config, pool *pgxpool.Pool) *Reader {
	return NewReader(pool, segment.NewIntegrity(segment.NewFolder(cfg.Dir)), cfg, zap.NewNop())
}

func TestReaderFollows(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t)
	cfg.PollInterval = time.Minute // only the notification can be fast enough
	pool := pgtest.New(t)
	r := newReader(t, cfg, pool)
	_, err := r.Current()
	require.ErrorIs(t, err, ErrNotReady)

	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- r.Run(ctx) }()
	waiting, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	require.NoError(t, r.Wait(waiting, outbox.Position{Incarnation: 1}))

	written := write(t, cfg, rand.New(rand.NewPCG(1, 1)), 10, 2)
	_, err = pool.Exec(ctx, "INSERT INTO analytics.project_versions VALUES (1, 1)")
	require.NoError(t, err)
	list(t, pool, written, 7)
	require.Eventually(t, func() bool { // until the reader listens
		_, err := pool.Exec(ctx, "SELECT pg_notify($1, '')", manifest.Channel)
		require.NoError(t, err)
		s, err := r.Current()
		require.NoError(t, err)
		return s.Version == 1
	}, 20*time.Second, 10*time.Millisecond)
	pos := outbox.Position{Incarnation: 1, XID: 7, Seq: 1}
	require.NoError(t, r.Wait(waiting, pos))
	s, err := r.Current()
	require.NoError(t, err)
	require.Equal(t, pos, s.Position)
	require.EqualValues(t, 1, s.ProjectVersion(1))
	written.ID = s.Segments(1, time.Time{}, time.Time{})[0].ID
	require.Equal(t, []segment.Segment{written}, s.Segments(1, time.Time{}, time.Time{}))

	short, cancelShort := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancelShort()
	pos.Seq++
	require.ErrorIs(t, r.Wait(short, pos), context.DeadlineExceeded)
	stop()
	require.NoError(t, <-ended)
}

func TestReaderNeverGoesBack(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t)
	pool := pgtest.New(t)
	r := newReader(t, cfg, pool)
	ctx := t.Context()
	random := rand.New(rand.NewPCG(1, 1))
	list(t, pool, write(t, cfg, random, 10, 2), 7)
	list(t, pool, write(t, cfg, random, 10, 2), 8)
	require.NoError(t, r.refresh(ctx))
	before, err := r.Current()
	require.NoError(t, err)

	for _, older := range []string{"version = 1", "xid = '7'", "seq = 0", "incarnation = 0"} {
		move(t, pool, older)
		require.ErrorContains(t, r.refresh(ctx), "went back", older)
		now, err := r.Current()
		require.NoError(t, err)
		require.Same(t, before, now)
		move(t, pool, "version = 2, xid = '8', seq = 1, incarnation = 1")
	}
	move(t, pool, "incarnation = 2, version = 1, xid = '3', seq = 0")
	require.NoError(t, r.refresh(ctx), "a later incarnation starts over")
	move(t, pool, "system_identifier = 1")
	require.ErrorIs(t, r.refresh(ctx), outbox.ErrRestored)
}

func TestReaderGrowsStale(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t)
	pool := pgtest.New(t)
	r := newReader(t, cfg, pool)
	now := time.Now()
	r.now = func() time.Time { return now }
	require.NoError(t, r.refresh(t.Context()))
	require.False(t, r.Stale())
	now = now.Add(stalePolls*cfg.PollInterval + 1)
	require.True(t, r.Stale())
	_, err := r.Current()
	require.NoError(t, err)
	now = now.Add(cfg.GracePeriod / 2)
	_, err = r.Current()
	require.ErrorIs(t, err, ErrStale)
	move(t, pool, "complete_until = '2025-08-01 00:00:00+00'")
	require.NoError(t, r.refresh(t.Context()))
	s, err := r.Current()
	require.NoError(t, err)
	require.Equal(t, "2025-08-01T00:00:00Z", s.CompleteUntil.UTC().Format(time.RFC3339))
}
