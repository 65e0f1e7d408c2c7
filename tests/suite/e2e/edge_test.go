package e2e

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"

	"eventanalytics/tests/harness/stack"
)

// sendWhole sends a request with a body of n times the same byte, all of it before
// it reads, and returns the answer.
func sendWhole(t *testing.T, base, head, fill string, n int, chunked bool) *http.Response {
	t.Helper()
	conn := dial(t, base, "POST /api/events HTTP/1.1\r\nHost: x\r\n"+head)
	require.NoError(t, conn.SetDeadline(time.Now().Add(time.Minute)))
	w := bufio.NewWriter(conn)
	part, before, after, end := strings.Repeat(fill, 64<<10), "", "", ""
	if chunked {
		before, after, end = "10000\r\n", "\r\n", "0\r\n\r\n"
		_, _ = w.WriteString("Transfer-Encoding: chunked\r\n\r\n")
	} else {
		_, _ = fmt.Fprintf(w, "Content-Length: %d\r\n\r\n", n)
	}
	for range n / len(part) {
		_, _ = w.WriteString(before + part + after)
	}
	_, _ = w.WriteString(end)
	require.NoError(t, w.Flush())
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	t.Cleanup(func() { _ = response.Body.Close() })
	return response
}

// A client that sends a large body to its end before it reads gets to know why it
// was refused.
func TestRefusalsReachClientsThatStillSend(t *testing.T) {
	onEach(t, func(t *testing.T, s *stack.Stack) {
		c := newUser(t, s.URL)
		authorized := "Authorization: Bearer " + c.Token() + "\r\n"
		for name, r := range map[string]struct {
			head    string
			chunked bool
			status  int
		}{
			"nobody":           {"", false, 401},
			"nobody, chunked":  {"", true, 401},
			"another type":     {authorized + "Content-Type: text/plain\r\n", false, 415},
			"another encoding": {authorized + "Content-Encoding: br\r\n", true, 415},
			"a wrong project":  {authorized + "X-Project: 999999\r\n", false, 404},
			"an endless event": {authorized, false, 413},
		} {
			response := sendWhole(t, s.URL, r.head, "[", 20<<20, r.chunked)
			require.Equal(t, r.status, response.StatusCode, name)
			body, err := io.ReadAll(response.Body)
			require.NoError(t, err, name)
			require.Contains(t, string(body), `"status":`+strconv.Itoa(r.status), name)
		}
		response := sendWhole(t, s.URL, authorized, " ", 65<<20, false)
		require.Equal(t, 413, response.StatusCode)
	})
}

// Uploads that are held neither fill a disk of the gateway nor keep it from passing
// on what others send.
func TestHeldUploadsHoldNothingAtTheGateway(t *testing.T) {
	s := services(t)
	c := newUser(t, s.URL)
	g := over(s)
	g.Listen = freeAddress(t)
	dir := newDir(t)
	p, err := stack.StartGateway(t.Context(), dir, g)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, p.Stop()) })
	base := "http://" + g.Listen
	const held, sent = 60, 1 << 20
	var sending sync.WaitGroup
	for i := range held {
		head := "Host: x\r\n"
		if i%2 == 0 {
			head += "Authorization: Bearer " + c.Token() + "\r\n"
		}
		conn := dial(t, base, "POST /api/events HTTP/1.1\r\n"+head+"Content-Length: 10000000\r\n\r\n")
		sending.Go(func() { _, _ = conn.Write([]byte(strings.Repeat(" ", sent))) }) // it may be refused
	}
	for range held { // these wait for their last byte
		dial(t, base, "POST /api/events HTTP/1.1\r\nHost: x\r\nContent-Length: 15999\r\n\r\n"+strings.Repeat(" ", 15_998))
	}
	sending.Wait()
	bodies := filepath.Join(dir, "nginx-client_body")
	require.DirExists(t, bodies)
	require.Zero(t, openFiles(t, p.PID(), bodies), "its files have no names while they are open")
	other := newUser(t, s.URL).At(base)
	large := array(event(newID(), "properties", `{"a":"`+strings.Repeat("x", 30_000)+`"}`), event(newID(), "properties", `{"a":"`+strings.Repeat("x", 30_000)+`"}`))
	require.Equal(t, 2, other.Upload(t, large).Accepted)
}

// openFiles counts the open files of nginx's processes whose path has part in it.
func openFiles(t *testing.T, parent int, part string) (n int) {
	t.Helper()
	children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", parent, parent))
	require.NoError(t, err)
	for _, pid := range append(strings.Fields(string(children)), strconv.Itoa(parent)) {
		links, err := filepath.Glob("/proc/" + pid + "/fd/*")
		require.NoError(t, err)
		for _, link := range links {
			if to, err := os.Readlink(link); err == nil && strings.Contains(to, part) {
				n++
			}
		}
	}
	return n
}

// One address may have only so many requests on their way; the others do not
// notice.
func TestRequestsPerAddress(t *testing.T) {
	s := services(t)
	g := over(s)
	g.PerAddress = 3
	base := "http://" + gateway(t, g)
	hold := func() { dial(t, base, "POST /api/events HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n[") }
	for range g.PerAddress {
		hold()
	}
	require.Eventually(t, func() bool {
		a := raw(t, base, "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
		if a.Status != 429 { // this request was sooner than one of those, which may be refused
			hold()
			return false
		}
		a.Is(t, 429, "too-many-connections")
		return a.Header.Get("Retry-After") == "1"
	}, 10*time.Second, 10*time.Millisecond)
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}}
	other := &http.Client{Transport: &http.Transport{DialContext: dialer.DialContext, DisableKeepAlives: true}}
	response, err := other.Get(base + "/healthz")
	require.NoError(t, err)
	defer response.Body.Close()
	require.Equal(t, 200, response.StatusCode)
}

// TestConnectionsToTheStandalone has 1,100 from one address, each with a header that
// does not go on. Another address does not notice, and the first gets to know why
// more of it are refused.
func TestConnectionsToTheStandalone(t *testing.T) {
	s := targets[0].stack(t)
	c := newUser(t, s.URL).With("Connection", "close")
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}, Timeout: 20 * time.Second}
	connect := func(start string) net.Conn {
		conn, err := dialer.DialContext(t.Context(), "tcp", strings.TrimPrefix(s.URL, "http://"))
		require.NoError(t, err)
		t.Cleanup(func() { _ = conn.Close() })
		require.NoError(t, conn.SetDeadline(time.Now().Add(20*time.Second)))
		_, err = io.WriteString(conn, start)
		require.NoError(t, err)
		return conn
	}
	for range 1100 {
		connect("GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: ")
	}
	require.Eventually(t, func() bool { // at most 64 are told at a time; first, as each is cut off after 10 s
		response, err := http.ReadResponse(bufio.NewReader(connect("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")), nil)
		if err != nil {
			return false
		}
		defer response.Body.Close()
		return response.StatusCode == 429 && response.Header.Get("Retry-After") == "1"
	}, 8*time.Second, 100*time.Millisecond)
	for range 10 {
		c.Get(t, "/readyz").Is(t, 200, "")
		c.Send(t, array(event(newID()))).Is(t, 202, "")
	}
}

// HEAD says what GET would, without its body, on each route that is read.
func TestHeadIsGetWithoutTheBody(t *testing.T) {
	onEach(t, func(t *testing.T, s *stack.Stack) {
		c := newUser(t, s.URL)
		c.Visible(t, c.Upload(t, array(event(newID()))).Position, dau, days...)
		period := "?from=2025-08-01&to=2025-08-31"
		for _, path := range []string{
			"/healthz", "/readyz", "/docs", "/docs/", "/openapi.json", "/", "/tracker.js", "/metrics", "/nowhere",
			"/api/auth/me", "/api/projects", "/api/stats/users/me",
			"/api/stats/dau" + period, "/api/stats/dau", "/api/stats/events" + period + "&interval=hour&fill=zero",
			"/api/stats/event-types", "/api/stats/events/latest",
		} {
			get := fetch(t, s, c, http.MethodGet, path)
			head := fetch(t, s, c, http.MethodHead, path)
			require.Equal(t, get.StatusCode, head.StatusCode, path)
			require.Equal(t, get.Header.Get("Content-Type"), head.Header.Get("Content-Type"), path)
			body, err := io.ReadAll(head.Body)
			require.NoError(t, err, path)
			require.Empty(t, body, path)
			if length := head.Header.Get("Content-Length"); length != "" && path != "/readyz" && !strings.Contains(path, "stats/dau?") {
				whole, err := io.ReadAll(get.Body)
				require.NoError(t, err, path)
				require.InDelta(t, len(whole), head.ContentLength, 3, path) // response_time_sec varies
			}
		}
		require.Equal(t, 405, fetch(t, s, c, http.MethodHead, "/api/auth/token").StatusCode)
	})
}

func fetch(t *testing.T, s *stack.Stack, c *caller, method, path string) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, s.URL+path, nil)
	require.NoError(t, err)
	r.Header.Set("Authorization", "Bearer "+c.Token())
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := client.Do(r)
	require.NoError(t, err)
	t.Cleanup(func() { _ = response.Body.Close() })
	return response
}

// Load balancers ask with HTTP/1.0 and without a Host.
func TestOldHealthChecks(t *testing.T) {
	onEach(t, func(t *testing.T, s *stack.Stack) {
		for _, path := range []string{"/healthz", "/readyz"} {
			for _, method := range []string{"GET", "HEAD"} {
				conn := dial(t, s.URL, method+" "+path+" HTTP/1.0\r\n\r\n")
				require.NoError(t, conn.SetDeadline(time.Now().Add(20*time.Second)))
				text, err := io.ReadAll(conn)
				require.NoError(t, err)
				require.Regexp(t, `^HTTP/1\.[01] 200 `, string(text), "%s %s", method, path)
			}
		}
	})
}

// Nothing in an address is anything but text, whatever the route: not for Postgres
// to find out.
func TestAddressesAreText(t *testing.T) {
	onEach(t, func(t *testing.T, s *stack.Stack) {
		c := newUser(t, s.URL)
		document, err := openapi3.NewLoader().LoadFromIoReader(fetch(t, s, c, http.MethodGet, "/openapi.json").Body)
		require.NoError(t, err)
		for path, item := range document.Paths.Map() {
			for method, operation := range item.Operations() {
				for _, bad := range []string{"%ff", "%00", "a%ed%a0%80"} {
					for _, p := range operation.Parameters {
						at := path
						switch p.Value.In {
						case "query":
							at += "?" + url.QueryEscape(p.Value.Name) + "=" + bad
						case "path":
							at = strings.ReplaceAll(at, "{"+p.Value.Name+"}", bad)
						default:
							continue
						}
						a := askedFor(t, c, method, strings.NewReplacer("{id}", "1", "{user_id}", "1", "{key_id}", "1", "{event_id}", newID()).Replace(at))
						if slices.Contains(operation.Tags, "SDKs") { // text of SDKs is repaired
							require.Less(t, a.StatusCode, 500, "%s %s", method, at)
							continue
						}
						if p.Value.In == "path" {
							require.Contains(t, []int{400, 404, 422}, a.StatusCode, "%s %s", method, at)
							continue
						}
						require.Equal(t, 422, a.StatusCode, "%s %s", method, at)
						body, err := io.ReadAll(a.Body)
						require.NoError(t, err)
						require.Contains(t, string(body), `"field":"`+p.Value.Name+`"`, "%s %s", method, at)
					}
				}
			}
		}
		for _, form := range []string{"username=a%00b&password=12345678", "username=%ff&password=12345678", "username=a&password=%00", "refresh_token=%00&grant_type=refresh_token", "grant_type=%ff"} {
			a := anonymous(t, s.URL).Do(t, http.MethodPost, "/api/auth/token", strings.NewReader(form), "Content-Type", "application/x-www-form-urlencoded")
			require.Contains(t, []int{400, 401, 422}, a.Status, "%s: %s", form, a)
		}
		for _, body := range []string{`{"username":"a\u0000b","password":"12345678"}`, `{"refresh_token":"\u0000","grant_type":"refresh_token"}`} {
			a := anonymous(t, s.URL).Do(t, http.MethodPost, "/api/auth/token", strings.NewReader(body), "Content-Type", "application/json")
			require.Contains(t, []int{400, 401, 422}, a.Status, "%s: %s", body, a)
		}
		for _, filter := range []string{`event_type:a\u0000`, `properties.a=\u0000`, `properties.a\u0000=1`} {
			a := c.Do(t, http.MethodPost, "/api/stats/dau", strings.NewReader(`{"from":"2025-08-01","to":"2025-08-31","segment":["`+filter+`"]}`), "Content-Type", "application/json")
			require.Contains(t, []int{200, 400, 422}, a.Status, "%s: %s", filter, a)
		}
		a := rawHeader(t, s, c, "Idempotency-Key: \xff")
		require.Equal(t, 422, a.Status, a)
		require.Contains(t, string(a.Body), `"field":"Idempotency-Key"`)
	})
}

func askedFor(t *testing.T, c *caller, method, path string) *http.Response {
	t.Helper()
	var body io.Reader
	if slices.Contains([]string{"POST", "PUT", "PATCH"}, method) {
		body = strings.NewReader("{}")
	}
	r, err := http.NewRequestWithContext(t.Context(), method, c.URL()+path, body)
	require.NoError(t, err)
	r.Header.Set("Authorization", "Bearer "+c.Token())
	r.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	t.Cleanup(func() { _ = response.Body.Close() })
	return response
}

func rawHeader(t *testing.T, s *stack.Stack, c *caller, header string) *answer {
	t.Helper()
	body := array(event(newID()))
	return raw(t, s.URL, "POST /api/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "+c.Token()+"\r\n"+header+
		"\r\nContent-Length: "+strconv.Itoa(len(body))+"\r\nConnection: close\r\n\r\n"+body)
}
