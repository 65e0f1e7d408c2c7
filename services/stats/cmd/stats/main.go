// Command stats answers questions about events.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"

	"eventanalytics/pkg/outbox"
	"eventanalytics/pkg/platform/config"
	"eventanalytics/pkg/platform/logging"
	"eventanalytics/pkg/platform/metrics"
	"eventanalytics/pkg/platform/postgres"
	"eventanalytics/pkg/platform/ratelimit"
	"eventanalytics/pkg/platform/server"
	"eventanalytics/pkg/platform/tracing"
	"eventanalytics/services/stats"
)

type settings struct {
	stats.Config
	Log      logging.Config
	Tracing  tracing.Config
	Postgres postgres.Config
}

var cli struct {
	Serve       serve              `cmd:"" default:"1" help:"Serve requests until told to stop."`
	Healthcheck server.Healthcheck `cmd:"" help:"Exit with 0 when the service on this machine answers."`
	Version     version            `cmd:"" help:"Print the version and exit."`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	k := kong.Parse(&cli, kong.Name("stats"), kong.Description("Answers questions about events."), kong.BindTo(ctx, (*context.Context)(nil)))
	k.FatalIfErrorf(k.Run())
}

type serve struct{}

func (serve) Run(ctx context.Context) error {
	cfg, err := config.Load[settings]()
	if err != nil {
		return err
	}
	log, err := logging.New(cfg.Log, "stats")
	if err != nil {
		return err
	}
	stopTracing, err := tracing.Setup(ctx, cfg.Tracing, "stats", log)
	if err != nil {
		return err
	}
	defer stopTracing()
	pool, err := postgres.Open(ctx, cfg.Postgres, "stats")
	if err != nil {
		return err
	}
	defer pool.Close()
	if err := postgres.CheckSchema(ctx, pool); err != nil {
		return err
	}
	if err := outbox.CheckIdentity(ctx, pool); err != nil {
		return err
	}
	redis, err := ratelimit.NewRedis(cfg.Redis)
	if err != nil {
		return err
	}
	defer redis.Close()
	svc, err := stats.New(ctx, cfg.Config, stats.Deps{Pool: pool, Redis: redis, Log: log, Registry: metrics.NewRegistry()})
	if err != nil {
		return err
	}
	defer svc.Close()
	return svc.Server().Run(ctx, svc.Run)
}

type version struct{}

func (version) Run(k *kong.Context) error {
	_, err := fmt.Fprintln(k.Stdout, server.APIVersion)
	return err
}
