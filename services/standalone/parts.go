package standalone

import (
	"context"
	"io"
	"net/http"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"

	"eventanalytics/pkg/platform/logging"
	"eventanalytics/pkg/platform/ratelimit"
	"eventanalytics/services/ingest"
	"eventanalytics/services/stats"
	"eventanalytics/services/syncworker"
)

// part is one of the services.
type part struct {
	name     string
	run      func(context.Context) error
	handler  http.Handler
	registry *prometheus.Registry
}

// process is the services with what they stand on.
type process struct {
	options  Options
	settings settings
	logs     logging.Config
	log      *zap.Logger
	out      io.Writer

	ingest, stats, worker part
	onClose               []func()
}

func (p *process) close() {
	for i := len(p.onClose) - 1; i >= 0; i-- {
		p.onClose[i]()
	}
}

func (p *process) parts() []part { return []part{p.ingest, p.stats, p.worker} }

func (p *process) makeParts(ctx context.Context, db *database) error {
	client, err := ratelimit.NewRedis(p.settings.Ingest.Redis)
	if err != nil {
		return err
	}
	p.onClose = append(p.onClose, func() { _ = client.Close() }) // nothing is lost with it
	for _, make := range []func(context.Context, *database, redis.UniversalClient) error{p.makeIngest, p.makeStats, p.makeWorker} {
		if err := make(ctx, db, client); err != nil {
			return err
		}
	}
	return nil
}

// base is what every service gets of its own.
func (p *process) base(ctx context.Context, db *database, name string) (*pgxpool.Pool, *zap.Logger, *prometheus.Registry, error) {
	log, err := logging.New(p.logs, name)
	if err != nil {
		return nil, nil, nil, err
	}
	pool, err := db.pool(ctx, name)
	if err != nil {
		return nil, nil, nil, err
	}
	p.onClose = append(p.onClose, pool.Close)
	return pool, log, prometheus.NewRegistry(), nil
}

func (p *process) makeIngest(ctx context.Context, db *database, client redis.UniversalClient) error {
	pool, log, registry, err := p.base(ctx, db, "ingest")
	if err != nil {
		return err
	}
	s, err := ingest.New(ctx, p.settings.Ingest, ingest.Deps{Pool: pool, Redis: client, Log: log, Registry: registry})
	if err != nil {
		return err
	}
	p.ingest = part{"ingest", s.Run, s.Server().Handler(), registry}
	return nil
}

func (p *process) makeStats(ctx context.Context, db *database, client redis.UniversalClient) error {
	pool, log, registry, err := p.base(ctx, db, "stats")
	if err != nil {
		return err
	}
	s, err := stats.New(ctx, p.settings.Stats, stats.Deps{Pool: pool, Redis: client, Log: log, Registry: registry})
	if err != nil {
		return err
	}
	p.onClose = append(p.onClose, func() {
		if err := s.Close(); err != nil {
			log.Warn("closing stats", zap.Error(err))
		}
	})
	p.stats = part{"stats", s.Run, s.Server().Handler(), registry}
	return nil
}

func (p *process) makeWorker(ctx context.Context, db *database, _ redis.UniversalClient) error {
	pool, log, registry, err := p.base(ctx, db, "syncworker")
	if err != nil {
		return err
	}
	s, err := syncworker.New(ctx, p.settings.Worker, syncworker.Deps{Pool: pool, Log: log, Registry: registry})
	if err != nil {
		return err
	}
	p.worker = part{"syncworker", s.Run, s.Server().Handler(), registry}
	return nil
}
