package ingest

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/auth"
	"eventanalytics/pkg/platform/ratelimit"
	"eventanalytics/services/ingest/intake"
)

// oneAnHour lets each key send one request, and holds the next for longer than a test takes.
func oneAnHour(cfg *Config) {
	cfg.Rates.Ingest = ratelimit.Limit{Rate: 1, Period: time.Hour, Burst: 1}
	cfg.SDK.Wait = 20 * time.Second
}

const bytesInFlight = "analytics_ingest_bytes_in_flight"

// metric is what the service says of one of its metrics, named with its labels.
func (a *api) metric(t *testing.T, name string) float64 {
	t.Helper()
	found := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(name) + ` (\S+)$`).FindStringSubmatch(a.send(t, "GET", "/metrics", "").body)
	require.NotNil(t, found, name)
	n, err := strconv.ParseFloat(found[1], 64)
	require.NoError(t, err)
	return n
}

// neighbourBody is long enough for five of it to be more than a project may hold.
const neighbourBody = 2_200_000

var neighbourLimits = intake.Limits{MaxBodyBytes: 4 << 20, MaxRatio: 200, MaxEvents: 1000, MaxInFlight: 16 << 20, NotBefore: time.Unix(0, 0), MaxFuture: time.Hour}

func longEvent(key string) string {
	event := `{"api_key":"` + key + `","event":"e","distinct_id":"u"`
	return event + strings.Repeat(" ", neighbourBody-len(event)-1) + "}"
}

// TestSDKNeighbours: requests whose key is in their body count for its project as soon as
// it is known, and leave room for others, also for those from the same address.
func TestSDKNeighbours(t *testing.T) {
	t.Parallel()
	a := newAPI(t, neighbourLimits, oneAnHour)
	flood, other := a.key(t, auth.ScopeIngest), a.project(t)
	got := a.send(t, "POST", "/e", `{"api_key":"`+flood+`","event":"e","distinct_id":"u"}`)
	require.Equal(t, 200, got.status, got.body)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	for range 4 { // are read, and held
		go func() {
			req, err := http.NewRequestWithContext(ctx, http.MethodPost, a.url+"/e", strings.NewReader(longEvent(flood)))
			if err == nil {
				_, _ = http.DefaultClient.Do(req) // until the test ends
			}
		}()
	}
	require.Eventually(t, func() bool { return a.metric(t, bytesInFlight) > 4*neighbourBody }, 30*time.Second, 10*time.Millisecond)
	got = a.send(t, "POST", "/e", longEvent(other))
	require.Equal(t, 200, got.status, got.body)
}

// TestSDKStalledNeighbours: bodies of which nobody knows yet whose they are leave room for
// those from elsewhere, also while more of them wait for room.
func TestSDKStalledNeighbours(t *testing.T) {
	t.Parallel()
	a := newAPI(t, neighbourLimits, func(cfg *Config) { cfg.SDK.Wait = time.Minute })
	key := a.key(t, auth.ScopeIngest)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	for range 5 {
		go func() {
			stalled := io.MultiReader(strings.NewReader(longEvent(key)[:neighbourBody-1]), until{ctx})
			req, err := http.NewRequestWithContext(ctx, http.MethodPost, a.url+"/e", stalled)
			if err == nil {
				req.Header.Set("X-Forwarded-For", "192.0.2.1")
				req.ContentLength = neighbourBody
				_, _ = http.DefaultClient.Do(req) // until the test ends
			}
		}()
	}
	require.Eventually(t, func() bool {
		return a.metric(t, `analytics_ingest_overloaded_total{whose="own"}`) > 0
	}, 30*time.Second, 10*time.Millisecond)
	require.Greater(t, a.metric(t, bytesInFlight), 4.*neighbourBody)
	got := a.send(t, "POST", "/e", longEvent(key), "X-Forwarded-For", "192.0.2.2")
	require.Equal(t, 200, got.status, got.body)
}

// until is a reader that has nothing until its context ends.
type until struct{ context.Context }

func (u until) Read([]byte) (int, error) {
	<-u.Done()
	return 0, u.Err()
}

// slowDown is how each protocol says that there was too much, in answers: with the status
// at which its SDKs come back.
var slowDown = map[string]struct {
	status int
	says   string
}{
	"segment":                        {429, `{"success":false,"code":"rate_limited","message":"`},
	"jitsu":                          {503, `{"error":"`},
	"posthog":                        {503, `{"type":"throttled_error","code":"throttled","detail":"`},
	"posthog v1":                     {429, `{"type":"throttled_error","code":"throttled","detail":"`},
	"amplitude":                      {429, `{"code":429,"eps_threshold":0,"error":"`},
	"amplitude httpapi":              {429, `"throttled_events":[]`},
	"mixpanel":                       {429, `{"status":0,"error":"`},
	"mixpanel, literal":              {429, `0`},
	"mixpanel import":                {429, `{"code":429,"status":"Too Many Requests","error":"`},
	"mixpanel import with a bad one": {429, `{"code":429,"status":"Too Many Requests","error":"`},
	"snowplow":                       {429, `too many requests`},
	"openpanel":                      {503, `"message":"`},
	"umami":                          {503, `{"error":{`},
	"plausible":                      {503, `{"errors":{`},
	"cloudevents":                    {429, `"status":429`},
	"cloudevents without a source":   {429, `"status":429`},
	"otlp":                           {429, `{"code":8,"message":"`},
}

// TestSDKSlowDown: beyond its limits each protocol answers so that its SDKs come back.
func TestSDKSlowDown(t *testing.T) {
	t.Parallel()
	a := newAPI(t, defaultLimits, oneAnHour, func(cfg *Config) { cfg.SDK.Wait = time.Millisecond })
	for _, c := range answers {
		want, known := slowDown[c.name]
		require.True(t, known, c.name)
		key := a.key(t, auth.ScopeIngest)
		fill := strings.NewReplacer("KEY", key, "BASIC", basicOf(key))
		headers := []string{"Origin", "https://shop.example"}
		for _, h := range c.headers {
			headers = append(headers, fill.Replace(h))
		}
		got := a.send(t, "POST", c.path, fill.Replace(c.body), headers...)
		require.Equal(t, c.good, got.status, "%s: %s", c.name, got.body)
		before := fmt.Sprint(a.counts(t))
		got = a.send(t, "POST", c.path, fill.Replace(c.body), headers...)
		require.Equal(t, want.status, got.status, "%s: %s", c.name, got.body)
		require.Contains(t, got.body, want.says, c.name)
		seconds, err := strconv.Atoi(got.header.Get("Retry-After"))
		require.NoError(t, err, c.name)
		require.Positive(t, seconds, c.name)
		require.Contains(t, got.header.Get("Access-Control-Expose-Headers"), "Retry-After", c.name)
		require.Empty(t, got.header.Get("X-Position"), c.name)
		require.Equal(t, before, fmt.Sprint(a.counts(t)), "%s: nothing is stored", c.name)
	}
}
