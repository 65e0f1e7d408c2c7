package postgres_test

import (
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"eventanalytics/migrations"
	"eventanalytics/pkg/platform/postgres"
	"eventanalytics/pkg/platform/postgres/pgtest"
)

func open(t *testing.T, url string) *pgxpool.Pool {
	t.Helper()
	pool, err := postgres.Open(t.Context(), postgres.Config{URL: url, MaxConns: 4}, "test")
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	return pool
}

func migrate(t *testing.T, pool *pgxpool.Pool) error {
	db := stdlib.OpenDBFromPool(pool)
	defer db.Close()
	return migrations.Up(t.Context(), db)
}

// Replicas that all migrate at startup must not conflict.
func TestMigrationsOfSeveralProcessesRunOnce(t *testing.T) {
	t.Parallel()
	url := pgtest.EmptyURL(t)
	var g errgroup.Group
	for range 4 {
		pool := open(t, url)
		g.Go(func() error { return migrate(t, pool) })
	}
	require.NoError(t, g.Wait())
	pool := open(t, url)
	var applied, versions, newest int
	const versionsSQL = "SELECT count(*), count(DISTINCT version_id), max(version_id) FROM public.analytics_migrations"
	require.NoError(t, pool.QueryRow(t.Context(), versionsSQL).Scan(&applied, &versions, &newest))
	require.Equal(t, versions, applied)
	require.Equal(t, newest+1, applied, "goose adds a version 0")
	require.NoError(t, postgres.CheckSchema(t.Context(), pool))
}

// A migration says which of how many runs.
func TestMigrationsAreShown(t *testing.T) {
	t.Parallel()
	pool := open(t, pgtest.EmptyURL(t))
	db := stdlib.OpenDBFromPool(pool)
	defer db.Close()
	var shown []string
	show := func(done, of int64, running string) {
		require.Less(t, done, of)
		shown = append(shown, fmt.Sprint(done, " ", running))
	}
	require.NoError(t, migrations.UpShown(t.Context(), db, show))
	require.Equal(t, "0 00001_accounts.sql", shown[0])
	shown = nil
	require.NoError(t, migrations.UpShown(t.Context(), db, show))
	require.Empty(t, shown, "there is nothing to do")
}

// A service on an older database must say what to do; one on a newer database
// must run: the schema is migrated before the services are replaced.
func TestSchemaOfAnotherVersion(t *testing.T) {
	t.Parallel()
	empty := open(t, pgtest.EmptyURL(t))
	require.ErrorIs(t, postgres.CheckSchema(t.Context(), empty), migrations.ErrBehind)

	pool := pgtest.New(t)
	require.NoError(t, postgres.CheckSchema(t.Context(), pool))
	exec := func(sql string) {
		_, err := pool.Exec(t.Context(), sql)
		require.NoError(t, err)
	}
	exec("INSERT INTO public.analytics_migrations (version_id, is_applied) VALUES (99999, true)")
	require.NoError(t, postgres.CheckSchema(t.Context(), pool))
	require.NoError(t, migrate(t, pool), "a service that migrates at startup also runs")
	require.NoError(t, postgres.CheckSchema(t.Context(), pool))

	exec("DELETE FROM public.analytics_migrations WHERE version_id IN (99999, (SELECT max(version_id) FROM public.analytics_migrations WHERE version_id < 99999))")
	err := postgres.CheckSchema(t.Context(), pool)
	require.ErrorIs(t, err, migrations.ErrBehind)
	require.ErrorContains(t, err, "ingest migrate")
}
