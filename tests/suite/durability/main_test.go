// Package durability looks at what the service promises about its disks: that
// nothing is visible before it is safe, and that nothing is lost or counted twice
// when a disk is full, a file is damaged or a clock jumps.
package durability

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"eventanalytics/tests/harness/stack"
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	err := stack.Build(context.Background(), "account", "ingest", "syncworker", "stats", "standalone")
	if err == nil {
		// Not t.TempDir: Postgres runs as another user, which must be able to enter.
		workDir, err = os.MkdirTemp("", "analytics-durability-")
	}
	if err == nil {
		err = os.Chmod(workDir, 0o755)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "preparing the tests:", err)
		return 1
	}
	code := m.Run()
	if code == 0 {
		_ = os.RemoveAll(workDir) // only a temporary folder
	} else {
		fmt.Fprintln(os.Stderr, "logs are kept in", workDir)
	}
	return code
}

var workDir string

// newDir makes a folder for one test, which asks once.
func newDir(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(workDir, strings.ReplaceAll(t.Name(), "/", "-"))
	require.NoError(t, os.Mkdir(dir, 0o755))
	return dir
}

// settings make each upload a load and a segment, merge four of them, and lift
// the limits: the tests ask more than one address may.
var settings = []string{
	"WORKER_LOAD_INTERVAL=0s", "WORKER_LOAD_ROWS=1", "WORKER_LEASE=1s", "WORKER_COMPACT_SEGMENTS=4",
	"WORKER_COLLECT_INTERVAL=1s", "WAREHOUSE_POLL_INTERVAL=100ms",
	"RATE_LIMIT_REGISTER=1000/s", "RATE_LIMIT_LOGIN=1000/s", "RATE_LIMIT_STATS=1000/s", "RATE_LIMIT_INGEST=100000/s",
}

// service is the servers and those of the services that a test starts.
type service struct {
	*stack.Stack
	dir string // of logs and data
	db  *pgxpool.Pool
}

// newService starts Postgres and redis-server with their data in dir.
func newService(t *testing.T, dir string, env ...string) *service {
	t.Helper()
	servers, err := stack.Servers(t.Context(), dir, append(env, settings...)...)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, servers.Stop()) })
	s := &service{Stack: servers, dir: dir}
	s.db, err = pgxpool.New(t.Context(), servers.DatabaseURL)
	require.NoError(t, err)
	t.Cleanup(s.db.Close)
	return s
}

// start starts services, each on a port of its own.
func (s *service) start(t *testing.T, names ...string) (last *stack.Process) {
	t.Helper()
	for _, name := range names {
		p, err := s.StartService(t.Context(), name)
		require.NoError(t, err)
		last = p
	}
	return last
}

func (s *service) url(name string) string { return "http://" + s.Addresses[name] }

// value reads one value from Postgres.
func value[T any](t *testing.T, s *service, sql string, args ...any) T {
	t.Helper()
	var v T
	require.NoError(t, s.db.QueryRow(t.Context(), sql, args...).Scan(&v))
	return v
}

// patience is for what happens soon, on a busy machine.
const patience = time.Minute

// eventually waits until ask returns nil.
func eventually(t *testing.T, what string, ask func() error) {
	t.Helper()
	require.NoError(t, stack.Poll(t.Context(), patience, ask), what)
}
