package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/alexedwards/argon2id"
	"github.com/danielgtaylor/huma/v2"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"eventanalytics/pkg/auth"
	authhttp "eventanalytics/pkg/auth/http"
	passwords "eventanalytics/pkg/auth/password"
	"eventanalytics/pkg/platform/postgres/pgtest"
	"eventanalytics/pkg/platform/ratelimit"
	"eventanalytics/pkg/platform/server"
	"eventanalytics/services/account/store"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

const password = "seven green lamps"

// service is the account routes over a real Postgres. There is no Redis: the
// limits are kept in the process, which is stricter for logins.
type service struct {
	t        *testing.T
	handler  http.Handler
	api      huma.API
	pool     *pgxpool.Pool
	sessions *store.Sessions
}

var wide = ratelimit.Limit{Rate: 1000, Period: time.Second, Burst: 1000}

// wideLimits are out of the way, but for the failed logins.
var wideLimits = ratelimit.Config{
	Ingest: wide, Stats: wide, Account: wide, Register: wide, Login: wide,
	LoginFailures:    ratelimit.Limit{Rate: 10, Period: time.Minute, Burst: 10},
	AllLoginFailures: ratelimit.Limit{Rate: 10, Period: time.Minute, Burst: 20},
}

func newService(t *testing.T, cfg Config, limits ratelimit.Config) *service {
	t.Helper()
	pool := pgtest.New(t)
	hasher, err := passwords.NewHasher(argon2id.Params{Memory: 64, Iterations: 1, Parallelism: 1, SaltLength: 16, KeyLength: 32})
	require.NoError(t, err)
	const secret = "0123456789abcdef0123456789abcdef"
	tokens, err := auth.NewTokens(secret, time.Now)
	require.NoError(t, err)
	sessions, err := store.NewSessions(store.SessionConfig{RefreshTokenLifetime: time.Hour, RefreshGrace: 10 * time.Second, KnownAddressLifetime: time.Hour},
		store.New(pool, hasher, ""), secret, tokens, time.Now)
	require.NoError(t, err)
	registry := prometheus.NewRegistry()
	authCfg := auth.Config{HonourFor: time.Minute} // nothing cached: what ends, ends now
	srv, err := server.New(server.Config{TrustedProxies: []string{"10.0.0.0/8"}}, zap.NewNop(), registry)
	require.NoError(t, err)
	client, err := ratelimit.NewRedis(ratelimit.RedisConfig{URL: "unix://" + filepath.Join(t.TempDir(), "none.sock"), Timeout: 50 * time.Millisecond})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, client.Close()) })
	limiter := ratelimit.New(limits, client, time.Second, zap.NewNop(), registry)
	srv.API.UseMiddleware(
		authhttp.Middleware(auth.NewAuthenticator(authCfg, pool, tokens, registry, time.Now)),
		ratelimit.Middleware(limiter))
	Register(srv.API, cfg, Deps{Sessions: sessions, Limiter: limiter})
	return &service{t: t, handler: srv.Handler(), api: srv.API, pool: pool, sessions: sessions}
}

func open(t *testing.T) *service {
	t.Helper()
	return newService(t, Config{Registration: "open"}, wideLimits)
}

// answer to a request.
type answer struct {
	*httptest.ResponseRecorder
	t *testing.T
}

// member returns a member of the JSON answer, nested ones by dots.
func (a answer) member(path string) any {
	a.t.Helper()
	var v any
	require.NoError(a.t, json.Unmarshal(a.Body.Bytes(), &v), a.Body)
	for name := range strings.SplitSeq(path, ".") {
		if i, err := strconv.Atoi(name); err == nil {
			v = v.([]any)[i]
		} else {
			v = v.(map[string]any)[name]
		}
	}
	return v
}

func (a answer) text(path string) string { return fmt.Sprint(a.member(path)) }

// problem checks status, code and, unless empty, the field named.
func (a answer) problem(status int, code, field string) {
	a.t.Helper()
	require.Equal(a.t, status, a.Code, a.Body)
	require.Equal(a.t, "application/problem+json", a.Header().Get("Content-Type"))
	require.Equal(a.t, "/problems/"+code, a.member("type"), a.Body)
	require.NotEmpty(a.t, a.member("instance"))
	if field != "" {
		require.Equal(a.t, field, a.member("errors.0.field"), a.Body)
	}
}

// do sends a request; body is JSON text, url.Values (a form) or nil.
func (s *service) do(method, path, token string, body any, headers ...string) answer {
	s.t.Helper()
	var content []byte
	contentType := ""
	switch b := body.(type) {
	case string:
		content, contentType = []byte(b), "application/json"
	case url.Values:
		content, contentType = []byte(b.Encode()), "application/x-www-form-urlencoded"
	}
	r := httptest.NewRequestWithContext(s.t.Context(), method, path, bytes.NewReader(content))
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		if name == "Remote" { // not a header: where the connection comes from
			r.RemoteAddr = value + ":1234"
			continue
		}
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, r)
	return answer{w, s.t}
}

func (s *service) post(path, token string, body any, headers ...string) answer {
	s.t.Helper()
	return s.do(http.MethodPost, path, token, body, headers...)
}

func (s *service) get(path, token string) answer {
	s.t.Helper()
	return s.do(http.MethodGet, path, token, nil)
}

func credentials(name, password string) string {
	b, err := json.Marshal(map[string]string{"username": name, "password": password})
	if err != nil {
		panic(err)
	}
	return string(b)
}

// user registers and logs in; it returns the user's id, home project and token.
func (s *service) user(name string) (id, project, token string) {
	s.t.Helper()
	u := s.post("/api/auth/register", "", credentials(name, password))
	require.Equal(s.t, 201, u.Code, u.Body)
	g := s.post("/api/auth/token", "", credentials(name, password))
	require.Equal(s.t, 200, g.Code, g.Body)
	return u.text("id"), u.text("project_id"), g.text("access_token")
}

func (s *service) exec(sql string, args ...any) {
	s.t.Helper()
	_, err := s.pool.Exec(s.t.Context(), sql, args...)
	require.NoError(s.t, err)
}
