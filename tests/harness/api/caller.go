// Package api calls the service as tests do: each request is sent once, whatever
// its answer, and a test fails with all there is to know.
package api

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/client"
	"eventanalytics/tests/harness/stack"
)

// Object is a JSON object.
type Object = map[string]any

// Caller sends requests to one address with headers of its own.
type Caller struct {
	// Header is sent with every request.
	Header http.Header

	// Of an account; empty for callers without one.
	Username, Password string
	Project            int64
	RefreshToken       string

	client    *client.Client
	err       error // why there is no client
	transport http.RoundTripper
}

// timeout of a request; the longest that a service makes a caller wait is half a
// minute.
const timeout = 2 * time.Minute

// shared is the transport of all callers that bring none.
var shared pool

func init() { shared.renew() }

// pool is a transport that can be renewed while requests are under way.
type pool struct{ atomic.Pointer[http.Transport] }

func (p *pool) RoundTrip(r *http.Request) (*http.Response, error) { return p.Load().RoundTrip(r) }

// renew has requests to come use new connections. The old ones end when they were idle for
// some seconds: to close them would end a request of another caller that has just taken one.
//
// There are as many connections as the largest test has callers, and answers are left as they
// are sent.
func (p *pool) renew() {
	p.Store(&http.Transport{MaxIdleConnsPerHost: 256, DisableCompression: true, IdleConnTimeout: 5 * time.Second})
}

// Anonymous returns a caller without credentials. Its requests pass through a
// transport; nil takes one that all callers share.
func Anonymous(base string, through http.RoundTripper) *Caller {
	if through == nil {
		through = &shared
	}
	return (&Caller{Header: http.Header{}, transport: through}).At(base)
}

// At returns the same caller at another address; requests to one that is none
// fail.
func (c *Caller) At(base string) *Caller {
	other := *c
	other.client, other.err = client.New(client.Config{URL: base, Transport: c.transport, Timeout: timeout})
	return &other
}

// URL is the address of the service.
func (c *Caller) URL() string { return c.client.URL() }

// With returns the same caller with other headers, given as names and values; an
// empty value removes one.
func (c *Caller) With(headers ...string) *Caller {
	other := *c
	other.Header = merge(c.Header, headers)
	return &other
}

func merge(h http.Header, pairs []string) http.Header {
	h = h.Clone()
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] == "" {
			h.Del(pairs[i])
		} else {
			h.Set(pairs[i], pairs[i+1])
		}
	}
	return h
}

// Client is a client with the address and the credential of the caller, for
// requests that must succeed but may fail without a verdict.
func (c *Caller) Client() (*client.Client, error) {
	if c.err != nil {
		return nil, c.err
	}
	return client.New(client.Config{URL: c.URL(), APIKey: c.Token(), Transport: c.transport, Timeout: timeout})
}

// Token is the credential that the caller bears.
func (c *Caller) Token() string { return strings.TrimPrefix(c.Header.Get("Authorization"), "Bearer ") }

// Try sends a request without a verdict, from any goroutine. The error means that
// there was no answer.
func (c *Caller) Try(ctx context.Context, method, path string, body io.Reader, headers ...string) (*Answer, error) {
	if c.err != nil {
		return nil, c.err
	}
	r, err := c.client.Do(ctx, client.Request{Method: method, Path: path, Header: merge(c.Header, headers), Body: body})
	if err != nil {
		return nil, err
	}
	if body != nil && r.Status >= 400 {
		// nginx closes a connection on which more of a refused body was still to come,
		// whatever the answer's headers said; the next request would end with it.
		switch through := c.transport.(type) {
		case *pool:
			through.renew()
		case interface{ CloseIdleConnections() }: // of one test
			through.CloseIdleConnections()
		}
	}
	return &Answer{r}, nil
}

// Do sends a request that must be answered.
func (c *Caller) Do(t testing.TB, method, path string, body io.Reader, headers ...string) *Answer {
	t.Helper()
	a, err := c.Try(t.Context(), method, path, body, headers...)
	require.NoError(t, err)
	return a
}

// Get asks for a path with a query of names and values.
func (c *Caller) Get(t testing.TB, path string, query ...string) *Answer {
	t.Helper()
	values := url.Values{}
	for i := 0; i < len(query); i += 2 {
		values.Add(query[i], query[i+1])
	}
	if len(values) > 0 {
		path += "?" + values.Encode()
	}
	return c.Do(t, http.MethodGet, path, nil)
}

// Post posts a value as JSON.
func (c *Caller) Post(t testing.TB, path string, value any) *Answer {
	t.Helper()
	body, err := json.Marshal(value)
	require.NoError(t, err)
	return c.Do(t, http.MethodPost, path, bytes.NewReader(body), "Content-Type", "application/json")
}

// Send posts a text to /api/events, as JSON unless headers say otherwise.
func (c *Caller) Send(t testing.TB, body string, headers ...string) *Answer {
	t.Helper()
	return c.Do(t, http.MethodPost, "/api/events", strings.NewReader(body), append([]string{"Content-Type", "application/json"}, headers...)...)
}

// Upload is Send for a body that must be accepted.
func (c *Caller) Upload(t testing.TB, body string, headers ...string) client.Receipt {
	t.Helper()
	var r client.Receipt
	c.Send(t, body, headers...).Is(t, http.StatusAccepted, "").Decode(t, &r)
	require.Equal(t, r.Events, r.Accepted+r.Duplicates+r.Rejected)
	require.NotEmpty(t, r.Position)
	return r
}

// visibleWithin is how long an upload may take to be counted: the longest that the
// service waits.
const visibleWithin = "30s"

// Visible asks a question as of an upload: it waits until the events of that are
// counted.
func (c *Caller) Visible(t testing.TB, position, path string, query ...string) *Answer {
	t.Helper()
	return c.Get(t, path, append(slices.Clone(query), "min_position", position, "wait", visibleWithin)...).Is(t, http.StatusOK, "")
}

// Rows is Visible with the rows of the answer.
func Rows[T any](t testing.TB, c *Caller, position, path string, query ...string) []T {
	t.Helper()
	var a client.Answer
	c.Visible(t, position, path, query...).Decode(t, &a)
	require.False(t, a.Meta.Stale)
	rows, err := client.Rows[T](&a)
	require.NoError(t, err)
	require.Len(t, rows, a.Meta.Rows)
	return rows
}

// AwaitReady waits until a service, or everything behind a gateway, is ready.
func AwaitReady(ctx context.Context, patience time.Duration, base string) error {
	c, err := client.New(client.Config{URL: base, Transport: &shared})
	if err != nil {
		return err
	}
	if err := stack.Poll(ctx, patience, func() error { return c.Ready(ctx) }); err != nil {
		return fmt.Errorf("waiting for %s: %w", base, err)
	}
	return nil
}
