package standalone

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"eventanalytics/pkg/platform/config"
	"eventanalytics/pkg/platform/ratelimit"
	"eventanalytics/services/ingest"
	"eventanalytics/services/stats"
	"eventanalytics/services/syncworker"
)

// described are the services as the documents show them. They are connected to
// nothing, nothing runs, and the environment does not change them.
type described struct {
	ingest *ingest.Service
	stats  *stats.Service
	worker *syncworker.Service

	registries map[string]recorder // by service
	closers    []func()
}

func describe(ctx context.Context) (_ *described, err error) {
	d := &described{registries: map[string]recorder{}}
	defer func() {
		if err != nil {
			d.close()
		}
	}()
	cfg, err := config.Parse[settings](map[string]string{
		"AUTH_SECRET": strings.Repeat("-", secretBytes), "REDIS_URL": "redis://localhost", "WAREHOUSE_DIR": ".",
	})
	if err != nil {
		return nil, err
	}
	pool, err := pgxpool.New(ctx, "postgres://localhost") // connects when it is used
	if err != nil {
		return nil, fmt.Errorf("making the services: %w", err)
	}
	d.closers = append(d.closers, pool.Close)
	redis, err := ratelimit.NewRedis(cfg.Ingest.Redis) // as well
	if err != nil {
		return nil, err
	}
	d.closers = append(d.closers, func() { _ = redis.Close() })
	log := zap.NewNop()
	for _, name := range []string{"ingest", "stats", "syncworker"} {
		d.registries[name] = recorder{prometheus.NewRegistry()}
	}
	d.ingest, err = ingest.New(ctx, cfg.Ingest, ingest.Deps{Pool: pool, Redis: redis, Log: log, Registry: d.registries["ingest"]})
	if err != nil {
		return nil, err
	}
	d.stats, err = stats.New(ctx, cfg.Stats, stats.Deps{Pool: pool, Redis: redis, Log: log, Registry: d.registries["stats"]})
	if err != nil {
		return nil, err
	}
	d.closers = append(d.closers, func() { _ = d.stats.Close() })
	d.worker, err = syncworker.Prepare(cfg.Worker, syncworker.Deps{Pool: pool, Log: log, Registry: d.registries["syncworker"]})
	if err != nil {
		return nil, err
	}
	return d, nil
}

func (d *described) close() {
	for i := len(d.closers) - 1; i >= 0; i-- {
		d.closers[i]()
	}
}
