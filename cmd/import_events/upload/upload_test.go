package upload_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"

	"eventanalytics/cmd/import_events/upload"
	"eventanalytics/pkg/client"
)

// service responds like the real one, or worse if told to. Events are words here:
// those that begin with "bad" are invalid, those that begin with "other" are
// conflicts.
type service struct {
	listed    int                                               // maximum errors in a response
	largest   int                                               // maximum events in a request
	interfere func(w http.ResponseWriter, r *http.Request) bool // responds in its place

	mu       sync.Mutex
	logins   int
	stored   map[string]bool
	requests []*http.Request
}

func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = append(s.requests, r)
	if s.interfere != nil && s.interfere(w, r) {
		return
	}
	if r.URL.Path == "/api/auth/token" {
		s.logins++
		fmt.Fprintf(w, `{"access_token": "token-%d"}`, s.logins)
		return
	}
	var body io.Reader = r.Body
	switch r.Header.Get("Content-Encoding") {
	case "gzip":
		body, _ = gzip.NewReader(r.Body)
	case "zstd":
		body, _ = zstd.NewReader(r.Body)
	}
	var words []string
	for lines := bufio.NewScanner(body); lines.Scan(); {
		words = append(words, lines.Text())
	}
	if s.largest > 0 && len(words) > s.largest {
		problem(w, http.StatusRequestEntityTooLarge, "too-large")
		return
	}
	type fault struct {
		Index                int `json:"index"`
		Field, Code, Message string
	}
	var accepted, rejected int
	faults := []fault{}
	for i, word := range words {
		switch {
		case strings.HasPrefix(word, "bad"):
			rejected++
			faults = append(faults, fault{i, "user_id", "invalid-field", word})
		case strings.HasPrefix(word, "other"):
			faults = append(faults, fault{i, "event_id", "conflict", word})
		case !s.stored[word]:
			s.stored[word] = true
			accepted++
		}
	}
	shown := faults
	if s.listed > 0 {
		shown = faults[:min(len(faults), s.listed)]
	}
	status := http.StatusAccepted
	if rejected == len(words) {
		status = http.StatusUnprocessableEntity
	}
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{
		"accepted": accepted, "errors": shown, "errors_omitted": len(faults) - len(shown),
		"type": "/problems/invalid-events", "detail": "some events are invalid",
	})
}

func problem(w http.ResponseWriter, status int, code string) {
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"type": "/problems/%s", "detail": "what is wrong"}`, code)
}

func start(t *testing.T, s *service, change func(*client.Config)) *upload.Uploader {
	t.Helper()
	s.stored = map[string]bool{}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	cfg := client.Config{
		URL: server.URL + "/", Username: "demo", Password: "secret", Compression: client.Zstd,
		RetryFor: time.Minute, Connections: 2,
	}
	if change != nil {
		change(&cfg)
	}
	u, err := upload.New(cfg, "import")
	require.NoError(t, err)
	return u
}

func events(words ...string) (all [][]byte) {
	for _, w := range words {
		all = append(all, []byte(w))
	}
	return all
}

func TestSendTellsEachEvent(t *testing.T) {
	t.Parallel()
	for _, compression := range []client.Compression{client.Zstd, client.Gzip, client.None} {
		c := start(t, &service{}, func(cfg *client.Config) { cfg.Compression = compression })
		r, err := c.Send(t.Context(), events("a", "bad", "a", "b", "other"))
		require.NoError(t, err)
		require.Equal(t, upload.Result{Accepted: 2, Errors: []upload.EventError{
			{Index: 1, Field: "user_id", Code: "invalid-field", Message: "bad"},
			{Index: 4, Field: "event_id", Code: "conflict", Message: "other"},
		}}, r)
		r, err = c.Send(t.Context(), events("bad"))
		require.NoError(t, err)
		require.Equal(t, 1, len(r.Errors))
	}
}

func TestHalvesTellTheErrorsThatOneAnswerOmits(t *testing.T) {
	t.Parallel()
	for _, s := range []*service{{listed: 3}, {largest: 5}, {listed: 1, largest: 7}} {
		c := start(t, s, nil)
		var words []string
		for i := range 40 {
			words = append(words, fmt.Sprintf("%s-%d", []string{"good", "bad", "good", "other"}[i%4], i))
		}
		r, err := c.Send(t.Context(), events(words...))
		require.NoError(t, err)
		require.Equal(t, 20, r.Accepted)
		require.Len(t, r.Errors, 20)
		for i, e := range r.Errors {
			require.Equal(t, 2*i+1, e.Index)
			require.Equal(t, words[e.Index], e.Message)
		}
	}
}

func TestAnEventThatIsTooLargeAloneIsRejected(t *testing.T) {
	t.Parallel()
	s := &service{interfere: func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/api/events" {
			problem(w, http.StatusRequestEntityTooLarge, "too-large")
		}
		return r.URL.Path == "/api/events"
	}}
	r, err := start(t, s, nil).Send(t.Context(), events("a", "b"))
	require.NoError(t, err)
	require.Len(t, r.Errors, 2)
	require.Equal(t, upload.EventError{Index: 1, Code: "too-large", Message: "what is wrong"}, r.Errors[1])
}

func TestSendRetriesWhatMayPass(t *testing.T) {
	t.Parallel()
	for name, fail := range map[string]func(w http.ResponseWriter){
		"rate limit":   func(w http.ResponseWriter) { problem(w, http.StatusTooManyRequests, "too-many-requests") },
		"unavailable":  func(w http.ResponseWriter) { problem(w, http.StatusServiceUnavailable, "unavailable") },
		"bad gateway":  func(w http.ResponseWriter) { w.WriteHeader(http.StatusBadGateway) },
		"in progress":  func(w http.ResponseWriter) { problem(w, http.StatusConflict, "in-progress") },
		"no answer":    func(http.ResponseWriter) { panic(http.ErrAbortHandler) },
		"half of one":  func(w http.ResponseWriter) { w.Header().Set("Content-Length", "9"); fmt.Fprint(w, "{") },
		"out of login": func(w http.ResponseWriter) { problem(w, http.StatusUnauthorized, "unauthorized") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			failed := map[string]bool{}
			s := &service{interfere: func(w http.ResponseWriter, r *http.Request) bool {
				if failed[r.URL.Path] || name == "out of login" && r.URL.Path != "/api/events" {
					return false
				}
				failed[r.URL.Path] = true
				w.Header().Set("Retry-After", "0")
				fail(w)
				return true
			}}
			r, err := start(t, s, nil).Send(t.Context(), events("a"))
			require.NoError(t, err)
			require.Equal(t, 1, r.Accepted)
			var keys []string
			for _, r := range s.requests {
				if r.URL.Path == "/api/events" {
					keys = append(keys, r.Header.Get("Idempotency-Key"))
				}
			}
			require.Len(t, keys, 2)
			require.Equal(t, keys[0], keys[1])
			if name == "out of login" {
				require.Equal(t, 2, s.logins)
				require.Equal(t, "Bearer token-2", s.requests[len(s.requests)-1].Header.Get("Authorization"))
			}
		})
	}
}

func TestSendWaitsAsTold(t *testing.T) {
	t.Parallel()
	var waits []time.Duration
	s := &service{interfere: func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("Retry-After", "60")
		problem(w, http.StatusServiceUnavailable, "unavailable")
		return true
	}}
	ctx, cancel := context.WithCancel(t.Context())
	c := start(t, s, func(cfg *client.Config) {
		cfg.RetryFor = time.Hour
		cfg.OnRetry = func(_ error, after time.Duration) { waits = append(waits, after); cancel() }
	})
	_, err := c.Send(ctx, events("a"))
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, []time.Duration{time.Minute}, waits)

	c = start(t, s, func(cfg *client.Config) { cfg.RetryFor = 59 * time.Second })
	_, err = c.Send(t.Context(), events("a"))
	var refused *client.Problem
	require.ErrorAs(t, err, &refused, "there is no time to wait that long")
	require.Equal(t, 503, refused.Status)
}

func TestSendGivesUpOnWhatStays(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		path   string
		status int
		code   string
		key    string
		events int // requests
	}{
		"wrong password": {"/api/auth/token", 401, "invalid-credentials", "", 0},
		"login expires":  {"/api/events", 401, "unauthorized", "", 2},
		"wrong key":      {"/api/events", 401, "unauthorized", "key", 1},
		"forbidden":      {"/api/events", 403, "forbidden", "key", 1},
		"malformed":      {"/api/events", 400, "malformed-json", "", 1},
		"other body":     {"/api/events", 409, "idempotency-conflict", "", 1},
		"redirect":       {"/api/events", 308, "", "", 1},
		"no problem":     {"/api/events", 422, "invalid-header", "", 1},
		"another site":   {"/api/events", 200, "", "", 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &service{interfere: func(w http.ResponseWriter, r *http.Request) bool {
				if r.URL.Path != tc.path {
					return false
				}
				w.Header().Set("Location", "/elsewhere")
				problem(w, tc.status, tc.code)
				return true
			}}
			c := start(t, s, func(cfg *client.Config) {
				if cfg.APIKey = tc.key; tc.key != "" {
					cfg.Username, cfg.Password = "", ""
				}
			})
			_, err := c.Send(t.Context(), events("a"))
			var refused *client.Problem
			require.ErrorAs(t, err, &refused)
			require.Equal(t, tc.status, refused.Status)
			require.Equal(t, tc.code, refused.Code)
			require.NotContains(t, err.Error(), "secret")
			var posted int
			for _, r := range s.requests {
				if r.URL.Path == "/api/events" {
					posted++
				}
			}
			require.Equal(t, tc.events, posted)
		})
	}
}

func TestWhatIsUnderWayIsFinished(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancelCause(t.Context())
	s := &service{interfere: func(_ http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/api/events" {
			cancel(errors.New("told to stop"))
		}
		return false
	}}
	r, err := start(t, s, nil).Send(ctx, events("a"))
	require.NoError(t, err)
	require.Equal(t, 1, r.Accepted)
	_, err = start(t, s, nil).Send(ctx, events("a"))
	require.ErrorContains(t, err, "told to stop")
}
