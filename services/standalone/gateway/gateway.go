// Package gateway is the single address in front of the services when they run in
// one process: with the same routes and errors as the nginx in deployments/nginx.
package gateway

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"go.uber.org/zap"

	"eventanalytics/pkg/platform/logging"
	"eventanalytics/pkg/platform/problem"
	"eventanalytics/pkg/platform/server"
)

// Service is a service behind the gateway.
type Service struct {
	Name    string
	Handler http.Handler
}

// Gateway sends requests to the service that owns their path. All services,
// including those without a route, must be healthy for /healthz and /readyz to be
// 200.
type Gateway struct {
	Account, Ingest, Stats Service
	Others                 []Service
	Log                    *zap.Logger
}

// maxLine is the maximum length of the request line and of a header in bytes,
// nginx's default.
const maxLine = 8 << 10

// methods that any route behind the gateway supports.
const methods = "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT"

func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	// Replaced, never appended to: what a client claims is not trusted.
	peer, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		peer = r.RemoteAddr
	}
	r.Header.Set("X-Forwarded-For", peer)
	r.Header.Set("X-Real-IP", peer)
	r.Header.Set("X-Request-Id", server.RequestID(r.Header.Get("X-Request-Id")))

	if p := check(r); p != nil {
		g.refuse(w, r, p)
		return
	}
	switch path := r.URL.Path; {
	case path == "/healthz" || path == "/readyz":
		g.health(w, r)
	case path == "/metrics":
		g.refuse(w, r, problem.NotFound("Not Found."))
	case below("/api/events", path), below("/api/identity/links", path), ofSDKs.MatchString(path):
		g.Ingest.Handler.ServeHTTP(w, r)
	case ofStats.MatchString(path): // a share's secret is in an answer
		g.Stats.Handler.ServeHTTP(w, r)
	case ownedByAccount(path):
		g.Account.Handler.ServeHTTP(w, r)
	default: // results and documents, not accounts, are compressed
		compressed(g.Stats.Handler).ServeHTTP(w, r)
	}
}

// check rejects what must not reach a service.
func check(r *http.Request) *problem.Error {
	if r.Method == http.MethodTrace || r.Method == http.MethodConnect {
		return problem.New(http.StatusMethodNotAllowed, "method-not-allowed", "This method is not answered here.").
			WithHeader("Allow", methods)
	}
	if len(r.Method)+len(r.RequestURI)+len(r.Proto)+len("  \r\n") > maxLine {
		return problem.New(http.StatusRequestURITooLong, "uri-too-long", "The request line is longer than 8 KiB.")
	}
	for name, values := range r.Header {
		for _, value := range values {
			if len(name)+len(value)+len(": \r\n") > maxLine {
				return problem.New(http.StatusRequestHeaderFieldsTooLarge, "headers-too-large", "A header is longer than 8 KiB.")
			}
		}
	}
	if strings.ContainsRune(r.URL.Path, 0) {
		return problem.New(http.StatusBadRequest, "malformed-request", "The path has a NUL character.")
	}
	for segment := range strings.SplitSeq(r.URL.Path, "/") {
		if segment == "." || segment == ".." {
			return problem.New(http.StatusBadRequest, "malformed-request", "The path has a dot segment.")
		}
	}
	return nil
}

// ofSDKs are the paths that vendors' SDKs send to, as in nginx's configuration.
var ofSDKs = regexp.MustCompile(`^/(v1/(batch|b|import|track|identify|page|screen|group|alias|t|i|p|s|g|a|logs|projects/[^/]+/settings)|beacon/v1/batch|sourceConfig|api/(s/(s2s/)?[a-z]+|send|event)|batch|e|i|i/v0/e|i/v1/analytics/events|capture|track|engage|groups|import|2/httpapi|array/[^/]+/config(\.js)?|static/.+|flags|decide|cloudevents|[^/]+\.[^/]+/[^/]+)/?$`)

// ofStats are the paths of projects that stats has: making a list of a cohort's users, whom
// only events tell, and shares of boards, for which it knows the questions.
var ofStats = regexp.MustCompile(`^/api/projects/[^/]+/(cohorts/[^/]+/freeze$|boards/[^/]+/shares(/|$))`)

func ownedByAccount(path string) bool {
	switch path {
	case "/register", "/token", "/api/stats/register", "/api/stats/token":
		return true
	}
	return below("/api/auth", path) || below("/api/projects", path) || below("/api/invitations", path) || below("/api/invites", path) || strings.HasPrefix(path, "/api/stats/users/")
}

// below says whether path is root or a path under it.
func below(root, path string) bool {
	rest, ok := strings.CutPrefix(path, root)
	return ok && (rest == "" || rest[0] == '/')
}

func (g *Gateway) refuse(w http.ResponseWriter, r *http.Request, p *problem.Error) {
	p.Instance = r.Header.Get("X-Request-Id")
	g.Log.Info("request refused",
		zap.String(logging.RequestID, p.Instance),
		zap.String(logging.Method, r.Method),
		zap.String(logging.Path, logging.Unrouted(r.URL.Path)),
		zap.Int(logging.Status, p.Status),
		zap.String(logging.ClientIP, r.Header.Get("X-Real-IP")),
	)
	h := w.Header()
	for name, values := range p.GetHeaders() {
		h[name] = values
	}
	h.Set("Content-Type", problem.ContentType)
	h.Set("X-Request-Id", p.Instance)
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p) // the client may have gone
}

// health passes the request to every service and answers 200 if all do.
func (g *Gateway) health(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		g.refuse(w, r, problem.New(http.StatusMethodNotAllowed, "method-not-allowed", "Method Not Allowed.").
			WithHeader("Allow", "GET, HEAD"))
		return
	}
	states, healthy := g.ask(r.Context(), r.URL.Path, r.Header)
	status := http.StatusOK
	if !healthy {
		status = http.StatusServiceUnavailable
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("X-Request-Id", r.Header.Get("X-Request-Id"))
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(states) // the client may have gone
}

// Ready asks every service whether it is ready, as /readyz does.
func (g *Gateway) Ready(ctx context.Context) (states map[string]string, ready bool) {
	return g.ask(ctx, "/readyz", http.Header{})
}

// ask returns what each service answers to /healthz or /readyz.
func (g *Gateway) ask(ctx context.Context, path string, header http.Header) (states map[string]string, healthy bool) {
	states, healthy = map[string]string{}, true
	for _, s := range append([]Service{g.Account, g.Ingest, g.Stats}, g.Others...) {
		probe := (&http.Request{
			Method: http.MethodGet, URL: &url.URL{Path: path}, RequestURI: path, Header: header.Clone(),
			Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Body: http.NoBody, RemoteAddr: "127.0.0.1:0",
		}).WithContext(ctx)
		a := &answer{header: http.Header{}, status: http.StatusOK}
		s.Handler.ServeHTTP(a, probe)
		states[s.Name] = "ok"
		if a.status != http.StatusOK {
			states[s.Name] = "unavailable"
			healthy = false
		}
	}
	return states, healthy
}

// answer is a ResponseWriter that keeps only the status.
type answer struct {
	header http.Header
	status int
}

func (a *answer) Header() http.Header         { return a.header }
func (a *answer) Write(p []byte) (int, error) { return len(p), nil }
func (a *answer) WriteHeader(status int)      { a.status = status }
