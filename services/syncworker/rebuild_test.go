package syncworker

import (
	"crypto/sha256"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/event"
	"eventanalytics/pkg/platform/postgres/pgtest"
	"eventanalytics/pkg/warehouse/duckdb"
	"eventanalytics/pkg/warehouse/manifest"
	"eventanalytics/pkg/warehouse/segment"
	"eventanalytics/services/syncworker/admin"
)

// fates are what Rebuild reported, by path.
type fates map[string]duckdb.Fate

func (f fates) report(path string, fate duckdb.Fate) { f[path] = fate }

func live(t *testing.T, leader *testTerm) []segment.Segment {
	t.Helper()
	s, err := manifest.Read(t.Context(), leader.pool)
	require.NoError(t, err)
	return s.Segments(1, time.Time{}, time.Time{})
}

func TestRebuild(t *testing.T) {
	t.Parallel()
	cfg, pool := testConfig(t), pgtest.New(t)
	leader := newTerm(t, cfg, pool)
	for range 4 {
		leader.loadAll(t, appendTo(t, pool, 1, someEvents(50, 1)...))
	}
	segments := live(t, leader)
	require.Len(t, segments, 4)
	again := func() (admin.RebuildResult, fates) {
		found := fates{}
		r, err := admin.Rebuild(t.Context(), pool, cfg.Warehouse, found.report)
		require.NoError(t, err)
		require.EqualValues(t, 200, r.Events)
		return r, found
	}
	r, _ := again()
	require.Equal(t, 8, r.Equal)

	path := func(path string) string { return filepath.Join(cfg.Warehouse.Dir, path) }
	require.NoError(t, os.Truncate(path(segments[0].RollUpPath()), 10))
	require.NoError(t, os.Remove(path(segments[0].UsersPath())))
	require.NoError(t, os.Remove(path(segments[1].RollUpPath())))
	flip(t, path(segments[1].UsersPath()))
	// Those that are whole and wrong: as if a bug had made them.
	wrong := func(s segment.Segment, path, column string) {
		other, err := os.ReadFile(path)
		require.NoError(t, err)
		other[len(other)-1] ^= 1
		require.NoError(t, os.WriteFile(path, other, 0o600))
		sum := sha256.Sum256(other)
		exec(t, pool, "UPDATE analytics.segments SET "+column+" = $1 WHERE id = $2", sum[:], s.ID)
	}
	wrong(segments[2], path(segments[2].RollUpPath()), "rollup_sha256")
	wrong(segments[3], path(segments[3].UsersPath()), "users_sha256")

	const version = "SELECT version FROM analytics.project_versions WHERE project_id = 1"
	before := value[int64](t, pool, version)
	r, found := again()
	require.Greater(t, value[int64](t, pool, version), before, "answers in caches are wrong")
	require.Equal(t, admin.RebuildResult{Events: 200, Equal: 2, Restored: 4, Replaced: 2}, r)
	require.Equal(t, fates{
		segments[0].RollUpPath(): duckdb.Restored, segments[0].UsersPath(): duckdb.Restored,
		segments[1].RollUpPath(): duckdb.Restored, segments[1].UsersPath(): duckdb.Restored,
		segments[2].RollUpPath(): duckdb.Replaced, segments[3].UsersPath(): duckdb.Replaced,
	}, found)
	after := live(t, leader)
	require.Equal(t, segments[:2], after[:2])
	for i := 2; i < 4; i++ {
		require.NotEqual(t, segments[i].Path, after[i].Path, "readers of the old one keep its files")
		for _, file := range segments[i].Files() {
			require.NoError(t, segment.VerifyFileSize(cfg.Warehouse.Dir, file))
		}
	}
	r, _ = again()
	require.Equal(t, 8, r.Equal)
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
	rebuilt := make(chan error, 1)
	require.NoError(t, manifest.WithCollectionLock(t.Context(), pool, func() error { // as a collection does
		go func() {
			_, err := admin.Rebuild(t.Context(), pool, cfg.Warehouse, fates{}.report)
			rebuilt <- err
		}()
		require.Eventually(t, func() bool { return len(files(t, cfg)) == 2 }, 30*time.Second, 5*time.Millisecond, "it has made its files")
		const waiting = "SELECT count(*) FROM pg_catalog.pg_locks WHERE locktype = 'advisory' AND NOT granted AND database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())"
		require.Eventually(t, func() bool { return value[int](t, pool, waiting) == 1 }, 30*time.Second, 5*time.Millisecond)
		age(t, cfg, 2*cfg.Warehouse.GracePeriod)
		found, err := segment.NewFolder(cfg.Warehouse.Dir).Files(t.Context(), time.Now().Add(-cfg.Warehouse.GracePeriod), leader.term.Epoch())
		require.NoError(t, err)
		orphans, err := manifest.Unreferenced(t.Context(), pool, found)
		require.NoError(t, err)
		require.Len(t, orphans, 3)
		return segment.NewFolder(cfg.Warehouse.Dir).Remove(t.Context(), orphans...)
	}))
	require.ErrorIs(t, <-rebuilt, segment.ErrQuarantined)
	after := live(t, leader)
	require.Equal(t, before[0].Path, after[0].Path)
	require.NoError(t, segment.Verify(cfg.Warehouse.Dir, after[0]))
}

// A segment of a worker that knew no user keys is rewritten, and merged only then.
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
	exec(t, pool, "UPDATE analytics.segments SET rollup_bytes = NULL, rollup_sha256 = NULL, users_bytes = NULL, users_sha256 = NULL, level = 1 WHERE id <= 2")
	r, err := admin.Rebuild(t.Context(), pool, cfg.Warehouse, fates{}.report)
	require.NoError(t, err)
	require.Equal(t, 2, r.Outdated)
	exec(t, pool, "UPDATE analytics.segments SET level = 0")
	require.NoError(t, leader.compactAll(t.Context()))
	require.Len(t, live(t, leader), cfg.CompactSegments, "too few to be merged")

	require.NoError(t, leader.maintenance.Upgrader.Upgrade(t.Context()))
	for _, s := range live(t, leader) {
		require.NotNil(t, s.RollUp)
	}
	require.NoError(t, leader.compactAll(t.Context()))
	require.Len(t, live(t, leader), 1)
	require.EqualValues(t, len(want), live(t, leader)[0].Events)
}

// A segment whose roll-up is of a version that counted no properties gets one of today.
func TestOldRollUpsAreUpgraded(t *testing.T) {
	t.Parallel()
	cfg, pool := testConfig(t), pgtest.New(t)
	leader := newTerm(t, cfg, pool)
	for range 2 {
		leader.loadAll(t, appendTo(t, pool, 1, someEvents(20, 2)...))
	}
	before := live(t, leader)
	path := filepath.Join(cfg.Warehouse.Dir, before[0].RollUpPath())
	old, err := os.ReadFile(path)
	require.NoError(t, err)
	copy(old, "EAROLL01")
	require.NoError(t, os.WriteFile(path, old, 0o600))
	sum := sha256.Sum256(old)
	exec(t, pool, "UPDATE analytics.segments SET rollup_sha256 = $1, field_ids = false WHERE id = $2", sum[:], before[0].ID)

	require.NoError(t, leader.maintenance.Upgrader.Upgrade(t.Context()))
	after := live(t, leader)
	require.Len(t, after, 2)
	require.Equal(t, before[1], after[0], "it was of today")
	require.NotEqual(t, before[0].Path, after[1].Path, "readers of the old one keep its files")
	for _, s := range after {
		current, err := segment.NewIntegrity(segment.NewFolder(cfg.Warehouse.Dir)).ReadRollUp(s)
		require.NoError(t, err)
		require.True(t, current.CountsProperties())
	}
	r, err := admin.Rebuild(t.Context(), pool, cfg.Warehouse, fates{}.report)
	require.NoError(t, err)
	require.Equal(t, 4, r.Equal)
}

// A segment whose events by user are of the first version gets those of today.
func TestOldUsersAreUpgraded(t *testing.T) {
	t.Parallel()
	cfg, pool := testConfig(t), pgtest.New(t)
	leader := newTerm(t, cfg, pool)
	for range 2 {
		leader.loadAll(t, appendTo(t, pool, 1, someEvents(20, 2)...))
	}
	before := live(t, leader)
	path := filepath.Join(cfg.Warehouse.Dir, before[0].UsersPath())
	old, err := os.ReadFile(path)
	require.NoError(t, err)
	copy(old, "EAUSER01")
	require.NoError(t, os.WriteFile(path, old, 0o600))
	sum := sha256.Sum256(old)
	exec(t, pool, "UPDATE analytics.segments SET users_sha256 = $1, field_ids = false WHERE id = $2", sum[:], before[0].ID)
	_, err = segment.NewIntegrity(segment.NewFolder(cfg.Warehouse.Dir)).OpenUsers(live(t, leader)[0], nil)
	require.ErrorIs(t, err, segment.ErrOutdated)

	require.NoError(t, leader.maintenance.Upgrader.Upgrade(t.Context()))
	after := live(t, leader)
	require.Len(t, after, 2)
	require.Equal(t, before[1], after[0], "it was of today")
	require.NotEqual(t, before[0].Path, after[1].Path, "readers of the old one keep its files")
	for _, s := range after {
		_, err := segment.NewIntegrity(segment.NewFolder(cfg.Warehouse.Dir)).OpenUsers(s, nil)
		require.NoError(t, err)
	}
	r, err := admin.Rebuild(t.Context(), pool, cfg.Warehouse, fates{}.report)
	require.NoError(t, err)
	require.Equal(t, 4, r.Equal)
}

// A segment of a worker that made no events by user gets them beside its other files,
// which stay, and in the end they are those that a load makes.
func TestSegmentsWithoutUsersAreUpgraded(t *testing.T) {
	t.Parallel()
	cfg, pool := testConfig(t), pgtest.New(t)
	leader := newTerm(t, cfg, pool)
	for range 3 {
		leader.loadAll(t, appendTo(t, pool, 1, someEvents(20, 2)...))
	}
	before := live(t, leader)
	exec(t, pool, "UPDATE analytics.segments SET users_bytes = NULL, users_sha256 = NULL WHERE id <= 2")
	for _, s := range before[:2] {
		require.NoError(t, os.Remove(filepath.Join(cfg.Warehouse.Dir, s.UsersPath())))
	}
	r, err := admin.Rebuild(t.Context(), pool, cfg.Warehouse, fates{}.report)
	require.NoError(t, err)
	require.Equal(t, admin.RebuildResult{Events: 120, Equal: 4, Outdated: 2}, r)

	versions := func() (manifest, project int64) {
		return value[int64](t, pool, "SELECT version FROM analytics.sync_state"), value[int64](t, pool, "SELECT version FROM analytics.project_versions WHERE project_id = 1")
	}
	listed, answers := versions()
	require.NoError(t, leader.maintenance.Upgrader.Upgrade(t.Context()))
	require.Equal(t, before, live(t, leader))
	for _, s := range before {
		require.NoError(t, segment.VerifyFile(cfg.Warehouse.Dir, s.UsersFile()))
	}
	relisted, same := versions()
	require.Equal(t, listed+2, relisted, "replicas are told")
	require.Equal(t, answers, same, "no answer changes")
	require.Zero(t, value[int](t, pool, "SELECT count(*) FROM analytics.rewrites"))
}

// Merges do not wait until the last old segment is a new one.
func TestMergesGoOnDuringUpgrades(t *testing.T) {
	t.Parallel()
	cfg, pool := testConfig(t), pgtest.New(t)
	leader := newTerm(t, cfg, pool)
	for range cfg.CompactSegments {
		leader.loadAll(t, appendTo(t, pool, 1, someEvents(20, 1)...))
	}
	leader.loadAll(t, appendTo(t, pool, 2, someEvents(20, 1)...))
	exec(t, pool, "UPDATE analytics.segments SET level = 1") // of the main lane
	exec(t, pool, "UPDATE analytics.segments SET field_ids = false WHERE project_id = 2")
	leader.maintenance.Loaded()
	require.NoError(t, leader.maintenance.Upgrader.Upgrade(t.Context()))
	after, err := manifest.Live(t.Context(), pool)
	require.NoError(t, err)
	require.Len(t, after, 2)
	require.EqualValues(t, 20*cfg.CompactSegments, after[0].Events, "the merger came first")
	require.True(t, after[1].FieldIDs)
}

// An upgrade that fails for a reason of its own does not hold up others.
func TestUpgradeGoesOnBehindFailures(t *testing.T) {
	t.Parallel()
	cfg, pool := testConfig(t), pgtest.New(t)
	leader := newTerm(t, cfg, pool)
	for range 3 {
		leader.loadAll(t, appendTo(t, pool, 1, someEvents(20, 1)...))
	}
	exec(t, pool, "UPDATE analytics.segments SET users_bytes = NULL, users_sha256 = NULL")
	undo := failCommits(t, pool, "id <> 1 OR users_bytes IS NULL")
	require.ErrorContains(t, leader.maintenance.Upgrader.Upgrade(t.Context()), `constraint "crash"`)
	for _, s := range live(t, leader) {
		require.Equal(t, s.ID == 1, s.Users == nil)
	}
	undo()
	require.NoError(t, leader.maintenance.Upgrader.Upgrade(t.Context()))
	require.NotNil(t, live(t, leader)[0].Users)
}

func TestUpgradeGoesOnBehindDamage(t *testing.T) {
	t.Parallel()
	cfg, pool := testConfig(t), pgtest.New(t)
	leader := newTerm(t, cfg, pool)
	for range 3 {
		leader.loadAll(t, appendTo(t, pool, 1, someEvents(20, 1)...))
	}
	exec(t, pool, "UPDATE analytics.segments SET rollup_bytes = NULL, rollup_sha256 = NULL, users_bytes = NULL, users_sha256 = NULL")
	damaged := live(t, leader)[0]
	flip(t, filepath.Join(cfg.Warehouse.Dir, damaged.Path))
	require.ErrorIs(t, leader.maintenance.Upgrader.Upgrade(t.Context()), segment.ErrQuarantined)
	for _, s := range live(t, leader) {
		require.Equal(t, s.Path == damaged.Path, s.RollUp == nil)
	}
	require.NoError(t, leader.maintenance.Upgrader.Upgrade(t.Context()), "set aside")
}

// An old segment of large events is rewritten in pieces of as many bytes as a load has.
func TestUpgradeIsBoundedInBytes(t *testing.T) {
	t.Parallel()
	cfg, pool := testConfig(t), pgtest.New(t)
	leader := newTerm(t, cfg, pool)
	events := someEvents(2200, 1)
	for i := range events {
		events[i].Properties = `{"a":"` + strings.Repeat("x", 32_000) + `"}`
	}
	old, err := leader.builder.Write(t.Context(), 1, events, make([]uint32, len(events)), 1)
	require.NoError(t, err)
	require.NoError(t, manifest.Insert(t.Context(), pool, []segment.Segment{old}))
	exec(t, pool, "UPDATE analytics.segments SET rollup_bytes = NULL, rollup_sha256 = NULL, users_bytes = NULL, users_sha256 = NULL, raw_bytes = NULL")
	require.NoError(t, leader.maintenance.Upgrader.Upgrade(t.Context()))
	require.Len(t, live(t, leader), 2)
	require.EqualValues(t, len(events), segment.EventsOf(live(t, leader)))
	for _, s := range live(t, leader) {
		require.Less(t, s.RawBytes, int64(65<<20))
	}
	require.Zero(t, value[int](t, pool, "SELECT count(*) FROM analytics.rewrites"))
}
