package server

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/danielgtaylor/huma/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"
	"go.uber.org/zap"

	"eventanalytics/pkg/platform/logging"
	"eventanalytics/pkg/platform/tracing"
)

const (
	traceID    = "0af7651916cd43dd8448eb211c80319c"
	parentID   = "b7ad6b7169203331"
	sampled    = "00-" + traceID + "-" + parentID + "-01"
	notSampled = "00-" + traceID + "-" + parentID + "-00"
)

// record installs a provider that records all spans of one test.
func record(t *testing.T) *tracetest.SpanRecorder {
	t.Helper()
	r := tracetest.NewSpanRecorder()
	p := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(r))
	otel.SetTracerProvider(p)
	t.Cleanup(func() { otel.SetTracerProvider(noop.NewTracerProvider()) })
	return r
}

func attributes(span sdktrace.ReadOnlySpan) map[string]any {
	all := map[string]any{}
	for _, a := range span.Attributes() {
		all[string(a.Key)] = a.Value.AsInterface()
	}
	return all
}

func TestSpanOfARequest(t *testing.T) {
	spans := record(t)
	s, logs := newServer(t, Config{})
	w := do(t, s, http.MethodPost, "/echo?limit=2", `{"name": "property value"}`, "Content-Type", "application/json",
		"Authorization", "Bearer topsecret", "User-Agent", "topsecret", "Traceparent", sampled, "X-Request-Id", "test-0123456789")
	require.Equal(t, http.StatusOK, w.Code)

	require.Len(t, spans.Ended(), 1)
	span := spans.Ended()[0]
	require.Equal(t, "POST /echo", span.Name())
	require.Equal(t, trace.SpanKindServer, span.SpanKind())
	require.Equal(t, traceID, span.SpanContext().TraceID().String())
	require.Equal(t, parentID, span.Parent().SpanID().String())
	require.True(t, span.Parent().IsRemote())
	require.Equal(t, codes.Unset, span.Status().Code)
	require.Equal(t, map[string]any{
		"http.request.method": "POST", "http.route": "/echo", "http.response.status_code": int64(200),
		"url.scheme": "http", "url.path": "/echo", "network.protocol.version": "1.1",
		"server.address": "example.com", "client.address": "192.0.2.7",
		tracing.RequestID: "test-0123456789",
	}, attributes(span))
	require.Equal(t, traceID, logs.FilterMessage("request").All()[0].ContextMap()[logging.TraceID])
}

func TestSpansOfOtherRequests(t *testing.T) {
	spans := record(t)
	s, logs := newServer(t, Config{})
	json := []string{"Content-Type", "application/json"}
	for _, tc := range []struct {
		method, path, body string
		name               string
		status             codes.Code
		has                attribute.KeyValue
	}{
		{"POST", "/echo", `{"name": "fail"}`, "POST /echo", codes.Error, attribute.String("error.type", "500")},
		{"POST", "/echo", `{"name": "panic"}`, "POST /echo", codes.Error, attribute.String("error.type", "500")},
		{"POST", "/echo", `{"name": "refuse"}`, "POST /echo", codes.Unset, attribute.Int("http.response.status_code", 422)},
		{"GET", "/nowhere/at/all", "", "GET", codes.Unset, attribute.Int("http.response.status_code", 404)},
		{"BREW", "/echo", "", "HTTP /echo", codes.Unset, attribute.String("http.request.method_original", "BREW")},
	} {
		spans.Reset()
		do(t, s, tc.method, tc.path, tc.body, json...)
		require.Len(t, spans.Ended(), 1, tc.path)
		span := spans.Ended()[0]
		require.Equal(t, tc.name, span.Name())
		require.Equal(t, tc.status, span.Status().Code, tc.body)
		require.Empty(t, span.Status().Description)
		require.Contains(t, span.Attributes(), tc.has)
		require.False(t, span.Parent().IsValid(), "without a gateway the trace starts here")
	}

	spans.Reset()
	for _, path := range []string{"/healthz", "/readyz", "/metrics"} {
		do(t, s, http.MethodGet, path, "", "Traceparent", sampled)
	}
	require.Empty(t, spans.Started())

	logs.TakeAll()
	do(t, s, http.MethodGet, "/nowhere", "", "Traceparent", notSampled)
	require.Empty(t, spans.Started(), "the caller has decided")
	require.NotContains(t, logs.All()[0].ContextMap(), logging.TraceID)
}

func TestNoSpansWhenOff(t *testing.T) {
	s, logs := newServer(t, Config{})
	do(t, s, http.MethodGet, "/nowhere", "", "Traceparent", sampled)
	require.NotContains(t, logs.All()[0].ContextMap(), logging.TraceID)
}

// The cost of a request with tracing off, and with spans that are discarded.
func BenchmarkRequest(b *testing.B) {
	run := func(b *testing.B) {
		s, err := New(Config{}, zap.NewNop(), prometheus.NewRegistry())
		require.NoError(b, err)
		huma.Register(s.API, huma.Operation{Method: http.MethodGet, Path: "/nothing"},
			func(context.Context, *struct{}) (*struct{}, error) { return nil, nil })
		r := httptest.NewRequestWithContext(b.Context(), http.MethodGet, "/nothing", nil)
		r.Header.Set("Traceparent", sampled)
		b.ReportAllocs()
		for b.Loop() {
			s.Handler().ServeHTTP(httptest.NewRecorder(), r)
		}
	}
	b.Run("off", run)
	b.Run("on", func(b *testing.B) {
		p := sdktrace.NewTracerProvider(sdktrace.WithBatcher(tracetest.NewNoopExporter()))
		otel.SetTracerProvider(p)
		defer otel.SetTracerProvider(noop.NewTracerProvider())
		run(b)
		require.NoError(b, p.Shutdown(b.Context()))
	})
}
