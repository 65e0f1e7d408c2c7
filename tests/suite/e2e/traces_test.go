package e2e

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	collectorpb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"eventanalytics/tests/harness/stack"
)

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

// span with the name of the service it came from.
type span struct {
	service string
	*tracepb.Span
}

func (c *collector) spans() (all []span) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, resource := range c.received {
		service := value(resource.Resource.Attributes, "service.name").GetStringValue()
		for _, scope := range resource.ScopeSpans {
			for _, s := range scope.Spans {
				all = append(all, span{service, s})
			}
		}
	}
	return all
}

func value(attributes []*commonpb.KeyValue, name string) *commonpb.AnyValue {
	for _, a := range attributes {
		if a.Key == name {
			return a.Value
		}
	}
	return nil
}

func (s span) text(name string) string  { return value(s.Attributes, name).GetStringValue() }
func (s span) number(name string) int64 { return value(s.Attributes, name).GetIntValue() }

// find waits for a span of a service.
func (c *collector) find(t *testing.T, service, name string, also func(span) bool) (found span) {
	t.Helper()
	require.Eventually(t, func() bool {
		for _, s := range c.spans() {
			if s.service == service && s.Name == name && also(s) {
				found = s
				return true
			}
		}
		return false
	}, 20*time.Second, 20*time.Millisecond, "%s has no span %q", service, name)
	return found
}

// below finds a span of a statement with text in it, in the trace of top and
// somewhere below it.
func (c *collector) below(t *testing.T, top span, name, text string) {
	t.Helper()
	c.find(t, top.service, name, func(s span) bool {
		if !strings.Contains(s.text("db.query.text"), text) || string(s.TraceId) != string(top.TraceId) {
			return false
		}
		all := c.spans()
		for parent := s.ParentSpanId; len(parent) > 0; {
			if string(parent) == string(top.SpanId) {
				return true
			}
			i := slices.IndexFunc(all, func(p span) bool { return string(p.SpanId) == string(parent) })
			if i < 0 {
				return false
			}
			parent = all[i].ParentSpanId
		}
		return false
	})
}

// TestTraces follows events from the gateway to Postgres, into the warehouse and
// to an answer.
func TestTraces(t *testing.T) {
	to := &collector{}
	server := httptest.NewServer(to)
	defer server.Close()
	s, err := stack.Services(t.Context(), newDir(t),
		"OTEL_TRACES_EXPORTER=otlp", "OTEL_EXPORTER_OTLP_ENDPOINT="+server.URL, "OTEL_BSP_SCHEDULE_DELAY=20")
	require.NoError(t, err)
	running := true
	defer func() {
		if running {
			require.NoError(t, s.Stop())
		}
	}()

	const (
		traceID  = "0af7651916cd43dd8448eb211c80319c"
		parentID = "b7ad6b7169203331"
		secret   = "a-property-value"
	)
	c := newUser(t, s.URL)
	var posted struct{ Position string }
	events := array(event(newID(), "properties", `{"color": "`+secret+`"}`), event(newID()))
	c.Send(t, events, "Traceparent", "00-"+traceID+"-"+parentID+"-01").Is(t, 202, "").Decode(t, &posted)
	c.Get(t, "/api/stats/dau", "from", "2025-08-01", "to", "2025-08-02", "min_position", posted.Position,
		"segment", "properties.color="+secret).Is(t, 200, "")

	request := to.find(t, "ingest", "POST /api/events", func(span) bool { return true })
	require.Equal(t, tracepb.Span_SPAN_KIND_SERVER, request.Kind)
	require.Equal(t, traceID, fmt.Sprintf("%x", request.TraceId))
	require.Equal(t, parentID, fmt.Sprintf("%x", request.ParentSpanId))
	require.EqualValues(t, 202, request.number("http.response.status_code"))
	require.Equal(t, c.Project, request.number("analytics.project_id"))
	to.below(t, request, "BEGIN", "")
	to.below(t, request, "INSERT", "analytics.event_ids")
	to.below(t, request, "INSERT", "analytics.outbox")
	to.below(t, request, "COMMIT", "")

	load := to.find(t, "syncworker", "load", func(s span) bool { return s.number("analytics.events") == 2 })
	require.Empty(t, load.ParentSpanId)
	require.EqualValues(t, 1, load.number("analytics.rows"))
	to.below(t, load, "INSERT", "analytics.segments")
	to.below(t, load, "COMMIT", "")

	question := to.find(t, "stats", "GET /api/stats/dau", func(span) bool { return true })
	metric := to.find(t, "stats", "metric dau", func(s span) bool { return string(s.ParentSpanId) == string(question.SpanId) })
	require.Equal(t, "dau", metric.text("analytics.metric"))
	require.EqualValues(t, 1, metric.number("analytics.rows"))

	// All of it is sent when the services stop.
	require.NoError(t, s.Stop())
	running = false
	database, err := url.Parse(s.DatabaseURL)
	require.NoError(t, err)
	databasePassword, _ := database.User.Password()
	for _, s := range to.spans() {
		text := s.String()
		for _, hidden := range []string{secret, c.Header.Get("Authorization")[len("Bearer "):], c.Password, databasePassword, c.RefreshToken} {
			require.False(t, hidden != "" && strings.Contains(text, hidden), "%s: %s", s.service, text)
		}
		if len(s.ParentSpanId) == 0 {
			require.True(t, s.Kind == tracepb.Span_SPAN_KIND_SERVER || s.Name == "load" || s.Name == "compact",
				"what polls begins no trace: %s", text)
		}
		require.NotContains(t, []string{"/healthz", "/readyz"}, s.text("url.path"))
	}
}
