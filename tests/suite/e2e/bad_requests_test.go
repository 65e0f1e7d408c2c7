package e2e

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/client"
)

// malformedRequest is below HTTP's rules. {auth} stands for a good credential.
type malformedRequest struct {
	row     int
	name    string
	request string
	status  int
	code    string
	// byGo: in the standalone Go's HTTP server decides, without a problem of the
	// service's; docs/operating.md has the list.
	byGo bool
}

var malformed = []malformedRequest{
	{32, "two lengths of the body", "POST /api/events HTTP/1.1\r\nHost: x\r\n{auth}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, "malformed-request", true},
	{32, "two Content-Lengths", "POST /api/events HTTP/1.1\r\nHost: x\r\n{auth}Content-Length: 2\r\nContent-Length: 3\r\n\r\n[]", 400, "malformed-request", true},
	{32, "two Hosts", "GET /docs HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", 400, "malformed-request", true},
	{32, "no Host", "GET / HTTP/1.1\r\n\r\n", 400, "malformed-request", true},
	{32, "bad chunk", "POST /api/events HTTP/1.1\r\nHost: x\r\n{auth}Transfer-Encoding: chunked\r\n\r\nzz\r\n[]\r\n0\r\n\r\n", 400, "malformed-request", false},
	{32, "NUL in the path", "GET /a\x00b HTTP/1.1\r\nHost: x\r\n\r\n", 400, "malformed-request", true},
	{32, "escaped NUL in the path", "GET /a%00b HTTP/1.1\r\nHost: x\r\n\r\n", 400, "malformed-request", false},
	{32, "above the root", "GET /../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n", 400, "malformed-request", false},
	{33, "unknown Transfer-Encoding", "POST /api/events HTTP/1.1\r\nHost: x\r\n{auth}Transfer-Encoding: foo\r\n\r\n", 501, "not-implemented", true},
	{33, "unknown version", "GET / HTTP/9.9\r\nHost: x\r\n\r\n", 505, "http-version-not-supported", true},
	{33, "TRACE", "TRACE /docs HTTP/1.1\r\nHost: x\r\n\r\n", 405, "method-not-allowed", false},
	{33, "header of 9 KiB", "GET /docs HTTP/1.1\r\nHost: x\r\nX-Long: " + strings.Repeat("x", 9<<10) + "\r\n\r\n", 431, "headers-too-large", false},
	{33, "headers of 40 KiB", "GET /docs HTTP/1.1\r\nHost: x\r\nX-Long: " + strings.Repeat("x", 40<<10) + "\r\n\r\n", 431, "headers-too-large", true},
	{33, "URI of 9 KiB", "GET /docs?" + strings.Repeat("x", 9<<10) + " HTTP/1.1\r\nHost: x\r\n\r\n", 414, "uri-too-long", false},
	{40, "10,000 dots", "GET /api/auth/me HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + strings.Repeat(".", 10_000) + "\r\n\r\n", 431, "headers-too-large", false},
}

func (r malformedRequest) ask(t *testing.T, c *caller) {
	request := strings.ReplaceAll(r.request, "{auth}", "Authorization: "+c.Header.Get("Authorization")+"\r\n")
	a := raw(t, c.URL(), request)
	require.Equal(t, r.status, a.Status, "%s", a.Body)
	if !r.byGo || c.URL() == services(t).URL {
		a.Is(t, r.status, r.code)
	}
}

// raw sends bytes and returns the answer.
func raw(t *testing.T, base, request string) *answer {
	t.Helper()
	conn := dial(t, base, request)
	require.NoError(t, conn.SetDeadline(time.Now().Add(20*time.Second)))
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return &answer{Response: &client.Response{Status: response.StatusCode, Header: response.Header, Body: body}}
}

// dial connects to a service and sends the start of a request.
func dial(t *testing.T, base, start string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(base, "http://"))
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	_, err = io.WriteString(conn, start)
	require.NoError(t, err)
	return conn
}

// slowBadInputs are sent to the services behind nginx alone.
var slowBadInputs = []badInput{
	{row: 34, name: "a header that drips", ask: func(t *testing.T, c *caller) {
		conn := dial(t, c.URL(), "GET /healthz HTTP/1.1\r\nHost: x\r\nX-Drip: ")
		go drip(conn, -1)
		cutOff(t, conn)
		c.Get(t, "/api/auth/me").Is(t, 200, "")
	}},
	{row: 34, name: "a body that stalls", ask: func(t *testing.T, c *caller) {
		cutOff(t, dial(t, c.URL(), "POST /api/events HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n["))
		c.Get(t, "/api/auth/me").Is(t, 200, "")
	}},
	{row: 34, name: "a body that drips", ask: func(t *testing.T, c *caller) {
		// A service does not see the request while its body is not there.
		service, requests := dying(t)
		g := over(services(t))
		g.Ingest = []string{service}
		address := "http://" + gateway(t, g)
		conn := dial(t, address, "POST /api/events HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n[")
		done := make(chan struct{})
		go func() { defer close(done); drip(conn, 5) }()
		for dripping := true; dripping; {
			select {
			case <-done:
				dripping = false
			default:
				c.At(address).Get(t, dau, days...).Is(t, 200, "")
			}
		}
		require.Zero(t, requests.Load())
	}},
	{row: 49, name: "a wait of an hour", ask: func(t *testing.T, c *caller) {
		start := time.Now()
		c.Get(t, dau, append(days, "min_position", future(t, c), "wait", "1h")...).Is(t, 503, "not-fresh-yet")
		require.InDelta(t, 30, time.Since(start).Seconds(), 15)
	}},
	{row: 51, name: "clients that hang up", ask: hangUp},
}

// drip sends n bytes, one a second, or with n < 0 until the connection ends.
func drip(conn net.Conn, n int) {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for ; n != 0; n-- {
		<-ticker.C
		if _, err := conn.Write([]byte("x")); err != nil {
			return
		}
	}
}

// cutOff waits until the gateway ends a connection.
func cutOff(t *testing.T, conn net.Conn) {
	t.Helper()
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(time.Minute)))
	answer, err := io.ReadAll(conn)
	if err == nil { // nginx may say why before it closes
		require.Regexp(t, "^(HTTP/1.1 408 |$)", string(answer))
	} else {
		require.NotErrorIs(t, err, os.ErrDeadlineExceeded)
	}
}
