package server

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
)

func TestConnectionsAreBounded(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	h := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	limited := LimitConnections(ln, ConnectionConfig{Max: 5, PerAddress: 3}, prometheus.NewRegistry())
	go func() { served <- Serve(ctx, limited, h, Config{DrainTimeout: time.Minute}) }()
	var open []net.Conn
	t.Cleanup(func() {
		for _, c := range open {
			_ = c.Close()
		}
		stop()
		require.NoError(t, <-served)
	})
	// ask opens a connection from an address and returns the status of its answer.
	ask := func(from string) int {
		dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}, Timeout: 10 * time.Second}
		c, err := dialer.DialContext(t.Context(), "tcp", ln.Addr().String())
		require.NoError(t, err)
		open = append(open, c)
		require.NoError(t, c.SetDeadline(time.Now().Add(10*time.Second)))
		_, err = io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
		require.NoError(t, err)
		answer, err := http.ReadResponse(bufio.NewReader(c), nil)
		require.NoError(t, err)
		if answer.StatusCode >= 400 {
			require.Equal(t, "1", answer.Header.Get("Retry-After"))
			require.True(t, answer.Close)
		}
		return answer.StatusCode
	}
	for range 3 {
		require.Equal(t, 204, ask("127.0.0.1"))
	}
	require.Equal(t, 429, ask("127.0.0.1"))
	require.Equal(t, 204, ask("127.0.0.2"), "another address")
	require.Equal(t, 204, ask("127.0.0.2"))
	require.Equal(t, 503, ask("127.0.0.3"), "too many of all")
	require.NoError(t, open[0].Close())
	require.Eventually(t, func() bool { return ask("127.0.0.1") == 204 }, 10*time.Second, 10*time.Millisecond)
}

func TestConnectionConfig(t *testing.T) {
	t.Parallel()
	err := (&ConnectionConfig{}).Validate()
	require.ErrorContains(t, err, "MAX_CONNECTIONS is")
	require.ErrorContains(t, err, "MAX_CONNECTIONS_PER_ADDRESS is")
	require.Equal(t, "2001:db8:1:2::/64", Network("2001:db8:1:2:3::4"))
	require.Equal(t, "192.0.2.1", Network("192.0.2.1"))
	require.Error(t, (&Config{MinBodyRate: -1}).Validate())
}
