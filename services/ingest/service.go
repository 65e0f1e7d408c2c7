// Package ingest is the service that takes events in: it validates them and
// writes ledger and outbox in one Postgres transaction.
package ingest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"eventanalytics/pkg/auth"
	authhttp "eventanalytics/pkg/auth/http"
	"eventanalytics/pkg/clock"
	"eventanalytics/pkg/outbox"
	"eventanalytics/pkg/platform/boot"
	"eventanalytics/pkg/platform/ratelimit"
	"eventanalytics/pkg/platform/server"
	"eventanalytics/services/ingest/store"
)

// Limits of one request.
type Limits struct {
	MaxBodyBytes int64         `env:"MAX_BODY_BYTES" envDefault:"67108864" doc:"Maximum bytes per request, both compressed and decompressed"`
	MaxRatio     int64         `env:"MAX_COMPRESSION_RATIO" envDefault:"200" doc:"Maximum ratio of decompressed to compressed bytes of a body"`
	MaxEvents    int           `env:"MAX_EVENTS" envDefault:"250000" doc:"Maximum events per request"`
	MaxInFlight  int64         `env:"MAX_BYTES_IN_FLIGHT" envDefault:"268435456" doc:"Maximum decompressed bytes of all requests in flight; beyond it they are answered 503. The process takes up to three times as much memory"`
	NotBefore    time.Time     `env:"EARLIEST_EVENT" envDefault:"1970-01-01T00:00:00Z" doc:"Earliest accepted occurred_at"`
	MaxFuture    time.Duration `env:"MAX_FUTURE" envDefault:"1h" doc:"How far occurred_at may be in the future"`
}

// Validate reports everything that is wrong with the limits.
func (l *Limits) Validate() error {
	var errs []error
	for name, n := range map[string]int64{
		"MAX_BODY_BYTES": l.MaxBodyBytes, "MAX_COMPRESSION_RATIO": l.MaxRatio, "MAX_EVENTS": int64(l.MaxEvents),
	} {
		if n <= 0 {
			errs = append(errs, fmt.Errorf("%s is %d, it must be positive", name, n))
		}
	}
	if least := l.MaxBodyBytes + l.MaxBodyBytes/4; l.MaxInFlight < least {
		errs = append(errs, fmt.Errorf("MAX_BYTES_IN_FLIGHT is %d, it must be a quarter more than MAX_BODY_BYTES: %d", l.MaxInFlight, least))
	}
	if l.MaxFuture < 0 {
		errs = append(errs, fmt.Errorf("MAX_FUTURE is %s, it cannot be negative", l.MaxFuture))
	}
	return errors.Join(errs...)
}

// Config of the ingest service.
type Config struct {
	HTTP   server.Config
	Auth   auth.Config
	Redis  ratelimit.RedisConfig
	Rates  ratelimit.Config
	Limits Limits
	Store  store.Config
}

// Service takes events.
type Service struct {
	cfg      Config
	pool     *pgxpool.Pool
	store    *store.Store
	log      *zap.Logger
	server   *server.Server
	limits   redis.UniversalClient
	budget   *budget
	tokens   outbox.Tokens
	now      func() time.Time
	metrics  eventMetrics
	appended chan struct{} // holds a token while the worker should be woken
}

type eventMetrics struct {
	accepted, duplicates, rejected prometheus.Counter
	batchEvents                    prometheus.Histogram
}

func newEventMetrics(registry prometheus.Registerer) eventMetrics {
	f := promauto.With(registry)
	events := f.NewCounterVec(prometheus.CounterOpts{
		Name: "analytics_ingest_events_total", Help: "Events answered, by what became of them.",
	}, []string{"result"})
	return eventMetrics{
		accepted:   events.WithLabelValues("accepted"),
		duplicates: events.WithLabelValues("duplicate"),
		rejected:   events.WithLabelValues("rejected"),
		batchEvents: f.NewHistogram(prometheus.HistogramOpts{
			Name: "analytics_ingest_batch_events", Help: "Events per stored request.",
			Buckets: prometheus.ExponentialBuckets(1, 10, 7),
		}),
	}
}

// New makes the service and its routes. It does not connect anywhere yet.
func New(cfg Config, deps boot.Deps) (*Service, error) {
	positionKey, err := cfg.Auth.AuthSecret.Key("position")
	if err != nil {
		return nil, err
	}
	tokens, err := auth.NewTokens(cfg.Auth.AuthSecret, clock.Now)
	if err != nil {
		return nil, err
	}
	srv, err := server.New(cfg.HTTP, deps.Log, deps.Registry)
	if err != nil {
		return nil, err
	}
	limits, err := ratelimit.NewRedis(cfg.Redis)
	if err != nil {
		return nil, err
	}
	s := &Service{
		cfg: cfg, limits: limits, pool: deps.Pool, store: store.New(cfg.Store, deps.Pool), log: deps.Log, server: srv,
		budget: newBudget(cfg.Limits.MaxInFlight, deps.Registry),
		tokens: outbox.NewTokens(positionKey), now: clock.Now,
		metrics: newEventMetrics(deps.Registry), appended: make(chan struct{}, 1),
	}
	srv.API.UseMiddleware(
		authhttp.Middleware(auth.NewAuthenticator(cfg.Auth, deps.Pool, tokens, deps.Registry, time.Now)),
		ratelimit.Middleware(ratelimit.New(cfg.Rates, limits, cfg.Redis.Timeout, deps.Log, deps.Registry)),
	)
	s.registerEvents(srv.API)
	srv.AddCheck("postgres", func(ctx context.Context) error { return deps.Pool.Ping(ctx) })
	return s, nil
}

// Server has the service's routes.
func (s *Service) Server() *server.Server { return s.server }

// Close closes the connections to Redis.
func (s *Service) Close() error { return s.limits.Close() }

// wakePause joins the wake-ups of many small requests into one.
const wakePause = 5 * time.Millisecond

// upkeepEvery is how often partitions are made and old answers dropped.
const upkeepEvery = time.Hour

// Run does the service's background work until ctx ends.
func (s *Service) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return s.wakeWorker(ctx) })
	g.Go(func() error { return s.upkeep(ctx) })
	return g.Wait()
}

func (s *Service) wakeWorker(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-s.appended:
		}
		if err := outbox.Notify(ctx, s.pool); err != nil && ctx.Err() == nil {
			s.log.Warn("waking the sync worker; it will poll", zap.Error(err))
		}
		if !clock.Pause(ctx, wakePause) {
			return nil
		}
	}
}

func (s *Service) upkeep(ctx context.Context) error {
	for {
		wait := upkeepEvery
		if err := s.keepUp(ctx); err != nil && ctx.Err() == nil {
			s.log.Warn("upkeep; trying again in a minute", zap.Error(err))
			wait = time.Minute
		}
		if !clock.Pause(ctx, wait) {
			return nil
		}
	}
}

func (s *Service) keepUp(ctx context.Context) error {
	if err := outbox.CreatePartitions(ctx, s.pool); err != nil {
		return err
	}
	if _, err := s.pool.Exec(ctx, expireKeysSQL, keyLife); err != nil {
		return fmt.Errorf("dropping old idempotency keys: %w", err)
	}
	return nil
}
