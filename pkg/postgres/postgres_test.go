package postgres_test

import (
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/postgres"
	"eventanalytics/pkg/postgres/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// A server that may forget what it acknowledged is refused, whoever set it so.
func TestOpenRefusesLossySettings(t *testing.T) {
	t.Parallel()
	url := pgtest.URL(t)
	pool, err := postgres.Open(t.Context(), postgres.Config{URL: url, MaxConns: 4}, "test")
	require.NoError(t, err)
	var name string
	require.NoError(t, pool.QueryRow(t.Context(), "SELECT current_database()").Scan(&name))
	_, err = pool.Exec(t.Context(), fmt.Sprintf("ALTER DATABASE %q SET synchronous_commit = off", name))
	require.NoError(t, err)
	pool.Close()

	_, err = postgres.Open(t.Context(), postgres.Config{URL: url, MaxConns: 4}, "test")
	require.ErrorIs(t, err, postgres.ErrNotDurable)
	require.ErrorContains(t, err, "synchronous_commit")
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
	require.False(t, postgres.Unavailable(errors.New("a mistake of ours")))
	_, err := postgres.Open(t.Context(), postgres.Config{URL: "postgres://127.0.0.1:1/x", MaxConns: 1}, "test")
	require.True(t, postgres.Unavailable(err), err)
}
