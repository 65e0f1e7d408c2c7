package syncworker

import (
	"context"
	"os"
	osexec "os/exec"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/platform/postgres/pgtest"
	"eventanalytics/pkg/warehouse/manifest"
)

const (
	victimDatabase = "SYNCWORKER_TEST_DATABASE"
	victimDir      = "SYNCWORKER_TEST_DIR"
)

// TestVictim is no test: it is the worker that TestMergeThatKillsTheWorker kills.
func TestVictim(t *testing.T) {
	url := os.Getenv(victimDatabase)
	if url == "" {
		t.Skip("it is started by another test")
	}
	pool, err := pgxpool.New(t.Context(), url)
	require.NoError(t, err)
	cfg := testConfig(t)
	cfg.Warehouse.Dir = os.Getenv(victimDir)
	_ = newTerm(t, cfg, pool).compactAll(t.Context())
}

const liveSQL = "SELECT count(*) FROM analytics.segments WHERE replaced_at IS NULL AND project_id = $1"

// A worker that is killed in the middle of a merge would be killed again: the next
// one passes these segments over for a while, and does everything else.
func TestMergeThatKillsTheWorker(t *testing.T) {
	t.Parallel()
	cfg, pool := testConfig(t), pgtest.New(t)
	load := func(l *testTerm, project int64) {
		for range cfg.CompactSegments {
			l.loadAll(t, appendTo(t, pool, project, someEvents(2, 1)...))
		}
	}
	first := newTerm(t, cfg, pool)
	load(first, 1)
	expireLease(t, pool)

	block, err := pool.Begin(t.Context()) // of the statement that ends the merge
	require.NoError(t, err)
	exec(t, block, "LOCK TABLE analytics.segments IN SHARE MODE")
	victim := startVictim(t, pool.Config().ConnString(), cfg.Warehouse.Dir)
	require.Eventually(t, func() bool {
		return value[int](t, pool, "SELECT count(*) FROM analytics.rewrites") == 1
	}, time.Minute, 10*time.Millisecond)
	require.NoError(t, victim.Process.Kill())
	require.Error(t, victim.Wait())
	require.NoError(t, block.Rollback(t.Context()))

	expireLease(t, pool)
	second := newTerm(t, cfg, pool)
	load(second, 2)
	require.NoError(t, second.compactAll(t.Context()))
	require.Equal(t, cfg.CompactSegments, value[int](t, pool, liveSQL, 1), "passed over")
	require.Equal(t, 1, value[int](t, pool, liveSQL, 2), "loaded and merged")
	o, err := manifest.Observe(t.Context(), pool)
	require.NoError(t, err)
	require.EqualValues(t, 1, o.Unfinished)

	exec(t, pool, "UPDATE analytics.rewrites SET begun_at = begun_at - interval '1 hour'")
	require.NoError(t, second.compactAll(t.Context()))
	require.Equal(t, 1, value[int](t, pool, liveSQL, 1), "tried again")
	require.Zero(t, value[int](t, pool, "SELECT count(*) FROM analytics.rewrites"))
}

func startVictim(t *testing.T, url, dir string) *osexec.Cmd {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	c := osexec.CommandContext(t.Context(), self, "-test.run=^TestVictim$")
	c.Env = append(os.Environ(), victimDatabase+"="+url, victimDir+"="+dir)
	var out strings.Builder
	c.Stdout, c.Stderr = &out, &out
	require.NoError(t, c.Start())
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(out.String())
		}
	})
	return c
}

// A merge that fails, or is cancelled, is no crash.
func TestMergeThatFailsIsNoCrash(t *testing.T) {
	t.Parallel()
	cfg, pool := testConfig(t), pgtest.New(t)
	leader := newTerm(t, cfg, pool)
	for range cfg.CompactSegments {
		leader.loadAll(t, appendTo(t, pool, 1, someEvents(2, 1)...))
	}
	undo := failCommits(t, pool, "level = 0")
	require.Error(t, leader.compactAll(t.Context()))
	require.Zero(t, value[int](t, pool, "SELECT count(*) FROM analytics.rewrites"))
	undo()

	block, err := pool.Begin(t.Context())
	require.NoError(t, err)
	exec(t, block, "LOCK TABLE analytics.segments IN SHARE MODE")
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- leader.compactAll(ctx) }()
	require.Eventually(t, func() bool {
		return value[int](t, pool, "SELECT count(*) FROM analytics.rewrites") == 1
	}, time.Minute, 10*time.Millisecond)
	cancel()
	require.Error(t, <-done)
	require.Zero(t, value[int](t, pool, "SELECT count(*) FROM analytics.rewrites"))
	require.NoError(t, block.Rollback(t.Context()))
	require.NoError(t, leader.compactAll(t.Context()))
	require.Equal(t, 1, value[int](t, pool, liveSQL, 1))
}

// Segments of a worker that noted no sizes are measured, then merged.
func TestOldSegmentsAreMeasured(t *testing.T) {
	t.Parallel()
	cfg, pool := testConfig(t), pgtest.New(t)
	leader := newTerm(t, cfg, pool)
	for range cfg.CompactSegments {
		leader.loadAll(t, appendTo(t, pool, 1, someEvents(2, 1)...))
	}
	const raw = "SELECT sum(raw_bytes)::bigint FROM analytics.segments WHERE replaced_at IS NULL"
	want := value[int64](t, pool, raw)
	exec(t, pool, "UPDATE analytics.segments SET raw_bytes = NULL")
	require.NoError(t, leader.maintenance.Compactor.Compact(t.Context(), manifest.MainLane))
	require.Equal(t, want, value[int64](t, pool, raw))
	require.NoError(t, leader.compactAll(t.Context()))
	require.Equal(t, 1, value[int](t, pool, liveSQL, 1))
	require.Equal(t, want, value[int64](t, pool, raw))
}
