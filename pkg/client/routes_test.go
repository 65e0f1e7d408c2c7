package client_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/client"
)

func TestPostEvents(t *testing.T) {
	t.Parallel()
	s := serve(t, func(n int, w http.ResponseWriter, _ received) {
		if n > 0 {
			w.Header().Set("Idempotency-Replayed", "true")
		}
		w.WriteHeader(http.StatusAccepted)
		fmt.Fprint(w, `{"message":"ok","obj_count":4,"accepted":2,"duplicates":1,"rejected":1,
			"errors":[{"index":2,"field":"user_id","code":"missing-field","message":"is required"}],"errors_omitted":0,"position":"AQ"}`)
	})
	c := s.client(t, client.Config{APIKey: "key"})
	got, err := c.PostEvents(t.Context(), client.Upload{Body: []byte(`[]`)})
	require.NoError(t, err)
	index := 2
	want := client.Receipt{
		Message: "ok", Events: 4, Accepted: 2, Duplicates: 1, Rejected: 1, Position: "AQ",
		Errors: []client.FieldError{{Index: &index, Field: "user_id", Code: "missing-field", Message: "is required"}},
	}
	require.Equal(t, want, *got)
	plain := s.all()[0]
	require.Equal(t, []string{"POST", "/api/events", "application/json", "Bearer key", "[]"},
		[]string{plain.Method, plain.RequestURI, plain.Header.Get("Content-Type"), plain.Header.Get("Authorization"), plain.body})
	require.NotContains(t, plain.Header, "Idempotency-Key")
	require.NotContains(t, plain.Header, "Content-Encoding")

	got, err = c.PostEvents(t.Context(), client.Upload{Body: []byte("{}\n"), NDJSON: true, Atomic: true, IdempotencyKey: "once"})
	require.NoError(t, err)
	want.Replayed = true
	require.Equal(t, want, *got)
	full := s.all()[1]
	require.Equal(t, []string{"/api/events?atomic=true", "application/x-ndjson", "once", "{}\n"},
		[]string{full.RequestURI, full.Header.Get("Content-Type"), full.Header.Get("Idempotency-Key"), full.body})
}

func TestCompression(t *testing.T) {
	t.Parallel()
	body := bytes.Repeat([]byte("event "), 10_000)
	unpack := map[client.Compression]func(io.Reader) io.Reader{
		client.None: func(r io.Reader) io.Reader { return r },
		client.Gzip: func(r io.Reader) io.Reader {
			z, err := gzip.NewReader(r)
			require.NoError(t, err)
			return z
		},
		client.Zstd: func(r io.Reader) io.Reader {
			z, err := zstd.NewReader(r)
			require.NoError(t, err)
			t.Cleanup(z.Close)
			return z
		},
	}
	for compression, unpack := range unpack {
		s := serve(t, func(_ int, w http.ResponseWriter, _ received) { accept(w) })
		c := s.client(t, client.Config{Compression: compression})
		for n := range 3 { // writers are used again
			_, err := c.PostEvents(t.Context(), client.Upload{Body: body})
			require.NoError(t, err)
			sent := s.all()[n]
			if compression != client.None {
				require.Equal(t, string(compression), sent.Header.Get("Content-Encoding"))
				require.Less(t, len(sent.body), len(body)/10)
			}
			unpacked, err := io.ReadAll(unpack(bytes.NewReader([]byte(sent.body))))
			require.NoError(t, err)
			require.Equal(t, body, unpacked)
		}
	}
}

func TestAsk(t *testing.T) {
	t.Parallel()
	s := serve(t, func(_ int, w http.ResponseWriter, _ received) {
		fmt.Fprint(w, `{"data":[{"date":"2025-08-01","dau":3}],"meta":{"timezone":"UTC","position":"AQ","complete_until":"2025-08-02T00:00:00Z",
			"stale":true,"source":"rollup","rows":1},"query":{"from":"2025-08-01"},"response_time_sec":0.25}`)
	})
	c := s.client(t, client.Config{APIKey: "key"})
	values := url.Values{"from": {"2025-08-01"}, "segment": {"a=1", "b=2"}}
	a, err := c.Ask(t.Context(), client.Question{Metric: "dau", Values: values, MinPosition: "p+", Wait: 1500 * time.Millisecond, Uncached: true})
	require.NoError(t, err)
	require.Equal(t, client.Meta{
		Timezone: "UTC", Position: "AQ", CompleteUntil: time.Date(2025, 8, 2, 0, 0, 0, 0, time.UTC), Stale: true, Source: "rollup", Rows: 1,
	}, a.Meta)
	require.JSONEq(t, `{"from":"2025-08-01"}`, string(a.Query))
	require.InDelta(t, 0.25, a.Seconds, 0)
	type row struct {
		Date string
		DAU  int
	}
	rows, err := client.Rows[row](a)
	require.NoError(t, err)
	require.Equal(t, []row{{"2025-08-01", 3}}, rows)
	_, err = client.Rows[string](a)
	require.ErrorContains(t, err, "reading the rows of an answer")
	asked := s.all()[0]
	require.Equal(t, []string{"GET", "/api/stats/dau", "no-cache"}, []string{asked.Method, asked.URL.Path, asked.Header.Get("Cache-Control")})
	require.Equal(t, url.Values{"from": {"2025-08-01"}, "segment": {"a=1", "b=2"}, "min_position": {"p+"}, "wait": {"1.5s"}}, asked.URL.Query())
	require.Len(t, values, 2, "the caller's values stay as they were")

	question := map[string]any{"from": "2025-08-01", "limit": 10}
	_, err = c.Ask(t.Context(), client.Question{Metric: "top-events", JSON: question, MinPosition: "p", Wait: time.Second})
	require.NoError(t, err)
	posted := s.all()[1]
	require.Equal(t, []string{"POST", "/api/stats/top-events", "application/json"}, []string{posted.Method, posted.RequestURI, posted.Header.Get("Content-Type")})
	require.JSONEq(t, `{"from":"2025-08-01","limit":10,"min_position":"p","wait":"1s"}`, posted.body)
	require.Len(t, question, 2)

	_, err = c.Ask(t.Context(), client.Question{Metric: "event-types"})
	require.NoError(t, err)
	require.Equal(t, "/api/stats/event-types", s.all()[2].RequestURI)
}

func TestAccountRoutes(t *testing.T) {
	t.Parallel()
	s := serve(t, func(_ int, w http.ResponseWriter, r received) {
		status, body := http.StatusCreated, "{}"
		switch r.Method + " " + r.URL.Path {
		case "POST /api/auth/register":
			body = `{"id":1,"username":"ann","project_id":2,"email":null}`
		case "POST /api/auth/token":
			status, body = http.StatusOK, `{"access_token":"a","refresh_token":"r","token_type":"bearer","expires_in":900}`
		case "POST /api/projects":
			body = `{"id":3,"name":"shop","role":"owner"}`
		case "POST /api/projects/3/keys":
			body = `{"id":4,"project_id":3,"scope":"read","key":"ea_x"}`
		case "DELETE /api/projects/3/keys/4":
			status = http.StatusNoContent
		case "POST /api/projects/3/members":
			status, body = http.StatusAccepted, `{"user_id":5,"username":"bob","role":"viewer","status":"invited"}`
		case "POST /api/invitations/3/accept":
			status, body = http.StatusOK, `{"id":3,"name":"shop","role":"viewer"}`
		case "GET /readyz":
			status = http.StatusOK
		default:
			status = http.StatusNotFound
		}
		w.WriteHeader(status)
		if status != http.StatusNoContent {
			fmt.Fprint(w, body)
		}
	})
	c := s.client(t, client.Config{APIKey: "token", Project: 9})
	sent := func(authorization, body string) {
		t.Helper()
		last := last(s.all())
		require.Equal(t, authorization, last.Header.Get("Authorization"))
		if body == "" {
			require.Empty(t, last.body)
			return
		}
		require.Equal(t, "application/json", last.Header.Get("Content-Type"))
		require.JSONEq(t, body, last.body)
	}
	user, err := c.Register(t.Context(), "ann", "secret")
	require.NoError(t, err)
	require.Equal(t, client.User{ID: 1, Username: "ann", Project: 2}, *user)
	sent("", `{"username":"ann","password":"secret"}`)

	tokens, err := c.Login(t.Context(), "ann", "secret")
	require.NoError(t, err)
	require.Equal(t, client.Tokens{Access: "a", Refresh: "r", Type: "bearer", ExpiresIn: 900}, *tokens)
	sent("", `{"username":"ann","password":"secret"}`)

	project, err := c.CreateProject(t.Context(), "shop")
	require.NoError(t, err)
	require.Equal(t, client.Project{ID: 3, Name: "shop", Role: "owner"}, *project)
	sent("Bearer token", `{"name":"shop"}`)

	key, err := c.CreateKey(t.Context(), 3, "web", client.ScopeRead)
	require.NoError(t, err)
	require.Equal(t, client.Key{ID: 4, Project: 3, Scope: "read", Secret: "ea_x"}, *key)
	sent("Bearer token", `{"name":"web","scope":"read"}`)

	membership, err := c.SetMember(t.Context(), 3, "bob", "viewer")
	require.NoError(t, err)
	require.Equal(t, client.Membership{UserID: 5, Username: "bob", Role: "viewer", Status: "invited"}, *membership)
	sent("Bearer token", `{"username":"bob","role":"viewer"}`)
	project, err = c.AcceptInvitation(t.Context(), 3)
	require.NoError(t, err)
	require.Equal(t, client.Project{ID: 3, Name: "shop", Role: "viewer"}, *project)
	sent("Bearer token", "")
	require.NoError(t, c.RevokeKey(t.Context(), 3, 4))
	sent("Bearer token", "")
	require.NoError(t, c.Ready(t.Context()))
	sent("", "")
}
