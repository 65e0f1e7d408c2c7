package syncworker

import (
	"crypto/sha256"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/event"
	"eventanalytics/pkg/platform/postgres/pgtest"
	"eventanalytics/pkg/warehouse"
)

// fates are what Rebuild reported, by path.
type fates map[string]warehouse.Rebuilt

func (f fates) report(s warehouse.Segment, fate warehouse.Rebuilt) { f[s.Path] = fate }

func live(t *testing.T, leader *term) []warehouse.Segment {
	t.Helper()
	s, err := warehouse.NewManifest(leader.pool).Snapshot(t.Context())
	require.NoError(t, err)
	return s.Segments(1, time.Time{}, time.Time{})
}

func TestRebuild(t *testing.T) {
	t.Parallel()
	cfg, pool := testConfig(t), pgtest.New(t)
	leader := newTerm(t, cfg, pool)
	for range 3 {
		leader.loadAll(t, appendTo(t, pool, 1, someEvents(50, 1)...))
	}
	segments := live(t, leader)
	require.Len(t, segments, 3)
	again := func() (RebuildResult, fates) {
		found := fates{}
		r, err := Rebuild(t.Context(), pool, cfg.Warehouse, found.report)
		require.NoError(t, err)
		require.EqualValues(t, 150, r.Events)
		return r, found
	}
	r, _ := again()
	require.Equal(t, 3, r.Equal)

	damaged := filepath.Join(cfg.Warehouse.Dir, segments[0].RollUpPath())
	require.NoError(t, os.Truncate(damaged, 10))
	require.NoError(t, os.Remove(filepath.Join(cfg.Warehouse.Dir, segments[1].RollUpPath())))
	// One that is whole and wrong: as if a bug had made it.
	wrong := filepath.Join(cfg.Warehouse.Dir, segments[2].RollUpPath())
	other, err := os.ReadFile(wrong)
	require.NoError(t, err)
	other[len(other)-1] ^= 1
	require.NoError(t, os.WriteFile(wrong, other, 0o600))
	sum := sha256.Sum256(other)
	exec(t, pool, "UPDATE analytics.segments SET rollup_sha256 = $1 WHERE id = $2", sum[:], segments[2].ID)

	const version = "SELECT version FROM analytics.project_versions WHERE project_id = 1"
	before := value[int64](t, pool, version)
	r, found := again()
	require.Greater(t, value[int64](t, pool, version), before, "answers in caches are wrong")
	require.Equal(t, RebuildResult{Events: 150, Equal: 0, Restored: 2, Replaced: 1}, r)
	require.Equal(t, fates{
		segments[0].Path: warehouse.RollUpRestored, segments[1].Path: warehouse.RollUpRestored, segments[2].Path: warehouse.RollUpReplaced,
	}, found)
	after := live(t, leader)
	require.Equal(t, segments[:2], after[:2])
	require.NotEqual(t, segments[2].Path, after[2].Path, "readers of the old one keep its file")
	_, err = os.Stat(wrong)
	require.NoError(t, err)
	r, _ = again()
	require.Equal(t, 3, r.Equal)
}

// A rebuild that was paused for the grace period lost its files to garbage
// collection: the segment must stay what it is.
func TestRebuildThatWasPaused(t *testing.T) {
	t.Parallel()
	cfg, pool := testConfig(t), pgtest.New(t)
	leader := newTerm(t, cfg, pool)
	leader.loadAll(t, appendTo(t, pool, 1, someEvents(50, 1)...))
	before := live(t, leader)
	exec(t, pool, "UPDATE analytics.segments SET rollup_sha256 = $1", make([]byte, 32)) // as if a bug had made it
	made, fate, err := leader.builder.Rebuild(t.Context(), live(t, leader)[0])
	require.NoError(t, err)
	require.Equal(t, warehouse.RollUpReplaced, fate)
	age(t, cfg, 2*cfg.Warehouse.GracePeriod)
	require.NoError(t, leader.collect(t.Context()))

	_, err = swap(t.Context(), pool, cfg.Warehouse, before[0], made)
	require.ErrorIs(t, err, warehouse.ErrQuarantined)
	after := live(t, leader)
	require.Equal(t, before[0].Path, after[0].Path)
	require.NoError(t, warehouse.Verify(cfg.Warehouse.Dir, after[0]))
}

// A segment of a worker that knew no user keys is written anew, and merged only
// then.
func TestOldSegmentsAreUpgraded(t *testing.T) {
	t.Parallel()
	cfg, pool := testConfig(t), pgtest.New(t)
	leader := newTerm(t, cfg, pool)
	var want []event.Event
	for range cfg.CompactSegments {
		events := someEvents(20, 2)
		want = append(want, events...)
		leader.loadAll(t, appendTo(t, pool, 1, events...))
	}
	exec(t, pool, "UPDATE analytics.segments SET rollup_bytes = NULL, rollup_sha256 = NULL, level = 1 WHERE id <= 2")
	r, err := Rebuild(t.Context(), pool, cfg.Warehouse, fates{}.report)
	require.NoError(t, err)
	require.Equal(t, 2, r.Outdated)
	exec(t, pool, "UPDATE analytics.segments SET level = 0")
	require.NoError(t, leader.compactAll(t.Context()))
	require.Len(t, live(t, leader), cfg.CompactSegments, "too few to be merged")

	require.NoError(t, leader.upgrade(t.Context()))
	for _, s := range live(t, leader) {
		require.NotNil(t, s.RollUp)
	}
	require.NoError(t, leader.compactAll(t.Context()))
	require.Len(t, live(t, leader), 1)
	require.EqualValues(t, len(want), live(t, leader)[0].Events)
}

func TestUpgradeGoesOnBehindDamage(t *testing.T) {
	t.Parallel()
	cfg, pool := testConfig(t), pgtest.New(t)
	leader := newTerm(t, cfg, pool)
	for range 3 {
		leader.loadAll(t, appendTo(t, pool, 1, someEvents(20, 1)...))
	}
	exec(t, pool, "UPDATE analytics.segments SET rollup_bytes = NULL, rollup_sha256 = NULL")
	damaged := live(t, leader)[0]
	flip(t, filepath.Join(cfg.Warehouse.Dir, damaged.Path))
	require.ErrorIs(t, leader.upgrade(t.Context()), warehouse.ErrQuarantined)
	for _, s := range live(t, leader) {
		require.Equal(t, s.Path == damaged.Path, s.RollUp == nil)
	}
	require.NoError(t, leader.upgrade(t.Context()), "set aside")
}
