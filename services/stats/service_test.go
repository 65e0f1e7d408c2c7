package stats

import (
	"bytes"
	"context"
	"encoding/json"
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

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap/zaptest"

	"eventanalytics/pkg/auth"
	"eventanalytics/pkg/event"
	"eventanalytics/pkg/outbox"
	"eventanalytics/pkg/platform/boot"
	"eventanalytics/pkg/platform/postgres/pgtest"
	"eventanalytics/pkg/platform/ratelimit"
	"eventanalytics/pkg/platform/server"
	"eventanalytics/pkg/warehouse"
	"eventanalytics/pkg/warehouse/duckdb"
	"eventanalytics/pkg/warehouse/manifest"
	"eventanalytics/pkg/warehouse/sandbox"
	"eventanalytics/pkg/warehouse/segment"
)

func TestMain(m *testing.M) {
	sandbox.Enter()
	pgtest.Main(m)
}

// api is a running stats service on a warehouse that the test publishes to.
type api struct {
	*Service
	url     string
	pool    *pgxpool.Pool
	builder *duckdb.Builder
	dir     string
	keys    map[int64]string // by project
	routes  routers.Router

	mu       sync.Mutex
	clock    time.Time
	position outbox.Position
}

// cacheBytes are few, so that a test can fill the cache.
const cacheBytes = 64 << 10

// Three projects, so that one can stay idle.
var projects = []int64{1, 2, 3}

func newAPI(t *testing.T, changes ...func(*Config)) *api {
	t.Helper()
	a := &api{pool: pgtest.New(t), dir: t.TempDir(), keys: map[int64]string{}, position: outbox.Position{Incarnation: 1}}
	a.clock = time.Date(2025, 9, 10, 12, 0, 0, 0, time.UTC) // a Wednesday
	rate := ratelimit.Limit{Rate: 10000, Period: time.Second, Burst: 10000}
	cfg := Config{
		HTTP:  server.Config{TrustedProxies: []string{"127.0.0.0/8"}},
		Auth:  auth.Config{SecretConfig: auth.SecretConfig{AuthSecret: "0123456789abcdef0123456789abcdef"}, HonourFor: time.Minute},
		Redis: ratelimit.RedisConfig{URL: "redis://127.0.0.1:1", Timeout: 50 * time.Millisecond}, // nobody there: limits are kept in the process
		Rates: ratelimit.Config{Ingest: rate, Stats: rate, Account: rate, Register: rate, Login: rate, Share: rate, ShareAddress: rate, LoginFailures: rate, AllLoginFailures: rate},
		Warehouse: warehouse.Config{
			Dir: a.dir, MemoryLimit: "1GiB", Threads: 1, MaxQueries: 2, QueryTimeout: 20 * time.Second,
			PollInterval: 2 * time.Second, GracePeriod: time.Hour,
		},
		SQL:         sandbox.Config{Memory: 256 << 20, Timeout: 20 * time.Second, Places: 2},
		AnswerBytes: 512 << 20, ReadGrace: 30 * time.Second, CacheBytes: cacheBytes,
	}
	for _, change := range changes {
		change(&cfg)
	}
	var err error
	a.Service, err = New(cfg, boot.NewDeps(a.pool, zaptest.NewLogger(t), prometheus.NewRegistry()))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, a.Close()) })
	a.now = func() time.Time { a.mu.Lock(); defer a.mu.Unlock(); return a.clock }
	a.builder, err = duckdb.NewBuilder(cfg.Warehouse, nil)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, a.builder.Close()) })

	web := httptest.NewServer(a.Server().Handler())
	t.Cleanup(web.Close)
	a.url = web.URL
	a.routes = a.document(t)
	a.accounts(t)
	return a
}

// run starts the service's background part.
func (a *api) run(t *testing.T) *api {
	t.Helper()
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx) }()
	t.Cleanup(func() { stop(); require.NoError(t, <-done) })
	require.Eventually(t, func() bool { _, err := a.reader.Current(); return err == nil }, 10*time.Second, 5*time.Millisecond)
	return a
}

// accounts makes a user with a project and an API key for each of projects.
func (a *api) accounts(t *testing.T) {
	t.Helper()
	for range projects {
		key, hash := auth.NewCredential(auth.KeyPrefix)
		var project int64
		require.NoError(t, a.pool.QueryRow(t.Context(), `
			WITH u AS (
				INSERT INTO analytics.users (username, username_key, password_hash) VALUES ($1, $1, '-') RETURNING id
			), p AS (
				INSERT INTO analytics.projects (name, home_of) SELECT 'home', id FROM u RETURNING id
			)
			INSERT INTO analytics.api_keys (project_id, name, scope, prefix, hash, created_by)
			SELECT p.id, 'test', 'read', left($1, 8), $2, u.id FROM u, p
			RETURNING project_id`, key, hash).Scan(&project))
		a.keys[project] = key
	}
	for _, p := range projects {
		require.Contains(t, a.keys, p)
	}
}

// userKeys are the same in all projects, which is harmless.
var userKeys = struct {
	sync.Mutex
	keys map[string]uint32
}{keys: map[string]uint32{}}

func keysOf(events []event.Event) []uint32 {
	userKeys.Lock()
	defer userKeys.Unlock()
	keys := make([]uint32, len(events))
	for i, e := range events {
		key, ok := userKeys.keys[e.UserID]
		if !ok {
			key = uint32(len(userKeys.keys))
			userKeys.keys[e.UserID] = key
		}
		keys[i] = key
	}
	return keys
}

// publish adds events to a project as the sync worker does.
func (a *api) publish(t *testing.T, project int64, events ...event.Event) {
	t.Helper()
	keys := keysOf(events)
	s, err := a.builder.Write(t.Context(), project, events, keys, 1)
	require.NoError(t, err)
	ids := make([]string, len(events))
	for i, e := range events {
		ids[i] = e.UserID
	}
	_, err = a.pool.Exec(t.Context(), `INSERT INTO analytics.user_keys SELECT $1, id, key FROM unnest($2::text[], $3::integer[]) AS u (id, key) ON CONFLICT DO NOTHING`, project, ids, keys)
	require.NoError(t, err)
	_, err = a.pool.Exec(t.Context(), `INSERT INTO analytics.user_key_counters AS c (project_id, next_key) VALUES ($1, $2)
		ON CONFLICT (project_id) DO UPDATE SET next_key = greatest(c.next_key, excluded.next_key)`, project, int64(slices.Max(keys))+1)
	require.NoError(t, err)
	a.position.XID += 10
	tx, err := a.pool.Begin(t.Context())
	require.NoError(t, err)
	defer tx.Rollback(t.Context())
	exec := func(sql string, args ...any) {
		_, err := tx.Exec(t.Context(), sql, args...)
		require.NoError(t, err)
	}
	require.NoError(t, manifest.Insert(t.Context(), tx, []segment.Segment{s}))
	exec(`UPDATE analytics.sync_state SET version = version + 1, xid = $1::text::xid8, complete_until = $2`,
		fmt.Sprint(a.position.XID), a.now())
	exec(`INSERT INTO analytics.project_versions SELECT $1, version FROM analytics.sync_state
		ON CONFLICT (project_id) DO UPDATE SET version = excluded.version`, project)
	require.NoError(t, tx.Commit(t.Context()))
	_, err = a.pool.Exec(t.Context(), "SELECT pg_notify($1, '')", manifest.Channel)
	require.NoError(t, err)
}

// visible waits until what was published can be seen.
func (a *api) visible(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	require.NoError(t, a.reader.Wait(ctx, a.position))
}

// document checks the OpenAPI document and makes a router of it.
func (a *api) document(t *testing.T) routers.Router {
	t.Helper()
	text, err := json.Marshal(a.Server().API.OpenAPI())
	require.NoError(t, err)
	doc, err := openapi3.NewLoader().LoadFromData(text)
	require.NoError(t, err)
	require.NoError(t, doc.Validate(t.Context()))
	doc.Servers = openapi3.Servers{{URL: a.url}}
	routes, err := gorillamux.NewRouter(doc)
	require.NoError(t, err)
	return routes
}

type reply struct {
	*http.Response
	body []byte
}

// get asks for path as a project; headers come in pairs.
func (a *api) get(t *testing.T, project int64, path string, headers ...string) reply {
	t.Helper()
	return a.send(t, project, http.MethodGet, path, "", headers...)
}

func (a *api) post(t *testing.T, project int64, path, body string) reply {
	t.Helper()
	return a.send(t, project, http.MethodPost, path, body, "Content-Type", "application/json")
}

// send also checks the answer against the OpenAPI document.
func (a *api) send(t *testing.T, project int64, method, path, body string, headers ...string) reply {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, a.url+path, bytes.NewReader([]byte(body)))
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer "+a.keys[project])
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	r := reply{Response: resp}
	r.body, err = io.ReadAll(resp.Body)
	require.NoError(t, err)
	route, parameters, err := a.routes.FindRoute(req)
	require.NoError(t, err)
	kind := resp.Header.Get("Content-Type")
	require.NoError(t, openapi3filter.ValidateResponse(t.Context(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{Request: req, PathParams: parameters, Route: route},
		Status:                 resp.StatusCode, Header: resp.Header, Body: io.NopCloser(bytes.NewReader(r.body)),
		Options: &openapi3filter.Options{IncludeResponseStatus: true, MultiError: true, ExcludeResponseBody: kind != "" && !strings.HasSuffix(kind, "/json") && !strings.HasSuffix(kind, "+json")},
	}), "%s %s: %d %.300s", method, path, resp.StatusCode, r.body)
	return r
}

// ok is the decoded answer of a reply that must be 200.
func (r reply) ok(t *testing.T) map[string]any {
	t.Helper()
	require.Equal(t, http.StatusOK, r.StatusCode, "%s", r.body)
	return r.decode(t)
}

func (r reply) decode(t *testing.T) map[string]any {
	t.Helper()
	var v map[string]any
	require.NoError(t, json.Unmarshal(r.body, &v), "%s", r.body)
	return v
}

// refused is a problem's type and the parameter it names.
func (r reply) refused(t *testing.T) string {
	t.Helper()
	p := r.decode(t)
	require.Equal(t, "application/problem+json", r.Header.Get("Content-Type"))
	named := ""
	if errs, ok := p["errors"].([]any); ok {
		named, _ = errs[0].(map[string]any)["field"].(string)
	}
	return fmt.Sprint(r.StatusCode, " ", p["type"], " ", named)
}

func at(s string) int64 {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		panic(err)
	}
	return t.UnixMicro()
}

func id(n byte) uuid.UUID { return uuid.UUID{15: n} }

// august is what the tests' answers are worked out from by hand.
func august() []event.Event {
	return []event.Event{
		{ID: id(1), OccurredAt: at("2025-08-04T00:00:00Z"), UserID: "ann", Type: "login"},
		{ID: id(2), OccurredAt: at("2025-08-04T23:30:00Z"), UserID: "ann", Type: "buy", Properties: `{"country":"UA", "price":10.50}`},
		{ID: id(3), OccurredAt: at("2025-08-04T23:45:00Z"), UserID: "bob", Type: "login", Properties: `{"country":"PL"}`},
		{ID: id(4), OccurredAt: at("2025-08-06T12:00:00Z"), UserID: "bob", Type: "buy", Properties: `{"country":"PL","price":9}`},
		{ID: id(5), OccurredAt: at("2025-08-12T12:00:00Z"), UserID: "ann", Type: "login"},
	}
}

func query(pairs ...string) string {
	v := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		v.Add(pairs[i], pairs[i+1])
	}
	return "?" + v.Encode()
}
