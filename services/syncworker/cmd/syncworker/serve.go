package main

import (
	"context"

	"eventanalytics/pkg/platform/config"
	"eventanalytics/pkg/platform/logging"
	"eventanalytics/pkg/platform/metrics"
	"eventanalytics/pkg/platform/postgres"
	"eventanalytics/pkg/platform/tracing"
	"eventanalytics/services/syncworker"
)

type settings struct {
	syncworker.Config
	Log      logging.Config
	Tracing  tracing.Config
	Postgres postgres.Config
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
	pool, err := open(ctx, cfg.Postgres, "syncworker")
	if err != nil {
		return err
	}
	defer pool.Close()
	svc, err := syncworker.New(ctx, cfg.Config, syncworker.Deps{Pool: pool, Log: log, Registry: metrics.NewRegistry()})
	if err != nil {
		return err
	}
	return svc.Server().Run(ctx, svc.Run)
}
