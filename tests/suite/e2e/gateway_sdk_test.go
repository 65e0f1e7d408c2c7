package e2e

import (
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"eventanalytics/tests/harness/stack"
)

// silent accepts connections and never answers. It returns its address.
func silent(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", freeAddress(t))
	require.NoError(t, err)
	over := make(chan struct{})
	t.Cleanup(func() {
		close(over)
		_ = ln.Close()
	})
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				<-over
				_ = conn.Close()
			}()
		}
	}()
	return ln.Addr().String()
}

// before is a gateway whose services are all at the same addresses.
func before(replicas ...string) stack.Gateway {
	return stack.Gateway{Account: replicas, Ingest: replicas, Stats: replicas}
}

// A GET that stores something may have no id to know it by, so no second replica gets it.
func TestGatewayRepeatsNoEventOfAnAddress(t *testing.T) {
	t.Parallel()
	for path, times := range map[string]int32{
		"GET /track?data=e30":          1,
		"GET /track/?data=e30&ip=1":    1,
		"GET /%74rack?data=e30":        1,
		"GET /engage?data=e30":         1,
		"GET /groups/?data=e30":        1,
		"GET /i?e=pv":                  1,
		"GET /i/?e=pv":                 1,
		"POST /track":                  1,
		"GET /v1/projects/a/settings":  2,
		"GET /array/a/config.js":       2,
		"GET /sourceConfig/?writeKey=": 2,
	} {
		first, one := dying(t)
		second, two := dying(t)
		address := gateway(t, before(first, second))
		a := raw(t, "http://"+address, path+" HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
		a.Is(t, http.StatusServiceUnavailable, "unavailable")
		require.Equal(t, times, one.Load()+two.Load(), path)
	}
}

// sdkRequests are what the routes of SDKs are asked, with KEY where some have it in the
// address.
var sdkRequests = []string{
	"POST /v1/batch?writeKey=KEY", "POST /v1/import?api_key=KEY", "POST /v1/t?token=KEY", "POST /beacon/v1/batch?writeKey=KEY", "POST /api/s/track?writeKey=KEY",
	"POST /api/s/s2s/batch?token=KEY", "POST /batch/?api_key=KEY", "POST /e/?api_key=KEY", "POST /i/v0/e?token=KEY", "POST /i/v1/analytics/events?api_key=KEY",
	"POST /capture?api_key=KEY", "POST /track?token=KEY", "GET /track/?api_key=KEY", "POST /engage?token=KEY", "GET /engage?token=KEY", "POST /groups?token=KEY", "GET /groups?token=KEY", "POST /import?api_key=KEY",
	"POST /2/httpapi?api_key=KEY", "POST /com.snowplowanalytics.snowplow/tp2?aid=KEY", "GET /i?e=pv&aid=KEY", "POST /api/send?website=KEY", "POST /api/event?d=KEY",
	"POST /cloudevents?api_key=KEY", "POST /v1/logs?api_key=KEY", "GET /v1/projects/KEY/settings", "GET /sourceConfig/?writeKey=KEY", "GET /array/KEY/config.js",
	"GET /array/KEY/config", "GET /static/surveys.js?token=KEY", "POST /flags/?v=2&token=KEY", "POST /decide?token=KEY",
}

// When nginx itself refuses what an SDK sends, it does so with 503, at which every SDK
// that comes back at all comes back, and so that pages can read it. Its log shows no key.
func TestGatewayRefusesSDKs(t *testing.T) {
	t.Parallel()
	g := before(silent(t))
	g.PerAddress, g.Listen = 1, freeAddress(t)
	busy, err := stack.StartGateway(t.Context(), newDir(t), g)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, busy.Stop()) })
	dial(t, "http://"+g.Listen, "POST /e HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n[")
	gone := before("127.0.0.1:1")
	gone.Listen = freeAddress(t)
	away, err := stack.StartGateway(t.Context(), newDir(t), gone)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, away.Stop()) })

	ask := func(address, request string) *answer {
		return raw(t, "http://"+address, request+" HTTP/1.1\r\nHost: x\r\nOrigin: https://shop.example\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
	}
	require.Eventually(t, func() bool { return ask(g.Listen, "POST /api/events").Status == http.StatusTooManyRequests }, 10*time.Second, 10*time.Millisecond)
	const key = "ea_abcdefghijklmnopqrstuvwxyz234567abcdefghijklmnopqrst"
	for _, request := range sdkRequests {
		for why, address := range map[string]string{"too many": g.Listen, "nobody is there": gone.Listen} {
			a := ask(address, strings.ReplaceAll(request, "KEY", key))
			require.Equal(t, http.StatusServiceUnavailable, a.Status, "%s, %s: %s", request, why, a)
			require.Equal(t, "1", a.Header.Get("Retry-After"), "%s, %s", request, why)
			require.Equal(t, "https://shop.example", a.Header.Get("Access-Control-Allow-Origin"), "%s, %s", request, why)
		}
	}
	for _, p := range []*stack.Process{busy, away} {
		require.NotContains(t, p.Log(), key)
	}
}
