package ingest

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"eventanalytics/pkg/auth"
	"eventanalytics/pkg/auth/authtest"
	"eventanalytics/pkg/platform/boot"
	"eventanalytics/pkg/platform/postgres/pgtest"
)

// BenchmarkRoutes posts single events by each route, as tests/cmd/bench-ingest does, but
// without a network. Compare the CPU of one run: it is that of the service alone, and
// depends less on what else the machine does than the time.
func BenchmarkRoutes(b *testing.B) {
	const properties = `"button":"buy","country":"de","price":19.99,"quantity":2,"session_id":"1f2e3d4c","new":true,"page":"/products/42"`
	for _, route := range []struct {
		name, path string
		body       func(key, user string, at time.Time) string
	}{
		{"native", "/api/events", func(_, user string, at time.Time) string {
			return fmt.Sprintf(`[{"event_id":%q,"occurred_at":%q,"user_id":%q,"event_type":"click","properties_json":{%s}}]`, uuid.NewString(), at.Format(time.RFC3339Nano), user, properties)
		}},
		{"segment", "/v1/track", func(_, user string, at time.Time) string {
			return fmt.Sprintf(`{"messageId":%q,"timestamp":%q,"userId":%q,"event":"click","type":"track","context":{"library":{"name":"@segment/analytics-node","version":"3.1.0"}},"properties":{%s}}`,
				uuid.NewString(), at.Format(time.RFC3339Nano), user, properties)
		}},
		{"posthog", "/i/v0/e", func(key, user string, at time.Time) string {
			return fmt.Sprintf(`{"uuid":%q,"timestamp":%q,"distinct_id":%q,"event":"click","properties":{"$lib":"posthog-node","$lib_version":"5.70.0",%s},"api_key":%q}`,
				uuid.NewString(), at.Format(time.RFC3339Nano), user, properties, key)
		}},
	} {
		b.Run(route.name, func(b *testing.B) {
			handler, key := quiet(b)
			at := time.Now().Add(-time.Minute)
			var user atomic.Int64
			post := func() int {
				n := user.Add(1) % 2000
				r := httptest.NewRequest(http.MethodPost, route.path, strings.NewReader(route.body(key, fmt.Sprint("user-", n), at)))
				r.Header.Set("Content-Type", "application/json")
				if route.name != "posthog" { // whose key is in the body alone
					r.Header.Set("X-API-Key", key)
				}
				w := httptest.NewRecorder()
				handler.ServeHTTP(w, r)
				return w.Code / 100
			}
			for range 2000 { // names and users are known afterwards
				require.Equal(b, 2, post())
			}
			b.SetParallelism(64)
			b.ReportAllocs()
			b.ResetTimer()
			before := cpu()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if post() != 2 {
						b.Error("an event was not taken")
					}
				}
			})
			b.ReportMetric(float64(cpu()-before)/float64(b.N), "cpu-ns/op")
		})
	}
}

// quiet is a service that logs nothing and limits no rate, and the key of its user.
func quiet(b *testing.B) (http.Handler, string) {
	b.Helper()
	pool := pgtest.New(b)
	cfg := testConfig(defaultLimits)
	cfg.Intake.Limits.MaxInFlight = 256 << 20
	cfg.Auth.CacheFor = time.Minute
	cfg.Rates.Ingest.Rate, cfg.Rates.Ingest.Burst = 1_000_000, 1_000_000
	s, err := New(cfg, boot.NewDeps(pool, zap.NewNop(), prometheus.NewRegistry()))
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, s.Close()) })
	tokens, err := auth.NewTokens(cfg.Auth.AuthSecret, time.Now)
	require.NoError(b, err)
	return s.Server().Handler(), authtest.Key(b, pool, authtest.Login(b, pool, tokens, "ann"), auth.ScopeIngest)
}

// cpu is what this process has used, in nanoseconds.
func cpu() int64 {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u) // fails for no other argument
	return u.Utime.Nano() + u.Stime.Nano()
}
