package syncworker

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/event"
	"eventanalytics/pkg/outbox"
	"eventanalytics/pkg/platform/postgres/pgtest"
	"eventanalytics/pkg/warehouse"
)

// Random loads, compactions and collections: every event stays visible once.
func TestCompactionPreservesEvents(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	t.Log("seed", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	cfg, pool := testConfig(t), pgtest.New(t)
	cfg.SegmentEvents = 40
	leader := newTerm(t, cfg, pool)
	want := map[int64][]event.Event{}
	for range 40 {
		var last outbox.Position
		for range 1 + r.IntN(2) {
			project := int64(1 + r.IntN(2))
			events := someEvents(1+r.IntN(3), 1+r.IntN(9))
			want[project] = append(want[project], events...)
			last = appendTo(t, pool, project, events...)
		}
		leader.loadAll(t, last)
		switch r.IntN(6) {
		case 0:
			require.NoError(t, leader.compactAll(t.Context()))
		case 1:
			require.NoError(t, leader.collect(t.Context()))
		case 2: // the merged files are there, but nobody was told
			leader.beforeCommit = func(context.Context, []warehouse.Segment) error { return errors.New("crash") }
			_, _ = leader.compactOnce(t.Context(), earlyLane, nil)
			leader.beforeCommit = nil
		}
	}
	require.NoError(t, leader.compactAll(t.Context()))
	s, err := warehouse.NewManifest(pool).Snapshot(t.Context())
	require.NoError(t, err)
	for project, events := range want {
		require.Equal(t, ids(events), visible(t, cfg, pool, project))
		small := map[int]int{}
		for _, segment := range s.Segments(project, time.Time{}, time.Time{}) {
			if segment.Events < cfg.SegmentEvents/2 {
				small[segment.Level]++
			}
		}
		for level, n := range small {
			require.Less(t, n, cfg.CompactSegments, "level %d", level)
		}
	}
	// After the grace period only the live files are left.
	age(t, cfg, 2*cfg.Warehouse.GracePeriod)
	exec(t, pool, "UPDATE analytics.segments SET replaced_at = replaced_at - interval '2 hours'")
	require.NoError(t, leader.collect(t.Context()))
	require.Len(t, files(t, cfg), s.Live())
	require.Equal(t, s.Live(), value[int](t, pool, "SELECT count(*) FROM analytics.segments"))
	for project, events := range want {
		require.Equal(t, ids(events), visible(t, cfg, pool, project))
	}
}

// Answers do not change with a compaction: caches keyed by the project's version
// stay valid, readers still see a new version.
func TestCompactionKeepsProjectVersion(t *testing.T) {
	t.Parallel()
	cfg, pool := testConfig(t), pgtest.New(t)
	leader := newTerm(t, cfg, pool)
	for range cfg.CompactSegments {
		leader.loadAll(t, appendTo(t, pool, 1, someEvents(1, 1)...))
	}
	before, err := warehouse.NewManifest(pool).Snapshot(t.Context())
	require.NoError(t, err)
	require.NoError(t, leader.compactAll(t.Context()))
	after, err := warehouse.NewManifest(pool).Snapshot(t.Context())
	require.NoError(t, err)
	require.Equal(t, before.ProjectVersion(1), after.ProjectVersion(1))
	require.Equal(t, before.Version+1, after.Version)
	require.Equal(t, 8, before.Live())
	require.Equal(t, 1, after.Live())
	require.Len(t, files(t, cfg), 9, "readers of the old version still need its files")
	require.NoError(t, leader.collect(t.Context()))
	require.Len(t, files(t, cfg), 9)
}

// A leader that does not know that it was replaced must not take its successor's
// fresh file for an orphan, however old it looks.
func TestGarbageOfHigherEpochStays(t *testing.T) {
	t.Parallel()
	cfg, pool := testConfig(t), pgtest.New(t)
	stale := newTerm(t, cfg, pool)
	expireLease(t, pool)
	next := newTerm(t, cfg, pool)
	_, err := next.builder.Write(t.Context(), 1, someEvents(1, 1), []uint32{0}, next.epoch)
	require.NoError(t, err)
	age(t, cfg, 2*cfg.Warehouse.GracePeriod)
	orphans, err := stale.orphans(t.Context())
	require.NoError(t, err)
	require.Empty(t, orphans)
	orphans, err = next.orphans(t.Context())
	require.NoError(t, err)
	require.Len(t, orphans, 2, "the events and their roll-up")
}

// Nor may it take a file of a load that is about to be committed.
func TestGarbageCollectionWaitsForLoads(t *testing.T) {
	t.Parallel()
	cfg, pool := testConfig(t), pgtest.New(t)
	leader := newTerm(t, cfg, pool)
	collected := make(chan error, 1)
	leader.beforeCommit = func(context.Context, []warehouse.Segment) error {
		age(t, cfg, 2*cfg.Warehouse.GracePeriod)
		go func() { collected <- leader.collect(t.Context()) }()
		select {
		case err := <-collected:
			collected <- err
			t.Error("did not wait")
		case <-time.After(300 * time.Millisecond):
		}
		return nil
	}
	events := someEvents(5, 1)
	leader.loadAll(t, appendTo(t, pool, 1, events...))
	require.NoError(t, <-collected)
	require.Equal(t, ids(events), visible(t, cfg, pool, 1))
}

// A flipped bit must not be compacted into a file with a good hash, nor keep
// others from being compacted.
func TestCompactionRefusesDamage(t *testing.T) {
	t.Parallel()
	cfg, pool := testConfig(t), pgtest.New(t)
	leader := newTerm(t, cfg, pool)
	fill := func(project int64) {
		for range cfg.CompactSegments {
			leader.loadAll(t, appendTo(t, pool, project, someEvents(3, 1)...))
		}
	}
	fill(1)
	path := files(t, cfg)[3]
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	content[len(content)/2] ^= 4
	require.NoError(t, os.WriteFile(path, content, 0o600))
	fill(2)
	require.ErrorIs(t, leader.compactAll(t.Context()), warehouse.ErrQuarantined)
	s, err := warehouse.NewManifest(pool).Snapshot(t.Context())
	require.NoError(t, err)
	require.Len(t, s.Segments(1, time.Time{}, time.Time{}), cfg.CompactSegments)
	require.Len(t, s.Segments(2, time.Time{}, time.Time{}), 1)
	require.NoError(t, leader.compactAll(t.Context()), "it is set aside")
}

func TestOldPartitionsAreDropped(t *testing.T) {
	t.Parallel()
	cfg, pool := testConfig(t), pgtest.New(t)
	leader := newTerm(t, cfg, pool)
	add := func(name, attach string) {
		exec(t, pool, "CREATE TABLE analytics."+name+" (LIKE analytics.outbox INCLUDING DEFAULTS INCLUDING CONSTRAINTS)")
		if attach != "" {
			exec(t, pool, "ALTER TABLE analytics.outbox ATTACH PARTITION analytics."+name+" FOR VALUES "+attach)
		}
	}
	add("outbox_20200101", "FROM ('2020-01-01') TO ('2020-01-02')")
	add("outbox_20200102", "FROM ('2020-01-02') TO ('2020-01-03')")
	add("outbox_20200103", "") // a crash after it was detached
	exec(t, pool, "INSERT INTO analytics.outbox (day, project_id, events, payload) VALUES ('2020-01-01', 1, 1, $1)", outbox.Encode(someEvents(1, 1)))
	read := appendTo(t, pool, 1, someEvents(1, 1)...)
	leader.loadAll(t, read)
	exec(t, pool, "INSERT INTO analytics.outbox (day, project_id, events, payload) VALUES ('2020-01-02', 1, 1, $1)", outbox.Encode(someEvents(1, 1)))

	require.NoError(t, leader.dropPartitions(t.Context()))
	const left = "SELECT coalesce(string_agg(relname, ' ' ORDER BY relname), '') FROM pg_class WHERE relkind = 'r' AND relname LIKE 'outbox_2020%'"
	require.Equal(t, "outbox_20200102", value[string](t, pool, left), "it has an unread row")
	require.Equal(t, 2, value[int](t, pool, "SELECT count(*) FROM analytics.outbox"))
	leader.loadAll(t, appendTo(t, pool, 1, someEvents(1, 1)...))
	require.NoError(t, leader.dropPartitions(t.Context()))
	require.Empty(t, value[string](t, pool, left))
	require.GreaterOrEqual(t, value[int](t, pool, "SELECT count(*) FROM pg_inherits WHERE inhparent = 'analytics.outbox'::regclass"), 31)
}

// What cannot be merged, for whatever reason, must not hold up other projects.
func TestFailedMergeIsPassedOver(t *testing.T) {
	t.Parallel()
	cfg, pool := testConfig(t), pgtest.New(t)
	leader := newTerm(t, cfg, pool)
	for project := range int64(2) {
		for range cfg.CompactSegments {
			leader.loadAll(t, appendTo(t, pool, project+1, someEvents(1, 1)...))
		}
	}
	leader.beforeCommit = func(_ context.Context, out []warehouse.Segment) error {
		if out[0].ProjectID == 1 {
			return errors.New("no memory")
		}
		return nil
	}
	require.ErrorContains(t, leader.compact(t.Context(), earlyLane), "no memory")
	const live = "SELECT count(*) FROM analytics.segments WHERE replaced_at IS NULL AND project_id = $1"
	require.Equal(t, cfg.CompactSegments, value[int](t, pool, live, 1))
	require.Equal(t, 1, value[int](t, pool, live, 2))

	leader.beforeCommit = nil
	require.NoError(t, leader.compact(t.Context(), earlyLane))
	require.Equal(t, 1, value[int](t, pool, live, 1), "it is tried again")
}
