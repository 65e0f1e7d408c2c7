// Package stats is the service that answers questions about events: it follows
// the manifest, runs metrics over the segments with DuckDB and writes the rows
// in the format asked for. It also serves the OpenAPI document.
package stats

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
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
	shared  flight
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

func (s *Service) measure(registry prometheus.Registerer) {
	f := promauto.With(registry)
	s.seconds = f.NewHistogramVec(prometheus.HistogramOpts{
		Name: "analytics_stats_query_seconds", Help: "Time to compute an answer from roll-ups or raw events, waiting for a place included.",
		Buckets: []float64{.00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
	}, []string{"metric", "source"})
	s.answers = f.NewCounterVec(prometheus.CounterOpts{
		Name: "analytics_stats_answers_total",
		Help: "Answers given, by how they came about: computed, shared with another request, cached, or not_modified because the client had them.",
	}, []string{"metric", "source"})
	f.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "analytics_stats_cache_answers", Help: "Answers kept in memory.",
	}, func() float64 { answers, _ := s.cache.held(); return float64(answers) })
	f.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "analytics_stats_cache_bytes", Help: "Estimated memory of the answers kept.",
	}, func() float64 { _, bytes := s.cache.held(); return float64(bytes) })
	f.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "analytics_stats_manifest_age_seconds", Help: "Time since the manifest was last looked at with success, +Inf before the first time.",
	}, func() float64 {
		age, ok := s.reader.Age()
		if !ok {
			return math.Inf(1)
		}
		return age.Seconds()
	})
	gauge := func(name, help string, value func(*replica.Snapshot) float64) {
		f.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 {
			snapshot, err := s.reader.Current()
			if err != nil {
				return 0
			}
			return value(snapshot)
		})
	}
	gauge("analytics_stats_manifest_version", "Version of the manifest that questions are answered from, 0 for none.",
		func(v *replica.Snapshot) float64 { return float64(v.Version) })
	gauge("analytics_stats_segments", "Segments in the version that questions are answered from.",
		func(v *replica.Snapshot) float64 { return float64(v.Live()) })
	f.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "analytics_stats_quarantined_segments", Help: "Files of segments that are not what the manifest says; questions that need the events in them are refused.",
	}, func() float64 { return float64(s.reader.Quarantined()) })
	f.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "analytics_stats_rollup_bytes", Help: "Memory that roll-ups take; WAREHOUSE_ROLLUP_BYTES bounds it.",
	}, func() float64 { return float64(s.reader.RollUpBytes()) })
	gauge("analytics_stats_projects_without_rollup", "Projects that are answered from their events alone, because memory is short, a roll-up is damaged or a segment has none.",
		func(v *replica.Snapshot) float64 { return float64(v.WithoutRollUp()) })
	gauge("analytics_stats_complete_until_timestamp_seconds", "Events acknowledged before this instant are counted, 0 before the manifest was read.",
		func(v *replica.Snapshot) float64 { return float64(v.CompleteUntil.UnixMilli()) / 1000 })
}
