// Package boot makes a process of a service: command line, settings, logger,
// traces, Postgres, the checks of its database, and then the service itself until
// it is told to stop. All services start here, in their own processes and in the
// standalone.
package boot

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.uber.org/zap"

	"eventanalytics/pkg/outbox"
	"eventanalytics/pkg/platform/build"
	"eventanalytics/pkg/platform/config"
	"eventanalytics/pkg/platform/logging"
	"eventanalytics/pkg/platform/memory"
	"eventanalytics/pkg/platform/metrics"
	"eventanalytics/pkg/platform/postgres"
	"eventanalytics/pkg/platform/server"
	"eventanalytics/pkg/platform/tracing"
)

// Commands are those that every service has beside serve.
type Commands struct {
	Healthcheck server.Healthcheck   `cmd:"" help:"Exit with 0 when the service on this machine answers."`
	Version     build.VersionCommand `cmd:"" help:"Print the version and exit."`
}

// Main runs the command that the arguments name, of those that cli describes for
// kong, with a context that ends on SIGINT or SIGTERM. It ends the process with
// status 1 when the command fails.
func Main(cli any, name, description string) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	k := kong.Parse(cli, kong.Name(name), kong.Description(description), kong.BindTo(ctx, (*context.Context)(nil)))
	k.FatalIfErrorf(k.Run())
}

// Config is what every service's process is set up with, beside the service's own.
type Config struct {
	Log      logging.Config
	Tracing  tracing.Config
	Postgres postgres.Config
}

// Deps are what a service gets from its process.
type Deps struct {
	Pool     *pgxpool.Pool
	Log      *zap.Logger
	Registry metrics.Registry
}

// Service is a service that was made but does not run yet.
type Service interface {
	// Server has its routes.
	Server() *server.Server
	// Run does its work beside requests until ctx ends.
	Run(ctx context.Context) error
	// Close frees what it holds, after Run.
	Close() error
}

// New makes a service. It does not look at the database: that was checked.
type New[C any, S Service] func(cfg C, deps Deps) (S, error)

// Serve reads the settings, makes the service and runs it until ctx ends; name is
// the service's in logs, traces and Postgres.
func Serve[C any, S Service](ctx context.Context, name string, makeService New[C, S]) (err error) {
	cfg, plan, err := Load[struct {
		Service C
		Config
	}](false)
	if err != nil {
		return err
	}
	log, err := logging.New(cfg.Log, name)
	if err != nil {
		return err
	}
	LogMemory(log, plan)
	stopTracing, err := tracing.Setup(ctx, cfg.Tracing, name, log)
	if err != nil {
		return err
	}
	defer stopTracing()
	deps, err := Connect(ctx, cfg.Postgres, name, log, metrics.NewRegistry())
	if err != nil {
		return err
	}
	defer deps.Pool.Close()
	s, err := makeService(cfg.Service, deps)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	return s.Server().Run(ctx, s.Run)
}

// Load reads the settings of a process, of those that follow from the memory it may
// take too, and gives Go its part of that. Each struct in T with the settings of the
// warehouse stands for a DuckDB, and those of the worker for a worker. postgres says that a private Postgres shares the
// memory. fallback is as for config.Load.
func Load[T any](postgres bool, fallback ...map[string]string) (T, memory.Plan, error) {
	needs := memory.Needs{Postgres: postgres}
	for _, o := range config.Options[T]() {
		switch o.Name {
		case memory.DuckDBSetting:
			needs.DuckDBs++
		case memory.MergeSetting:
			needs.Worker = true
		case memory.SQLSetting:
			needs.SQL = true
		}
	}
	plan, known := memory.Apply(needs)
	if known {
		fallback = append(fallback, plan.Settings())
	}
	if os.Getenv("WAREHOUSE_S3_BUCKET") != "" {
		fallback = append(fallback, bucketDefaults)
	}
	cfg, err := config.Load[T](fallback...)
	return cfg, plan, err
}

// bucketDefaults are defaults of services whose segments are in a bucket, where each file
// written costs money: docs/operating.md has how much.
var bucketDefaults = map[string]string{"WORKER_LOAD_INTERVAL": "10s"}

// LogMemory says how the memory was divided, for those who wonder why a container
// was killed.
func LogMemory(log *zap.Logger, p memory.Plan) {
	log.Info("divided the memory", zap.Int64("limit_bytes", p.Limit), zap.Int64("go_bytes", p.Go), zap.Int64("duckdb_bytes", p.DuckDB), zap.Int64("sql_bytes", p.SQL))
}

// Connect opens the pool of a service and checks that its database has the schema
// of this build (migrations.ErrBehind) and is the one that the warehouse was
// written from (outbox.ErrRestored). The caller closes the pool.
func Connect(ctx context.Context, cfg postgres.Config, name string, log *zap.Logger, registry metrics.Registry) (Deps, error) {
	pool, err := Open(ctx, cfg, name)
	if err != nil {
		return Deps{}, err
	}
	if err := outbox.CheckIdentity(ctx, pool); err != nil {
		pool.Close()
		return Deps{}, err
	}
	return NewDeps(pool, log, registry), nil
}

// NewDeps puts a service's dependencies together, unchecked: pool may lead nowhere.
// Its metrics go into registry.
func NewDeps(pool *pgxpool.Pool, log *zap.Logger, registry metrics.Registry) Deps {
	metrics.RegisterPool(registry, pool)
	return Deps{Pool: pool, Log: log, Registry: registry}
}

// Open opens the pool of a command and checks that the database has the schema of
// this build.
func Open(ctx context.Context, cfg postgres.Config, name string) (*pgxpool.Pool, error) {
	pool, err := postgres.Open(ctx, cfg, name)
	if err != nil {
		return nil, err
	}
	if err := postgres.CheckSchema(ctx, pool); err != nil {
		pool.Close()
		return nil, err
	}
	return pool, nil
}
