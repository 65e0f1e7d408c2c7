package main

import (
	"context"

	"eventanalytics/pkg/platform/boot"
	"eventanalytics/pkg/platform/config"
	"eventanalytics/pkg/platform/logging"
	"eventanalytics/pkg/platform/postgres"
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
	return admin.Restore(ctx, pool, cfg.Warehouse, log)
}
