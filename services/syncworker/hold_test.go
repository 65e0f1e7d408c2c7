package syncworker

import (
	"os"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/platform/postgres/pgtest"
	"eventanalytics/services/syncworker/admin"
)

// litter makes a file of each kind that a collection deletes, some of them
// replaced segments, and returns how many files of segments are live.
func litter(t *testing.T, cfg Config, pool *pgxpool.Pool, leader *testTerm) (live int) {
	t.Helper()
	for range cfg.CompactSegments {
		leader.loadAll(t, appendTo(t, pool, 1, someEvents(1, 1)...))
	}
	require.NoError(t, leader.compactAll(t.Context()))
	exec(t, pool, "UPDATE analytics.segments SET replaced_at = replaced_at - interval '2 hours'")
	_, err := leader.builder.Write(t.Context(), 1, someEvents(1, 1), []uint32{0}, leader.term.Epoch())
	require.NoError(t, err)
	age(t, cfg, 2*cfg.Warehouse.GracePeriod)
	old, left := time.Now().Add(-2*cfg.Warehouse.GracePeriod), leftover(cfg)
	require.NoError(t, os.WriteFile(left, nil, 0o600))
	require.NoError(t, os.Chtimes(left, old, old))
	return value[int](t, pool, "SELECT count(*) FROM analytics.segments WHERE replaced_at IS NULL")
}

func leftover(cfg Config) string { return cfg.Warehouse.Dir + "/tmp/left.parquet" }

func TestHoldKeepsAllFiles(t *testing.T) {
	t.Parallel()
	cfg, pool := testConfig(t), pgtest.New(t)
	leader := newTerm(t, cfg, pool)
	live := litter(t, cfg, pool, leader)
	rows := value[int](t, pool, "SELECT count(*) FROM analytics.segments")
	before := files(t, cfg)

	until, err := admin.Hold(t.Context(), pool, time.Hour, "backup")
	require.NoError(t, err)
	require.Equal(t, value[time.Time](t, pool, "SELECT hold_until FROM analytics.sync_state").UTC(), until)
	again, err := admin.Hold(t.Context(), pool, time.Minute, "another")
	require.NoError(t, err)
	require.Equal(t, until, again, "a hold never shortens another")
	require.NoError(t, leader.maintenance.Collector.Collect(t.Context()))
	require.Equal(t, before, files(t, cfg))
	require.FileExists(t, leftover(cfg))
	require.Equal(t, rows, value[int](t, pool, "SELECT count(*) FROM analytics.segments"), "a row is what keeps its file")

	require.NoError(t, admin.Release(t.Context(), pool))
	require.ErrorIs(t, admin.Release(t.Context(), pool), admin.ErrNotHeld)
	require.NoError(t, leader.maintenance.Collector.Collect(t.Context()))
	require.Len(t, files(t, cfg), live)
	require.NoFileExists(t, leftover(cfg))
}

// A forgotten hold expires; whoever relied on it learns of it.
func TestHoldEnds(t *testing.T) {
	t.Parallel()
	cfg, pool := testConfig(t), pgtest.New(t)
	leader := newTerm(t, cfg, pool)
	live := litter(t, cfg, pool, leader)
	for _, d := range []time.Duration{0, -time.Second, admin.MaxHold + 1} {
		_, err := admin.Hold(t.Context(), pool, d, "")
		require.ErrorContains(t, err, "at most 720h")
	}
	_, err := admin.Hold(t.Context(), pool, time.Hour, "")
	require.NoError(t, err)
	exec(t, pool, "UPDATE analytics.sync_state SET hold_until = hold_until - interval '1 hour'")
	require.NoError(t, leader.maintenance.Collector.Collect(t.Context()))
	require.Len(t, files(t, cfg), live)
	require.ErrorIs(t, admin.Release(t.Context(), pool), admin.ErrNotHeld)
}

// Hold returns only when a collection that began before it has ended.
func TestHoldWaitsForTheCollectionUnderWay(t *testing.T) {
	t.Parallel()
	cfg, pool := testConfig(t), pgtest.New(t)
	leader := newTerm(t, cfg, pool)
	live := litter(t, cfg, pool, leader)
	all := len(files(t, cfg))
	collected, held := make(chan error, 1), make(chan error, 1)

	leader.term.Writing.Lock() // the collection stops before it looks for orphans
	goOn := sync.OnceFunc(leader.term.Writing.Unlock)
	defer goOn()
	go func() { collected <- leader.maintenance.Collector.Collect(t.Context()) }()
	require.Eventually(t, func() bool { return len(files(t, cfg)) < all }, 30*time.Second, 5*time.Millisecond)
	require.Greater(t, len(files(t, cfg)), live)
	go func() {
		_, err := admin.Hold(t.Context(), pool, time.Hour, "backup")
		held <- err
	}()
	const waiting = "SELECT count(*) FROM pg_catalog.pg_locks WHERE locktype = 'advisory' AND NOT granted AND database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())"
	require.Eventually(t, func() bool { return value[int](t, pool, waiting) == 1 }, 30*time.Second, 5*time.Millisecond)
	require.Empty(t, held, "the collection is not over")
	goOn()
	require.NoError(t, <-held)
	require.Len(t, files(t, cfg), live, "when Hold returns the last file is gone")
	require.NoError(t, <-collected)
	require.Zero(t, value[int](t, pool, "SELECT count(*) FROM pg_catalog.pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())"))
}

// However the two meet, nothing goes once Hold has returned.
func TestHoldRacesWithCollections(t *testing.T) {
	t.Parallel()
	cfg, pool := testConfig(t), pgtest.New(t)
	cfg.CompactSegments = 4
	leader := newTerm(t, cfg, pool)
	kept := 0
	for range 20 {
		live := litter(t, cfg, pool, leader)
		collected := make(chan error, 1)
		go func() { collected <- leader.maintenance.Collector.Collect(t.Context()) }()
		_, err := admin.Hold(t.Context(), pool, time.Hour, "backup")
		require.NoError(t, err)
		before := files(t, cfg)
		require.NoError(t, <-collected)
		require.NoError(t, leader.maintenance.Collector.Collect(t.Context()))
		require.Equal(t, before, files(t, cfg))
		if len(before) > live {
			kept++
		}
		require.NoError(t, admin.Release(t.Context(), pool))
	}
	t.Log("the hold was first in", kept, "of 20 rounds")
}

// A worker that was cut off from Postgres in the middle of a collection has lost
// the lock that Hold waits for, and continues to delete. What a dump would name stays: a
// row that is still there keeps its file, and no row goes once a hold is stored.
func TestHoldStopsACollectorWithoutItsLock(t *testing.T) {
	t.Parallel()
	cfg, pool := testConfig(t), pgtest.New(t)
	leader := newTerm(t, cfg, pool)
	litter(t, cfg, pool, leader)
	all := len(files(t, cfg))
	collected := make(chan error, 1)

	leader.term.Writing.Lock() // the collection stops before it looks for orphans
	goOn := sync.OnceFunc(leader.term.Writing.Unlock)
	defer goOn()
	go func() { collected <- leader.maintenance.Collector.Collect(t.Context()) }()
	require.Eventually(t, func() bool { return len(files(t, cfg)) < all }, 30*time.Second, 5*time.Millisecond)
	const cutOff = "SELECT count(pg_terminate_backend(pid)) FROM pg_catalog.pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())"
	require.Equal(t, 1, value[int](t, pool, cutOff))
	_, err := admin.Hold(t.Context(), pool, time.Hour, "backup")
	require.NoError(t, err, "nothing is left to wait for")
	named := value[[]string](t, pool, "SELECT array_agg(path) FROM analytics.segments")
	goOn()
	require.NoError(t, <-collected)
	require.Equal(t, named, value[[]string](t, pool, "SELECT array_agg(path) FROM analytics.segments"))
	for _, path := range named {
		require.FileExists(t, cfg.Warehouse.Dir+"/"+path)
	}
}
