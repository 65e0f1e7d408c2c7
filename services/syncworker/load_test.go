package syncworker

import (
	"context"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/event"
	"eventanalytics/pkg/outbox"
	"eventanalytics/pkg/platform/postgres/pgtest"
	"eventanalytics/pkg/warehouse/manifest"
	"eventanalytics/services/syncworker/load"
)

// The transaction with the lower id commits last: a cursor that had gone past
// it would lose its rows.
func TestLateCommitIsNotLost(t *testing.T) {
	t.Parallel()
	cfg, pool := testConfig(t), pgtest.New(t)
	leader := newTerm(t, cfg, pool)
	slow, fast := someEvents(3, 1), someEvents(2, 1)
	tx, err := pool.Begin(t.Context())
	require.NoError(t, err)
	defer tx.Rollback(t.Context())
	slowAt, err := outbox.Append(t.Context(), tx, 1, slow)
	require.NoError(t, err)
	fastAt := appendTo(t, pool, 1, fast...)
	require.Negative(t, slowAt.Compare(fastAt))

	drained, err := leader.loader.Once(t.Context())
	require.NoError(t, err)
	require.True(t, drained)
	require.Empty(t, visible(t, cfg, pool, 1))
	require.NoError(t, tx.Commit(t.Context()))
	leader.loadAll(t, fastAt)
	require.Equal(t, ids(slow, fast), visible(t, cfg, pool, 1))
}

func TestLoadsProjectsApart(t *testing.T) {
	t.Parallel()
	cfg, pool := testConfig(t), pgtest.New(t)
	leader := newTerm(t, cfg, pool)
	one, two := someEvents(30, 3), someEvents(20, 2)
	appendTo(t, pool, 1, one[:50]...)
	appendTo(t, pool, 2, two...)
	leader.loadAll(t, appendTo(t, pool, 1, one[50:]...))
	require.Equal(t, ids(one), visible(t, cfg, pool, 1))
	require.Equal(t, ids(two), visible(t, cfg, pool, 2))
	s, err := manifest.Read(t.Context(), pool)
	require.NoError(t, err)
	require.Equal(t, leader.loader.Position(), s.Position)
	require.Equal(t, 2, value[int](t, pool, "SELECT count(*) FROM analytics.user_keys WHERE user_id = 'u' AND user_key = 0"))

	before := s.ProjectVersion(2)
	leader.loadAll(t, appendTo(t, pool, 1, someEvents(1, 1)...))
	s, err = manifest.Read(t.Context(), pool)
	require.NoError(t, err)
	require.Equal(t, before, s.ProjectVersion(2))
	require.Equal(t, s.Version, s.ProjectVersion(1))
}

// A crash after the rename and before the commit leaves a file that nobody
// knows; the retry counts once, garbage collection takes the file.
func TestCrashBeforeCommit(t *testing.T) {
	t.Parallel()
	cfg, pool := testConfig(t), pgtest.New(t)
	crashed := newTerm(t, cfg, pool)
	undo := failCommits(t, pool, "false")
	events := someEvents(10, 2)
	at := appendTo(t, pool, 1, events...)
	require.Eventually(t, func() bool {
		_, err := crashed.loader.Once(t.Context())
		return err != nil
	}, 30*time.Second, 5*time.Millisecond)
	undo()
	require.Len(t, files(t, cfg), 1)
	require.Empty(t, visible(t, cfg, pool, 1))

	expireLease(t, pool)
	next := newTerm(t, cfg, pool)
	next.loadAll(t, at)
	require.Equal(t, ids(events), visible(t, cfg, pool, 1))
	require.Len(t, files(t, cfg), 2)
	require.NoError(t, next.maintenance.Collector.Collect(t.Context()))
	require.Len(t, files(t, cfg), 2, "within the grace period nothing goes")
	age(t, cfg, 2*cfg.Warehouse.GracePeriod)
	require.NoError(t, next.maintenance.Collector.Collect(t.Context()))
	require.Len(t, files(t, cfg), 1)
	require.Equal(t, ids(events), visible(t, cfg, pool, 1))
}

// The answer to a commit is lost, but it took place: the same rows must not be
// loaded again.
func TestLostAnswerToCommit(t *testing.T) {
	t.Parallel()
	cfg, pool := testConfig(t), pgtest.New(t)
	leader := newTerm(t, cfg, pool)
	events := someEvents(5, 1)
	at := appendTo(t, pool, 1, events...)
	leader.loadAll(t, at)
	unaware, err := leader.newLeader(leader.term) // it is where the term began, as if no answer had come
	require.NoError(t, err)
	defer unaware.builder.Close()
	_, err = unaware.loader.Once(t.Context())
	require.ErrorIs(t, err, load.ErrMoved)
	require.Equal(t, at, unaware.loader.Position())
	_, err = unaware.loader.Once(t.Context())
	require.NoError(t, err)
	require.Equal(t, ids(events), visible(t, cfg, pool, 1))
}

func TestFencedLeaderCannotCommit(t *testing.T) {
	t.Parallel()
	cfg, pool := testConfig(t), pgtest.New(t)
	stale := newTerm(t, cfg, pool)
	for range cfg.CompactSegments {
		stale.loadAll(t, appendTo(t, pool, 1, someEvents(1, 1)...))
	}
	before := visible(t, cfg, pool, 1)
	expireLease(t, pool) // it was paused too long
	newTerm(t, cfg, pool)
	appendTo(t, pool, 1, someEvents(5, 1)...)
	require.Eventually(t, func() bool {
		_, err := stale.loader.Once(t.Context())
		if err != nil {
			require.ErrorIs(t, err, manifest.ErrFenced)
		}
		return err != nil
	}, 30*time.Second, 5*time.Millisecond)
	require.Len(t, files(t, cfg), cfg.CompactSegments+1, "its segment is on disk")
	require.Equal(t, before, visible(t, cfg, pool, 1))
	require.ErrorIs(t, stale.maintenance.Collector.Collect(t.Context()), manifest.ErrFenced)
	require.ErrorIs(t, stale.compactAll(t.Context()), manifest.ErrFenced)
	idle := load.New(load.Config{Bounds: outbox.Bounds{Rows: 1, Events: 1, Bytes: 1}}, load.Deps{Pool: pgtest.New(t), Term: stale.term})
	require.Eventually(t, func() bool { // an outbox without rows: it notes completeness
		_, err := idle.Once(t.Context())
		if err != nil {
			require.ErrorIs(t, err, manifest.ErrFenced)
		}
		return err != nil
	}, 30*time.Second, 5*time.Millisecond)
}

func TestPoisonGoesToDeadLetters(t *testing.T) {
	t.Parallel()
	cfg, pool := testConfig(t), pgtest.New(t)
	leader := newTerm(t, cfg, pool)
	good, more := someEvents(100, 1), someEvents(7, 1)
	poison := event.Event{ID: uuid.New(), OccurredAt: math.MaxInt64, UserID: "u", Type: "t"}
	appendTo(t, pool, 1, append(append(append([]event.Event{}, good[:60]...), poison), good[60:]...)...)
	long := event.Event{ID: uuid.New(), UserID: strings.Repeat("🙂", 201), Type: "t"}
	appendTo(t, pool, 2, poison, long)
	exec(t, pool, "INSERT INTO analytics.outbox (project_id, events, payload) VALUES (1, 3, $1)",
		outbox.Encode(more[:1])+"garbage\n"+outbox.Encode(more[1:2]))
	exec(t, pool, "INSERT INTO analytics.outbox (project_id, events, payload) VALUES (1, 9, $1)", outbox.Encode(more[2:4]))
	leader.loadAll(t, appendTo(t, pool, 1, more[4:]...))

	require.Equal(t, ids(good, more), visible(t, cfg, pool, 1))
	require.Empty(t, visible(t, cfg, pool, 2))
	require.Equal(t, 5, value[int](t, pool, "SELECT count(*) FROM analytics.dead_letters"))
	require.NoError(t, leader.observeOnce(t.Context()))
	w := httptest.NewRecorder()
	leader.Server().Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	require.Contains(t, w.Body.String(), "analytics_sync_dead_letter_rows 5\n")
	require.Equal(t, 2, value[int](t, pool, "SELECT count(*) FROM analytics.dead_letters WHERE payload = $1 AND reason LIKE '%occurred_at%'", outbox.Encode([]event.Event{poison})))
	require.Equal(t, 1, value[int](t, pool, "SELECT count(*) FROM analytics.dead_letters WHERE payload = $1 AND reason LIKE 'user_id%'", outbox.Encode([]event.Event{long})))
	require.Equal(t, 1, value[int](t, pool, "SELECT count(*) FROM analytics.dead_letters AS d JOIN analytics.outbox AS o USING (xid, seq) WHERE d.payload = E'garbage\\n' AND o.events = 3"))
	require.Equal(t, 1, value[int](t, pool, "SELECT count(*) FROM analytics.dead_letters WHERE reason = 'the row has 2 lines for 9 events'"))
}

// complete_until must not pass what an open transaction may yet acknowledge.
func TestCompleteUntilWithOpenTransaction(t *testing.T) {
	t.Parallel()
	cfg, pool := testConfig(t), pgtest.New(t)
	leader := newTerm(t, cfg, pool)
	const until = "SELECT complete_until FROM analytics.sync_state"
	poll := func() time.Time {
		_, err := leader.loader.Once(t.Context())
		require.NoError(t, err)
		return value[time.Time](t, pool, until)
	}
	clock := func() time.Time { return value[time.Time](t, pool, "SELECT clock_timestamp()") }

	quiet := clock()
	require.Eventually(t, func() bool { return poll().After(quiet) }, 30*time.Second, 5*time.Millisecond, "idle, it moves on")

	tx, err := pool.Begin(t.Context())
	require.NoError(t, err)
	defer tx.Rollback(t.Context())
	late := someEvents(1, 1)
	_, err = outbox.Append(t.Context(), tx, 1, late)
	require.NoError(t, err)
	opened := clock()
	early := someEvents(1, 1)
	last := appendTo(t, pool, 1, early...)
	// Long enough to be noted were it reached, and often enough for checkpoints to merge.
	for polls := 0; polls < 200 || time.Since(opened) < 3*time.Second; polls++ {
		require.False(t, poll().After(opened), "what committed after %s is not loaded", opened)
	}
	require.NoError(t, tx.Commit(t.Context()))
	committed := clock()
	require.Eventually(t, func() bool { return poll().After(committed) }, 30*time.Second, 5*time.Millisecond)
	require.GreaterOrEqual(t, leader.loader.Position().Compare(last), 0)
	require.Equal(t, ids(late, early), visible(t, cfg, pool, 1))
}

// A process that is frozen in the middle of a COPY holds a transaction open that no
// time limit ends.
func TestFrozenUploadIsEnded(t *testing.T) {
	t.Parallel()
	cfg, pool := testConfig(t), pgtest.New(t)
	leader := newTerm(t, cfg, pool)
	conn, err := pgx.Connect(t.Context(), pool.Config().ConnString())
	require.NoError(t, err)
	defer conn.Close(context.Background())
	exec(t, conn, "SET application_name = 'analytics-ingest'")
	exec(t, conn, "SET statement_timeout = '1s'")
	frozen, thaw := io.Pipe()
	defer thaw.Close()
	ended := make(chan error, 1)
	go func() {
		_, err := conn.PgConn().CopyFrom(context.Background(), frozen, "COPY analytics.event_ids FROM STDIN")
		ended <- err
	}()
	const open = "SELECT count(*) FROM pg_stat_activity WHERE pid = $1 AND state = 'active' AND query_start < clock_timestamp() - interval '2s'"
	require.Eventually(t, func() bool { return value[int](t, pool, open, conn.PgConn().PID()) == 1 }, 10*time.Second, 50*time.Millisecond,
		"statement_timeout does not end it")
	require.NoError(t, leader.maintenance.Uploads.EndStalled(t.Context(), time.Second))
	require.Eventually(t, func() bool { return value[int](t, pool, open, conn.PgConn().PID()) == 0 }, 10*time.Second, 10*time.Millisecond)
	require.NoError(t, thaw.Close())
	require.Error(t, <-ended)
}
