package client_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/client"
)

// failures are those that may pass.
var failures = map[string]func(http.ResponseWriter){
	"timeout":     func(w http.ResponseWriter) { refuse(w, http.StatusRequestTimeout, "timeout") },
	"rate limit":  func(w http.ResponseWriter) { refuse(w, http.StatusTooManyRequests, "rate-limited") },
	"error":       func(w http.ResponseWriter) { refuse(w, http.StatusInternalServerError, "internal") },
	"bad gateway": func(w http.ResponseWriter) { w.WriteHeader(http.StatusBadGateway) },
	"unavailable": func(w http.ResponseWriter) { refuse(w, http.StatusServiceUnavailable, "unavailable") },
	"in progress": func(w http.ResponseWriter) { refuse(w, http.StatusConflict, "in-progress") },
	"no answer":   func(http.ResponseWriter) { panic(http.ErrAbortHandler) },
	"half an answer": func(w http.ResponseWriter) {
		w.Header().Set("Content-Length", "9")
		fmt.Fprint(w, "{")
	},
}

func TestRetry(t *testing.T) {
	t.Parallel()
	for name, fail := range failures {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, func(n int, w http.ResponseWriter, _ received) {
				if n > 0 {
					accept(w)
					return
				}
				w.Header().Set("Retry-After", "0")
				fail(w)
			})
			upload := client.Upload{Body: []byte(`[{"n":1}]`), IdempotencyKey: "key"}
			_, err := s.client(t, client.Config{}).PostEvents(t.Context(), upload)
			require.Error(t, err, "without RetryFor the first attempt is the only one")
			attempts := len(s.all())

			s.forget()
			var reasons []error
			receipt, err := s.client(t, client.Config{
				APIKey: "key", Compression: client.Gzip, RetryFor: time.Minute,
				OnRetry: func(err error, _ time.Duration) { reasons = append(reasons, err) },
			}).PostEvents(t.Context(), upload)
			require.NoError(t, err)
			require.Equal(t, 1, receipt.Accepted)
			sent := s.all()
			require.Len(t, sent, attempts+len(reasons))
			require.NotEmpty(t, reasons)
			first, second := sent[0], last(sent)
			require.Equal(t, first.body, second.body)
			require.NotEmpty(t, first.body)
			require.Equal(t, first.Header, second.Header)
		})
	}
}

func TestWhatStaysIsNotRetried(t *testing.T) {
	t.Parallel()
	for status, code := range map[int]string{
		400: "malformed-json", 401: "unauthorized", 403: "forbidden", 404: "not-found", 409: "idempotency-conflict", 413: "too-large", 422: "invalid-field", 308: "",
	} {
		s := serve(t, func(_ int, w http.ResponseWriter, _ received) { refuse(w, status, code) })
		_, err := s.client(t, client.Config{APIKey: "key", RetryFor: time.Minute}).PostEvents(t.Context(), client.Upload{})
		var p *client.Problem
		require.ErrorAs(t, err, &p)
		require.Equal(t, status, p.Status)
		require.Equal(t, code, p.Code)
		require.Len(t, s.all(), 1, status)
	}
}

// The answer's Retry-After, in seconds or as a date, is the wait; without one
// waits grow.
func TestRetryAfter(t *testing.T) {
	t.Parallel()
	for name, x := range map[string]struct {
		header   func() string
		min, max time.Duration
	}{
		"seconds":     {func() string { return "60" }, time.Minute, time.Minute},
		"date":        {func() string { return time.Now().Add(time.Minute).UTC().Format(http.TimeFormat) }, 30 * time.Second, time.Minute},
		"date passed": {func() string { return "Mon, 02 Jan 2006 15:04:05 GMT" }, 0, 0},
		"none":        {func() string { return "" }, 250 * time.Millisecond, 750 * time.Millisecond},
		"nonsense":    {func() string { return "-7" }, 250 * time.Millisecond, 750 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, func(_ int, w http.ResponseWriter, _ received) {
				w.Header().Set("Retry-After", x.header())
				refuse(w, http.StatusServiceUnavailable, "unavailable")
			})
			ctx, cancel := context.WithCancel(t.Context())
			var waits []time.Duration
			c := s.client(t, client.Config{RetryFor: time.Hour, OnRetry: func(_ error, after time.Duration) {
				waits = append(waits, after)
				cancel()
			}})
			_, err := c.Ask(ctx, client.Question{Metric: "dau"})
			require.ErrorIs(t, err, context.Canceled)
			require.Len(t, waits, 1)
			require.GreaterOrEqual(t, waits[0], x.min)
			require.LessOrEqual(t, waits[0], x.max)
		})
	}
}

func TestRetriesAreBoundedInTime(t *testing.T) {
	t.Parallel()
	s := serve(t, func(_ int, w http.ResponseWriter, _ received) {
		w.Header().Set("Retry-After", "60")
		refuse(w, http.StatusServiceUnavailable, "unavailable")
	})
	began := time.Now()
	_, err := s.client(t, client.Config{RetryFor: 59 * time.Second}).Ask(t.Context(), client.Question{Metric: "dau"})
	var p *client.Problem
	require.ErrorAs(t, err, &p, "there is no time to wait that long")
	require.Equal(t, http.StatusServiceUnavailable, p.Status)
	require.Less(t, time.Since(began), 30*time.Second)
	require.Len(t, s.all(), 1)

	s = serve(t, func(_ int, w http.ResponseWriter, _ received) { w.WriteHeader(http.StatusBadGateway) })
	_, err = s.client(t, client.Config{RetryFor: 2 * time.Second}).Ask(t.Context(), client.Question{Metric: "dau"})
	require.ErrorAs(t, err, &p)
	require.Greater(t, len(s.all()), 1)
}

// An account route would act again: it is repeated only when it was refused
// unread.
func TestAccountsAreNotMadeTwice(t *testing.T) {
	t.Parallel()
	calls := map[string]func(context.Context, *client.Client) error{
		"register": func(ctx context.Context, c *client.Client) error {
			_, err := c.Register(ctx, "ann", "secret")
			return err
		},
		"project": func(ctx context.Context, c *client.Client) error { _, err := c.CreateProject(ctx, "shop"); return err },
		"key": func(ctx context.Context, c *client.Client) error {
			_, err := c.CreateKey(ctx, 1, "web", client.ScopeIngest)
			return err
		},
	}
	for name, call := range calls {
		for failure, fail := range failures {
			t.Run(name+"/"+failure, func(t *testing.T) {
				t.Parallel()
				s := serve(t, func(n int, w http.ResponseWriter, _ received) {
					if n > 0 {
						w.WriteHeader(http.StatusCreated)
						fmt.Fprint(w, "{}")
						return
					}
					w.Header().Set("Retry-After", "0")
					fail(w)
				})
				err := call(t.Context(), s.client(t, client.Config{APIKey: "key", RetryFor: time.Minute}))
				if failure == "rate limit" || failure == "timeout" {
					require.NoError(t, err)
					require.Len(t, s.all(), 2)
				} else {
					require.Error(t, err)
					require.Len(t, s.all(), 1)
				}
			})
		}
	}
}

// When the context ends, an attempt is abandoned, or finished when the client is
// told to.
func TestCancellation(t *testing.T) {
	t.Parallel()
	stop := errors.New("told to stop")
	for _, finish := range []bool{false, true} {
		ctx, cancel := context.WithCancelCause(t.Context())
		s := serve(t, func(_ int, w http.ResponseWriter, r received) {
			cancel(stop)
			if !finish {
				<-r.Context().Done() // the client hangs up
			}
			accept(w)
		})
		c := s.client(t, client.Config{RetryFor: time.Minute, FinishAttempts: finish})
		receipt, err := c.PostEvents(ctx, client.Upload{})
		if finish {
			require.NoError(t, err)
			require.Equal(t, 1, receipt.Accepted)
		} else {
			require.ErrorIs(t, err, stop)
		}
		_, err = c.PostEvents(ctx, client.Upload{})
		require.ErrorIs(t, err, stop)
		require.Len(t, s.all(), 1)
	}
}

func TestTimeout(t *testing.T) {
	t.Parallel()
	s := serve(t, func(n int, w http.ResponseWriter, r received) {
		if n == 0 {
			<-r.Context().Done()
		}
		accept(w)
	})
	_, err := s.client(t, client.Config{Timeout: 50 * time.Millisecond}).PostEvents(t.Context(), client.Upload{})
	require.ErrorIs(t, err, context.DeadlineExceeded)
	s.forget()
	_, err = s.client(t, client.Config{Timeout: time.Second, RetryFor: time.Minute}).PostEvents(t.Context(), client.Upload{})
	require.NoError(t, err)
	require.Len(t, s.all(), 2)
}
