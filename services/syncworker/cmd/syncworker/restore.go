package main

import (
	"context"
	"os"

	"eventanalytics/pkg/platform/boot"
	"eventanalytics/pkg/platform/config"
	"eventanalytics/pkg/platform/logging"
	"eventanalytics/pkg/platform/postgres"
	"eventanalytics/pkg/platform/progress"
	"eventanalytics/pkg/warehouse"
	"eventanalytics/services/syncworker/admin"
)

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
	pool, err := boot.Open(ctx, cfg.Postgres, "syncworker-restore")
	if err != nil {
		return err
	}
	defer pool.Close()
	shown := progress.New(os.Stderr)
	defer shown.Close()
	return admin.Restore(progress.With(ctx, shown), pool, cfg.Warehouse, log)
}
