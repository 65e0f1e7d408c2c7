package duckdb

import (
	"context"
	"database/sql"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/event"
	"eventanalytics/pkg/warehouse/manifest"
	"eventanalytics/pkg/warehouse/segment"
)

func count(t testing.TB, db *DB, s *manifest.Snapshot, q Query) (n int, err error) {
	t.Helper()
	err = db.Run(t.Context(), s, q, func(rows *sql.Rows) error { return rows.Scan(&n) })
	return n, err
}

// Even if text of a request became SQL it could reach nothing.
func TestLockDown(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t)
	outside := filepath.Join(t.TempDir(), "outside.csv")
	require.NoError(t, os.WriteFile(outside, []byte("a\n1\n"), 0o600))
	db := newDB(t, cfg)
	for _, text := range []string{
		"SELECT * FROM read_csv(" + quote(outside) + ")",
		"SELECT * FROM read_text('/etc/hostname')",
		"SELECT * FROM read_text(" + quote(cfg.Dir+"/../../../etc/hostname") + ")",
		"SELECT * FROM glob('/etc/*')",
		"COPY (SELECT 1) TO " + quote(filepath.Join(filepath.Dir(outside), "new.csv")),
		"ATTACH " + quote(outside+".db"),
		"SET memory_limit = '20GB'",
		"SET TimeZone = 'Europe/Kyiv'",
		"SET enable_external_access = true",
		"RESET lock_configuration",
		"INSTALL httpfs",
		"LOAD httpfs",
	} {
		err := db.Run(t.Context(), snapshot(), Query{SQL: text}, func(*sql.Rows) error { return nil })
		require.Error(t, err, text)
		require.NotContains(t, err.Error(), "Parser Error", text)
	}
	for range 4 { // on every connection
		conn, err := db.db.Conn(t.Context())
		require.NoError(t, err)
		defer conn.Close()
		var zone string
		require.NoError(t, conn.QueryRowContext(t.Context(), "SELECT current_setting('TimeZone')").Scan(&zone))
		require.Equal(t, "UTC", zone)
	}
}

func TestValuesNeedNames(t *testing.T) {
	t.Parallel()
	db := newDB(t, testConfig(t))
	_, err := count(t, db, snapshot(), Query{SQL: "SELECT $limit::BIGINT", Args: []any{sql.Named("limits", 1)}})
	require.ErrorContains(t, err, "no value for $limit")
	_, err = count(t, db, snapshot(), Query{SQL: "SELECT 1", Args: []any{1}})
	require.ErrorContains(t, err, "has no name")
	given := []any{sql.Named("w0", "x")}
	require.NoError(t, checkNames(identifier(`text:$os`)+" = $w0 OR "+identifier(`text:a"$b`)+" = $w0", given))
	require.ErrorContains(t, checkNames(identifier(`text:"`)+" = $w1 OR "+identifier("text:c")+" = $w0", given), "no value for $w1")
	n, err := count(t, db, snapshot(), Query{Project: 7, SQL: "SELECT $b::BIGINT * 10 + $project FROM (SELECT count(*) FROM {{events}})", Args: []any{sql.Named("a", 1), sql.Named("b", 2)}})
	require.NoError(t, err)
	require.Equal(t, 27, n)
}

const endless = "SELECT count(*) FROM range(10000000000) AS a, range(1000) AS b WHERE (a.range * b.range) % 7 = 3"

func TestQueriesEnd(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t)
	cfg.MaxQueries, cfg.QueryTimeout = 1, 300*time.Millisecond
	_, err := count(t, newDB(t, cfg), snapshot(), Query{SQL: endless})
	require.ErrorIs(t, err, ErrTimeout)

	// One that hangs up gives its place to the next at once.
	cfg.QueryTimeout = time.Hour
	db := newDB(t, cfg)
	ctx, hangUp := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- db.Run(ctx, snapshot(), Query{SQL: endless}, func(*sql.Rows) error { return nil })
	}()
	require.Eventually(t, func() bool { n, _ := db.queries.Count(); return n == 1 }, patience, time.Millisecond)
	hangUp()
	select {
	case err := <-ended:
		require.ErrorIs(t, err, context.Canceled)
	case <-time.After(patience):
		require.Fail(t, "the query went on")
	}
	n, err := count(t, db, snapshot(), Query{SQL: "SELECT 1"})
	require.NoError(t, err)
	require.Equal(t, 1, n)
}

// patience is for a busy machine, and far from the hours that an endless query takes.
const patience = time.Minute

func TestQueriesWaitForAPlace(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t)
	cfg.MaxQueries, cfg.QueryTimeout = 1, 300*time.Millisecond
	db := newDB(t, cfg)
	require.NoError(t, db.queries.Enter(t.Context(), 0, time.Second)) // all places are taken
	_, err := count(t, db, snapshot(), Query{SQL: "SELECT 1"})
	require.ErrorIs(t, err, ErrBusy)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, db.Run(gone, snapshot(), Query{SQL: "SELECT 1"}, nil), context.Canceled)
	db.queries.Leave(0)
}

func TestMemoryLimit(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t)
	cfg.MemoryLimit = "50MiB"
	db := newDB(t, cfg)
	_, err := count(t, db, snapshot(), Query{SQL: "SELECT len(list(range)) FROM range(100000000)"})
	require.ErrorIs(t, err, ErrMemory)
}

// No part of an answer: a query that needs a lost file fails, others are answered.
func TestMissingFile(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t)
	b, db := newBuilder(t, cfg), newDB(t, cfg)
	early := someEvents(rand.New(rand.NewPCG(1, 1)), 10, 1)
	late := event.Event{ID: early[0].ID, OccurredAt: time.Date(2025, 8, 1, 0, 0, 0, 0, time.UTC).UnixMicro(), UserID: "u", Type: "t"}
	kept, lost := write(t, b, early...), write(t, b, late)
	require.NoError(t, os.Remove(filepath.Join(cfg.Dir, lost.Path)))
	s := snapshot(kept, lost)
	q := Query{Project: 1, SQL: "SELECT count(*) FROM {{events}}"}
	_, err := count(t, db, s, q)
	require.ErrorIs(t, err, segment.ErrQuarantined)
	q.To = late.Time()
	n, err := count(t, db, s, q)
	require.NoError(t, err)
	require.Equal(t, 10, n)
}
