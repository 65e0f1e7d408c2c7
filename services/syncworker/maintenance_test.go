package syncworker

import (
	"fmt"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/event"
	"eventanalytics/pkg/outbox"
	"eventanalytics/pkg/platform/postgres/pgtest"
	"eventanalytics/pkg/warehouse/manifest"
	"eventanalytics/pkg/warehouse/segment"
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
			require.NoError(t, leader.maintenance.Collector.Collect(t.Context()))
		case 2: // the merged files are there, but nobody was told
			undo := failCommits(t, pool, "level = 0")
			_ = leader.maintenance.Compactor.Compact(t.Context(), manifest.EarlyLane)
			undo()
		}
	}
	require.NoError(t, leader.compactAll(t.Context()))
	s, err := manifest.Read(t.Context(), pool)
	require.NoError(t, err)
	for project, events := range want {
		require.Equal(t, ids(events), visible(t, cfg, pool, project))
		small := map[int]int{}
		for _, g := range s.Segments(project, time.Time{}, time.Time{}) {
			if g.Events < cfg.SegmentEvents/2 {
				small[g.Level]++
			}
		}
		for level, n := range small {
			require.Less(t, n, cfg.CompactSegments, "level %d", level)
		}
	}
	// After the grace period only the live files are left.
	age(t, cfg, 2*cfg.Warehouse.GracePeriod)
	exec(t, pool, "UPDATE analytics.segments SET replaced_at = replaced_at - interval '2 hours'")
	require.NoError(t, leader.maintenance.Collector.Collect(t.Context()))
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
	before, err := manifest.Read(t.Context(), pool)
	require.NoError(t, err)
	require.NoError(t, leader.compactAll(t.Context()))
	after, err := manifest.Read(t.Context(), pool)
	require.NoError(t, err)
	require.Equal(t, before.ProjectVersion(1), after.ProjectVersion(1))
	require.Equal(t, before.Version+1, after.Version)
	require.Equal(t, 8, before.Live())
	require.Equal(t, 1, after.Live())
	require.Len(t, files(t, cfg), 9, "readers of the old version still need its files")
	require.NoError(t, leader.maintenance.Collector.Collect(t.Context()))
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
	made, err := next.builder.Write(t.Context(), 1, someEvents(1, 1), []uint32{0}, next.term.Epoch())
	require.NoError(t, err)
	age(t, cfg, 2*cfg.Warehouse.GracePeriod)
	cutoff := time.Now().Add(-cfg.Warehouse.GracePeriod)
	listed, err := segment.NewFolder(cfg.Warehouse.Dir).Files(t.Context(), cutoff, stale.term.Epoch())
	require.NoError(t, err)
	require.Empty(t, listed)
	require.ErrorIs(t, stale.maintenance.Collector.Collect(t.Context()), manifest.ErrFenced)
	require.NoError(t, segment.Verify(cfg.Warehouse.Dir, made))
	listed, err = segment.NewFolder(cfg.Warehouse.Dir).Files(t.Context(), cutoff, next.term.Epoch())
	require.NoError(t, err)
	orphans, err := manifest.Unreferenced(t.Context(), pool, listed)
	require.NoError(t, err)
	require.Len(t, orphans, 3, "the events and what is made of them")
	require.NoError(t, next.maintenance.Collector.Collect(t.Context()))
	require.Empty(t, files(t, cfg))
}

// Nor may it take a file of a load that is about to be committed.
func TestGarbageCollectionWaitsForLoads(t *testing.T) {
	t.Parallel()
	cfg, pool := testConfig(t), pgtest.New(t)
	leader := newTerm(t, cfg, pool)
	events := someEvents(5, 1)
	var at outbox.Position
	require.NoError(t, pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) (err error) { // one transaction: one load has both
		if _, err = outbox.Append(t.Context(), tx, 1, events); err == nil {
			at, err = outbox.Append(t.Context(), tx, 2, someEvents(1, 1))
		}
		return err
	}))
	// The load stops after its first file: the other project's keys are locked.
	exec(t, pool, "INSERT INTO analytics.user_key_counters (project_id) VALUES (2)")
	tx, err := pool.Begin(t.Context())
	require.NoError(t, err)
	defer tx.Rollback(t.Context())
	exec(t, tx, "SELECT FROM analytics.user_key_counters WHERE project_id = 2 FOR UPDATE")
	loaded, collected := make(chan error, 1), make(chan error, 1)
	go func() {
		for leader.loader.Position().Compare(at) < 0 {
			if _, err := leader.loader.Once(t.Context()); err != nil {
				loaded <- err
				return
			}
		}
		loaded <- nil
	}()
	require.Eventually(t, func() bool { return len(files(t, cfg)) == 1 }, 30*time.Second, 5*time.Millisecond)
	age(t, cfg, 2*cfg.Warehouse.GracePeriod)
	go func() { collected <- leader.maintenance.Collector.Collect(t.Context()) }()
	select {
	case err := <-collected:
		collected <- err
		t.Error("did not wait")
	case <-time.After(300 * time.Millisecond):
	}
	require.NoError(t, tx.Rollback(t.Context()))
	require.NoError(t, <-loaded)
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
	require.ErrorIs(t, leader.compactAll(t.Context()), segment.ErrQuarantined)
	s, err := manifest.Read(t.Context(), pool)
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

	require.NoError(t, leader.maintenance.Partitions.Drop(t.Context()))
	const left = "SELECT coalesce(string_agg(relname, ' ' ORDER BY relname), '') FROM pg_class WHERE relkind = 'r' AND relname LIKE 'outbox_2020%'"
	require.Equal(t, "outbox_20200102", value[string](t, pool, left), "it has an unread row")
	require.Equal(t, 2, value[int](t, pool, "SELECT count(*) FROM analytics.outbox"))
	leader.loadAll(t, appendTo(t, pool, 1, someEvents(1, 1)...))
	require.NoError(t, leader.maintenance.Partitions.Drop(t.Context()))
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
	undo := failCommits(t, pool, "project_id <> 1 OR level = 0")
	require.ErrorContains(t, leader.maintenance.Compactor.Compact(t.Context(), manifest.EarlyLane), `constraint "crash"`)
	const live = "SELECT count(*) FROM analytics.segments WHERE replaced_at IS NULL AND project_id = $1"
	require.Equal(t, cfg.CompactSegments, value[int](t, pool, live, 1))
	require.Equal(t, 1, value[int](t, pool, live, 2))

	undo()
	require.NoError(t, leader.maintenance.Compactor.Compact(t.Context(), manifest.EarlyLane))
	require.Equal(t, 1, value[int](t, pool, live, 1), "it is tried again")
}

// TestDistinctDays: 250,000 events on 2,500 days of each of 100 projects end in a
// few files.
func TestDistinctDays(t *testing.T) {
	t.Parallel()
	cfg, pool := testConfig(t), pgtest.New(t)
	cfg.SegmentEvents = 1_000_000
	leader := newTerm(t, cfg, pool)
	const projects, loads, daysOfLoad = 100, 10, 250
	for i := range loads {
		var last outbox.Position
		for project := range projects {
			events := make([]event.Event, daysOfLoad)
			for day := range events {
				at := time.Unix(0, 0).UTC().AddDate(0, 0, day*loads+i)
				events[day] = event.Event{ID: uuid.New(), OccurredAt: at.UnixMicro(), UserID: fmt.Sprint(day % 7), Type: "t"}
			}
			last = appendTo(t, pool, int64(project+1), events...)
		}
		leader.loadAll(t, last)
		require.NoError(t, leader.compactAll(t.Context()))
	}
	// Of each project at most seven small segments a level: here one that eight
	// loads were merged into, and two loads.
	live := value[int](t, pool, "SELECT count(*) FROM analytics.segments WHERE replaced_at IS NULL")
	require.LessOrEqual(t, live, projects*3)
	require.EqualValues(t, projects*loads*daysOfLoad, value[int](t, pool, "SELECT sum(events) FROM analytics.segments WHERE replaced_at IS NULL"))
	exec(t, pool, "UPDATE analytics.segments SET replaced_at = replaced_at - interval '2 hours'")
	require.NoError(t, leader.maintenance.Collector.Collect(t.Context()))
	require.Len(t, files(t, cfg), live)
}
