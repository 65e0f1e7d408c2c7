// Package server is the HTTP side every service shares: an echo router with the
// middleware, huma on top of it for typed operations and OpenAPI, health and
// metrics routes, and a listener that drains when it stops.
package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/labstack/echo/v5"
	"github.com/labstack/echo/v5/middleware"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"golang.org/x/sync/errgroup"

	"eventanalytics/pkg/platform/logging"
	"eventanalytics/pkg/platform/metrics"
	"eventanalytics/pkg/platform/problem"
	"eventanalytics/pkg/platform/tracing"
)

// Config of a service's HTTP side.
type Config struct {
	Addr           string        `env:"ADDR" envDefault:":8080" doc:"Address the service listens on, host:port"`
	TrustedProxies []string      `env:"TRUSTED_PROXIES" envDefault:"127.0.0.0/8,::1/128" doc:"Networks (CIDR) whose X-Forwarded-For and X-Forwarded-Proto are trusted: the gateway's"`
	CORSOrigins    []string      `env:"CORS_ORIGINS" doc:"Origins from which browsers may call, comma-separated"`
	DrainDelay     time.Duration `env:"DRAIN_DELAY" envDefault:"3s" doc:"How long a service that was told to stop still accepts requests, with /readyz 503, so that the gateway can switch to another replica"`
	DrainTimeout   time.Duration `env:"DRAIN_TIMEOUT" envDefault:"15s" doc:"How long running requests may take to finish when the service stops"`
	MinBodyRate    int64         `env:"MIN_BODY_RATE" envDefault:"4096" doc:"Bytes per second below which the body of a request may not fall for longer than 15 s; 0 for any. It may pause for 15 s and take 5 min in all"`
}

// Validate reports everything that is wrong with the settings.
func (c *Config) Validate() error {
	_, err := networks(c.TrustedProxies)
	if c.DrainDelay < 0 || c.DrainTimeout < 0 {
		err = errors.Join(err, errors.New("DRAIN_DELAY and DRAIN_TIMEOUT must not be negative"))
	}
	if c.MinBodyRate < 0 {
		err = errors.Join(err, fmt.Errorf("MIN_BODY_RATE is %d, it cannot be negative", c.MinBodyRate))
	}
	return err
}

// Check is a dependency of /readyz; it returns nil if the dependency is ready.
type Check func(ctx context.Context) error

// Server is a service's router. Register operations on API before serving.
type Server struct {
	API     huma.API
	echo    *echo.Echo
	cfg     Config
	log     *zap.Logger
	metrics requestMetrics
	checks  map[string]Check
	states  map[string]func() string
	proxies []*net.IPNet    // whose word on a request counts
	foreign map[string]bool // routes of other vendors' protocols

	draining atomic.Bool
	started  atomic.Bool // it was ready once
}

// New returns the router of a service. Its own metrics go into registry, which
// /metrics exposes.
func New(cfg Config, log *zap.Logger, registry metrics.Registry) (*Server, error) {
	proxies, err := networks(cfg.TrustedProxies)
	if err != nil {
		return nil, err
	}
	e := echo.NewWithConfig(echo.Config{
		IPExtractor:      ipExtractor(proxies),
		HTTPErrorHandler: writeError,
		Router:           echo.NewRouter(echo.RouterConfig{UnescapePathParamValues: true}),
	})
	s := &Server{echo: e, cfg: cfg, log: log, metrics: newRequestMetrics(registry), checks: map[string]Check{}, states: map[string]func() string{}, proxies: proxies, foreign: map[string]bool{}}
	if tracing.On() {
		e.Use(s.spans())
	}
	e.Use(s.observe, recoverPanics, s.checkText)
	if len(cfg.CORSOrigins) > 0 {
		cors, err := middleware.CORSConfig{
			Skipper:       func(c *echo.Context) bool { return s.foreign[c.Path()] },
			AllowOrigins:  cfg.CORSOrigins,
			AllowMethods:  []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete},
			AllowHeaders:  []string{"Authorization", "Content-Type", "Content-Encoding", "Cache-Control", "X-API-Key", "X-Project", "Idempotency-Key", "If-Match", "If-None-Match", "Last-Event-ID", "Traceparent", "Tracestate"},
			ExposeHeaders: []string{"ETag", "Retry-After", "X-Request-Id", "RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset", "Idempotency-Replayed"},
			MaxAge:        600,
		}.ToMiddleware()
		if err != nil {
			return nil, fmt.Errorf("CORS_ORIGINS: %w", err)
		}
		e.Use(cors)
	}
	s.API = newAPI(e)
	e.Match(Get, "/healthz", func(c *echo.Context) error { return c.JSON(http.StatusOK, map[string]string{"status": "ok"}) })
	e.Match(Get, "/readyz", s.ready)
	e.Match(Get, "/metrics", echo.WrapHandler(promhttp.HandlerFor(registry, promhttp.HandlerOpts{})))
	return s, nil
}

// Get are the methods of a route that is read: HEAD is GET without the body.
var Get = []string{http.MethodGet, http.MethodHead}

// AddState makes /readyz show the result of state under name.
func (s *Server) AddState(name string, state func() string) { s.states[name] = state }

// AddCheck makes /readyz depend on check.
func (s *Server) AddCheck(name string, check Check) { s.checks[name] = check }

// Handler serves everything registered.
func (s *Server) Handler() http.Handler { return s.echo }

// Echo is the router under API, for routes that are not operations.
func (s *Server) Echo() *echo.Echo { return s.echo }

func (s *Server) ready(c *echo.Context) error {
	ctx, cancel := context.WithTimeout(c.Request().Context(), 2*time.Second)
	defer cancel()
	states := map[string]string{}
	status := http.StatusOK
	for name, check := range s.checks {
		states[name] = "ok"
		if err := check(ctx); err != nil {
			s.log.Log(s.unreadyLevel(), "dependency is not ready", zap.String("dependency", name), zap.Error(err))
			states[name] = "unavailable"
			status = http.StatusServiceUnavailable
		}
	}
	for name, state := range s.states {
		states[name] = state()
	}
	if s.draining.Load() {
		states["server"] = "draining"
		status = http.StatusServiceUnavailable
	}
	if status == http.StatusOK {
		s.started.Store(true)
	}
	return c.JSON(status, states)
}

// unreadyLevel is at which a service logs that it is not ready: while it starts, that
// is as it should be.
func (s *Server) unreadyLevel() zapcore.Level {
	if s.started.Load() {
		return zapcore.WarnLevel
	}
	return zapcore.InfoLevel
}

// Run serves on the configured address until ctx ends, then drains. background is
// the service's other work; requests may need it, so its context ends only after
// the last of them. If background fails, so does Run.
func (s *Server) Run(ctx context.Context, background func(context.Context) error) error {
	ln, err := net.Listen("tcp", s.cfg.Addr)
	if err != nil {
		return fmt.Errorf("listening on %s: %w", s.cfg.Addr, err)
	}
	s.log.Info("listening", zap.String(logging.Address, ln.Addr().String()))
	return s.run(ctx, ln, background)
}

func (s *Server) run(ctx context.Context, ln net.Listener, background func(context.Context) error) error {
	life, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	g, life := errgroup.WithContext(life)
	listening, stop := context.WithCancel(life)
	g.Go(func() error { return background(life) })
	g.Go(func() error {
		defer end()
		return Serve(listening, ln, s.echo, s.cfg)
	})
	g.Go(func() error {
		defer stop()
		s.drain(ctx, life)
		return nil
	})
	return g.Wait()
}

// drain returns when the port may close: DrainDelay after ctx ends, or when life
// ends. Gateways keep connections open and notice late that a replica is stopping.
// So the service keeps answering for DrainDelay, but asks for each connection to
// be closed after the response: then no request can be sent on one just as it
// closes.
func (s *Server) drain(ctx, life context.Context) {
	select {
	case <-life.Done():
		return
	case <-ctx.Done():
	}
	s.draining.Store(true)
	s.log.Info("draining", zap.Duration(logging.Duration, s.cfg.DrainDelay))
	delay := time.NewTimer(s.cfg.DrainDelay)
	defer delay.Stop()
	select {
	case <-life.Done():
	case <-delay.C:
	}
}

// Serve serves on ln until ctx ends, then gives running requests at most
// cfg.DrainTimeout to finish. The timeouts disconnect clients that are slow on
// purpose: 10 s for the header, 5 min for a whole request, cfg.MinBodyRate for its
// body. A request that is answered before its body was read gets its answer all the
// same.
func Serve(ctx context.Context, ln net.Listener, h http.Handler, cfg Config) error {
	srv := &http.Server{
		Handler:           &bodies{next: h, rate: cfg.MinBodyRate, patience: bodyPatience, stopping: ctx},
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       maxRequest,
		IdleTimeout:       75 * time.Second,
		// net/http adds 4 KiB of its own, so headers may take 32 KiB in all, as at the gateway.
		MaxHeaderBytes: 28 << 10,
	}
	g, ctx := errgroup.WithContext(ctx)
	srv.BaseContext = func(net.Listener) context.Context {
		return context.WithValue(context.WithoutCancel(ctx), stoppingKey{}, ctx.Done())
	}
	g.Go(func() error {
		if err := srv.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("serving HTTP: %w", err)
		}
		return nil
	})
	g.Go(func() error {
		<-ctx.Done()
		stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), cfg.DrainTimeout)
		defer cancel()
		if err := srv.Shutdown(stop); err != nil {
			return errors.Join(fmt.Errorf("draining HTTP: %w", err), srv.Close())
		}
		return nil
	})
	return g.Wait()
}

type stoppingKey struct{}

// Stopping is closed when the server that a request came by stops accepting others: an
// answer that would not end must end then. It is nil where Serve does not serve.
func Stopping(ctx context.Context) <-chan struct{} {
	stopping, _ := ctx.Value(stoppingKey{}).(<-chan struct{})
	return stopping
}

// writeError turns echo's own errors (no such route, wrong method) into a problem.
func writeError(c *echo.Context, err error) {
	if r, _ := echo.UnwrapResponse(c.Response()); r != nil && r.Committed {
		return
	}
	p := problem.From(err)
	if status := echo.StatusCode(err); status != 0 {
		p = problem.New(status, codeOf(status), http.StatusText(status)+".")
	}
	ctx := c.Request().Context()
	p = ended(ctx, p, err)
	for name, values := range p.GetHeaders() {
		c.Response().Header()[name] = values
	}
	c.Response().Header().Set(echo.HeaderContentType, problem.ContentType)
	_ = c.JSON(p.Status, withInstance(ctx, p)) // the client may have gone
}

func networks(cidrs []string) ([]*net.IPNet, error) {
	var all []*net.IPNet
	for _, cidr := range cidrs {
		_, network, err := net.ParseCIDR(cidr)
		if err != nil {
			return nil, fmt.Errorf("TRUSTED_PROXIES: %w", err)
		}
		all = append(all, network)
	}
	return all, nil
}

func ipExtractor(trusted []*net.IPNet) echo.IPExtractor {
	options := []echo.TrustOption{echo.TrustLoopback(false), echo.TrustLinkLocal(false), echo.TrustPrivateNet(false)}
	for _, network := range trusted {
		options = append(options, echo.TrustIPRange(network))
	}
	return echo.ExtractIPFromXFFHeader(options...)
}

// secure reports whether the client's connection is encrypted: here, or at the gateway,
// if it says so.
func (s *Server) secure(r *http.Request) bool {
	if r.TLS != nil {
		return true
	}
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return false
	}
	peer := net.ParseIP(host)
	trusted := slices.ContainsFunc(s.proxies, func(n *net.IPNet) bool { return n.Contains(peer) })
	return trusted && r.Header.Get("X-Forwarded-Proto") == "https"
}
