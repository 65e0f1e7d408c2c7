package server

import (
	"net"
	"net/http"
	"strconv"

	"github.com/labstack/echo/v5"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"eventanalytics/pkg/platform/tracing"
)

// scope names the spans' origin.
const scope = "eventanalytics/pkg/platform/server"

// probe reports whether a route is polled by machines, every few seconds.
func probe(route string) bool {
	return route == "/healthz" || route == "/readyz" || route == "/metrics"
}

// spans returns a middleware that records a span for each request, as a child of
// the gateway's or the client's (W3C Trace Context). Its attributes follow the
// semantic conventions for HTTP, except for the query, the user agent and all
// other headers: filters reveal the contents of events, headers carry credentials.
func (s *Server) spans() echo.MiddlewareFunc {
	tracer := otel.Tracer(scope)
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c *echo.Context) error {
			route := c.Path()
			if probe(route) {
				return next(c)
			}
			r := c.Request()
			parent := propagation.TraceContext{}.Extract(r.Context(), propagation.HeaderCarrier(r.Header))
			name, attributes := describe(r, route, s.shownPath(r, route))
			ctx, span := tracer.Start(parent, name, trace.WithSpanKind(trace.SpanKindServer), trace.WithAttributes(attributes...))
			defer span.End()
			c.SetRequest(r.WithContext(ctx))
			err := next(c)
			if span.IsRecording() {
				conclude(c, span)
			}
			return err
		}
	}
}

func describe(r *http.Request, route, path string) (name string, attributes []attribute.KeyValue) {
	method := r.Method
	var original []attribute.KeyValue
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete,
		http.MethodConnect, http.MethodOptions, http.MethodTrace, "QUERY":
		name = method
	default: // as the convention says
		name, method = "HTTP", "_OTHER"
		original = append(original, semconv.HTTPRequestMethodOriginal(r.Method))
	}
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	attributes = append(original,
		semconv.HTTPRequestMethodKey.String(method),
		semconv.URLScheme(scheme),
		semconv.URLPath(path),
		semconv.NetworkProtocolVersion(strconv.Itoa(r.ProtoMajor)+"."+strconv.Itoa(r.ProtoMinor)),
	)
	if host, port, err := net.SplitHostPort(r.Host); err == nil {
		attributes = append(attributes, semconv.ServerAddress(host))
		if n, err := strconv.Atoi(port); err == nil {
			attributes = append(attributes, semconv.ServerPort(n))
		}
	} else if r.Host != "" {
		attributes = append(attributes, semconv.ServerAddress(r.Host))
	}
	if route != "" {
		name += " " + route
		attributes = append(attributes, semconv.HTTPRoute(route))
	}
	return name, attributes
}

// conclude adds what is known once the response has been sent.
func conclude(c *echo.Context, span trace.Span) {
	_, status := echo.ResolveResponseStatus(c.Response(), nil)
	info := RequestFrom(c.Request().Context())
	span.SetAttributes(
		semconv.HTTPResponseStatusCode(status),
		semconv.ClientAddress(info.ClientIP),
		attribute.String(tracing.RequestID, info.ID),
	)
	if info.ProjectID != 0 {
		span.SetAttributes(attribute.Int64(tracing.ProjectID, info.ProjectID))
	}
	if status >= http.StatusInternalServerError {
		span.SetStatus(codes.Error, "")
		span.SetAttributes(semconv.ErrorTypeKey.String(strconv.Itoa(status)))
	}
}
