// Package account is the service that keeps users, their logins, projects, members
// and API keys. It is the only one that hashes passwords, in a process of its own
// so that a flood of logins does not slow down the others.
package account

import (
	"context"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"eventanalytics/pkg/auth"
	authhttp "eventanalytics/pkg/auth/http"
	"eventanalytics/pkg/auth/password"
	"eventanalytics/pkg/clock"
	"eventanalytics/pkg/platform/boot"
	"eventanalytics/pkg/platform/logging"
	"eventanalytics/pkg/platform/ratelimit"
	"eventanalytics/pkg/platform/server"
	"eventanalytics/services/account/api"
	"eventanalytics/services/account/store"
)

// Config of the account service.
type Config struct {
	HTTP     server.Config
	Auth     auth.Config
	Sessions store.SessionConfig
	API      api.Config
	Cell     auth.CellConfig
	Redis    ratelimit.RedisConfig
	Rates    ratelimit.Config
}

// Service keeps accounts.
type Service struct {
	server   *server.Server
	limits   redis.UniversalClient
	sessions *store.Sessions
	closed   bool // registration is
	who      *auth.Authenticator
	log      *zap.Logger
}

// New makes the service and its routes. It does not connect anywhere yet.
func New(cfg Config, deps boot.Deps) (*Service, error) {
	tokens, err := auth.NewTokens(cfg.Auth.AuthSecret, clock.Now)
	if err != nil {
		return nil, err
	}
	hasher, err := password.NewHasher(password.Params)
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
	who := auth.NewAuthenticator(cfg.Auth, deps.Pool, tokens, deps.Registry, time.Now)
	limiter := ratelimit.New(cfg.Rates, limits, cfg.Redis.Timeout, deps.Log, deps.Registry)
	srv.API.UseMiddleware(
		authhttp.Middleware(who),
		ratelimit.Middleware(limiter),
	)
	accounts := store.New(deps.Pool, hasher, cfg.Cell.Cell)
	sessions, err := store.NewSessions(cfg.Sessions, accounts, cfg.Auth.AuthSecret, tokens, clock.Now)
	if err != nil {
		return nil, err
	}
	api.Register(srv.API, cfg.API, api.Deps{Sessions: sessions, Limiter: limiter})
	srv.AddCheck("postgres", func(ctx context.Context) error { return deps.Pool.Ping(ctx) })
	return &Service{server: srv, limits: limits, sessions: sessions, closed: cfg.API.Registration != "open", who: who, log: deps.Log}, nil
}

// Close closes the connections to Redis.
func (s *Service) Close() error { return s.limits.Close() }

// Server has the service's routes.
func (s *Service) Server() *server.Server { return s.server }

// Run works in the background until ctx ends.
func (s *Service) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return s.who.Run(ctx) })
	g.Go(func() error {
		if s.closed {
			s.tellSetup(ctx)
		}
		s.sessions.KeepSkeletons(ctx, s.log)
		return nil
	})
	return g.Wait()
}

// tellSetup logs how to make the first account, when there is none: who can read the log
// runs the service. An account makes the token worthless.
func (s *Service) tellSetup(ctx context.Context) {
	used, err := s.sessions.InUse(ctx)
	switch {
	case err != nil:
		s.log.Warn("whether there is an account yet cannot be told; without one, start again to see the setup token", zap.Error(err))
	case !used:
		s.log.Info("there is no account yet, and registration is closed: register the first one with the setup token, or run create-user",
			zap.String(logging.SetupToken, s.sessions.SetupToken()))
	}
}
