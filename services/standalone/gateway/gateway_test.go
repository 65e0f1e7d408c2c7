package gateway_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"go.uber.org/zap"

	"eventanalytics/pkg/platform/problem"
	"eventanalytics/pkg/platform/server"
	"eventanalytics/services/standalone/gateway"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// service responds with its name and what it was sent; status is its health.
func service(name string, status int) gateway.Service {
	return gateway.Service{Name: name, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/healthz" || r.URL.Path == "/readyz" {
			w.WriteHeader(status)
			return
		}
		w.Header().Set("X-Service", name)
		w.Header().Set("X-Request-Id", r.Header.Get("X-Request-Id"))
		for _, h := range []string{"X-Forwarded-For", "X-Real-Ip"} {
			w.Header()["Seen-"+h] = r.Header[h]
		}
		if _, err := io.Copy(w, r.Body); err != nil {
			w.WriteHeader(http.StatusBadRequest)
		}
	})}
}

// serve runs a gateway on a free port and returns its address.
func serve(t *testing.T, g *gateway.Gateway) string {
	t.Helper()
	g.Log = zap.NewNop()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- server.Serve(ctx, ln, g, server.Config{DrainTimeout: time.Minute}) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-served)
	})
	return ln.Addr().String()
}

func wellGateway() *gateway.Gateway {
	return &gateway.Gateway{
		Account: service("account", 200), Ingest: service("ingest", 200), Stats: service("stats", 200),
		Others: []gateway.Service{service("syncworker", 200)},
	}
}

// send writes a raw request and reads the response.
func send(t *testing.T, addr, raw string) *http.Response {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() }) // the server may have closed it
	require.NoError(t, conn.SetDeadline(time.Now().Add(10*time.Second)))
	_, err = io.WriteString(conn, raw)
	require.NoError(t, err)
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	return response
}

func get(path string, headers ...string) string {
	return "GET " + path + " HTTP/1.1\r\nHost: x\r\n" + strings.Join(append(headers, "Connection: close\r\n\r\n"), "\r\n")
}

func TestRoutes(t *testing.T) {
	t.Parallel()
	addr := serve(t, wellGateway())
	for path, want := range map[string]string{
		"/api/events":                        "ingest",
		"/api/events?atomic=true":            "ingest",
		"/api/events/x":                      "ingest",
		"/api/identity/links":                "ingest",
		"/api/identity/links/7":              "ingest",
		"/api/identity/linksx":               "stats",
		"/api/groups/company/acme":           "stats",
		"/api/sql":                           "stats",
		"/api/auth":                          "account",
		"/api/auth/token":                    "account",
		"/api/projects":                      "account",
		"/api/projects/7/keys":               "account",
		"/api/projects/7/cohorts/a/freeze":   "stats",
		"/api/projects/7/cohorts/a/freeze/x": "account",
		"/api/projects/7/cohorts/freeze":     "account",
		"/api/projects/7/boards/3":           "account",
		"/api/projects/7/boards/3/shares":    "stats",
		"/api/projects/7/boards/3/shares/4":  "stats",
		"/api/projects/7/boards/3/shares4":   "account",
		"/api/projects/7/boards/a/shares":    "stats",
		"/api/invites/accept":                "account",
		"/api/share":                         "stats",
		"/api/share/tiles/t1":                "stats",
		"/api/invitations":                   "account",
		"/api/invitations/7":                 "account",
		"/register":                          "account",
		"/token":                             "account",
		"/api/stats/register":                "account",
		"/api/stats/token":                   "account",
		"/api/stats/users/me":                "account",
		"/api/authx":                         "stats",
		"/api/projectsx":                     "stats",
		"/api/invitationsx":                  "stats",
		"/api/stats/dau":                     "stats",
		"/api/stats/events":                  "stats",
		"/api/stats/events/latest":           "stats",
		"/api/eventsx":                       "stats",
		"/api/stats/tokens":                  "stats",
		"/api/stats/users":                   "stats",
		"/docs":                              "stats",
		"/openapi.json":                      "stats",
		"/":                                  "stats",
		"/nothing":                           "stats",
		"/metrics":                           "",
		"/%6detrics":                         "",
	} {
		response := send(t, addr, get(path))
		require.Equal(t, want, response.Header.Get("X-Service"), path)
		if want == "" {
			requireProblem(t, response, 404, "not-found", path)
		}
	}
}

func requireProblem(t *testing.T, response *http.Response, status int, code, name string) {
	t.Helper()
	require.Equal(t, status, response.StatusCode, name)
	require.Equal(t, problem.ContentType, response.Header.Get("Content-Type"), name)
	var p problem.Error
	require.NoError(t, json.NewDecoder(response.Body).Decode(&p), name)
	require.Equal(t, problem.TypePrefix+code, p.Type, name)
	require.Equal(t, status, p.Status, name)
	require.NotEmpty(t, p.Detail, name)
	require.NotEmpty(t, p.Instance, name)
	require.Equal(t, response.Header.Get("X-Request-Id"), p.Instance, name)
}

// TestRefused has the gateway's rows of the table of bad requests. If code is
// empty, Go's HTTP server rejects the request before the gateway sees it.
func TestRefused(t *testing.T) {
	t.Parallel()
	addr := serve(t, wellGateway())
	long := strings.Repeat("x", 9<<10)
	for name, r := range map[string]struct {
		raw    string
		status int
		code   string
	}{
		"two Content-Lengths":       {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400, ""},
		"two Hosts":                 {"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", 400, ""},
		"no Host":                   {"GET / HTTP/1.1\r\n\r\n", 400, ""},
		"bad chunk":                 {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400, "*"},
		"raw NUL in the path":       {get("/a\x00b"), 400, ""},
		"NUL in the path":           {get("/a%00b"), 400, "malformed-request"},
		"two dots":                  {get("/a/../b"), 400, "malformed-request"},
		"two dots at the end":       {get("/api/events/.."), 400, "malformed-request"},
		"escaped dots":              {get("/%2e%2e/etc/passwd"), 400, "malformed-request"},
		"escaped slash":             {get("/docs/..%2f..%2fetc"), 400, "malformed-request"},
		"one dot":                   {get("/./metrics"), 400, "malformed-request"},
		"unknown Transfer-Encoding": {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: rot13\r\n\r\n", 501, ""},
		"HTTP/9.9":                  {"GET / HTTP/9.9\r\nHost: x\r\n\r\n", 505, ""},
		"TRACE":                     {"TRACE / HTTP/1.1\r\nHost: x\r\n\r\n", 405, "method-not-allowed"},
		"CONNECT":                   {"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n", 405, "method-not-allowed"},
		"9 KiB header":              {get("/", "X-Long: "+long), 431, "headers-too-large"},
		"40 KiB of headers":         {get("/", "A: "+long[:8000], "B: "+long[:8000], "C: "+long[:8000], "D: "+long[:8000], "E: "+long[:8000]), 431, ""},
		"9 KiB URI":                 {get("/" + long), 414, "uri-too-long"},
		"POST /readyz":              {"POST /readyz HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", 405, "method-not-allowed"},
	} {
		response := send(t, addr, r.raw)
		switch r.code {
		case "*": // the service's own response
			require.Equal(t, r.status, response.StatusCode, name)
		case "":
			require.Equal(t, r.status, response.StatusCode, name)
			require.Empty(t, response.Header.Get("X-Service"), name)
		default:
			requireProblem(t, response, r.status, r.code, name)
		}
		if r.status == 405 {
			require.Contains(t, response.Header.Get("Allow"), "GET", name)
		}
	}
}

func TestLongLinesWithinTheLimitPass(t *testing.T) {
	t.Parallel()
	addr := serve(t, wellGateway())
	most := strings.Repeat("x", 7<<10)
	response := send(t, addr, get("/"+most+"?a=..&b=%00", "A: "+most, "B: "+most))
	require.Equal(t, 200, response.StatusCode)
	require.Equal(t, "stats", response.Header.Get("X-Service"))
}

func TestClaimedAddressesAreReplaced(t *testing.T) {
	t.Parallel()
	addr := serve(t, wellGateway())
	response := send(t, addr, get("/api/events", "X-Forwarded-For: 8.8.8.8", "X-Forwarded-For: 9.9.9.9", "X-Real-IP: 8.8.8.8"))
	require.Equal(t, []string{"127.0.0.1"}, response.Header["Seen-X-Forwarded-For"])
	require.Equal(t, []string{"127.0.0.1"}, response.Header["Seen-X-Real-Ip"])
}

func TestRequestID(t *testing.T) {
	t.Parallel()
	addr := serve(t, wellGateway())
	for given, kept := range map[string]bool{"0123-abcd": true, "short": false, "with space": false} {
		response := send(t, addr, get("/", "X-Request-Id: "+given))
		require.Equal(t, kept, response.Header.Get("X-Request-Id") == given, given)
		require.GreaterOrEqual(t, len(response.Header.Get("X-Request-Id")), 8)
	}
	response := send(t, addr, get("/a/../b", "X-Request-Id: 0123-abcd"))
	require.Equal(t, "0123-abcd", response.Header.Get("X-Request-Id"))
}

func TestBodiesPass(t *testing.T) {
	t.Parallel()
	addr := serve(t, wellGateway())
	response := send(t, addr, "POST /api/events HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.Equal(t, "abc", string(body))
}

func TestHealthIsThatOfEveryService(t *testing.T) {
	t.Parallel()
	for ill := -1; ill < 4; ill++ {
		status := [4]int{200, 200, 200, 200}
		want := map[string]string{"account": "ok", "ingest": "ok", "stats": "ok", "syncworker": "ok"}
		if ill >= 0 {
			status[ill] = 503
			want[[]string{"account", "ingest", "stats", "syncworker"}[ill]] = "unavailable"
		}
		addr := serve(t, &gateway.Gateway{
			Account: service("account", status[0]), Ingest: service("ingest", status[1]), Stats: service("stats", status[2]),
			Others: []gateway.Service{service("syncworker", status[3])},
		})
		for _, path := range []string{"/healthz", "/readyz"} {
			response := send(t, addr, get(path))
			require.Equal(t, ill < 0, response.StatusCode == 200, "%s with %v", path, status)
			require.True(t, ill < 0 || response.StatusCode == 503, fmt.Sprint(response.StatusCode))
			var got map[string]string
			require.NoError(t, json.NewDecoder(response.Body).Decode(&got))
			require.Equal(t, want, got)
		}
	}
}
