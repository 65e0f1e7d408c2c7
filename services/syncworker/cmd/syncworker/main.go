// Command syncworker moves events from the outbox into the warehouse.
package main

import (
	"context"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/alecthomas/kong"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"eventanalytics/pkg/config"
	"eventanalytics/pkg/logging"
	"eventanalytics/pkg/postgres"
	"eventanalytics/pkg/server"
	"eventanalytics/pkg/tracing"
	"eventanalytics/pkg/warehouse"
	"eventanalytics/services/syncworker"
)

type settings struct {
	syncworker.Config
	Log      logging.Config
	Tracing  tracing.Config
	Postgres postgres.Config
}

var cli struct {
	Serve       serve              `cmd:"" default:"1" help:"Lead or stand by until told to stop."`
	Restore     restore            `cmd:"" help:"Take a database restored from a dump into use; all services must be stopped."`
	Healthcheck server.Healthcheck `cmd:"" help:"Exit with 0 when the service on this machine answers."`
	Version     version            `cmd:"" help:"Print the version and exit."`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	k := kong.Parse(&cli, kong.Name("syncworker"), kong.Description("Moves events from the outbox into the warehouse."), kong.BindTo(ctx, (*context.Context)(nil)))
	k.FatalIfErrorf(k.Run())
}

type serve struct{}

func (serve) Run(ctx context.Context) error {
	cfg, err := config.Load[settings]()
	if err != nil {
		return err
	}
	cfg.HTTP.DrainDelay = 0 // no gateway sends it requests; a standby waits to take over
	log, err := logging.New(cfg.Log, "syncworker")
	if err != nil {
		return err
	}
	stopTracing, err := tracing.Setup(ctx, cfg.Tracing, "syncworker", log)
	if err != nil {
		return err
	}
	defer stopTracing()
	pool, err := postgres.Open(ctx, cfg.Postgres, "syncworker")
	if err != nil {
		return err
	}
	defer pool.Close()
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	svc, err := syncworker.New(ctx, cfg.Config, syncworker.Deps{Pool: pool, Log: log, Registry: registry})
	if err != nil {
		return err
	}
	return svc.Server().Run(ctx, svc.Run)
}

type restoreSettings struct {
	Warehouse warehouse.Config
	Log       logging.Config
	Postgres  postgres.Config
}

type restore struct{}

func (restore) Run(ctx context.Context) error {
	cfg, err := config.Load[restoreSettings]()
	if err != nil {
		return err
	}
	log, err := logging.New(cfg.Log, "syncworker")
	if err != nil {
		return err
	}
	pool, err := postgres.Open(ctx, cfg.Postgres, "syncworker-restore")
	if err != nil {
		return err
	}
	defer pool.Close()
	return syncworker.Restore(ctx, pool, cfg.Warehouse, log)
}

type version struct{}

func (version) Run(k *kong.Context) error {
	text := "unknown"
	if info, ok := debug.ReadBuildInfo(); ok {
		text = info.Main.Version
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				text += " " + s.Value
			}
		}
	}
	_, err := k.Stdout.Write([]byte("syncworker " + text + "\n"))
	return err
}
