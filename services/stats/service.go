// Package stats is the service that answers questions about events. Data flow one
// way: a request becomes a question (package question), which scans the events
// (package engine); its rows are written in the format asked for. It also follows
// the manifest, keeps answers and serves the OpenAPI document.
package stats

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/trace"

	"eventanalytics/pkg/auth"
	authhttp "eventanalytics/pkg/auth/http"
	"eventanalytics/pkg/clock"
	"eventanalytics/pkg/outbox"
	"eventanalytics/pkg/platform/boot"
	"eventanalytics/pkg/platform/openapi"
	"eventanalytics/pkg/platform/ratelimit"
	"eventanalytics/pkg/platform/server"
	"eventanalytics/pkg/warehouse"
	"eventanalytics/pkg/warehouse/duckdb"
	"eventanalytics/pkg/warehouse/replica"
)

// Config of the stats service.
type Config struct {
	HTTP      server.Config
	Auth      auth.Config
	Redis     ratelimit.RedisConfig
	Rates     ratelimit.Config
	Warehouse warehouse.Config

	CacheBytes int64 `env:"STATS_CACHE_BYTES" envDefault:"67108864" doc:"Maximum memory for answers cached until their project's data change; 0 caches none"`
}

// Validate reports everything that is wrong with the settings.
func (c *Config) Validate() error {
	if c.CacheBytes < 0 {
		return errors.New("STATS_CACHE_BYTES must not be negative")
	}
	return nil
}

// Service answers questions.
type Service struct {
	server  *server.Server
	limits  redis.UniversalClient
	db      *duckdb.DB
	reader  *replica.Reader
	tokens  outbox.Tokens
	now     func() time.Time
	cache   *cache
	shared  flight[computed]
	seconds *prometheus.HistogramVec
	tracer  trace.Tracer
	answers *prometheus.CounterVec
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
	cache, err := newCache(cfg.CacheBytes)
	if err != nil {
		return nil, err
	}
	limits, err := ratelimit.NewRedis(cfg.Redis)
	if err != nil {
		return nil, err
	}
	db, err := duckdb.Open(cfg.Warehouse)
	if err != nil {
		return nil, err
	}
	s := &Service{
		server: srv, db: db, limits: limits,
		reader: replica.NewReader(deps.Pool, db.Files(), cfg.Warehouse, deps.Log),
		tokens: outbox.NewTokens(positionKey), now: clock.Now, cache: cache,
		tracer: otel.Tracer("eventanalytics/services/stats"),
	}
	s.measure(deps.Registry)
	srv.API.UseMiddleware(
		authhttp.Middleware(auth.NewAuthenticator(cfg.Auth, deps.Pool, tokens, deps.Registry, time.Now)),
		ratelimit.Middleware(ratelimit.New(cfg.Rates, limits, cfg.Redis.Timeout, deps.Log, deps.Registry)),
	)
	s.register(srv.API)
	openapi.Register(srv.Echo())
	srv.AddCheck("postgres", deps.Pool.Ping)
	srv.AddCheck("manifest", func(context.Context) error { _, err := s.reader.Current(); return err })
	srv.AddState("rollups", func() string {
		return fmt.Sprintf("%d of %d bytes", s.reader.RollUpBytes(), s.reader.RollUpBudget())
	})
	return s, nil
}

// Server has the service's routes.
func (s *Service) Server() *server.Server { return s.server }

// Run follows the manifest until ctx ends.
func (s *Service) Run(ctx context.Context) error { return s.reader.Run(ctx) }

// Close ends all queries.
func (s *Service) Close() error { return errors.Join(s.db.Close(), s.limits.Close()) }
