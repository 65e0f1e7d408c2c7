package durability

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/platform/postgres"
	"eventanalytics/pkg/platform/postgres/private"
	"eventanalytics/tests/harness/stack"
)

// TestLossyPostgresIsRefused starts each program that connects to Postgres on one
// that may lose what it has committed.
func TestLossyPostgresIsRefused(t *testing.T) {
	t.Parallel()
	dir := newDir(t)
	server := startPrivate(t, filepath.Join(dir, "postgres"))
	env := []string{
		"DATABASE_URL=" + server.URL(), "AUTH_SECRET=" + rand.Text() + rand.Text(), "WAREHOUSE_DIR=" + dir,
		"ADDR=127.0.0.1:0", "REDIS_URL=redis://127.0.0.1:1/0", "PORT=5066", "DATA_DIR=" + filepath.Join(dir, "standalone"),
	}
	for _, setting := range []string{"fsync", "full_page_writes", "synchronous_commit"} {
		turn(t, server, setting, "off")
		for _, program := range [][]string{
			{"account"}, {"ingest"}, {"ingest", "migrate"}, {"ingest", "dump-outbox"}, {"syncworker"}, {"syncworker", "warehouse", "verify"},
			{"stats"}, {"standalone"},
		} {
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			out, err := stack.Command(ctx, env, program[0], program[1:]...)
			cancel()
			var exit *exec.ExitError
			require.ErrorAs(t, err, &exit, "%q does not refuse %s off: %s", program, setting, out)
			require.Equal(t, 1, exit.ExitCode(), "%q with %s off: %s", program, setting, out)
			require.Contains(t, out, "it is off: "+setting, "%q", program)
		}
		turn(t, server, setting, "on")
	}
	out, err := stack.Command(t.Context(), env, "ingest", "migrate")
	require.NoError(t, err, "%s", out)
}

// TestReloadCannotMakeCommitsLossy changes the settings of a server that is in
// use: a connection there is stays as it was where it can, and no new one opens.
func TestReloadCannotMakeCommitsLossy(t *testing.T) {
	t.Parallel()
	server := startPrivate(t, filepath.Join(newDir(t), "postgres"))
	pool, err := postgres.Open(t.Context(), postgres.Config{URL: server.URL(), MaxConns: 2}, "test")
	require.NoError(t, err)
	defer pool.Close()
	conn, err := pool.Acquire(t.Context())
	require.NoError(t, err)
	defer conn.Release()

	for _, setting := range []string{"synchronous_commit", "fsync"} {
		turn(t, server, setting, "off")
		var commit string
		require.NoError(t, conn.QueryRow(t.Context(), "SHOW synchronous_commit").Scan(&commit))
		require.Equal(t, "on", commit)
		_, err := pool.Exec(t.Context(), "SELECT")
		require.ErrorIs(t, err, postgres.ErrNotDurable)
		require.ErrorContains(t, err, setting)
		turn(t, server, setting, "on")
	}
}

func startPrivate(t *testing.T, dir string) *private.Server {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	server, err := private.Start(ctx, private.Config{Dir: dir})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Stop()) })
	return server
}

// turn changes a setting of a running server and waits until sessions have it.
func turn(t *testing.T, server *private.Server, setting, to string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), server.URL())
	require.NoError(t, err)
	defer conn.Close(t.Context())
	for _, sql := range []string{fmt.Sprintf("ALTER SYSTEM SET %s = %s", setting, to), "SELECT pg_reload_conf()"} {
		_, err := conn.Exec(t.Context(), sql)
		require.NoError(t, err)
	}
	eventually(t, setting+" is "+to, func() error {
		var now string
		if err := conn.QueryRow(t.Context(), "SHOW "+setting).Scan(&now); err != nil {
			return err
		}
		if now != to {
			return errors.New("it is " + now)
		}
		return nil
	})
}
