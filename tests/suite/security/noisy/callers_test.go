package noisy

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"eventanalytics/tests/harness/api"
)

// Attackers call from other addresses than their neighbour, from a few of them.
const addresses = 8

// from dials from the n-th address of attackers.
func from(n int) *net.Dialer {
	return &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 1, byte(1+n%addresses))}}
}

// attacker registers one.
func attacker(t *testing.T) *api.Caller {
	t.Helper()
	through := &http.Transport{DialContext: from(0).DialContext, MaxIdleConnsPerHost: 64, DisableCompression: true}
	t.Cleanup(through.CloseIdleConnections)
	return api.NewUser(t, "http://"+gateway, through)
}

// slow is a connection whose request its sender, or whose answer its reader, does
// not finish.
type slow struct{ conn net.Conn }

// hold sends an unfinished request from the n-th address to a host:port, or what of
// it the other side takes within a while.
func hold(ctx context.Context, to string, n int, request string) (*slow, error) {
	conn, err := from(n).DialContext(ctx, "tcp", to)
	if err != nil {
		return nil, err
	}
	if err := conn.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
		return nil, err
	}
	_, _ = io.WriteString(conn, request) // an error is an answer: the other side has closed the connection
	return &slow{conn: conn}, nil
}

// holdMany holds many requests until the end of ctx.
func holdMany(ctx context.Context, to string, many int, request string) {
	var wg sync.WaitGroup
	for n := range many {
		wg.Go(func() {
			for ctx.Err() == nil { // again when it was cut off
				s, err := hold(ctx, to, n, request)
				if err != nil {
					pause(ctx, 100*time.Millisecond)
					continue
				}
				s.until(ctx)
			}
		})
	}
	wg.Wait()
}

// until keeps the connection, without reading, until ctx ends or a second after the
// other side has closed it.
func (s *slow) until(ctx context.Context) {
	defer s.conn.Close()
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		_ = s.conn.SetDeadline(time.Time{})
		_, _ = s.conn.Read(make([]byte, 1))
	}()
	select {
	case <-ctx.Done():
		_ = s.conn.Close()
		<-closed
	case <-closed:
		pause(ctx, time.Second)
	}
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// patience is how long the neighbour waits for an answer: a bound for a machine that
// is busy with the tests themselves, far below the half minute after which the
// services give up.
const patience = 15 * time.Second

// pace is the neighbour's rest between two rounds: its rate is far below its limits.
const pace = 500 * time.Millisecond

// neighbour is a client of another project.
type neighbour struct {
	*api.Caller
	key     string // to post with
	also    []ask  // what it does besides, in each round
	posted  int
	slowest time.Duration
	which   string // was the slowest
}

// ask is a request of a neighbour. Its error says why the answer, or that there was
// none, will not do; besides, the status must be below 300.
type ask struct {
	what string
	do   func(ctx context.Context) (*api.Answer, error)
}

// beside runs an attack while a neighbour works, and once more after it. Everything
// that the neighbour asks must be answered, and what it posted be counted once.
func beside(t *testing.T, attack func(ctx context.Context)) {
	t.Helper()
	newNeighbour(t, gateway).beside(t, attack)
}

// newNeighbour registers one at a gateway.
func newNeighbour(t *testing.T, at string) *neighbour {
	t.Helper()
	n := &neighbour{Caller: api.NewUser(t, "http://"+at, nil)}
	n.key, _ = n.Key(t, "ingest")
	return n
}

func (n *neighbour) beside(t *testing.T, attack func(ctx context.Context)) {
	t.Helper()
	n.work(t) // also before
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	defer func() {
		cancel()
		<-done
	}()
	go func() {
		defer close(done)
		attack(ctx)
	}()
	rounds := 0
	for over := false; !over; rounds++ {
		select {
		case <-done:
			over = true
		default:
		}
		n.work(t)
		pause(ctx, pace)
	}
	t.Logf("%d rounds of the neighbour; the slowest answer, %s, took %s", rounds, n.which, n.slowest.Round(time.Millisecond))
	alive(t)
	n.count(t)
}

// day is that of all the neighbour's events.
const day = "2025-08-01"

// work does once what a client does: it posts, small and large, and asks.
func (n *neighbour) work(t *testing.T) {
	t.Helper()
	poster := n.With("Authorization", "Bearer "+n.key)
	event := func(properties string) string {
		n.posted++
		return fmt.Sprintf(`{"event_id":%q,"occurred_at":%q,"user_id":%d,"event_type":"work","properties":%s}`,
			uuid.NewString(), day+"T10:00:00Z", n.posted%7, properties)
	}
	var large strings.Builder // 2 MB: more than the gateway keeps in memory
	for range 100 {
		large.WriteString(event(`{"pad":"`+strings.Repeat("x", 20_000)+`"}`) + "\n")
	}
	for _, ask := range append([]ask{
		{"an event", send(poster, event(`{}`))},
		{"a large upload", send(poster, large.String())},
		{"the account", get(n.Caller, "/api/auth/me")},
		{"dau", get(n.Caller, "/api/stats/dau?from=2025-07-01&to=2025-08-01")},
		{"event types", get(n.Caller, "/api/stats/event-types")},
		{"a filter", get(n.Caller, fmt.Sprintf("/api/stats/dau?from=2025-07-01&to=2025-08-01&segment=properties.pad%%3D%d", n.posted))},
		{"the latest", get(n.Caller, "/api/stats/events/latest?limit=10")},
		{"retention", get(n.Caller, "/api/stats/retention?start_date=2025-07-01&end_date=2025-08-01")},
		{"health", get(n.With("Authorization", ""), "/healthz")},
	}, n.also...) {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		begun := time.Now()
		a, err := ask.do(ctx)
		cancel()
		took := time.Since(begun)
		require.NoError(t, err, "%s, after %s", ask.what, took)
		require.Less(t, a.Status, 300, "%s, after %s: %s", ask.what, took, a)
		if took > n.slowest {
			n.slowest, n.which = took, ask.what
		}
	}
}

func get(c *api.Caller, path string) func(context.Context) (*api.Answer, error) {
	return func(ctx context.Context) (*api.Answer, error) { return c.Try(ctx, http.MethodGet, path, nil) }
}

// send posts a text once: no answer of another kind than 202 will do.
func send(c *api.Caller, body string) func(context.Context) (*api.Answer, error) {
	return func(ctx context.Context) (*api.Answer, error) {
		return c.Try(ctx, http.MethodPost, "/api/events", strings.NewReader(body), "Content-Type", "application/x-ndjson")
	}
}

// count requires that what was posted is counted, each event once.
func (n *neighbour) count(t *testing.T) {
	t.Helper()
	n.posted++
	last := n.Upload(t, fmt.Sprintf(`{"event_id":%q,"occurred_at":%q,"user_id":1,"event_type":"work"}`, uuid.NewString(), day+"T11:00:00Z"))
	type row struct {
		Events int `json:"events"`
	}
	rows := api.Rows[row](t, n.Caller, last.Position, "/api/stats/events", "from", day, "to", day, "interval", "day")
	require.Equal(t, []row{{n.posted}}, rows)
}
