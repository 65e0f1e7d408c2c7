// Package ingest is the service that takes events in: it validates them and
// writes ledger and outbox in one Postgres transaction. README.md says what is
// where.
package ingest

import (
	"context"
	"time"

	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"

	"eventanalytics/pkg/auth"
	authhttp "eventanalytics/pkg/auth/http"
	"eventanalytics/pkg/clock"
	"eventanalytics/pkg/outbox"
	"eventanalytics/pkg/platform/boot"
	"eventanalytics/pkg/platform/ratelimit"
	"eventanalytics/pkg/platform/server"
	"eventanalytics/services/ingest/intake"
	"eventanalytics/services/ingest/native"
	"eventanalytics/services/ingest/people"
	"eventanalytics/services/ingest/sdk"
	"eventanalytics/services/ingest/sdk/amplitude"
	"eventanalytics/services/ingest/sdk/cloudevents"
	"eventanalytics/services/ingest/sdk/mixpanel"
	"eventanalytics/services/ingest/sdk/openpanel"
	"eventanalytics/services/ingest/sdk/otlp"
	"eventanalytics/services/ingest/sdk/plausible"
	"eventanalytics/services/ingest/sdk/posthog"
	"eventanalytics/services/ingest/sdk/segment"
	"eventanalytics/services/ingest/sdk/snowplow"
	"eventanalytics/services/ingest/sdk/umami"
)

// Config of the ingest service.
type Config struct {
	HTTP   server.Config
	Auth   auth.Config
	Redis  ratelimit.RedisConfig
	Rates  ratelimit.Config
	Intake intake.Config
	SDK    sdk.Config
}

// Service takes events.
type Service struct {
	server *server.Server
	limits redis.UniversalClient
	intake *intake.Intake
	who    *auth.Authenticator
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
	limits, err := ratelimit.NewRedis(cfg.Redis)
	if err != nil {
		return nil, err
	}
	srv, err := server.New(cfg.HTTP, deps.Log, deps.Registry)
	if err != nil {
		return nil, err
	}
	in := intake.New(cfg.Intake, intake.Deps{
		Pool: deps.Pool, Tokens: outbox.NewTokens(positionKey), Now: clock.Now, Log: deps.Log, Registry: deps.Registry,
	})
	who := auth.NewAuthenticator(cfg.Auth, deps.Pool, tokens, deps.Registry, time.Now)
	limiter := ratelimit.New(cfg.Rates, limits, cfg.Redis.Timeout, deps.Log, deps.Registry)
	srv.API.UseMiddleware(authhttp.Middleware(who), ratelimit.Middleware(limiter))
	native.Register(srv, in)
	people.Register(srv, in)
	sdk.New(cfg.SDK, sdk.Deps{Intake: in, Who: who, Limiter: limiter, Now: clock.Now, Registry: deps.Registry},
		segment.New(), segment.NewJitsu(), posthog.New(), amplitude.New(), mixpanel.New(), otlp.New(),
		cloudevents.New(), snowplow.New(), openpanel.New(), umami.New(), plausible.New(),
	).Register(srv)
	srv.AddCheck("postgres", func(ctx context.Context) error { return deps.Pool.Ping(ctx) })
	return &Service{server: srv, limits: limits, intake: in, who: who}, nil
}

// Server has the service's routes.
func (s *Service) Server() *server.Server { return s.server }

// Run does the service's background work until ctx ends.
func (s *Service) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return s.who.Run(ctx) })
	g.Go(func() error { return s.intake.Run(ctx) })
	return g.Wait()
}

// Close closes the connections to Redis.
func (s *Service) Close() error { return s.limits.Close() }
