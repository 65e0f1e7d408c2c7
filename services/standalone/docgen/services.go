package docgen

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"eventanalytics/pkg/platform/boot"
	"eventanalytics/pkg/platform/config"
	"eventanalytics/services/account"
	"eventanalytics/services/ingest"
	"eventanalytics/services/standalone"
	"eventanalytics/services/stats"
	"eventanalytics/services/syncworker"
)

// described is a service as the documents show it. It is connected to nothing and
// does not run.
type described struct {
	name string
	boot.Service
	registry recorder
}

// withServices calls do with all services, in the order of their routes in the
// document. The environment does not change them.
func withServices(ctx context.Context, do func([]described) error) error {
	cfg, err := config.Parse[standalone.Services](map[string]string{
		"AUTH_SECRET": strings.Repeat("-", 32), "REDIS_URL": "redis://localhost", "WAREHOUSE_DIR": ".",
	})
	if err != nil {
		return err
	}
	pool, err := pgxpool.New(ctx, "postgres://localhost") // connects when it is used
	if err != nil {
		return fmt.Errorf("making the services: %w", err)
	}
	defer pool.Close()
	var all []described
	defer func() {
		for _, s := range all {
			_ = s.Close() // nothing ran
		}
	}()
	for _, add := range []func() (described, error){
		func() (described, error) { return describe("account", pool, cfg.Account, account.New) },
		func() (described, error) { return describe("ingest", pool, cfg.Ingest, ingest.New) },
		func() (described, error) { return describe("stats", pool, cfg.Stats, stats.New) },
		func() (described, error) { return describe("syncworker", pool, cfg.Worker, syncworker.New) },
	} {
		s, err := add()
		if err != nil {
			return err
		}
		all = append(all, s)
	}
	return do(all)
}

func describe[C any, S boot.Service](name string, pool *pgxpool.Pool, cfg C, makeService boot.New[C, S]) (described, error) {
	registry := recorder{prometheus.NewRegistry()}
	s, err := makeService(cfg, boot.NewDeps(pool, zap.NewNop(), registry))
	if err != nil {
		return described{}, fmt.Errorf("making %s: %w", name, err)
	}
	return described{name, s, registry}, nil
}
