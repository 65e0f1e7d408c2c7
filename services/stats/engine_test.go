package stats

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/event"
	"eventanalytics/services/stats/engine/clickhouse"
)

// TestClickHouseAnswers: with ENGINE_URL a real ClickHouse reads what roll-ups do not tell,
// and while it is away the same rows come from here.
func TestClickHouseAnswers(t *testing.T) {
	real := os.Getenv("TEST_CLICKHOUSE")
	if real == "" {
		t.Skip("there is no ClickHouse: make engine-test starts one")
	}
	to, err := url.Parse(real)
	require.NoError(t, err)
	proxy := httputil.NewSingleHostReverseProxy(to)
	var away atomic.Bool
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if away.Load() {
			panic(http.ErrAbortHandler)
		}
		proxy.ServeHTTP(w, r)
	}))
	defer server.Close()
	a := newAPI(t, func(cfg *Config) {
		cfg.CacheBytes, cfg.Warehouse.RollUpBytes = 0, 64<<20
		cfg.Engine = clickhouse.Config{
			URL: "clickhouse://" + server.Listener.Addr().String(), User: "default", Files: "file:" + cfg.Warehouse.Dir, FromEvents: 1, MaxQueries: 2, MemoryBytes: 4 << 30,
		}
	}).run(t)
	var events []event.Event
	for i := range 60 {
		events = append(events, event.Event{
			ID: uuid.New(), OccurredAt: time.Date(2025, 9, 1, i, 0, 0, 0, time.UTC).UnixMicro(), UserID: fmt.Sprint(i % 7), Type: "view",
			Properties: fmt.Sprintf(`{"country": %q, "price": %d.5}`, []string{"UA", "PL"}[i%2], i),
		})
	}
	a.publish(t, 1, events...)
	a.visible(t)
	ask := func(path string) (rows, source string) {
		got := a.get(t, 1, path)
		require.Equal(t, http.StatusOK, got.StatusCode, string(got.body))
		var answer struct {
			Data json.RawMessage
			Meta struct{ Source string }
		}
		require.NoError(t, json.Unmarshal(got.body, &answer))
		return string(answer.Data), answer.Meta.Source
	}
	const filtered = "/api/stats/dau?from=2025-09-01&to=2025-09-03&timezone=Europe/Kyiv&filter=properties.country%3DUA"
	_, source := ask("/api/stats/dau?from=2025-09-01&to=2025-09-03")
	require.Equal(t, "rollup", source)
	rows, source := ask(filtered)
	require.Equal(t, clickhouse.Name, source)
	away.Store(true)
	again, source := ask(filtered)
	require.NotEqual(t, clickhouse.Name, source)
	require.Equal(t, rows, again)
	require.Contains(t, a.metrics(), "analytics_stats_engine_resting_servers 1")
}
