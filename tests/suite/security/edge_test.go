package security

import (
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"eventanalytics/tests/bench/measure"
)

// TestInvalidItems posts 250,000 of them in 500 KB, many times at once, straight at a
// replica: what is said about them takes no more memory than they do. It runs alone.
func TestInvalidItems(t *testing.T) {
	key, _ := register(t, "careless").newKey(t, "ingest")
	c := bearing("an ingest key", key)
	body := "[0" + strings.Repeat(",0", 249_999) + "]"
	require.NoError(t, measure.ForgetPeak(ingest[0].PID()))
	_, before, err := measure.Memory(ingest[0].PID())
	require.NoError(t, err)
	var wg sync.WaitGroup
	for range 25 {
		wg.Go(func() {
			a, err := c.try(t, "POST", ingest[0].url+"/api/events", body)
			if assert.NoError(t, err) && a.status != 429 {
				assert.Equal(t, 422, a.status)
				assert.Contains(t, string(a.body), `"errors_omitted":249900`)
			}
		})
	}
	wg.Wait()
	_, peak, err := measure.Memory(ingest[0].PID())
	require.NoError(t, err)
	t.Logf("peak of memory: %d MiB before, %d MiB under 25 bodies of 500 KB", before>>20, peak>>20)
	require.Less(t, peak, before+128<<20)
}

// hold opens n connections from an address, sends each a start, and closes them when
// the test ends. What the other side does with them is not looked at.
func hold(t *testing.T, n int, from, to string, start func(i int) string) {
	t.Helper()
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}, Timeout: 20 * time.Second}
	var wg sync.WaitGroup
	places := make(chan struct{}, 64)
	for i := range n {
		places <- struct{}{}
		conn, err := dialer.DialContext(t.Context(), "tcp", to)
		require.NoError(t, err)
		t.Cleanup(func() { _ = conn.Close() })
		wg.Go(func() {
			defer func() { <-places }()
			_ = conn.SetWriteDeadline(time.Now().Add(5 * time.Second)) // it may not be read
			_, _ = io.WriteString(conn, start(i))
		})
	}
	wg.Wait()
}

func manyEvents(n int) string {
	events := make([]string, n)
	for i := range events {
		events[i] = event(uuid.NewString(), "beside")
	}
	return "[" + strings.Join(events, ",") + "]"
}

// TestStalledUploads holds 240 uploads of one account, more than all that a replica
// takes: those of another project are stored, small and large, at the replica itself
// and through the gateway. It runs alone.
func TestStalledUploads(t *testing.T) {
	key, _ := register(t, "holder").newKey(t, "ingest")
	bearing("an ingest key", key)
	other, _ := register(t, "beside the holder").newKey(t, "ingest")
	c := bearing("an ingest key", other)
	start := "POST /api/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + key + "\r\nContent-Length: 20000000\r\n\r\n" + strings.TrimSuffix(manyEvents(9000), "]")
	for _, r := range ingest {
		hold(t, 240, "127.0.0.1", r.address(), func(int) string { return start })
	}
	for _, at := range []string{ingest[0].url, ingest[1].url, gateway, gateway} {
		for _, n := range []int{1, 10_000} {
			c.ask(t, "POST", at+"/api/events", manyEvents(n)).is(t, 202)
		}
	}
}

// TestSlowRequests has 1,200 of them from one address at the gateway: headers and
// bodies that do not go on, of nobody and of a member. Another address does not
// notice. It runs alone.
func TestSlowRequests(t *testing.T) {
	u := register(t, "slow")
	key, _ := u.newKey(t, "ingest")
	bearing("an ingest key", key)
	other := register(t, "beside the slow").with("Connection", "close") // as one that comes later
	address := strings.TrimPrefix(gateway, "http://")
	hold(t, 1200, "127.0.0.2", address, func(i int) string {
		switch i % 4 {
		case 0:
			return "GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: "
		case 1:
			return "POST /api/events HTTP/1.1\r\nHost: x\r\nContent-Length: 10000\r\n\r\n["
		case 2:
			return "POST /api/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + key + "\r\nContent-Length: 20000000\r\n\r\n" + strings.Repeat(" ", 100_000)
		default:
			return "POST /api/auth/token HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2000\r\n\r\n{"
		}
	})
	// The one that is slow gets to know why more of it are refused: before anything
	// else is asked, since the first are cut off after 10 s.
	var text []byte
	require.Eventually(t, func() bool {
		conn, err := (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP("127.0.0.2")}}).Dial("tcp", address)
		require.NoError(t, err)
		defer conn.Close()
		require.NoError(t, conn.SetDeadline(time.Now().Add(20*time.Second)))
		_, err = fmt.Fprintf(conn, "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
		require.NoError(t, err)
		text, err = io.ReadAll(conn)
		require.NoError(t, err)
		return strings.HasPrefix(string(text), "HTTP/1.1 429")
	}, 8*time.Second, 10*time.Millisecond)
	require.Contains(t, string(text), "Retry-After: 1")
	for range 10 {
		other.ask(t, "GET", gateway+"/readyz", "").is(t, 200)
		other.ask(t, "GET", gateway+"/api/auth/me", "").is(t, 200)
		other.ask(t, "GET", gateway+"/api/stats/dau?from=2025-08-01&to=2025-08-31", "").is(t, 200)
		for _, n := range []int{1, 1000} {
			other.ask(t, "POST", gateway+"/api/events", manyEvents(n)).is(t, 202)
		}
	}
}
