package postgres_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/platform/postgres"
	"eventanalytics/pkg/platform/postgres/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// A server that could lose acknowledged data is refused, wherever that was set.
func TestOpenRefusesLossySettings(t *testing.T) {
	t.Parallel()
	for name, set := range map[string]string{
		"database":          "ALTER DATABASE %[1]q SET synchronous_commit = off",
		"role":              "ALTER ROLE postgres IN DATABASE %[1]q SET synchronous_commit = off",
		"URL parameter":     "&synchronous_commit=off",
		"option in the URL": "&options=-c%20synchronous_commit%3Doff",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := pgtest.URL(t)
			if strings.HasPrefix(set, "&") {
				url += set
			} else {
				alter(t, url, set)
			}
			_, err := postgres.Open(t.Context(), postgres.Config{URL: url, MaxConns: 4}, "test")
			require.ErrorIs(t, err, postgres.ErrNotDurable)
			require.ErrorContains(t, err, "it is off: synchronous_commit")
		})
	}
}

// A change while a service runs is refused with the next connection.
func TestLaterConnectionsAreRefused(t *testing.T) {
	t.Parallel()
	url := pgtest.URL(t)
	pool := open(t, url)
	alter(t, url, "ALTER DATABASE %[1]q SET synchronous_commit = off")
	pool.Reset()
	_, err := pool.Exec(t.Context(), "SELECT")
	require.ErrorIs(t, err, postgres.ErrNotDurable)
	require.True(t, postgres.Unavailable(err))
	alter(t, url, "ALTER DATABASE %[1]q SET synchronous_commit = local")
	_, err = pool.Exec(t.Context(), "SELECT")
	require.NoError(t, err)
}

// alter runs a statement about the database of url.
func alter(t *testing.T, url, statement string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	defer conn.Close(t.Context())
	_, err = conn.Exec(t.Context(), fmt.Sprintf(statement, conn.Config().Database))
	require.NoError(t, err)
}

func TestUnqualifiedNamesFail(t *testing.T) {
	t.Parallel()
	pool, err := postgres.Open(t.Context(), postgres.Config{URL: pgtest.URL(t), MaxConns: 4}, "test")
	require.NoError(t, err)
	defer pool.Close()
	_, err = pool.Exec(t.Context(), "SELECT FROM users")
	require.ErrorContains(t, err, "does not exist")
	_, err = pool.Exec(t.Context(), "SELECT FROM analytics.users")
	require.NoError(t, err)
}

func TestUnavailable(t *testing.T) {
	t.Parallel()
	for _, code := range []string{"08006", "25006", "53100", "53300", "57P01", "57P03", "57014", "58030"} {
		require.True(t, postgres.Unavailable(fmt.Errorf("storing: %w", &pgconn.PgError{Code: code})), code)
	}
	for _, code := range []string{"23505", "40001", "42P01", "22P02"} {
		require.False(t, postgres.Unavailable(&pgconn.PgError{Code: code}), code)
	}
	require.True(t, postgres.Unavailable(fmt.Errorf("storing: %w", io.ErrUnexpectedEOF)))
	require.False(t, postgres.Unavailable(errors.New("a bug of ours")))
	_, err := postgres.Open(t.Context(), postgres.Config{URL: "postgres://127.0.0.1:1/x", MaxConns: 1}, "test")
	require.True(t, postgres.Unavailable(err), err)
}

func TestIdleConnectionsAreClosed(t *testing.T) {
	t.Parallel()
	pool, err := postgres.Open(t.Context(), postgres.Config{URL: pgtest.URL(t), MaxConns: 4, MaxIdle: 50 * time.Millisecond}, "test")
	require.NoError(t, err)
	defer pool.Close()
	require.Eventually(t, func() bool { return pool.Stat().TotalConns() == 0 }, 30*time.Second, 10*time.Millisecond)
	require.NoError(t, pool.Ping(t.Context()), "a new one is opened when it is needed")

	for name, cfg := range map[string]postgres.Config{
		"DATABASE_URL":       {URL: "no url", MaxConns: 1, MaxIdle: time.Minute},
		"DATABASE_MAX_CONNS": {URL: "postgres://localhost", MaxIdle: time.Minute},
		"DATABASE_MAX_IDLE":  {URL: "postgres://localhost", MaxConns: 1},
	} {
		require.ErrorContains(t, cfg.Validate(), name)
	}
}
