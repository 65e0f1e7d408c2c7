package duckdb_test

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/warehouse/native"
)

// Here, not beside it: another test binary with DuckDB takes 10 s to link.
func TestNativeFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cfg := native.Config{Path: filepath.Join(dir, "file.duckdb"), Threads: 1, MemoryLimit: "64MB", Spill: filepath.Join(dir, "spill"), SpillLimit: "1MB"}
	db, err := native.Open(t.Context(), cfg)
	require.NoError(t, err)
	var day string
	require.NoError(t, db.QueryRowContext(t.Context(), "SELECT (TIMESTAMPTZ '2025-12-31 23:30:00+00')::DATE::VARCHAR").Scan(&day))
	require.Equal(t, "2025-12-31", day)
	_, err = db.ExecContext(t.Context(), "CREATE TABLE kept AS SELECT 42 AS answer")
	require.NoError(t, err)

	_, err = db.ExecContext(t.Context(), "CREATE TABLE sorted AS SELECT hash(i) AS h, hash(i + 1) AS g FROM range(10000000) AS t (i) ORDER BY h, g")
	require.ErrorIs(t, native.Classify(err), native.ErrMemory)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = db.ExecContext(ended, "SELECT 1")
	require.ErrorIs(t, native.Classify(err), context.Canceled)
	require.NoError(t, db.Close())

	db, err = native.Open(t.Context(), cfg)
	require.NoError(t, err)
	var answer int
	require.NoError(t, db.QueryRowContext(t.Context(), "SELECT answer FROM kept").Scan(&answer))
	require.Equal(t, 42, answer)
	require.NoError(t, db.Close())
}
