package client_test

import (
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/client"
)

// tokens serves logins with tokens of a lifetime in seconds, and takes only the
// newest one for uploads, unless none is taken.
func tokens(t *testing.T, lifetime int, none bool) (s *service, current *atomic.Int64) {
	t.Helper()
	current = new(atomic.Int64)
	s = serve(t, func(_ int, w http.ResponseWriter, r received) {
		switch {
		case r.URL.Path == "/api/auth/token":
			fmt.Fprintf(w, `{"access_token":"token-%d","expires_in":%d}`, current.Add(1), lifetime)
		case none || r.Header.Get("Authorization") != fmt.Sprintf("Bearer token-%d", current.Load()):
			refuse(w, http.StatusUnauthorized, "unauthorized")
		default:
			accept(w)
		}
	})
	return s, current
}

func TestLogin(t *testing.T) {
	t.Parallel()
	s, current := tokens(t, 900, false)
	c := s.client(t, client.Config{Username: "ann", Password: "secret", Project: 5})
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			_, err := c.PostEvents(t.Context(), client.Upload{})
			require.NoError(t, err)
		})
	}
	all.Wait()
	logins := s.got("/api/auth/token")
	require.Len(t, logins, 1, "one login, however many requests need it")
	require.JSONEq(t, `{"username":"ann","password":"secret"}`, logins[0].body)
	require.NotContains(t, logins[0].Header, "X-Project")
	require.Equal(t, "5", s.got("/api/events")[0].Header.Get("X-Project"))

	// The token is refused: the request is repeated with another, even where
	// nothing is tried again.
	current.Add(1)
	_, err := c.PostEvents(t.Context(), client.Upload{Body: []byte("[]")})
	require.NoError(t, err)
	require.Len(t, s.got("/api/auth/token"), 2)
	uploads := s.got("/api/events")
	require.Len(t, uploads, 22)
	require.Equal(t, []string{"Bearer token-1", "[]", "Bearer token-3", "[]"}, []string{
		uploads[20].Header.Get("Authorization"), uploads[20].body, uploads[21].Header.Get("Authorization"), uploads[21].body,
	})
}

func TestTokensAreRenewedBeforeTheyExpire(t *testing.T) {
	t.Parallel()
	s, _ := tokens(t, 1, false)
	c := s.client(t, client.Config{Username: "ann", Password: "secret"})
	_, err := c.PostEvents(t.Context(), client.Upload{})
	require.NoError(t, err)
	require.Eventually(t, func() bool { // in the second half of its second
		r, err := c.Do(t.Context(), client.Request{Method: http.MethodPost, Path: "/api/events"})
		require.NoError(t, err)
		require.Equal(t, http.StatusAccepted, r.Status, "no token is sent that has expired")
		return len(s.got("/api/auth/token")) == 2
	}, 10*time.Second, 20*time.Millisecond)
}

func TestARefusedTokenIsRenewedOnce(t *testing.T) {
	t.Parallel()
	s, _ := tokens(t, 900, true)
	_, err := s.client(t, client.Config{Username: "ann", Password: "secret", RetryFor: time.Minute}).PostEvents(t.Context(), client.Upload{})
	var p *client.Problem
	require.ErrorAs(t, err, &p)
	require.Equal(t, http.StatusUnauthorized, p.Status)
	require.Len(t, s.got("/api/events"), 2)

	// There is no other API key to try.
	s, _ = tokens(t, 900, true)
	_, err = s.client(t, client.Config{APIKey: "key", RetryFor: time.Minute}).PostEvents(t.Context(), client.Upload{})
	require.ErrorAs(t, err, &p)
	require.Len(t, s.all(), 1)
}

func TestLoginFails(t *testing.T) {
	t.Parallel()
	s := serve(t, func(_ int, w http.ResponseWriter, _ received) {
		refuse(w, http.StatusUnauthorized, "invalid-credentials")
	})
	c := s.client(t, client.Config{Username: "ann", Password: "secret", RetryFor: time.Minute})
	_, err := c.PostEvents(t.Context(), client.Upload{})
	require.EqualError(t, err, "logging in: the service answered 401 invalid-credentials: what is wrong")
	var p *client.Problem
	require.ErrorAs(t, err, &p)
	require.Len(t, s.all(), 1, "a wrong password is not tried again")

	for _, text := range []string{`{}`, `<html>`} {
		s = serve(t, func(_ int, w http.ResponseWriter, _ received) { fmt.Fprint(w, text) })
		_, err = s.client(t, client.Config{Username: "ann", Password: "secret"}).Do(t.Context(), client.Request{})
		require.EqualError(t, err, "logging in: the answer holds no token; is the URL right?")
	}
}

func TestLoginIsRetried(t *testing.T) {
	t.Parallel()
	s := serve(t, func(n int, w http.ResponseWriter, r received) {
		switch {
		case n == 0:
			w.Header().Set("Retry-After", "0")
			refuse(w, http.StatusTooManyRequests, "rate-limited")
		case r.URL.Path == "/api/auth/token":
			fmt.Fprint(w, `{"access_token":"token"}`)
		default:
			accept(w)
		}
	})
	_, err := s.client(t, client.Config{Username: "ann", Password: "secret", RetryFor: time.Minute}).PostEvents(t.Context(), client.Upload{})
	require.NoError(t, err)
	require.Len(t, s.got("/api/auth/token"), 2)
}
