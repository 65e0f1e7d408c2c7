package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"eventanalytics/tests/harness/api"
	"eventanalytics/tests/harness/stack"
)

// services returns the services behind nginx.
func services(t *testing.T) *stack.Stack {
	t.Helper()
	return targets[1].stack(t)
}

// over is a gateway over the services of s.
func over(s *stack.Stack) stack.Gateway {
	return stack.Gateway{
		Account: []string{s.Addresses["account"]}, Ingest: []string{s.Addresses["ingest"]}, Stats: []string{s.Addresses["stats"]},
	}
}

// gateway starts another nginx and returns its address.
func gateway(t *testing.T, g stack.Gateway) string {
	t.Helper()
	g.Listen = freeAddress(t)
	p, err := stack.StartGateway(t.Context(), newDir(t), g)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, p.Stop()) })
	return g.Listen
}

func freeAddress(t *testing.T) string {
	t.Helper()
	port, err := stack.FreePort()
	require.NoError(t, err)
	return "127.0.0.1:" + strconv.Itoa(port)
}

// dying accepts connections, reads a request and closes without an answer, as a
// replica does that is killed. It counts the requests.
func dying(t *testing.T) (address string, requests *atomic.Int32) {
	t.Helper()
	// Not a port that the system gives away: programs that still call its last owner
	// would count as requests.
	ln, err := net.Listen("tcp", freeAddress(t))
	require.NoError(t, err)
	t.Cleanup(func() { _ = ln.Close() })
	requests = new(atomic.Int32)
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			requests.Add(1)
			_, _ = conn.Read(make([]byte, 1<<16))
			_ = conn.Close()
		}
	}()
	return ln.Addr().String(), requests
}

const oneEvent = `{"event_id":"5f0c6e1e-0000-4000-8000-000000000001","occurred_at":"2025-08-01T00:00:00Z","user_id":1,"event_type":"x"}`

// A request that a dying replica had is sent again where that is harmless, and
// only there.
func TestGatewayRetries(t *testing.T) {
	s := services(t)
	c := newUser(t, s.URL)
	bad, requests := dying(t)
	const dead = "127.0.0.1:1" // nobody listens

	g := over(s)
	g.Ingest = append([]string{bad}, g.Ingest...)
	c = c.At("http://" + gateway(t, g))
	for requests.Load() == 0 { // replicas take turns
		c.Send(t, oneEvent).Is(t, 202, "")
	}
	require.NotZero(t, requests.Load())

	t.Run("but not what may have acted", func(t *testing.T) {
		bad, requests := dying(t)
		g := over(s)
		g.Account = append([]string{bad}, g.Account...)
		c := c.At("http://" + gateway(t, g))
		for requests.Load() == 0 {
			a := c.Post(t, "/api/auth/logout", object{"refresh_token": "none"})
			if requests.Load() == 1 {
				a.Is(t, 503, "unavailable")
				require.NotEmpty(t, a.Header.Get("Retry-After"))
			}
		}
		require.EqualValues(t, 1, requests.Load())
	})
	t.Run("everything that reached nobody", func(t *testing.T) {
		g := over(s)
		for _, replicas := range []*[]string{&g.Account, &g.Ingest, &g.Stats} {
			*replicas = append([]string{dead}, *replicas...)
		}
		c := c.At("http://" + gateway(t, g))
		for range 4 {
			c.Get(t, "/api/auth/me").Is(t, 200, "")
			c.Send(t, oneEvent).Is(t, 202, "")
			c.Post(t, "/api/stats/dau", object{"from": "2025-08-01", "to": "2025-08-01"}).Is(t, 200, "")
		}
	})
	t.Run("nobody is left", func(t *testing.T) {
		g := over(s)
		g.Ingest = []string{dead}
		c := c.At("http://" + gateway(t, g))
		a := c.Send(t, oneEvent).Is(t, 503, "unavailable")
		require.NotEmpty(t, a.Header.Get("Retry-After"))
		c.Get(t, "/api/auth/me").Is(t, 200, "")
		c.Get(t, "/readyz").Is(t, 503, "")
	})
}

// The gateway is as well as each service behind it, and one that is away takes
// no other with it.
func TestGatewayAsksEveryService(t *testing.T) {
	s := services(t)
	c := newUser(t, s.URL)
	c.Get(t, "/healthz").Is(t, 200, "")
	c.Get(t, "/readyz").Is(t, 200, "")
	routes := map[string]func(c *caller) *answer{
		"account": func(c *caller) *answer { return c.Get(t, "/api/auth/me") },
		"ingest":  func(c *caller) *answer { return c.Send(t, oneEvent) },
		"stats":   func(c *caller) *answer { return c.Get(t, "/api/stats/dau", "from", "2025-08-01", "to", "2025-08-01") },
	}
	for away := range routes {
		t.Run(away, func(t *testing.T) {
			g := over(s)
			*map[string]*[]string{"account": &g.Account, "ingest": &g.Ingest, "stats": &g.Stats}[away] = []string{"127.0.0.1:1"}
			// Not compared with the document: stats may not be there to show it.
			c := api.Anonymous("http://"+gateway(t, g), nil).With("Authorization", "Bearer "+c.Token())
			c.Get(t, "/healthz").Is(t, 503, "unavailable")
			c.Get(t, "/readyz").Is(t, 503, "unavailable")
			for name, ask := range routes {
				if a := ask(c); name == away {
					a.Is(t, 503, "unavailable")
				} else {
					require.Less(t, a.Status, 300, name)
				}
			}
		})
	}
}

// nginx before 1.27.3 looks replicas up for each request instead of keeping
// connections to a group of them.
func TestGatewayWithoutGroups(t *testing.T) {
	s := services(t)
	g := over(s)
	g.Ungrouped = true
	c := newUser(t, s.URL).At("http://" + gateway(t, g))
	c.Get(t, "/api/auth/me").Is(t, 200, "")
	c.Send(t, oneEvent).Is(t, 202, "")
	c.Get(t, "/api/stats/dau", "from", "2025-08-01", "to", "2025-08-01").Is(t, 200, "")
	c.Get(t, "/readyz").Is(t, 200, "")
	c.Get(t, "/metrics").Is(t, 404, "not-found")
}

func TestGatewayTLS(t *testing.T) {
	s := services(t)
	dir, address := newDir(t), freeAddress(t)
	pool := certificate(t, dir)
	root, err := stack.Root()
	require.NoError(t, err)
	example, err := os.ReadFile(filepath.Join(root, "deployments", "nginx", "tls.conf"))
	require.NoError(t, err)
	_, port, err := net.SplitHostPort(address)
	require.NoError(t, err)
	t.Run("example", func(t *testing.T) { // a folder of its own
		g := over(s)
		g.Account = []string{"127.0.0.1:1"}
		g.Server = strings.NewReplacer("listen 5443", "listen 127.0.0.1:"+port, "/run/tls", dir).Replace(string(example))
		gateway(t, g)
		with := func(settings *tls.Config) *caller {
			return api.Anonymous("https://"+address, &http.Transport{TLSClientConfig: settings, DisableKeepAlives: true})
		}
		a := with(&tls.Config{RootCAs: pool}).Get(t, "/docs/").Is(t, 200, "")
		require.NotEmpty(t, a.Header.Get("Strict-Transport-Security"))
		// nginx's own refusals too.
		trusted := with(&tls.Config{RootCAs: pool})
		for name, refusal := range map[string]*answer{
			"404": trusted.Get(t, "/metrics").Is(t, 404, "not-found"),
			"413": trusted.Do(t, http.MethodPost, "/api/auth/token", strings.NewReader(strings.Repeat("x", 3<<20))).Is(t, 413, "too-large"),
			"414": trusted.Get(t, "/docs?"+strings.Repeat("x", 9<<10)).Is(t, 414, "uri-too-long"),
			"405": trusted.Do(t, http.MethodTrace, "/docs", nil).Is(t, 405, "method-not-allowed"),
			"503": trusted.Get(t, "/api/auth/me").Is(t, 503, "unavailable"), // nobody is there
		} {
			require.NotEmpty(t, refusal.Header.Get("Strict-Transport-Security"), name)
		}
		plain := raw(t, "http://"+address, "GET / HTTP/1.1\r\nHost: x\r\n\r\n").Is(t, 400, "malformed-request")
		require.NotEmpty(t, plain.Header.Get("X-Request-Id"), "plain HTTP at the port of TLS")
		_, err = with(&tls.Config{RootCAs: pool, MaxVersion: tls.VersionTLS11}).Try(t.Context(), http.MethodGet, "/readyz", nil)
		require.Error(t, err)
	})
}

// certificate makes one for 127.0.0.1 in dir.
func certificate(t *testing.T, dir string) *x509.CertPool {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	crt := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	require.NoError(t, os.WriteFile(filepath.Join(dir, "tls.crt"), crt, 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "tls.key"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600))
	pool := x509.NewCertPool()
	require.True(t, pool.AppendCertsFromPEM(crt))
	return pool
}

// Answers with rows are compressed for callers that ask for it; accounts' are not.
func TestGatewayCompresses(t *testing.T) {
	s := services(t)
	c := api.NewUser(t, s.URL, nil).With("Accept-Encoding", "gzip")
	for path, encoding := range map[string]string{"/openapi.json": "gzip", "/api/auth/me": ""} {
		a := c.Get(t, path).Is(t, 200, "")
		require.Equal(t, encoding, a.Header.Get("Content-Encoding"), path)
	}
}
