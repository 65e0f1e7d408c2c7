package boot_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime/debug"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"eventanalytics/migrations"
	"eventanalytics/pkg/outbox"
	"eventanalytics/pkg/platform/boot"
	"eventanalytics/pkg/platform/postgres"
	"eventanalytics/pkg/platform/postgres/pgtest"
	"eventanalytics/pkg/platform/server"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

type config struct {
	HTTP     server.Config
	Greeting string `env:"GREETING,required"`
}

// service keeps what happens to it.
type service struct {
	config config
	deps   boot.Deps
	server *server.Server
	run    func(context.Context) error
	closed bool
}

func (s *service) Server() *server.Server        { return s.server }
func (s *service) Run(ctx context.Context) error { return s.run(ctx) }
func (s *service) Close() error {
	s.closed = true
	return s.deps.Pool.Ping(context.Background()) // the pool outlives the service
}

func (s *service) make(cfg config, deps boot.Deps) (_ *service, err error) {
	s.config, s.deps = cfg, deps
	s.server, err = server.New(cfg.HTTP, deps.Log, deps.Registry)
	return s, err
}

func environment(t *testing.T) {
	t.Setenv("DATABASE_URL", pgtest.URL(t))
	t.Setenv("ADDR", "127.0.0.1:0")
	t.Setenv("DRAIN_DELAY", "0s")
	t.Setenv("GREETING", "hello")
}

func TestServe(t *testing.T) {
	environment(t)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	s := &service{run: func(ctx context.Context) error {
		stop() // told to stop while it runs
		<-ctx.Done()
		return nil
	}}
	require.NoError(t, boot.Serve(ctx, "test", s.make))
	require.Equal(t, "hello", s.config.Greeting)
	require.True(t, s.closed)
	require.Error(t, s.deps.Pool.Ping(t.Context()), "the pool is closed in the end")

	answer := httptest.NewRecorder()
	s.server.Handler().ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil))
	require.Contains(t, answer.Body.String(), "analytics_postgres_pool_max_connections")
	require.Contains(t, answer.Body.String(), "analytics_build_info")
}

func TestServeReturnsWhatEndedTheService(t *testing.T) {
	environment(t)
	broken := errors.New("broken")
	s := &service{run: func(context.Context) error { return broken }}
	require.ErrorIs(t, boot.Serve(t.Context(), "test", s.make), broken)
	require.True(t, s.closed)

	t.Setenv("DRAIN_DELAY", "soon")
	require.ErrorContains(t, boot.Serve(t.Context(), "test", s.make), "DRAIN_DELAY")
}

func TestConnectRefusesDatabasesOfAnotherKind(t *testing.T) {
	t.Parallel()
	connect := func(url string) error {
		deps, err := boot.Connect(t.Context(), postgres.Config{URL: url, MaxConns: 2}, "test", zap.NewNop(), prometheus.NewRegistry())
		if err == nil {
			deps.Pool.Close()
		}
		return err
	}
	require.ErrorIs(t, connect(pgtest.EmptyURL(t)), migrations.ErrBehind)

	pool := pgtest.New(t)
	url := pool.Config().ConnString()
	require.NoError(t, connect(url))
	_, err := pool.Exec(t.Context(), "UPDATE analytics.sync_state SET system_identifier = 1")
	require.NoError(t, err)
	require.ErrorIs(t, connect(url), outbox.ErrRestored)
}

// DuckDB's limit and Go's come out of one sum, also when a setting fixes one of them.
func TestLoadDividesTheMemory(t *testing.T) {
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(-1))
	type warehouse struct {
		MemoryLimit string `env:"WAREHOUSE_MEMORY_LIMIT" envDefault:"2GiB"`
	}
	type two struct{ Stats, Worker warehouse }
	t.Setenv("WAREHOUSE_MEMORY_LIMIT", "")

	cfg, plan, err := boot.Load[two](true)
	require.NoError(t, err)
	require.Equal(t, fmt.Sprintf("%dMiB", plan.DuckDB>>20), cfg.Worker.MemoryLimit)
	require.Equal(t, cfg.Worker, cfg.Stats)
	require.Less(t, plan.Go+2*plan.DuckDB, plan.Limit)
	require.Equal(t, plan.Go, debug.SetMemoryLimit(-1))

	t.Setenv("WAREHOUSE_MEMORY_LIMIT", "100MiB")
	cfg, other, err := boot.Load[two](true)
	require.NoError(t, err)
	require.Equal(t, "100MiB", cfg.Stats.MemoryLimit)
	require.Equal(t, plan.Go+2*(plan.DuckDB-100<<20), other.Go)
}
