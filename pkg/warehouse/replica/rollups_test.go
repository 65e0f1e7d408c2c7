package replica

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/platform/postgres/pgtest"
	"eventanalytics/pkg/warehouse/rollup"
)

// sums returns how many events a replica's roll-up of project 1 has, or -1 when
// there is none.
func sums(t *testing.T, r *Reader) int {
	t.Helper()
	require.NoError(t, r.refresh(t.Context()))
	return sumsOf(t, r, 1)
}

func sumsOf(t *testing.T, r *Reader, project int64) int {
	t.Helper()
	s, err := r.Current()
	require.NoError(t, err)
	view := s.RollUp(project)
	if view == nil {
		return -1
	}
	n, err := view.Scan(nil).Events(t.Context(), rollup.Always)
	require.NoError(t, err)
	return int(n)
}

func TestReplicasFollowRollUps(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t)
	pool := pgtest.New(t)
	random := rand.New(rand.NewPCG(1, 1))
	r := newReader(t, cfg, pool)
	require.Zero(t, sums(t, r), "a project without events has an empty one")
	first, second := write(t, cfg, random, 30, 2), write(t, cfg, random, 40, 2)
	list(t, pool, first, 1)
	require.Equal(t, 30, sums(t, r))
	list(t, pool, second, 2)
	require.Equal(t, 70, sums(t, r))
	held := r.RollUpBytes()
	require.Positive(t, held)

	// A file that is damaged keeps the project from its roll-up until it is whole.
	path := filepath.Join(cfg.Dir, second.RollUpPath())
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	content[len(content)-1] ^= 1
	require.NoError(t, os.WriteFile(path, content, 0o600))
	fresh := newReader(t, cfg, pool)
	require.Equal(t, -1, sums(t, fresh))
	s, err := fresh.Current()
	require.NoError(t, err)
	require.Equal(t, 1, s.WithoutRollUp())
	require.Equal(t, 1, fresh.Quarantined())
	content[len(content)-1] ^= 1
	require.NoError(t, os.WriteFile(path, content, 0o600))
	require.NoError(t, os.Chtimes(path, time.Time{}, time.Now().Add(time.Minute)))
	require.Equal(t, 70, sums(t, fresh))
	require.Equal(t, held, fresh.RollUpBytes())

	// One that an older worker wrote has none.
	_, err = pool.Exec(t.Context(), "UPDATE analytics.segments SET rollup_bytes = NULL, rollup_sha256 = NULL WHERE path = $1", second.Path)
	require.NoError(t, err)
	require.Equal(t, -1, sums(t, newReader(t, cfg, pool)))
}

// A restored database gives ids again. What had one before it is not counted any more.
func TestRollUpsOfARestoredDatabase(t *testing.T) {
	t.Parallel()
	cfg, pool := testConfig(t), pgtest.New(t)
	random := rand.New(rand.NewPCG(1, 1))
	r := newReader(t, cfg, pool)
	list(t, pool, write(t, cfg, random, 30, 2), 7)
	require.Equal(t, 30, sums(t, r))
	_, err := pool.Exec(t.Context(), "DELETE FROM analytics.segments; ALTER TABLE analytics.segments ALTER COLUMN id RESTART; UPDATE analytics.sync_state SET incarnation = 2")
	require.NoError(t, err)
	list(t, pool, write(t, cfg, random, 40, 2), 3)
	require.Equal(t, 40, sums(t, r))
}

func TestRollUpsKeepToTheirMemory(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t)
	pool := pgtest.New(t)
	random := rand.New(rand.NewPCG(1, 1))
	small := write(t, cfg, random, 3, 1)
	list(t, pool, small, 1)
	r := newReader(t, cfg, pool)
	require.Equal(t, 3, sums(t, r))
	cfg.RollUpBytes = r.RollUpBytes() + 100

	tight := newReader(t, cfg, pool)
	require.Equal(t, 3, sums(t, tight))
	big := write(t, cfg, random, 1000, 30)
	list(t, pool, big, 2)
	require.Equal(t, -1, sums(t, tight))
	require.Zero(t, tight.RollUpBytes(), "of a project all or nothing is kept")
	list(t, pool, write(t, cfg, random, 3, 1), 3)
	require.Equal(t, -1, sums(t, tight))
	_, err := pool.Exec(t.Context(), "UPDATE analytics.segments SET replaced_at = now() WHERE path <> $1", small.Path)
	require.NoError(t, err)
	move(t, pool, "version = version + 1")
	require.Equal(t, 3, sums(t, tight), "it fits again")
}

// TestRollUpsAreShared: a project may have all memory while it is alone, and loses its
// roll-ups, not the others theirs, when they do not fit beside it.
func TestRollUpsAreShared(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t)
	pool := pgtest.New(t)
	random := rand.New(rand.NewPCG(1, 1))
	list(t, pool, writeOf(t, cfg, random, 1, 3000, 60), 1)
	r := newReader(t, cfg, pool)
	require.Equal(t, 3000, sums(t, r))
	cfg.RollUpBytes = r.RollUpBytes() + 100

	r = newReader(t, cfg, pool)
	require.Equal(t, 3000, sums(t, r), "alone, it has all")
	var others []string
	for i := range 3 {
		s := writeOf(t, cfg, random, int64(2+i), 30, 3)
		others = append(others, s.Path)
		list(t, pool, s, 2+i)
		for range 2 { // what is given up is still in use until the next look
			require.NoError(t, r.refresh(t.Context()))
			require.LessOrEqual(t, r.RollUpBytes(), cfg.RollUpBytes)
		}
	}
	require.Equal(t, -1, sums(t, r))
	for project := range int64(3) {
		require.Equal(t, 30, sumsOf(t, r, 2+project))
	}
	fresh := newReader(t, cfg, pool)
	require.Equal(t, -1, sums(t, fresh))
	require.Equal(t, 30, sumsOf(t, fresh, 4))

	_, err := pool.Exec(t.Context(), "UPDATE analytics.segments SET replaced_at = now() WHERE path = any($1)", others)
	require.NoError(t, err)
	move(t, pool, "version = version + 1")
	require.NoError(t, r.refresh(t.Context()))
	require.Equal(t, 3000, sums(t, r), "it has all again")
}
