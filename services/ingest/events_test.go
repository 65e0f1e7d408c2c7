package ingest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest"
	"go.uber.org/zap/zaptest/observer"

	"eventanalytics/pkg/auth"
	"eventanalytics/pkg/auth/authtest"
	"eventanalytics/pkg/names"
	"eventanalytics/pkg/platform/boot"
	"eventanalytics/pkg/platform/postgres/pgtest"
	"eventanalytics/pkg/platform/problem"
	"eventanalytics/pkg/platform/ratelimit"
	"eventanalytics/pkg/platform/server"
	"eventanalytics/services/ingest/intake"
	"eventanalytics/services/ingest/native"
	"eventanalytics/services/ingest/sdk"
	"eventanalytics/services/ingest/store"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// api is a running ingest service with one user.
type api struct {
	url, token string
	pool       *pgxpool.Pool
	looked     int64 // the project whose events are looked at; 0 for all
	logged     *observer.ObservedLogs
}

// testWait is SDK_WAIT in tests.
const testWait = 100 * time.Millisecond

// testConfig is the settings of a service without Redis.
func testConfig(limits intake.Limits) Config {
	rate := ratelimit.Limit{Rate: 1000, Period: time.Second, Burst: 1000}
	return Config{
		HTTP:   server.Config{TrustedProxies: []string{"127.0.0.0/8"}},
		Auth:   auth.Config{SecretConfig: auth.SecretConfig{AuthSecret: "0123456789abcdef0123456789abcdef"}, HonourFor: time.Minute},
		Redis:  ratelimit.RedisConfig{URL: "redis://127.0.0.1:1", Timeout: 50 * time.Millisecond}, // nobody there: limits are kept in the process
		Rates:  ratelimit.Config{Ingest: rate, Stats: rate},
		Intake: intake.Config{Limits: limits, Names: names.Config{EventTypes: 10_000, Properties: 10_000}, Kept: intake.KeptConfig{MaxKeys: 1000, MaxBytes: 1 << 20}, Store: store.Config{GroupCommit: true}},
		SDK:    sdk.Config{Wait: testWait},
	}
}

// newAPI starts a service; with changes its settings.
func newAPI(t *testing.T, limits intake.Limits, with ...func(*Config)) *api {
	t.Helper()
	pool := pgtest.New(t)
	cfg := testConfig(limits)
	for _, change := range with {
		change(&cfg)
	}
	seen, logged := observer.New(zap.DebugLevel)
	log := zaptest.NewLogger(t, zaptest.WrapOptions(zap.WrapCore(func(c zapcore.Core) zapcore.Core { return zapcore.NewTee(c, seen) })))
	s, err := New(cfg, boot.NewDeps(pool, log, prometheus.NewRegistry()))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	web := httptest.NewServer(s.Server().Handler())
	t.Cleanup(web.Close)

	tokens, err := auth.NewTokens(cfg.Auth.AuthSecret, time.Now)
	require.NoError(t, err)
	return &api{url: web.URL, pool: pool, logged: logged, token: authtest.Login(t, pool, tokens, "ann").Token}
}

var defaultLimits = intake.Limits{MaxBodyBytes: 1 << 20, MaxRatio: 200, MaxEvents: 1000, MaxInFlight: 16 << 20, NotBefore: time.Unix(0, 0), MaxFuture: time.Hour}

// request sends a body and decodes the answer into out; headers come in pairs.
func (a *api) request(t *testing.T, method, path, body string, out any, headers ...string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, a.url+path, strings.NewReader(body))
	require.NoError(t, err)
	if a.token != "" {
		req.Header.Set("Authorization", "Bearer "+a.token)
	}
	req.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	var answer bytes.Buffer
	_, err = answer.ReadFrom(resp.Body)
	require.NoError(t, err)
	if out != nil {
		require.NoError(t, json.Unmarshal(answer.Bytes(), out), answer.String())
	}
	if h, ok := out.(*replayable); ok {
		h.replayed = resp.Header.Get("Idempotency-Replayed")
	}
	return resp.StatusCode
}

type replayable struct {
	native.Answer
	Type     string
	replayed string
}

func (a *api) counts(t *testing.T) (ledger, logged int) {
	t.Helper()
	err := a.pool.QueryRow(t.Context(), `
		SELECT (SELECT count(*) FROM analytics.event_ids), coalesce((SELECT sum(events) FROM analytics.outbox), 0)`).
		Scan(&ledger, &logged)
	require.NoError(t, err)
	return ledger, logged
}

func eventJSON(id uuid.UUID, user string) string {
	return fmt.Sprintf(`{"event_id":%q,"occurred_at":"2025-08-21T06:52:34+03:00","user_id":%s,"event_type":"login","properties":{"a":1}}`, id, user)
}

func TestPostEvents(t *testing.T) {
	t.Parallel()
	a := newAPI(t, defaultLimits)
	x, y := uuid.New(), uuid.New()
	body := "[" + eventJSON(x, "1") + "," + eventJSON(y, "true") + "," + eventJSON(x, "2") + "]"
	var got native.Answer
	require.Equal(t, http.StatusAccepted, a.request(t, http.MethodPost, "/api/events", body, &got))
	require.Equal(t, 3, got.ObjCount)
	require.Equal(t, 1, got.Accepted)
	require.Equal(t, 1, got.Duplicates)
	require.Equal(t, 1, got.Rejected)
	require.Len(t, got.Errors, 2)
	require.Equal(t, 1, *got.Errors[0].Index)
	require.Equal(t, "user_id", got.Errors[0].Field)
	require.Equal(t, 2, *got.Errors[1].Index)
	require.Equal(t, "conflict", got.Errors[1].Code)
	require.NotEmpty(t, got.Position)
	require.NotNil(t, got.UserID)
	ledger, logged := a.counts(t)
	require.Equal(t, []int{1, 1}, []int{ledger, logged})
}

func gzipped(t *testing.T, text string) string {
	t.Helper()
	var b strings.Builder
	w := gzip.NewWriter(&b)
	_, err := w.Write([]byte(text))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return b.String()
}

func zstded(t *testing.T, text string) string {
	t.Helper()
	w, err := zstd.NewWriter(nil)
	require.NoError(t, err)
	return string(w.EncodeAll([]byte(text), nil))
}

func TestPostEventsCompressed(t *testing.T) {
	t.Parallel()
	a := newAPI(t, defaultLimits)
	for encoding, compress := range map[string]func(*testing.T, string) string{"gzip": gzipped, "zstd": zstded} {
		lines := eventJSON(uuid.New(), "1") + "\n" + eventJSON(uuid.New(), "2") + "\n"
		var got native.Answer
		require.Equal(t, http.StatusAccepted, a.request(t, http.MethodPost, "/api/events", compress(t, lines), &got,
			"Content-Encoding", encoding, "Content-Type", "application/x-ndjson; charset=utf-8"))
		require.Equal(t, 2, got.Accepted)
	}
}

func TestPostEventsRefuses(t *testing.T) {
	t.Parallel()
	a := newAPI(t, defaultLimits)
	known := uuid.New()
	require.Equal(t, http.StatusAccepted, a.request(t, http.MethodPost, "/api/events", eventJSON(known, "1"), nil))
	good, bad := eventJSON(uuid.New(), "1"), eventJSON(uuid.New(), "true")
	many := "[" + strings.TrimSuffix(strings.Repeat(bad+",", 150), ",") + "]"
	for _, tc := range []struct {
		name, path, body string
		status           int
		code             string
		headers          []string
	}{
		{name: "empty", path: "/api/events", status: 400, code: "malformed-json"},
		{name: "truncated", path: "/api/events", body: "[" + good, status: 400, code: "malformed-json"},
		{name: "no events", path: "/api/events", body: "[]", status: 422, code: "empty-batch"},
		{name: "all invalid", path: "/api/events", body: many, status: 422, code: "invalid-field"},
		{name: "atomic, one invalid", path: "/api/events?atomic=true", body: "[" + good + "," + bad + "]", status: 422, code: "invalid-field"},
		{name: "atomic, one conflict", path: "/api/events?atomic=true", body: "[" + good + "," + eventJSON(known, "2") + "]", status: 409, code: "conflict"},
		{name: "too many", path: "/api/events", body: "[" + strings.Repeat(good+",", 1000) + good + "]", status: 413, code: "too-large"},
		{name: "too long", path: "/api/events", body: "[" + strings.Repeat(" ", 1<<20), status: 413, code: "too-large"},
		{name: "parameter twice", path: "/api/events?atomic=true&atomic=false", body: good, status: 422, code: "invalid-parameter"},
		{name: "empty parameter", path: "/api/events?atomic=", body: good, status: 422, code: "invalid-parameter"},
		{name: "unknown parameter", path: "/api/events?atomically=true", body: good, status: 422, code: "unknown-parameter"},
		{name: "media type", path: "/api/events", body: good, status: 415, code: "unsupported-media-type", headers: []string{"Content-Type", "text/csv"}},
		{name: "encoding", path: "/api/events", body: good, status: 415, code: "unsupported-encoding", headers: []string{"Content-Encoding", "br"}},
		{name: "long key", path: "/api/events", body: good, status: 422, code: "invalid-parameter", headers: []string{"Idempotency-Key", strings.Repeat("k", 201)}},
		{name: "nobody", path: "/api/events", body: good, status: 401, code: "unauthorized", headers: []string{"Authorization", ""}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var p problem.Error
			require.Equal(t, tc.status, a.request(t, http.MethodPost, tc.path, tc.body, &p, tc.headers...))
			require.Equal(t, problem.TypePrefix+tc.code, p.Type, p.Detail)
			require.Equal(t, tc.status, p.Status)
			require.NotEmpty(t, p.Instance)
			if tc.name == "all invalid" {
				require.Len(t, p.Errors, 100)
				require.Equal(t, 50, p.ErrorsOmitted)
			}
			ledger, logged := a.counts(t)
			require.Equal(t, []int{1, 1}, []int{ledger, logged}, "nothing of it is stored")
		})
	}
}

func TestIdempotencyKey(t *testing.T) {
	t.Parallel()
	a := newAPI(t, defaultLimits)
	known := uuid.New()
	require.Equal(t, http.StatusAccepted, a.request(t, http.MethodPost, "/api/events", eventJSON(known, "1"), nil))
	post := func(path, body, key string) (int, replayable) {
		var got replayable
		status := a.request(t, http.MethodPost, path, body, &got, "Idempotency-Key", key)
		return status, got
	}

	body := eventJSON(uuid.New(), "1")
	status, first := post("/api/events", body, "k1")
	require.Equal(t, http.StatusAccepted, status)
	require.Equal(t, 1, first.Accepted)
	require.Empty(t, first.replayed)
	status, again := post("/api/events", body, "k1")
	require.Equal(t, http.StatusAccepted, status)
	require.Equal(t, "true", again.replayed)
	require.Equal(t, first.Answer, again.Answer)

	status, other := post("/api/events", eventJSON(uuid.New(), "1"), "k1")
	require.Equal(t, http.StatusConflict, status)
	require.Equal(t, "/problems/idempotency-key-reused", other.Type)
	status, _ = post("/api/events?atomic=true", body, "k1")
	require.Equal(t, http.StatusConflict, status, "atomic is part of the request")

	conflicting := "[" + eventJSON(uuid.New(), "1") + "," + eventJSON(known, "9") + "]"
	for _, replayed := range []string{"", "true"} {
		status, got := post("/api/events?atomic=true", conflicting, "k2")
		require.Equal(t, http.StatusConflict, status)
		require.Equal(t, "/problems/conflict", got.Type)
		require.Equal(t, replayed, got.replayed)
		status, got = post("/api/events", "[]", "k3")
		require.Equal(t, http.StatusUnprocessableEntity, status)
		require.Equal(t, replayed, got.replayed)
		status, _ = post("/api/events", "[", "k4")
		require.Equal(t, http.StatusBadRequest, status)
	}
	status, got := post("/api/events", eventJSON(uuid.New(), "1"), "k4")
	require.Equal(t, http.StatusAccepted, status, "a malformed request does not use up its key")
	require.Empty(t, got.replayed)
	ledger, logged := a.counts(t)
	require.Equal(t, []int{3, 3}, []int{ledger, logged})
}

func TestIdempotencyKeyUnderConcurrency(t *testing.T) {
	t.Parallel()
	a := newAPI(t, defaultLimits)
	body := eventJSON(uuid.New(), "1")
	var mu sync.Mutex
	replayed := map[string]int{}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			var got replayable
			status := a.request(t, http.MethodPost, "/api/events", body, &got, "Idempotency-Key", "k")
			mu.Lock()
			defer mu.Unlock()
			replayed[got.replayed]++
			if status != http.StatusAccepted || got.Accepted != 1 {
				t.Errorf("%d %+v", status, got)
			}
		})
	}
	wg.Wait()
	require.Equal(t, map[string]int{"": 1, "true": 7}, replayed)
}

func TestOverloaded(t *testing.T) {
	t.Parallel()
	limits := defaultLimits
	limits.MaxInFlight = 100 << 10
	a := newAPI(t, limits)
	var refusal replayable
	large := "[" + strings.Repeat(eventJSON(uuid.New(), "1")+",", 999) + eventJSON(uuid.New(), "1") + "]"
	require.Equal(t, http.StatusTooManyRequests, a.request(t, http.MethodPost, "/api/events", large, &refusal), "it is alone")
	require.Contains(t, refusal.Type, "too-many-uploads")
	var got native.Answer
	require.Equal(t, http.StatusAccepted, a.request(t, http.MethodPost, "/api/events", eventJSON(uuid.New(), "1"), &got))
	require.Equal(t, 1, got.Accepted)
	ledger, _ := a.counts(t)
	require.Equal(t, 1, ledger, "nothing of the refused one")
}
