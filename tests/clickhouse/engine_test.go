package main

import (
	"context"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/ext"
	"github.com/stretchr/testify/require"
)

// TestDriver: the driver gets from the fixture what it gets from a server, also after errors.
func TestDriver(t *testing.T) {
	e, err := newEngine(t.TempDir(), true)
	require.NoError(t, err)
	defer e.close()
	server := httptest.NewServer(e)
	defer server.Close()
	conn, err := clickhouse.Open(&clickhouse.Options{Protocol: clickhouse.HTTP, Addr: []string{strings.TrimPrefix(server.URL, "http://")}})
	require.NoError(t, err)
	defer conn.Close()
	require.NoError(t, conn.Ping(t.Context()))
	version, err := conn.ServerVersion()
	require.NoError(t, err)
	t.Log(version)

	ask := func(ctx context.Context, text string, args ...any) (n int64, err error) {
		return n, conn.QueryRow(ctx, text, args...).Scan(&n)
	}
	settings := func(s clickhouse.Settings) context.Context {
		return clickhouse.Context(t.Context(), clickhouse.WithSettings(s))
	}
	n, err := ask(t.Context(), "SELECT {a:Int64} + length({b:String})", clickhouse.Named("a", "40"), clickhouse.Named("b", `'\`))
	require.NoError(t, err)
	require.EqualValues(t, 42, n)

	table, err := ext.NewTable("keys", ext.Column("key", "UInt32"), ext.Column("name", "Nullable(String)"))
	require.NoError(t, err)
	for i := range 100_000 {
		require.NoError(t, table.Append(uint32(i), nil))
	}
	for range 2 { // a table is there for its query alone
		n, err = ask(clickhouse.Context(t.Context(), clickhouse.WithExternalTable(table)), "SELECT sum(key)::Int64 FROM keys WHERE name IS NULL")
		require.NoError(t, err)
		require.EqualValues(t, 99_999*50_000, n)
		_, err = ask(t.Context(), "SELECT count()::Int64 FROM keys")
		requireCode(t, 60, err)
	}

	_, err = ask(settings(clickhouse.Settings{"max_rows_to_read": 10}), "SELECT count()::Int64 FROM numbers(1000)")
	requireCode(t, 158, err)
	n, err = ask(t.Context(), "SELECT count()::Int64 FROM numbers(1000)") // a setting, too
	require.NoError(t, err)
	require.EqualValues(t, 1000, n)
	_, err = ask(settings(clickhouse.Settings{"readonly": 2}), "CREATE TABLE t (n Int64) ENGINE = Memory")
	requireCode(t, 164, err)
	_, err = ask(t.Context(), "SELEC 1")
	requireCode(t, 62, err)
}

func requireCode(t *testing.T, code int32, err error) {
	t.Helper()
	var exception *clickhouse.Exception
	require.ErrorAs(t, err, &exception)
	require.Equal(t, code, exception.Code, exception.Message)
}
