package server

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"eventanalytics/pkg/platform/logging"
	"eventanalytics/pkg/platform/problem"
	"eventanalytics/pkg/refusal"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type echoInput struct {
	Limit int `query:"limit" minimum:"1" maximum:"10" default:"3"`
	Body  struct {
		Name string `json:"name"`
	}
}

type echoOutput struct {
	Body struct {
		Name, IP string
		Limit    int
	}
}

// newServer has one operation, which echoes, fails or panics depending on the
// name it is given.
func newServer(t *testing.T, cfg Config) (*Server, *observer.ObservedLogs) {
	t.Helper()
	core, logs := observer.New(zap.DebugLevel)
	s, err := New(cfg, zap.New(core), prometheus.NewRegistry())
	require.NoError(t, err)
	huma.Register(s.API, huma.Operation{Method: http.MethodPost, Path: "/echo", OperationID: "echo"},
		func(ctx context.Context, in *echoInput) (*echoOutput, error) {
			switch in.Body.Name {
			case "fail":
				return nil, errors.New("secret reason")
			case "panic":
				panic("secret reason")
			case "refuse":
				return nil, problem.Invalid("invalid-field", "name", "is no name").WithHeader("X-Extra", "1")
			case "stranger":
				return nil, refusal.New(refusal.Unauthenticated, "unauthorized", "log in")
			case "later":
				return nil, refusal.Later("unavailable", "try again", time.Second, errors.New("secret reason"))
			}
			out := &echoOutput{}
			out.Body.Name, out.Body.IP, out.Body.Limit = in.Body.Name, RequestFrom(ctx).ClientIP, in.Limit
			return out, nil
		})
	return s, logs
}

func do(t *testing.T, s *Server, method, path, body string, headers ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, path, bytes.NewBufferString(body))
	r.RemoteAddr = "192.0.2.7:1234"
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, r)
	return w
}

func TestRefusalsAreProblems(t *testing.T) {
	t.Parallel()
	s, logs := newServer(t, Config{})
	for _, tc := range []struct {
		name, method, path, body string
		status                   int
		code, field              string
	}{
		{"no route", http.MethodGet, "/nowhere", "", 404, "not-found", ""},
		{"wrong method", http.MethodPut, "/echo", "", 405, "method-not-allowed", ""},
		{"unknown parameter", http.MethodPost, "/echo?x=1", `{"name": "a"}`, 422, "unknown-parameter", "x"},
		{"out of range", http.MethodPost, "/echo?limit=11", `{"name": "a"}`, 422, "invalid-parameter", "limit"},
		{"no number", http.MethodPost, "/echo?limit=NaN", `{"name": "a"}`, 422, "invalid-parameter", "limit"},
		{"unknown field", http.MethodPost, "/echo", `{"name": "a", "role": "admin"}`, 422, "unknown-field", "role"},
		{"missing field", http.MethodPost, "/echo", `{}`, 422, "missing-field", "name"},
		{"wrong type", http.MethodPost, "/echo", `{"name": 1}`, 422, "invalid-field", "name"},
		{"not JSON", http.MethodPost, "/echo", `{`, 400, "malformed-request", ""},
		{"key twice", http.MethodPost, "/echo", `{"name": "a", "name": "b"}`, 400, "malformed-request", ""},
		{"refused", http.MethodPost, "/echo", `{"name": "refuse"}`, 422, "invalid-field", "name"},
		{"refused by the domain", http.MethodPost, "/echo", `{"name": "stranger"}`, 401, "unauthorized", ""},
		{"put off by the domain", http.MethodPost, "/echo", `{"name": "later"}`, 503, "unavailable", ""},
		{"failed", http.MethodPost, "/echo", `{"name": "fail"}`, 500, "internal", ""},
		{"panicked", http.MethodPost, "/echo", `{"name": "panic"}`, 500, "internal", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := do(t, s, tc.method, tc.path, tc.body, "Content-Type", "application/json", "X-Request-Id", "test-"+"0123456789")
			require.Equal(t, tc.status, w.Code, w.Body)
			require.Equal(t, problem.ContentType, w.Header().Get("Content-Type"))
			var p problem.Error
			require.NoError(t, json.Unmarshal(w.Body.Bytes(), &p))
			require.Equal(t, problem.TypePrefix+tc.code, p.Type, p.Detail)
			require.Equal(t, "test-0123456789", p.Instance)
			require.Equal(t, p.Instance, w.Header().Get("X-Request-Id"))
			if tc.field != "" {
				require.Equal(t, tc.field, p.Errors[0].Field)
			}
			require.NotContains(t, w.Body.String(), "secret")
			entry := logs.FilterMessage("request").TakeAll()
			require.NotEmpty(t, entry)
			require.Equal(t, tc.status == 401, w.Header().Get("WWW-Authenticate") == "Bearer")
			require.Equal(t, tc.status == 503, w.Header().Get("Retry-After") == "1")
			if tc.status >= 500 {
				require.Contains(t, entry[len(entry)-1].ContextMap()["error"], "secret reason", "the log has what the client does not get")
			}
		})
	}
	require.Equal(t, "POST", do(t, s, http.MethodPut, "/echo", "").Header().Get("Allow")[len("OPTIONS, "):])
}

// TestClientGone: a client that hangs up is no error of ours, wherever its request was; one
// that is still there, or another reason, is.
func TestClientGone(t *testing.T) {
	t.Parallel()
	core, logs := observer.New(zap.DebugLevel)
	s, err := New(Config{}, zap.New(core), prometheus.NewRegistry())
	require.NoError(t, err)
	var reason error
	operation := func(path string) huma.Operation {
		return huma.Operation{Method: http.MethodGet, Path: path, OperationID: path[1:], Security: []map[string][]string{}}
	}
	huma.Register(s.API, operation("/operation"), func(context.Context, *struct{}) (*struct{}, error) { return nil, reason })
	refusing := operation("/middleware")
	refusing.Middlewares = huma.Middlewares{func(ctx huma.Context, _ func(huma.Context)) { Refuse(ctx, reason) }}
	huma.Register(s.API, refusing, func(context.Context, *struct{}) (*struct{}, error) { return nil, nil })
	s.Handle(operation("/handle"), func(http.ResponseWriter, *http.Request) error { return reason })

	gone, hangUp := context.WithCancel(t.Context())
	hangUp()
	cancelled := fmt.Errorf("reading a board: %w", context.Canceled)
	for _, path := range []string{"/operation", "/middleware", "/handle"} {
		for _, c := range []struct {
			ctx    context.Context
			reason error
			status int
		}{
			{gone, cancelled, 499},
			{gone, refusal.Later("unavailable", "try again", time.Second, cancelled), 499},
			{gone, errors.New("a damaged file"), 500},
			{t.Context(), cancelled, 500},
			{gone, refusal.New(refusal.NotFound, "not-found", "there is none"), 404},
		} {
			reason = c.reason
			w := httptest.NewRecorder()
			s.Handler().ServeHTTP(w, httptest.NewRequestWithContext(c.ctx, http.MethodGet, path, nil))
			require.Equal(t, c.status, w.Code, "%s: %v", path, c.reason)
			entry := logs.TakeAll()[0]
			require.Equal(t, c.status == 500, entry.Level == zap.ErrorLevel, "%s: %v", path, c.reason)
			require.Equal(t, int64(c.status), entry.ContextMap()[logging.Status])
			require.Equal(t, c.status == 500, entry.ContextMap()["error"] != nil, "%s: %v", path, c.reason)
		}
	}
}

func TestAnswersListAHundredMistakes(t *testing.T) {
	t.Parallel()
	s, _ := newServer(t, Config{})
	var fields strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&fields, `"f%d": 1, `, i)
	}
	w := do(t, s, http.MethodPost, "/echo", "{"+fields.String()+`"name": "a"}`, "Content-Type", "application/json")
	var p problem.Error
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &p))
	require.Equal(t, []int{422, 100, 900}, []int{w.Code, len(p.Errors), p.ErrorsOmitted})
}

// A truncated body is the client's error, not one to alert on.
func TestBrokenBody(t *testing.T) {
	s, logs := newServer(t, Config{})
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/echo", iotest.TimeoutReader(iotest.OneByteReader(bytes.NewBufferString(`{"name":"x"}`))))
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, r)
	require.Equal(t, http.StatusBadRequest, w.Code, "%s", w.Body)
	require.Contains(t, w.Body.String(), `"/problems/malformed-request"`)
	require.Empty(t, logs.FilterLevelExact(zap.ErrorLevel).All())
}

func TestClientAddress(t *testing.T) {
	t.Parallel()
	s, _ := newServer(t, Config{TrustedProxies: []string{"10.0.0.0/8"}})
	ip := func(remote string, headers ...string) string {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/echo", bytes.NewBufferString(`{"name": "a"}`))
		r.RemoteAddr = remote
		r.Header.Set("Content-Type", "application/json")
		for i := 0; i < len(headers); i += 2 {
			r.Header.Add(headers[i], headers[i+1])
		}
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, r)
		var out struct{ IP string }
		require.NoError(t, json.Unmarshal(w.Body.Bytes(), &out))
		return out.IP
	}
	require.Equal(t, "192.0.2.7", ip("192.0.2.7:1"))
	require.Equal(t, "192.0.2.7", ip("192.0.2.7:1", "X-Forwarded-For", "198.51.100.1"), "a client's claim is ignored")
	require.Equal(t, "198.51.100.1", ip("10.1.2.3:1", "X-Forwarded-For", "198.51.100.1"), "the gateway is trusted")
	require.Equal(t, "198.51.100.1", ip("10.1.2.3:1", "X-Forwarded-For", "203.0.113.9, 198.51.100.1"), "but not what came before it")
}

func TestRequestID(t *testing.T) {
	t.Parallel()
	s, _ := newServer(t, Config{})
	for _, bad := range []string{"", "short", "with spaces in it", string(bytes.Repeat([]byte("x"), 65)), "new\tline-12345"} {
		id := do(t, s, http.MethodGet, "/healthz", "", "X-Request-Id", bad).Header().Get("X-Request-Id")
		require.Len(t, id, 36, bad)
	}
}

func TestReadiness(t *testing.T) {
	t.Parallel()
	s, _ := newServer(t, Config{})
	var down error
	s.AddCheck("thing", func(context.Context) error { return down })
	require.Equal(t, http.StatusOK, do(t, s, http.MethodGet, "/readyz", "").Code)
	down = errors.New("secret reason")
	w := do(t, s, http.MethodGet, "/readyz", "")
	require.Equal(t, http.StatusServiceUnavailable, w.Code)
	require.JSONEq(t, `{"thing": "unavailable"}`, w.Body.String())
	require.Equal(t, http.StatusOK, do(t, s, http.MethodGet, "/healthz", "").Code)
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	s, _ := newServer(t, Config{})
	do(t, s, http.MethodGet, "/some/long/path/that/nobody/serves", "")
	do(t, s, http.MethodGet, "/healthz", "")
	do(t, s, "MADE-UP", "/echo", "")
	text := do(t, s, http.MethodGet, "/metrics", "").Body.String()
	require.Contains(t, text, `method="other"`)
	require.NotContains(t, text, "MADE-UP")
	require.Contains(t, text, `analytics_http_requests_total{method="GET",route="/healthz",status="200"} 1`)
	require.NotContains(t, text, "/some/long", "paths are unbounded, routes are not")
}

func TestCORS(t *testing.T) {
	t.Parallel()
	s, _ := newServer(t, Config{CORSOrigins: []string{"https://app.example.com"}})
	preflight := func(s *Server, origin string) *httptest.ResponseRecorder {
		return do(t, s, http.MethodOptions, "/echo", "", "Origin", origin, "Access-Control-Request-Method", "POST")
	}
	w := preflight(s, "https://app.example.com")
	require.Equal(t, http.StatusNoContent, w.Code)
	require.Equal(t, "https://app.example.com", w.Header().Get("Access-Control-Allow-Origin"))
	require.Contains(t, w.Header().Get("Access-Control-Allow-Headers"), "X-API-Key")
	require.Contains(t, w.Header().Get("Access-Control-Allow-Headers"), "If-Match")
	require.Contains(t, w.Header().Get("Access-Control-Allow-Methods"), "PUT")
	require.Empty(t, preflight(s, "https://evil.example.com").Header().Get("Access-Control-Allow-Origin"))
	none, _ := newServer(t, Config{})
	require.Empty(t, preflight(none, "https://app.example.com").Header().Get("Access-Control-Allow-Origin"))
}

// A service that is told to stop keeps answering for a while, but is no longer
// ready and keeps no connections; the background, which requests may need, ends
// last.
func TestRunDrains(t *testing.T) {
	t.Parallel()
	s, logs := newServer(t, Config{DrainDelay: time.Hour, DrainTimeout: time.Minute})
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	life, kill := context.WithCancel(t.Context())
	ctx, stop := context.WithCancel(t.Context())
	ended, served := make(chan struct{}), make(chan error, 1)
	go func() {
		served <- s.run(ctx, ln, func(background context.Context) error {
			defer close(ended)
			select {
			case <-background.Done():
				return nil
			case <-life.Done():
				return errors.New("out of order")
			}
		})
	}()
	get := func(path string) *http.Response {
		resp, err := http.Get("http://" + ln.Addr().String() + path)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		return resp
	}
	resp := get("/readyz")
	require.Equal(t, http.StatusOK, resp.StatusCode)
	require.False(t, resp.Close)

	stop()
	require.Eventually(t, func() bool { return logs.FilterMessage("draining").Len() == 1 }, 20*time.Second, time.Millisecond)
	require.Equal(t, http.StatusServiceUnavailable, get("/readyz").StatusCode)
	resp = get("/healthz")
	require.Equal(t, http.StatusOK, resp.StatusCode)
	require.True(t, resp.Close, "it asks for the connection to be closed")
	select {
	case <-ended:
		require.Fail(t, "the background ended before the requests")
	default:
	}

	kill() // a failing background ends everything at once
	require.EqualError(t, <-served, "out of order")
	http.DefaultClient.CloseIdleConnections()
}

func TestRunEndsTheBackgroundLast(t *testing.T) {
	t.Parallel()
	s, _ := newServer(t, Config{DrainTimeout: time.Minute})
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	stop()
	require.NoError(t, s.run(ctx, ln, func(background context.Context) error {
		<-background.Done()
		_, err := net.Dial("tcp", ln.Addr().String())
		require.Error(t, err, "the port closes first")
		return nil
	}))
}

func TestServeDrains(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	running, finish := make(chan struct{}), make(chan struct{})
	h := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(running)
		<-finish
		_, _ = io.WriteString(w, "done")
	})
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- Serve(ctx, ln, h, Config{DrainTimeout: time.Minute}) }()
	answer := make(chan string, 1)
	go func() {
		req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+ln.Addr().String(), nil)
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		resp, err := client.Do(req)
		if err != nil {
			answer <- err.Error()
			return
		}
		defer resp.Body.Close()
		body, _ := io.ReadAll(resp.Body)
		answer <- string(body)
	}()
	<-running
	stop()
	require.Eventually(t, func() bool { // no new connections
		c, err := net.Dial("tcp", ln.Addr().String())
		if err == nil {
			_ = c.Close()
		}
		return err != nil
	}, 20*time.Second, time.Millisecond)
	close(finish)
	require.Equal(t, "done", <-answer)
	require.NoError(t, <-served)
}

func TestLogNamesTheCaller(t *testing.T) {
	t.Parallel()
	s, logs := newServer(t, Config{})
	huma.Register(s.API, huma.Operation{Method: http.MethodGet, Path: "/who"}, func(ctx context.Context, _ *struct{}) (*struct{}, error) {
		RequestFrom(ctx).UserID, RequestFrom(ctx).ProjectID = 7, 9
		return nil, nil
	})
	do(t, s, http.MethodGet, "/who", "", "Authorization", "Bearer topsecret")
	fields := logs.FilterMessage("request").All()[0].ContextMap()
	require.EqualValues(t, 7, fields[logging.UserID])
	require.EqualValues(t, 9, fields[logging.ProjectID])
	require.NotContains(t, fmt.Sprint(fields), "topsecret")
}

// A service that is not ready yet, while it starts, is no error; nor is the probe
// that finds it so later, since the check says why.
func TestProbesOfAStartAreNoErrors(t *testing.T) {
	t.Parallel()
	s, logs := newServer(t, Config{})
	down := errors.New("not read yet")
	s.AddCheck("thing", func(context.Context) error { return down })
	levels := func() (all []string) {
		require.Equal(t, http.StatusServiceUnavailable, do(t, s, http.MethodGet, "/readyz", "").Code)
		for _, entry := range logs.TakeAll() {
			all = append(all, entry.Level.String()+" "+entry.Message)
		}
		return all
	}
	require.Equal(t, []string{"info dependency is not ready", "info request"}, levels())
	down = nil
	require.Equal(t, http.StatusOK, do(t, s, http.MethodGet, "/readyz", "").Code)
	logs.TakeAll()
	down = errors.New("gone")
	require.Equal(t, []string{"warn dependency is not ready", "warn request"}, levels())
}
