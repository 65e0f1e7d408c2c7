package syncworker

import (
	"context"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"eventanalytics/pkg/event"
	"eventanalytics/pkg/outbox"
	"eventanalytics/pkg/platform/boot"
	"eventanalytics/pkg/platform/postgres"
	"eventanalytics/pkg/platform/postgres/pgtest"
	"eventanalytics/pkg/warehouse/manifest"
	"eventanalytics/services/syncworker/admin"
	"eventanalytics/services/syncworker/lease"
)

// run starts a worker and returns how to stop it.
func run(t *testing.T, s *Service) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		require.NoError(t, <-ended)
	}
	t.Cleanup(stop)
	return stop
}

// Two workers share the work of one; when the leader stops, or falls silent, the
// other continues and nothing is lost or counted twice.
func TestStandbyTakesOver(t *testing.T) {
	t.Parallel()
	cfg, pool := testConfig(t), pgtest.New(t)
	cfg.Lease = 6 * time.Second // a third of it is from one renewal to the next
	var want [][]event.Event
	wait := func() {
		want = append(want, someEvents(5, 2))
		at := appendTo(t, pool, 1, want[len(want)-1]...)
		require.Eventually(t, func() bool {
			s, err := manifest.Read(t.Context(), pool)
			require.NoError(t, err)
			return s.Position.Compare(at) >= 0
		}, 30*time.Second, 10*time.Millisecond)
	}
	// This leader died without a word.
	_, err := manifest.Acquire(t.Context(), pool, "silent", time.Second)
	require.NoError(t, err)
	stopFirst := run(t, newService(t, cfg, pool))
	wait()
	second := newService(t, cfg, pool)
	const lease = "SELECT epoch::text || ' of ' || leader FROM analytics.sync_state"
	held, until := value[string](t, pool, lease), leaseUntil(t, pool)
	run(t, second)
	require.Eventually(t, func() bool { return leaseUntil(t, pool).After(until) }, 30*time.Second, 10*time.Millisecond, "the lease is renewed")
	wait()
	require.Equal(t, held, value[string](t, pool, lease))
	stopFirst()
	wait()
	require.Equal(t, second.name, value[string](t, pool, "SELECT leader FROM analytics.sync_state"))
	require.Equal(t, ids(want...), visible(t, cfg, pool, 1))
}

func leaseUntil(t *testing.T, pool *pgxpool.Pool) time.Time {
	t.Helper()
	return value[time.Time](t, pool, "SELECT lease_until FROM analytics.sync_state")
}

// POST to visible must take well under two seconds: the notification has to
// work, not the poll.
func TestNotificationWakesTheWorker(t *testing.T) {
	t.Parallel()
	cfg, pool := testConfig(t), pgtest.New(t)
	cfg.PollInterval = time.Hour
	run(t, newService(t, cfg, pool))
	for range 2 { // the first may be found at the start
		at := appendTo(t, pool, 1, someEvents(1, 1)...)
		require.Eventually(t, func() bool {
			require.NoError(t, outbox.Notify(t.Context(), pool))
			s, err := manifest.Read(t.Context(), pool)
			require.NoError(t, err)
			return s.Position.Compare(at) >= 0
		}, 30*time.Second, 10*time.Millisecond)
	}
}

func TestRestoredDatabaseIsRefused(t *testing.T) {
	t.Parallel()
	cfg, pool := testConfig(t), pgtest.New(t)
	leader := newTerm(t, cfg, pool)
	loaded, unread := someEvents(3, 1), someEvents(4, 1)
	leader.loadAll(t, appendTo(t, pool, 1, loaded...))
	require.ErrorIs(t, admin.Restore(t.Context(), pool, cfg.Warehouse, zap.NewNop()), admin.ErrNotRestored)

	// As after a restore: another cluster, whose transaction ids are lower.
	exec(t, pool, "UPDATE analytics.outbox SET xid = '9000000000'")
	exec(t, pool, "UPDATE analytics.sync_state SET system_identifier = 1, xid = '9000000000'")
	exec(t, pool, "INSERT INTO analytics.outbox (xid, project_id, events, payload) VALUES ('9000000001', 1, $1, $2)", len(unread), outbox.Encode(unread))
	_, err := boot.Connect(t.Context(), postgres.Config{URL: pool.Config().ConnString(), MaxConns: 4}, "worker", zap.NewNop(), prometheus.NewRegistry())
	require.ErrorIs(t, err, outbox.ErrRestored)
	require.ErrorContains(t, err, "syncworker restore")
	_, err = lease.Acquire(t.Context(), pool, lease.Config{Leader: "next", Duration: cfg.Lease}, zap.NewNop())
	require.ErrorIs(t, err, outbox.ErrRestored)
	nothing := func(*manifest.Tx) error { return nil }
	require.ErrorIs(t, leader.term.Commit(t.Context(), nothing), manifest.ErrFenced, "one that still leads has the same epoch")

	require.ErrorContains(t, admin.Restore(t.Context(), pool, cfg.Warehouse, zap.NewNop()), "stop all services")
	expireLease(t, pool)
	_, err = admin.Hold(t.Context(), pool, time.Hour, "the dump was made during it")
	require.NoError(t, err)
	require.NoError(t, admin.Restore(t.Context(), pool, cfg.Warehouse, zap.NewNop()))
	require.ErrorIs(t, admin.Release(t.Context(), pool), admin.ErrNotHeld)
	next := newTerm(t, cfg, pool)
	require.EqualValues(t, 2, next.loader.Position().Incarnation)
	fresh := someEvents(2, 1)
	next.loadAll(t, appendTo(t, pool, 1, fresh...))
	require.Equal(t, ids(loaded, unread, fresh), visible(t, cfg, pool, 1))
	ahead, err := outbox.Lag(t.Context(), pool, next.loader.Position(), 10)
	require.NoError(t, err)
	require.Zero(t, ahead, "what was loaded before the dump would be loaded again one day")
}

func TestMetricsAndHealth(t *testing.T) {
	t.Parallel()
	cfg, pool := testConfig(t), pgtest.New(t)
	s := newService(t, cfg, pool)
	appendTo(t, pool, 1, someEvents(1, 1)...)
	appendTo(t, pool, 1, someEvents(1, 1)...)
	require.NoError(t, s.observeOnce(t.Context()))
	get := func(path string) (int, string) {
		w := httptest.NewRecorder()
		s.Server().Handler().ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		return w.Code, w.Body.String()
	}
	code, body := get("/metrics")
	require.Equal(t, 200, code)
	require.Contains(t, body, "analytics_sync_outbox_lag_rows 2\n")
	require.Contains(t, body, "analytics_sync_leader 0\n")
	require.Contains(t, body, "analytics_sync_outbox_partitions_ahead 30\n")
	require.Contains(t, body, "analytics_sync_dead_letter_rows 0\n")
	for _, name := range []string{
		"sync_observed_timestamp_seconds", "postgres_database_bytes", "warehouse_disk_free_bytes", "warehouse_disk_size_bytes",
		"postgres_pool_max_connections",
	} {
		require.Regexp(t, "(?m)^analytics_"+name+" [1-9]", body)
	}
	require.Contains(t, body, "analytics_sync_collection_held_seconds 0\n")
	_, err := admin.Hold(t.Context(), pool, 10*time.Hour, "backup")
	require.NoError(t, err)
	require.NoError(t, s.observeOnce(t.Context()))
	_, body = get("/metrics")
	require.Regexp(t, `analytics_sync_collection_held_seconds 3[56]\d{3}\b`, body)
	for _, path := range []string{"/healthz", "/readyz"} {
		code, _ = get(path)
		require.Equal(t, 200, code)
	}
}
