package syncworker

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap/zaptest"

	"eventanalytics/pkg/event"
	"eventanalytics/pkg/outbox"
	"eventanalytics/pkg/platform/boot"
	"eventanalytics/pkg/platform/postgres/pgtest"
	"eventanalytics/pkg/platform/server"
	"eventanalytics/pkg/warehouse"
	"eventanalytics/pkg/warehouse/duckdb"
	"eventanalytics/pkg/warehouse/manifest"
	"eventanalytics/pkg/warehouse/segment"
	"eventanalytics/services/syncworker/lease"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

func testConfig(t *testing.T) Config {
	return Config{
		HTTP: server.Config{TrustedProxies: []string{"127.0.0.0/8"}},
		Warehouse: warehouse.Config{
			Dir: t.TempDir(), MemoryLimit: "512MiB", Threads: 2, MaxQueries: 2, QueryTimeout: 30 * time.Second,
			PollInterval: 50 * time.Millisecond, GracePeriod: time.Hour,
		},
		Lease: time.Minute, PollInterval: 20 * time.Millisecond, LoadInterval: time.Millisecond, LoadRows: 1000, LoadEvents: 10_000, LoadBytes: 64 << 20, UserCache: 1000,
		CompactSegments: 8, SegmentEvents: 1000, MergeBytes: 512 << 20, MergeRollUps: 64 << 20, CollectInterval: 10 * time.Minute, OutboxRetention: 7 * 24 * time.Hour,
	}
}

func newService(t *testing.T, cfg Config, pool *pgxpool.Pool) *Service {
	t.Helper()
	s, err := New(cfg, boot.NewDeps(pool, zaptest.NewLogger(t), prometheus.NewRegistry()))
	require.NoError(t, err)
	return s
}

// testTerm leads, one step at a time.
type testTerm struct {
	*Service
	*leader
	term *lease.Term
}

func newTerm(t *testing.T, cfg Config, pool *pgxpool.Pool) *testTerm {
	t.Helper()
	s := newService(t, cfg, pool)
	term, err := lease.Acquire(t.Context(), pool, lease.Config{Leader: s.name, Duration: cfg.Lease}, s.log)
	require.NoError(t, err)
	require.NotNil(t, term)
	l, err := s.newLeader(term)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, l.builder.Close()) })
	return &testTerm{s, l, term}
}

// failCommits makes transactions fail that change a row of the manifest so that
// condition does not hold: what they wrote to files stays, as after a crash. The
// result undoes it.
func failCommits(t *testing.T, pool *pgxpool.Pool, condition string) (undo func()) {
	t.Helper()
	exec(t, pool, "ALTER TABLE analytics.segments ADD CONSTRAINT crash CHECK ("+condition+") NOT VALID")
	return func() { exec(t, pool, "ALTER TABLE analytics.segments DROP CONSTRAINT crash") }
}

// expireLease makes the leader one that fell silent.
func expireLease(t *testing.T, pool *pgxpool.Pool) {
	exec(t, pool, "UPDATE analytics.sync_state SET lease_until = 'epoch'")
}

func exec(t *testing.T, db outbox.Querier, text string, args ...any) {
	t.Helper()
	_, err := db.Exec(t.Context(), text, args...)
	require.NoError(t, err)
}

func value[T any](t *testing.T, db outbox.Querier, text string, args ...any) (v T) {
	t.Helper()
	require.NoError(t, db.QueryRow(t.Context(), text, args...).Scan(&v))
	return v
}

var start = time.Date(2025, 8, 1, 12, 0, 0, 0, time.UTC)

// someEvents have their own ids; n of them on each of days days.
func someEvents(n, days int) []event.Event {
	var events []event.Event
	for day := range days {
		for i := range n {
			at := start.AddDate(0, 0, day).Add(time.Duration(i) * time.Second)
			events = append(events, event.Event{ID: uuid.New(), OccurredAt: at.UnixMicro(), UserID: "u", Type: "t", Properties: `{"a":1}`})
		}
	}
	return events
}

func appendTo(t *testing.T, pool *pgxpool.Pool, project int64, events ...event.Event) outbox.Position {
	t.Helper()
	var p outbox.Position
	require.NoError(t, pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) (err error) {
		p, err = outbox.Append(t.Context(), tx, project, events)
		return err
	}))
	return p
}

// loadAll loads until nothing settled is left. Transactions of other tests on
// the same server may hold rows back for a moment.
func (l *leader) loadAll(t *testing.T, until outbox.Position) {
	t.Helper()
	require.Eventually(t, func() bool {
		_, err := l.loader.Once(t.Context())
		require.NoError(t, err)
		return l.loader.Position().Compare(until) >= 0
	}, 30*time.Second, 5*time.Millisecond)
}

// visible returns the ids of a project's events as a reader of the manifest
// sees them, sorted, after checking all files.
func visible(t *testing.T, cfg Config, pool *pgxpool.Pool, project int64) []uuid.UUID {
	t.Helper()
	s, err := manifest.Read(t.Context(), pool)
	require.NoError(t, err)
	for _, g := range s.Segments(project, time.Time{}, time.Time{}) {
		require.NoError(t, segment.Verify(cfg.Warehouse.Dir, g))
	}
	db, err := duckdb.Open(cfg.Warehouse)
	require.NoError(t, err)
	defer db.Close()
	var found []uuid.UUID
	err = db.Run(t.Context(), s, duckdb.Query{Project: project, SQL: "SELECT event_id FROM {{events}}"}, func(rows *sql.Rows) error {
		var id uuid.UUID
		err := rows.Scan(&id)
		found = append(found, id)
		return err
	})
	require.NoError(t, err)
	return sortIDs(found)
}

func ids(batches ...[]event.Event) []uuid.UUID {
	var found []uuid.UUID
	for _, events := range batches {
		for _, e := range events {
			found = append(found, e.ID)
		}
	}
	return sortIDs(found)
}

func sortIDs(found []uuid.UUID) []uuid.UUID {
	slices.SortFunc(found, func(a, b uuid.UUID) int { return slices.Compare(a[:], b[:]) })
	return found
}

// files lists the segment files.
func files(t *testing.T, cfg Config) []string {
	t.Helper()
	// Projects' folders alone: files in the making lie beside them.
	found, err := filepath.Glob(filepath.Join(cfg.Warehouse.Dir, "[0-9]*", "*.parquet"))
	require.NoError(t, err)
	return found
}

// age makes every file look older.
func age(t *testing.T, cfg Config, by time.Duration) {
	t.Helper()
	for _, path := range files(t, cfg) {
		old := time.Now().Add(-by)
		for _, path := range segment.Paths(path) {
			if err := os.Chtimes(path, old, old); !errors.Is(err, os.ErrNotExist) { // a collection may run
				require.NoError(t, err)
			}
		}
	}
}

// compactAll merges whatever there is to merge.
func (l *leader) compactAll(ctx context.Context) error {
	c := l.maintenance.Compactor
	return errors.Join(c.Compact(ctx, manifest.EarlyLane), c.Compact(ctx, manifest.MainLane))
}
