package transport_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/valyala/fasthttp"

	"eventanalytics/pkg/client"
	"eventanalytics/tests/bench/transport"
)

// TestTransport sends what net/http would send, and hears what it would hear.
func TestTransport(t *testing.T) {
	t.Parallel()
	type request struct {
		method, uri, key, own string
		body                  [32]byte // its SHA-256
	}
	var got []request
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		require.NoError(t, err)
		got = append(got, request{
			r.Method, r.RequestURI, r.Header.Get("Authorization"), strings.Join(r.Header["X-Own"], ","), sha256.Sum256(body),
		})
		w.Header().Set("Retry-After", "7")
		w.Header()["X-Twice"] = []string{"a", "b"}
		w.WriteHeader(http.StatusTooManyRequests)
		_, _ = w.Write([]byte(strings.Repeat("x", 100_000)))
	}))
	t.Cleanup(server.Close)
	through := transport.New(1)
	t.Cleanup(through.CloseIdleConnections)
	for _, next := range []http.RoundTripper{nil, through} {
		c, err := client.New(client.Config{URL: server.URL, APIKey: "key", Transport: next})
		require.NoError(t, err)
		for _, r := range []client.Request{
			{Path: "/a?b=c%20d"},
			{Method: http.MethodPost, Path: "/", Header: http.Header{"X-Own": {"1", "2"}}, Body: strings.NewReader(strings.Repeat("body", 10_000))},
			{Method: http.MethodDelete, Path: "/a%2Fb"},
		} {
			a, err := c.Do(t.Context(), r)
			require.NoError(t, err)
			require.Equal(t, http.StatusTooManyRequests, a.Status)
			require.Equal(t, "7", a.Header.Get("Retry-After"))
			require.Equal(t, []string{"a", "b"}, a.Header["X-Twice"])
			require.Len(t, a.Body, 100_000)
		}
		c.Close()
	}
	require.Len(t, got, 6)
	require.Equal(t, got[:3], got[3:])
}

func TestDeadline(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	t.Cleanup(server.Close)
	t.Cleanup(func() { close(release) })
	c, err := client.New(client.Config{URL: server.URL, Transport: transport.New(1)})
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	begun := time.Now()
	_, err = c.Do(ctx, client.Request{})
	require.Error(t, err)
	require.Less(t, time.Since(begun), 10*time.Second)
}

// BenchmarkPost compares both ways to post; what counts is the CPU of the process.
func BenchmarkPost(b *testing.B) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(b, err)
	server := &fasthttp.Server{Handler: func(c *fasthttp.RequestCtx) {
		c.SetStatusCode(http.StatusAccepted)
		c.SetBodyString(`{"obj_count":1,"accepted":1,"duplicates":0,"rejected":0,"errors":[],"position":"AQAAAAAAAAABAAAAAQAAAAAAAAAB"}`)
	}}
	go func() { _ = server.Serve(listener) }() // until it is shut down
	defer func() { require.NoError(b, server.Shutdown()) }()
	upload := client.Upload{Body: bytes.Repeat([]byte("x"), 300)}
	for name, next := range map[string]http.RoundTripper{"net/http": nil, "fasthttp": transport.New(1)} {
		b.Run(name, func(b *testing.B) {
			c, err := client.New(client.Config{URL: "http://" + listener.Addr().String(), APIKey: "key", Transport: next})
			require.NoError(b, err)
			defer c.Close()
			b.ReportAllocs()
			for b.Loop() {
				_, err := c.PostEvents(b.Context(), upload)
				require.NoError(b, err)
			}
		})
	}
}
