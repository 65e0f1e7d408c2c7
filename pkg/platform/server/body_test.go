package server

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const large = 20 << 20

// serveBodies serves h behind bodies and returns a connection to it.
func serveBodies(t *testing.T, h *bodies, handler http.HandlerFunc) net.Conn {
	t.Helper()
	h.next, h.stopping = handler, t.Context()
	if h.patience == 0 {
		h.patience = bodyPatience
	}
	web := httptest.NewServer(h)
	t.Cleanup(web.Close)
	conn, err := net.Dial("tcp", web.Listener.Addr().String())
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	require.NoError(t, conn.SetDeadline(time.Now().Add(20*time.Second)))
	return conn
}

func refuse(w http.ResponseWriter, _ *http.Request) {
	w.WriteHeader(http.StatusUnauthorized)
	_, _ = io.WriteString(w, "who are you?")
}

func readAnswer(t *testing.T, r *bufio.Reader) (*http.Response, string) {
	t.Helper()
	answer, err := http.ReadResponse(r, nil)
	require.NoError(t, err)
	body, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	return answer, string(body)
}

// Clients that send everything before they read get the answer all the same.
func TestAnEarlyAnswerReachesAClientThatStillSends(t *testing.T) {
	t.Parallel()
	chunk := strings.Repeat("x", 64<<10)
	for name, head := range map[string]string{
		"with its length": "Content-Length: 20971520\r\n\r\n",
		"in chunks":       "Transfer-Encoding: chunked\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn := serveBodies(t, &bodies{}, refuse)
			_, err := io.WriteString(conn, "POST / HTTP/1.1\r\nHost: x\r\n"+head)
			require.NoError(t, err)
			for range large / len(chunk) {
				if strings.HasPrefix(head, "T") {
					_, err = io.WriteString(conn, "10000\r\n"+chunk+"\r\n")
				} else {
					_, err = io.WriteString(conn, chunk)
				}
				require.NoError(t, err)
			}
			if strings.HasPrefix(head, "T") {
				_, err = io.WriteString(conn, "0\r\n\r\n")
				require.NoError(t, err)
			}
			answer, body := readAnswer(t, bufio.NewReader(conn))
			require.Equal(t, 401, answer.StatusCode)
			require.Equal(t, "who are you?", body)
			require.EqualValues(t, len(body), answer.ContentLength)
			require.True(t, answer.Close)
		})
	}
}

// The answer does not wait for a body that does not come.
func TestAnEarlyAnswerDoesNotWait(t *testing.T) {
	t.Parallel()
	for name, request := range map[string]string{
		"stalled":      "Content-Length: 1000\r\n\r\nx",
		"large":        "Content-Length: 20971520\r\n\r\nx",
		"in chunks":    "Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n",
		"100-continue": "Expect: 100-continue\r\nContent-Length: 1000\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn := serveBodies(t, &bodies{}, refuse)
			require.NoError(t, conn.SetDeadline(time.Now().Add(lingerPatience/2)))
			_, err := io.WriteString(conn, "POST / HTTP/1.1\r\nHost: x\r\n"+request)
			require.NoError(t, err)
			answer, body := readAnswer(t, bufio.NewReader(conn))
			require.Equal(t, 401, answer.StatusCode)
			require.Equal(t, "who are you?", body)
			require.True(t, answer.Close)
		})
	}
}

// A short body that nobody read does not cost the client its connection, and the
// next request begins where it ends.
func TestASmallRefusalKeepsTheConnection(t *testing.T) {
	t.Parallel()
	conn := serveBodies(t, &bodies{}, refuse)
	reader := bufio.NewReader(conn)
	for range 3 {
		_, err := io.WriteString(conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n12345")
		require.NoError(t, err)
		answer, _ := readAnswer(t, reader)
		require.Equal(t, 401, answer.StatusCode)
		require.False(t, answer.Close)
	}
}

// A body below the minimum rate, or one that pauses for too long, ends the request
// and the connection; what comes after it is no request.
func TestSlowBodies(t *testing.T) {
	t.Parallel()
	for name, send := range map[string]func(conn net.Conn, until <-chan struct{}){
		"dripping": func(conn net.Conn, until <-chan struct{}) {
			tick := time.NewTicker(10 * time.Millisecond)
			defer tick.Stop()
			for {
				select {
				case <-tick.C:
					_, _ = io.WriteString(conn, "x") // until the other side has had enough
				case <-until:
					return
				}
			}
		},
		"stalled": func(conn net.Conn, _ <-chan struct{}) { _, _ = io.WriteString(conn, strings.Repeat("x", 100_000)) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn := serveBodies(t, &bodies{rate: 1000, patience: 200 * time.Millisecond}, func(w http.ResponseWriter, r *http.Request) {
				if _, err := io.Copy(io.Discard, r.Body); errors.Is(err, os.ErrDeadlineExceeded) {
					w.WriteHeader(http.StatusRequestTimeout)
				}
			})
			_, err := io.WriteString(conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 20971520\r\n\r\n")
			require.NoError(t, err)
			answered := make(chan struct{})
			go send(conn, answered)
			reader := bufio.NewReader(conn)
			answer, _ := readAnswer(t, reader)
			close(answered)
			require.Equal(t, 408, answer.StatusCode)
			require.True(t, answer.Close)
			_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
			_, err = reader.ReadByte()
			require.Error(t, err)
		})
	}
}

// The time for a body is over once it is read: the handler may take longer.
func TestTheHandlerMayTakeLongerThanTheBody(t *testing.T) {
	t.Parallel()
	const patience = 50 * time.Millisecond
	conn := serveBodies(t, &bodies{rate: 1000, patience: patience}, func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(patience)) // as huma does
		_, _ = io.Copy(w, r.Body)
		ctx, cancel := context.WithTimeout(r.Context(), 4*patience)
		defer cancel()
		<-ctx.Done()
		if errors.Is(ctx.Err(), context.Canceled) {
			_, _ = io.WriteString(w, " was cut off")
		}
	})
	_, err := io.WriteString(conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n12345")
	require.NoError(t, err)
	_, body := readAnswer(t, bufio.NewReader(conn))
	require.Equal(t, "12345", body)
}

// An answer that is too long to be held back, or wanted at once, is not.
func TestLongEarlyAnswers(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("0123456789", maxEarlyAnswer/5)
	for name, handler := range map[string]http.HandlerFunc{
		"long": func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, long) },
		"in two": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, long[:99])
			_, _ = io.WriteString(w, long[99:])
		},
		"flushed": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, long[:99])
			_ = http.NewResponseController(w).Flush()
			_, _ = io.WriteString(w, long[99:])
		},
	} {
		conn := serveBodies(t, &bodies{}, handler)
		_, err := io.WriteString(conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n12345")
		require.NoError(t, err)
		answer, body := readAnswer(t, bufio.NewReader(conn))
		require.Equal(t, 200, answer.StatusCode, name)
		require.Equal(t, long, body, name)
	}
}
