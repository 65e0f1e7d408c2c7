package server

import (
	"fmt"
	"net/http"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/labstack/echo/v5"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"eventanalytics/pkg/platform/logging"
)

// requestMetrics covers all requests of a service.
type requestMetrics struct {
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
}

func newRequestMetrics(registry prometheus.Registerer) requestMetrics {
	f := promauto.With(registry)
	return requestMetrics{
		requests: f.NewCounterVec(prometheus.CounterOpts{
			Name: "analytics_http_requests_total", Help: "HTTP requests answered.",
		}, []string{"method", "route", "status"}),
		seconds: f.NewHistogramVec(prometheus.HistogramOpts{
			Name: "analytics_http_request_seconds", Help: "Time to answer a request.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
		}, []string{"route"}),
	}
}

// observe gives the request its id, and logs and counts it once it is done.
func (s *Server) observe(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c *echo.Context) error {
		start := time.Now()
		r := c.Request()
		info := &Request{ID: RequestID(r.Header.Get("X-Request-Id")), ClientIP: c.RealIP(), Secure: s.secure(r)}
		c.SetRequest(r.WithContext(withRequest(r.Context(), info)))
		h := c.Response().Header()
		h.Set("X-Request-Id", info.ID)
		// Browsers must not guess content types, nor show our responses inside
		// another site's page.
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Content-Security-Policy", "frame-ancestors 'none'")
		if s.draining.Load() {
			h.Set("Connection", "close")
		}
		if err := next(c); err != nil {
			writeError(c, err)
		}
		took := time.Since(start)
		response, status := echo.ResolveResponseStatus(c.Response(), nil)
		// The pattern, not the path: paths are unbounded.
		route := c.Path()
		if route == "" {
			route = noRoute
		}
		s.metrics.requests.WithLabelValues(methodLabel(r.Method), route, strconv.Itoa(status)).Inc()
		s.metrics.seconds.WithLabelValues(route).Observe(took.Seconds())

		level := zapcore.InfoLevel
		switch {
		case status == http.StatusServiceUnavailable && probe(route): // the check said why
			level = s.unreadyLevel()
		case status >= http.StatusInternalServerError:
			level = zapcore.ErrorLevel
		case probe(route):
			level = zapcore.DebugLevel
		}
		if entry := s.log.Check(level, "request"); entry != nil {
			fields := []zap.Field{
				zap.String(logging.RequestID, info.ID),
				zap.String(logging.Method, r.Method),
				zap.String(logging.Path, s.shownPath(r, route)),
				zap.Int(logging.Status, status),
				zap.Duration(logging.Duration, took),
				zap.String(logging.ClientIP, info.ClientIP),
				zap.Int64(logging.BytesIn, r.ContentLength),
			}
			if span := trace.SpanFromContext(r.Context()); span.IsRecording() {
				fields = append(fields, zap.String(logging.TraceID, span.SpanContext().TraceID().String()))
			}
			if response != nil {
				fields = append(fields, zap.Int64(logging.BytesOut, response.Size))
			}
			if info.UserID != 0 {
				fields = append(fields, zap.Int64(logging.UserID, info.UserID))
			}
			if info.ProjectID != 0 {
				fields = append(fields, zap.Int64(logging.ProjectID, info.ProjectID))
			}
			if info.Err != nil {
				fields = append(fields, zap.Error(info.Err))
			}
			entry.Write(fields...)
		}
		return nil
	}
}

// noRoute is the label of requests that fit no route.
const noRoute = "none"

// shownPath is the path as logs and traces show it. Of foreign routes that is
// the pattern: some vendors' SDKs put their key into the path. They may do so where there
// is no route as well.
func (s *Server) shownPath(r *http.Request, route string) string {
	switch {
	case s.foreign[route]:
		return route
	case route == "" || route == noRoute:
		return logging.Unrouted(r.URL.Path)
	}
	return r.URL.Path
}

// methodLabel keeps methods that clients invent from creating a series each.
func methodLabel(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return method
	}
	return "other"
}

// recoverPanics turns a panic into a 500; the stack goes to the log.
func recoverPanics(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c *echo.Context) (err error) {
		defer func() {
			if r := recover(); r != nil {
				if r == http.ErrAbortHandler { //nolint:errorlint,err113 // net/http compares it so
					panic(r)
				}
				err = fmt.Errorf("panic: %v\n%s", r, debug.Stack())
			}
		}()
		return next(c)
	}
}
