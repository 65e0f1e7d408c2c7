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

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

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
	"eventanalytics/pkg/warehouse/objects"
	"eventanalytics/pkg/warehouse/replica"
	"eventanalytics/pkg/warehouse/sandbox"
	"eventanalytics/pkg/warehouse/segment"
	"eventanalytics/services/stats/engine"
	"eventanalytics/services/stats/engine/clickhouse"
	"eventanalytics/services/stats/inflight"
	"eventanalytics/services/stats/live"
	"eventanalytics/services/stats/question"
)

// Config of the stats service.
type Config struct {
	HTTP      server.Config
	Auth      auth.Config
	Redis     ratelimit.RedisConfig
	Rates     ratelimit.Config
	Warehouse warehouse.Config
	SQL       sandbox.Config
	Engine    clickhouse.Config

	AnswerBytes int64         `env:"STATS_ANSWER_BYTES" envDefault:"671088640" doc:"Maximum memory of all answers that are being computed or sent, at least 402653184. A project may hold as much as it leaves free; what has no room waits for 5 s and is answered 503"`
	ReadGrace   time.Duration `env:"STATS_READ_GRACE" envDefault:"30s" doc:"How long a client may leave its answer unread. From then on it must take 64 KiB a second on average, or is disconnected"`
	CacheBytes  int64         `env:"STATS_CACHE_BYTES" envDefault:"67108864" doc:"Maximum memory for answers cached until their project's data change; 0 caches none"`
}

// Validate reports everything that is wrong with the settings.
func (c *Config) Validate() error {
	var errs []error
	if c.AnswerBytes < leastAnswerBytes {
		errs = append(errs, fmt.Errorf("STATS_ANSWER_BYTES must be at least %d: three times what one question can take", leastAnswerBytes))
	}
	if c.ReadGrace <= 0 {
		errs = append(errs, errors.New("STATS_READ_GRACE must be positive, such as 30s"))
	}
	if c.CacheBytes < 0 {
		errs = append(errs, errors.New("STATS_CACHE_BYTES must not be negative"))
	}
	return errors.Join(errs...)
}

// leastAnswerBytes lets a project ask the largest question beside many requests that wait,
// and beside one that holds all it may.
const leastAnswerBytes = 3 * engine.MaxTaken

// roomWait is how long a question waits for room among those that are being answered.
const roomWait = 5 * time.Second

// Service answers questions.
type Service struct {
	server     *server.Server
	pool       *pgxpool.Pool
	who        *auth.Authenticator
	limits     redis.UniversalClient
	folder     *segment.Folder
	db         *duckdb.DB
	clickHouse *clickhouse.Server // nil where none is asked
	reader     *replica.Reader
	identities *identities
	names      userNames
	stored     question.Stored
	tokens     outbox.Tokens
	now        func() time.Time
	cache      cache
	cohorts    *cohorts
	sets       *engine.Sets
	freezing   chan struct{} // one at a time
	timeout    time.Duration // of finding the users of a filter
	inFlight   *inflight.Budget
	patience   patience
	shared     flight[computed]
	feed       *live.Feed
	trusted    time.Duration // how long a credential is, that was looked at
	seconds    *prometheus.HistogramVec
	tracer     trace.Tracer
	answers    *prometheus.CounterVec
	refused    *prometheus.CounterVec
	slow       prometheus.Counter
	sql        *sandbox.Runner
	statements *prometheus.CounterVec // of SQL
	log        *zap.Logger
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
	folder, err := objects.OpenFolder(context.Background(), cfg.Warehouse, deps.Registry)
	if err != nil {
		return nil, err
	}
	db, err := duckdb.OpenIn(cfg.Warehouse, folder)
	if err != nil {
		return nil, errors.Join(err, folder.Close())
	}
	named, err := newCohorts(cfg.Auth, deps.Pool, time.Now)
	if err != nil {
		return nil, err
	}
	s := &Service{
		pool: deps.Pool, stored: question.NewStored(),
		cohorts: named, sets: engine.NewSets(setBytes), freezing: make(chan struct{}, 1), timeout: cfg.Warehouse.QueryTimeout,
		server: srv, who: auth.NewAuthenticator(cfg.Auth, deps.Pool, tokens, deps.Registry, time.Now), folder: folder, db: db, limits: limits,
		reader: replica.NewReader(deps.Pool, db.Files(), cfg.Warehouse, deps.Log),
		names:  userNames{deps.Pool}, tokens: outbox.NewTokens(positionKey), now: clock.Now, cache: newCache(cfg.CacheBytes),
		inFlight: inflight.NewBudget(cfg.AnswerBytes, engine.MaxTaken, roomWait), patience: patience{cfg.ReadGrace, readRate},
		tracer: otel.Tracer("eventanalytics/services/stats"), feed: live.NewFeed(deps.Pool), trusted: cfg.Auth.CacheFor,
	}
	metrics := clickhouse.NewMetrics(deps.Registry)
	if cfg.Engine.Used() {
		if s.clickHouse, err = clickhouse.Open(cfg.Engine, cfg.Warehouse.QueryTimeout, db.Files().Known, metrics, deps.Log); err != nil {
			return nil, err
		}
	}
	s.identities = newIdentities(s.pool, s.tokens)
	s.sql, s.log = sandbox.New(cfg.SQL, cfg.Warehouse.Threads), deps.Log
	s.measure(deps.Registry)
	limiter := ratelimit.New(cfg.Rates, limits, cfg.Redis.Timeout, deps.Log, deps.Registry)
	srv.API.UseMiddleware(authhttp.Middleware(s.who), ratelimit.Middleware(limiter))
	s.register(srv.API)
	s.registerStream(srv.API)
	s.registerFreeze(srv.API)
	s.registerUsage(srv.API)
	s.registerGroups(srv.API)
	s.registerSQL(srv.API)
	s.registerShares(srv.API)
	s.registerShared(srv.API, limiter)
	openapi.Register(srv.Echo())
	if err := registerDashboard(srv.Echo()); err != nil {
		return nil, err
	}
	srv.AddCheck("postgres", deps.Pool.Ping)
	srv.AddCheck("manifest", func(context.Context) error { _, err := s.reader.Current(); return err })
	if folder.HasBucket() {
		srv.AddCheck("bucket", folder.Reach)
	}
	srv.AddState("rollups", func() string {
		return fmt.Sprintf("%d of %d bytes", s.reader.RollUpBytes(), s.reader.RollUpBudget())
	})
	srv.AddState("users", func() string {
		return fmt.Sprintf("%d of %d bytes made again", s.reader.MadeBytes(), s.reader.MadeBudget())
	})
	return s, nil
}

// Server has the service's routes.
func (s *Service) Server() *server.Server { return s.server }

// Run follows the manifest, and notes the use of keys and cookies, until ctx ends.
func (s *Service) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return s.who.Run(ctx) })
	g.Go(func() error { return s.reader.Run(ctx) })
	return g.Wait()
}

// Close ends all queries.
func (s *Service) Close() error {
	errs := []error{s.db.Close(), s.folder.Close(), s.limits.Close()}
	if s.clickHouse != nil {
		errs = append(errs, s.clickHouse.Close())
	}
	return errors.Join(errs...)
}
