package tracing

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	collectorpb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
	"google.golang.org/protobuf/proto"

	"eventanalytics/pkg/platform/config"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// collector is the receiving end of OTLP over HTTP.
type collector struct {
	mu       sync.Mutex
	received []*tracepb.ResourceSpans
}

func (c *collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	var request collectorpb.ExportTraceServiceRequest
	if err != nil || r.URL.Path != "/v1/traces" || proto.Unmarshal(body, &request) != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.received = append(c.received, request.ResourceSpans...)
}

// start turns tracing on, towards a collector at url.
func start(t *testing.T, url string, log *zap.Logger) (shutdown func()) {
	t.Helper()
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", url)
	shutdown, err := Setup(t.Context(), Config{Exporter: otlp}, "test", log)
	require.NoError(t, err)
	require.True(t, On())
	t.Cleanup(shutdown)
	return shutdown
}

func TestSpansReachTheCollector(t *testing.T) {
	t.Setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=here")
	to := &collector{}
	server := httptest.NewServer(to)
	defer server.Close()
	shutdown := start(t, server.URL, zap.NewNop())
	ctx, parent := otel.Tracer("test").Start(t.Context(), "parent")
	_, child := otel.Tracer("test").Start(ctx, "child", trace.WithAttributes(attribute.Int(Events, 3)))
	End(child, errors.New("topsecret"))
	parent.RecordError(errors.New("topsecret")) // as libraries do
	parent.SetStatus(codes.Error, "topsecret")
	End(parent, nil)
	shutdown()
	require.False(t, On())

	require.Len(t, to.received, 1)
	require.NotContains(t, to.received[0].String(), "topsecret")
	resource := map[string]string{}
	for _, a := range to.received[0].Resource.Attributes {
		resource[a.Key] = a.Value.GetStringValue()
	}
	require.Equal(t, "test", resource["service.name"])
	require.Equal(t, "here", resource["deployment.environment.name"])
	require.NotEmpty(t, resource["host.name"])
	spans := to.received[0].ScopeSpans[0].Spans
	require.Len(t, spans, 2)
	require.Equal(t, spans[1].SpanId, spans[0].ParentSpanId)
	require.Equal(t, Events, spans[0].Attributes[0].Key)
	for _, span := range spans {
		require.Equal(t, tracepb.Status_STATUS_CODE_ERROR, span.Status.Code, span.Name)
	}
}

// remote is the parent that nginx names; no collector has its span.
func remote(t *testing.T, flags string) context.Context {
	header := http.Header{"Traceparent": {"00-0af7651916cd43dd8448eb211c80319c-0af7651916cd43dd-" + flags}}
	return propagation.TraceContext{}.Extract(t.Context(), propagation.HeaderCarrier(header))
}

func TestSampling(t *testing.T) {
	for _, tc := range []struct {
		sampler, arg    string
		sampled, others bool // with the parent's flag 01, and 00
	}{
		{"", "", true, false},
		{"parentbased_traceidratio", "0", true, false},
		{"traceidratio", "0", false, false},
		{"traceidratio", "1", true, true},
	} {
		t.Run(tc.sampler+tc.arg, func(t *testing.T) {
			t.Setenv("OTEL_TRACES_SAMPLER", tc.sampler)
			t.Setenv("OTEL_TRACES_SAMPLER_ARG", tc.arg)
			server := httptest.NewServer(&collector{})
			defer server.Close()
			defer start(t, server.URL, zap.NewNop())()
			for flags, want := range map[string]bool{"01": tc.sampled, "00": tc.others} {
				_, span := otel.Tracer("test").Start(remote(t, flags), "request")
				require.Equal(t, want, span.IsRecording(), flags)
				span.End()
			}
		})
	}
}

// Whether nothing listens or the listener never answers, spans cost no time,
// shutdown takes little, and no goroutine is left.
func TestUnreachableCollector(t *testing.T) {
	const patience = time.Minute // of a busy machine; whatever waits for the collector takes an hour
	release := make(chan struct{})
	silent := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	overloaded := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "3600")
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	for name, url := range map[string]string{"closed": "http://127.0.0.1:1", "silent": silent.URL, "overloaded": overloaded.URL} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("OTEL_BSP_MAX_QUEUE_SIZE", "100")
			t.Setenv("OTEL_BSP_SCHEDULE_DELAY", "1")
			t.Setenv("OTEL_BSP_EXPORT_TIMEOUT", "3600000")
			t.Setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "3600000")
			core, logs := observer.New(zap.DebugLevel)
			shutdown := start(t, url, zap.New(core))
			began := time.Now()
			for range 10_000 {
				_, span := otel.Tracer("test").Start(t.Context(), "request")
				span.End()
			}
			require.Less(t, time.Since(began), patience, "what does not fit into the queue is dropped")
			began = time.Now()
			shutdown()
			require.Less(t, time.Since(began), patience)
			require.NotEmpty(t, logs.All())
			require.LessOrEqual(t, logs.Len(), 2, "one line while it runs, one at the end")
			// What it abandons is reported to the handler installed by then.
			require.Eventually(t, func() bool {
				stacks := make([]byte, 1<<20)
				return !bytes.Contains(stacks[:runtime.Stack(stacks, true)], []byte("batchSpanProcessor"))
			}, patience, time.Millisecond)
		})
	}
	close(release)
	silent.Close()
	overloaded.Close()
	goleak.VerifyNone(t)
}

func TestDefaultEndpoint(t *testing.T) {
	for name, want := range map[string]string{
		"OTEL_EXPORTER_OTLP_ENDPOINT": "", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "", "OTHER": "http://localhost:4318/v1/traces",
	} {
		environ := map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "", name: "http://collector:4318"}
		require.Equal(t, want, defaultEndpoint(func(name string) string { return environ[name] }), name)
	}
}

func TestOffByDefault(t *testing.T) {
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
	for _, value := range []string{"", "none"} {
		t.Setenv("OTEL_TRACES_EXPORTER", value)
		cfg, err := config.Load[Config]()
		require.NoError(t, err)
		before := goleak.IgnoreCurrent()
		shutdown, err := Setup(t.Context(), cfg, "test", zap.NewNop())
		require.NoError(t, err)
		require.False(t, On())
		goleak.VerifyNone(t, before)
		shutdown()
	}
}

func TestConsole(t *testing.T) {
	shutdown, err := Setup(t.Context(), Config{Exporter: console}, "test", zap.NewNop())
	require.NoError(t, err)
	require.True(t, On())
	shutdown()
}

func TestInvalidSettingsPreventTheStart(t *testing.T) {
	for _, tc := range []struct{ exporter, name, value, says string }{
		{"zipkin", "", "", `OTEL_TRACES_EXPORTER is "zipkin"`},
		{otlp, "OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318", "OTEL_EXPORTER_OTLP_ENDPOINT must be a URL"},
		{otlp, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://%zz", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT must be a URL"},
		{otlp, "OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", `OTEL_EXPORTER_OTLP_PROTOCOL is "grpc"`},
		{otlp, "OTEL_EXPORTER_OTLP_COMPRESSION", "zstd", `OTEL_EXPORTER_OTLP_COMPRESSION is "zstd"`},
		{otlp, "OTEL_EXPORTER_OTLP_TIMEOUT", "10s", "parse duration"},
		{otlp, "OTEL_EXPORTER_OTLP_CERTIFICATE", "/nowhere.pem", "no such file"},
		{otlp, "OTEL_EXPORTER_OTLP_HEADERS", "topsecret", "parse headers"},
		{console, "OTEL_BSP_MAX_QUEUE_SIZE", "-1", `OTEL_BSP_MAX_QUEUE_SIZE is "-1"`},
		{console, "OTEL_BSP_SCHEDULE_DELAY", "5s", `OTEL_BSP_SCHEDULE_DELAY is "5s"`},
		{console, "OTEL_TRACES_SAMPLER", "sometimes", "unsupported sampler: sometimes"},
		{console, "OTEL_TRACES_SAMPLER_ARG", "2", "greater than 1.0"},
		{console, "OTEL_RESOURCE_ATTRIBUTES", "nonsense", "nonsense"},
	} {
		t.Run(tc.name+tc.exporter, func(t *testing.T) {
			t.Setenv("OTEL_TRACES_EXPORTER", tc.exporter)
			if tc.name == "OTEL_TRACES_SAMPLER_ARG" {
				t.Setenv("OTEL_TRACES_SAMPLER", "traceidratio")
			}
			if tc.name != "" {
				t.Setenv(tc.name, tc.value)
			}
			before := goleak.IgnoreCurrent()
			_, err := Setup(t.Context(), Config{Exporter: tc.exporter}, "test", zap.NewNop())
			require.ErrorContains(t, err, tc.says)
			require.NotContains(t, err.Error(), "topsecret")
			require.False(t, On())
			goleak.VerifyNone(t, before)
		})
	}
	t.Setenv("OTEL_TRACES_EXPORTER", "zipkin")
	_, err := config.Load[Config]()
	require.ErrorContains(t, err, "OTEL_TRACES_EXPORTER", "it is checked with all other settings")
}
