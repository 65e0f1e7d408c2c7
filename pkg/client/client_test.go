package client_test

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

	"eventanalytics/pkg/client"
)

// service records requests and answers the n-th one, from 0, as told.
type service struct {
	*httptest.Server
	mu       sync.Mutex
	requests []received
}

// received is a request as the service got it.
type received struct {
	*http.Request
	body string
}

func serve(t *testing.T, answer func(n int, w http.ResponseWriter, r received)) *service {
	t.Helper()
	s := &service{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body) // the client may have hung up
		s.mu.Lock()
		n := len(s.requests)
		s.requests = append(s.requests, received{r, string(body)})
		s.mu.Unlock()
		answer(n, w, received{r, string(body)})
	}))
	t.Cleanup(s.Close)
	return s
}

// got returns the requests to a path.
func (s *service) got(path string) []received {
	return slices.DeleteFunc(s.all(), func(r received) bool { return r.URL.Path != path })
}

// all returns the requests so far.
func (s *service) all() []received {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

func (s *service) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = nil
}

func (s *service) client(t *testing.T, cfg client.Config) *client.Client {
	t.Helper()
	cfg.URL = s.URL
	c, err := client.New(cfg)
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

func last[T any](all []T) T { return all[len(all)-1] }

func refuse(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"type":"/problems/%s","title":"x","status":%d,"detail":"what is wrong"}`, code, status)
}

func accept(w http.ResponseWriter) {
	w.WriteHeader(http.StatusAccepted)
	fmt.Fprint(w, `{"obj_count":1,"accepted":1,"position":"p"}`)
}

func TestProblem(t *testing.T) {
	t.Parallel()
	s := serve(t, func(_ int, w http.ResponseWriter, _ received) {
		w.Header().Set("X-Request-Id", "id-1")
		w.WriteHeader(http.StatusUnprocessableEntity)
		fmt.Fprint(w, `{"type":"/problems/invalid-field","title":"Unprocessable Entity","status":422,"detail":"all are invalid",
			"instance":"id-1","errors":[{"index":3,"field":"user_id","code":"missing-field","message":"is required"},{"field":"x","code":"y","message":"z"}],"errors_omitted":7}`)
	})
	_, err := s.client(t, client.Config{}).PostEvents(t.Context(), client.Upload{Body: []byte("[]")})
	var p *client.Problem
	require.ErrorAs(t, err, &p)
	require.EqualError(t, err, "the service answered 422 invalid-field: all are invalid")
	index := 3
	require.Equal(t, []client.FieldError{
		{Index: &index, Field: "user_id", Code: "missing-field", Message: "is required"}, {Field: "x", Code: "y", Message: "z"},
	}, p.Fields)
	require.Equal(t, []any{422, "invalid-field", "all are invalid", "id-1", 7, "id-1"},
		[]any{p.Status, p.Code, p.Detail, p.Instance, p.Omitted, p.Header.Get("X-Request-Id")})
}

func TestAnswersInAnotherForm(t *testing.T) {
	t.Parallel()
	for status, text := range map[int]string{502: "<html>Bad Gateway</html>", 404: `"none"`, 200: `{"type":7}`} {
		s := serve(t, func(_ int, w http.ResponseWriter, _ received) {
			w.WriteHeader(status)
			fmt.Fprint(w, text)
		})
		_, err := s.client(t, client.Config{}).PostEvents(t.Context(), client.Upload{})
		var p *client.Problem
		require.ErrorAs(t, err, &p)
		require.Equal(t, status, p.Status)
		require.EqualError(t, err, fmt.Sprintf("the service answered %d %s", status, http.StatusText(status)))
	}
	s := serve(t, func(_ int, w http.ResponseWriter, _ received) {
		w.WriteHeader(http.StatusAccepted)
		fmt.Fprint(w, "{")
	})
	_, err := s.client(t, client.Config{RetryFor: time.Minute}).PostEvents(t.Context(), client.Upload{})
	require.ErrorIs(t, err, client.ErrUnreadable)
	require.Len(t, s.all(), 1, "another attempt would be answered in the same way")
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	t.Parallel()
	for _, status := range []int{301, 302, 303, 307, 308} {
		s := serve(t, func(_ int, w http.ResponseWriter, _ received) {
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(status)
		})
		c := s.client(t, client.Config{APIKey: "key"})
		_, err := c.PostEvents(t.Context(), client.Upload{})
		var p *client.Problem
		require.ErrorAs(t, err, &p)
		require.Equal(t, status, p.Status)
		r, err := c.Do(t.Context(), client.Request{Path: "/docs"})
		require.NoError(t, err)
		require.Equal(t, status, r.Status)
		require.Empty(t, s.got("/elsewhere"))
	}
}

func TestLargeAnswers(t *testing.T) {
	t.Parallel()
	const size = 3 << 20
	s := serve(t, func(_ int, w http.ResponseWriter, _ received) { fmt.Fprint(w, strings.Repeat("x", size)) })
	r, err := s.client(t, client.Config{MaxAnswer: size}).Do(t.Context(), client.Request{Path: "/"})
	require.NoError(t, err)
	require.Len(t, r.Body, size)
	_, err = s.client(t, client.Config{MaxAnswer: size - 1, RetryFor: time.Minute}).Ask(t.Context(), client.Question{Metric: "dau"})
	require.ErrorIs(t, err, client.ErrTooLarge)
	require.Len(t, s.got("/api/stats/dau"), 1)
}

func TestTruncatedAnswers(t *testing.T) {
	t.Parallel()
	s := serve(t, func(_ int, w http.ResponseWriter, _ received) {
		w.Header().Set("Content-Length", "100")
		fmt.Fprint(w, `{"accepted":1`)
	})
	r, err := s.client(t, client.Config{}).Do(t.Context(), client.Request{Path: "/"})
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	require.Nil(t, r)
}

// A raw request carries the client's credentials unless it has its own, or says
// that it has none.
func TestDo(t *testing.T) {
	t.Parallel()
	s := serve(t, func(_ int, w http.ResponseWriter, _ received) { refuse(w, http.StatusTeapot, "teapot") })
	c := s.client(t, client.Config{APIKey: "key", Project: 7, RetryFor: time.Minute})
	send := func(r client.Request) received {
		answer, err := c.Do(t.Context(), r)
		require.NoError(t, err)
		require.Equal(t, http.StatusTeapot, answer.Status)
		require.Equal(t, "teapot", answer.Problem().Code)
		return last(s.all())
	}
	got := send(client.Request{Method: "BREW", Path: "/a%2fb?x=1&x=2", Header: http.Header{"X-Own": {"1", "2"}}, Body: strings.NewReader("pot")})
	require.Equal(t, "BREW", got.Method)
	require.Equal(t, "/a%2fb?x=1&x=2", got.RequestURI)
	require.Equal(t, "pot", got.body)
	require.Equal(t, []string{"1", "2"}, got.Header["X-Own"])
	require.Equal(t, []string{"Bearer key", "7"}, []string{got.Header.Get("Authorization"), got.Header.Get("X-Project")})

	got = send(client.Request{Header: http.Header{"Authorization": {"Basic x"}}})
	require.Equal(t, []string{"GET", "Basic x", ""}, []string{got.Method, got.Header.Get("Authorization"), got.Header.Get("X-Project")})
	for _, header := range []http.Header{{"Authorization": nil}, {"X-Api-Key": {"other"}}} {
		require.NotContains(t, send(client.Request{Header: header}).Header, "Authorization")
	}
}

// transport counts what passes.
type transport struct{ passed int }

func (x *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	x.passed++
	return http.DefaultTransport.RoundTrip(r)
}

func TestTransport(t *testing.T) {
	t.Parallel()
	s := serve(t, func(_ int, w http.ResponseWriter, _ received) { w.WriteHeader(http.StatusOK) })
	through := &transport{}
	require.NoError(t, s.client(t, client.Config{Transport: through}).Ready(t.Context()))
	require.Equal(t, 1, through.passed)
	require.Len(t, s.got("/readyz"), 1)
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	_, err := client.New(client.Config{URL: "http://demo:secret@localhost"})
	require.EqualError(t, err, "the URL may not hold a user name or password")
	_, err = client.New(client.Config{URL: "http://localhost", Compression: "br"})
	require.EqualError(t, err, `compression "br" is none of none, gzip and zstd`)
	c, err := client.New(client.Config{URL: "http://localhost/analytics/"})
	require.NoError(t, err)
	require.Equal(t, "http://localhost/analytics", c.URL())
}

func TestCheckURL(t *testing.T) {
	t.Parallel()
	for _, good := range []string{"http://localhost:5066", "https://example.org/", "https://example.org/analytics"} {
		require.NoError(t, client.CheckURL(good), good)
	}
	for _, bad := range []string{"", "localhost:5066", "ftp://example.org", "http://", "http://demo:secret@example.org", "http://example.org?a=1", "http://a b"} {
		err := client.CheckURL(bad)
		require.Error(t, err, bad)
		require.NotContains(t, err.Error(), "secret")
	}
}

func TestErrorsHoldNoCredentials(t *testing.T) {
	t.Parallel()
	s := serve(t, func(int, http.ResponseWriter, received) { panic(http.ErrAbortHandler) })
	for _, cfg := range []client.Config{{APIKey: "secret"}, {Username: "demo", Password: "secret"}} {
		_, err := s.client(t, cfg).PostEvents(t.Context(), client.Upload{})
		var broken *url.Error
		require.ErrorAs(t, err, &broken)
		require.NotContains(t, err.Error(), "secret")
	}
}
