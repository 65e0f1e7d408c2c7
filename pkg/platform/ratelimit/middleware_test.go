package ratelimit

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"eventanalytics/pkg/auth"
	"eventanalytics/pkg/platform/server"
)

// newService has an operation of each class; X-Test-User and X-Test-Key stand in
// for authentication.
func newService(t *testing.T, l *Limiter, proxies ...string) http.Handler {
	t.Helper()
	srv, err := server.New(server.Config{TrustedProxies: proxies}, zap.NewNop(), prometheus.NewRegistry())
	require.NoError(t, err)
	srv.API.UseMiddleware(func(ctx huma.Context, next func(huma.Context)) {
		user, _ := strconv.ParseInt(ctx.Header("X-Test-User"), 10, 64)
		key, _ := strconv.ParseInt(ctx.Header("X-Test-Key"), 10, 64)
		if user+key != 0 {
			ctx = huma.WithContext(ctx, auth.With(ctx.Context(), auth.Principal{UserID: user, KeyID: key}))
		}
		next(ctx)
	}, Middleware(l))
	for _, class := range []Class{ClassStats, ClassRegister} {
		huma.Register(srv.API, Limited(huma.Operation{OperationID: string(class), Method: http.MethodGet, Path: "/" + string(class)}, class),
			func(context.Context, *struct{}) (*struct{}, error) { return nil, nil })
	}
	huma.Register(srv.API, Limited(huma.Operation{OperationID: "login", Method: http.MethodGet, Path: "/login"}, ClassLogin),
		func(ctx context.Context, _ *struct{}) (*struct{}, error) {
			return nil, l.Attempt(ctx, Login{Account: t.Name(), Known: stranger, Failed: errWrong}, func() error { return errWrong })
		})
	huma.Register(srv.API, huma.Operation{OperationID: "free", Method: http.MethodGet, Path: "/free"},
		func(context.Context, *struct{}) (*struct{}, error) { return nil, nil })
	return srv.Handler()
}

func get(h http.Handler, path, address string, headers map[string]string) *httptest.ResponseRecorder {
	r := httptest.NewRequestWithContext(context.Background(), http.MethodGet, path, nil)
	r.RemoteAddr = address
	for name, value := range headers {
		r.Header.Set(name, value)
	}
	answer := httptest.NewRecorder()
	h.ServeHTTP(answer, r)
	return answer
}

// own is an address that no other test uses.
func own(n int) string { return "192.0.2." + strconv.Itoa(n) + ":4711" }

func TestHeaders(t *testing.T) {
	t.Parallel()
	l := newLimiter(t, Config{Stats: Limit{1, time.Hour, 2}}, newDatabase(), slow)
	h := newService(t, l)
	for _, left := range []string{"1", "0"} {
		answer := get(h, "/stats", own(1), nil)
		require.Equal(t, 204, answer.Code)
		require.Equal(t, "2", answer.Header().Get("RateLimit-Limit"))
		require.Equal(t, left, answer.Header().Get("RateLimit-Remaining"))
		require.NotEmpty(t, answer.Header().Get("RateLimit-Reset"))
		require.Empty(t, answer.Header().Get("Retry-After"))
	}
	answer := get(h, "/stats", own(1), nil)
	require.Equal(t, 429, answer.Code)
	require.Contains(t, answer.Body.String(), "/problems/rate-limited")
	require.Equal(t, "0", answer.Header().Get("RateLimit-Remaining"))
	wait, err := strconv.Atoi(answer.Header().Get("Retry-After"))
	require.NoError(t, err)
	require.InDelta(t, 3600, wait, 60)
	require.EqualValues(t, 1, count(t, l.refused))

	answer = get(h, "/free", own(1), nil)
	require.Equal(t, 204, answer.Code)
	require.Empty(t, answer.Header().Get("RateLimit-Limit"))
}

func TestSubjects(t *testing.T) {
	t.Parallel()
	h := newService(t, newLimiter(t, Config{Stats: Limit{1, time.Hour, 1}}, newDatabase(), slow))
	user := map[string]string{"X-Test-User": "7"}
	key := map[string]string{"X-Test-Key": "7"}
	require.Equal(t, 204, get(h, "/stats", own(2), user).Code)
	require.Equal(t, 429, get(h, "/stats", own(3), user).Code, "a user is the same from anywhere")
	require.Equal(t, 204, get(h, "/stats", own(2), key).Code, "a key is another caller")
	require.Equal(t, 429, get(h, "/stats", own(3), key).Code)
	require.Equal(t, 204, get(h, "/stats", own(2), nil).Code, "without either the address counts")
	require.Equal(t, 429, get(h, "/stats", own(2), nil).Code)
	require.Equal(t, 204, get(h, "/stats", own(3), nil).Code)
	require.Equal(t, 204, get(h, "/stats", "[2001:db8:0:1::1]:1", nil).Code)
	require.Equal(t, 429, get(h, "/stats", "[2001:db8:0:1:ffff::2]:1", nil).Code, "a /64 is one customer")
	require.Equal(t, 204, get(h, "/stats", "[2001:db8:0:2::1]:1", nil).Code)
}

// An address that a client writes into X-Forwarded-For changes nothing; the one
// that the gateway adds counts.
func TestSpoofedForwardedFor(t *testing.T) {
	t.Parallel()
	h := newService(t, newLimiter(t, Config{Register: Limit{1, time.Hour, 3}}, newDatabase(), slow), "10.0.0.0/8")
	direct := func(i int) int {
		return get(h, "/register", own(4), map[string]string{"X-Forwarded-For": "198.51.100." + strconv.Itoa(i)}).Code
	}
	throughGateway := func(i int) int {
		return get(h, "/register", "10.0.0.1:80", map[string]string{"X-Forwarded-For": "198.51.100." + strconv.Itoa(i) + ", 203.0.113.5"}).Code
	}
	for _, request := range []func(int) int{direct, throughGateway} {
		for i := range 3 {
			require.Equal(t, 204, request(i))
		}
		require.Equal(t, 429, request(99))
	}
	require.Equal(t, 204, get(h, "/register", "10.0.0.1:80", map[string]string{"X-Forwarded-For": "203.0.113.6"}).Code, "another client of the gateway")
}

// When an account is blocked, the headers speak of that and not of the address.
func TestHeadersOfTheStricterLimit(t *testing.T) {
	t.Parallel()
	h := newService(t, newLimiter(t, Config{Login: Limit{60, time.Minute, 60}, LoginFailures: Limit{5, time.Minute, 2}, AllLoginFailures: plenty}, newDatabase(), slow))
	for _, left := range []string{"1", "0"} {
		answer := get(h, "/login", own(5), nil)
		require.Equal(t, 500, answer.Code) // as errWrong is not a problem
		require.Equal(t, []string{left}, answer.Header().Values("RateLimit-Remaining"))
	}
	answer := get(h, "/login", own(5), nil)
	require.Equal(t, 429, answer.Code)
	require.Equal(t, []string{"2"}, answer.Header().Values("RateLimit-Limit"))
	require.Equal(t, []string{"0"}, answer.Header().Values("RateLimit-Remaining"))
	require.NotEmpty(t, answer.Header().Get("Retry-After"))
}
