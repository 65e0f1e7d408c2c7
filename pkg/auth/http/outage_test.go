package authhttp_test

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/auth"
	"eventanalytics/pkg/auth/authtest"
	"eventanalytics/pkg/platform/postgres/pgtest"
)

// network is the way to a real Postgres, which can be cut.
type network struct {
	mu    sync.Mutex
	cut   bool
	conns []net.Conn
}

var errCut = &net.OpError{Op: "dial", Net: "unix", Err: errors.New("the network is cut")}

func (n *network) pool(t *testing.T) *pgxpool.Pool {
	t.Helper()
	cfg, err := pgxpool.ParseConfig(pgtest.URL(t))
	require.NoError(t, err)
	dial := cfg.ConnConfig.DialFunc
	cfg.ConnConfig.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		n.mu.Lock()
		defer n.mu.Unlock()
		if n.cut {
			return nil, errCut
		}
		c, err := dial(ctx, network, address)
		if err == nil {
			n.conns = append(n.conns, c)
		}
		return c, err
	}
	pool, err := pgxpool.NewWithConfig(t.Context(), cfg)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	return pool
}

func (n *network) set(cut bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.cut = cut
	if cut {
		for _, c := range n.conns {
			_ = c.Close()
		}
		n.conns = nil
	}
}

// clock is moved by hand.
type clock struct{ nanos atomic.Int64 }

func (c *clock) now() time.Time { return time.Unix(0, c.nanos.Load()) }

func (c *clock) add(d time.Duration) { c.nanos.Add(int64(d)) }

// While Postgres is away, callers seen before are honoured for a while and others
// are asked to come back.
func TestOutage(t *testing.T) {
	t.Parallel()
	var net network
	var c clock
	c.nanos.Store(time.Now().UnixNano())
	w := newWorld(t, auth.Config{CacheFor: 5 * time.Second, HonourFor: 10 * time.Minute}, net.pool(t), c.now)
	u := w.login(t, "ann")
	seen, unseen := authtest.Key(t, w.pool, u, auth.ScopeRead), authtest.Key(t, w.pool, u, auth.ScopeRead)
	read := func(header string) int {
		answer, _ := w.get(t, "/read", header)
		if answer.Code == 503 {
			require.NotEmpty(t, answer.Header().Get("Retry-After"))
		}
		return answer.Code
	}
	user, key, stranger := "Authorization: Bearer "+u.Token, "X-API-Key: "+seen, "X-API-Key: "+unseen
	// A lookup has 2 s, which may be too few for a machine under load.
	works := func(header string) {
		t.Helper()
		require.Eventually(t, func() bool { return read(header) == 200 }, time.Minute, 20*time.Millisecond)
	}
	works(user)
	works(key)

	net.set(true)
	require.Equal(t, 200, read(user), "fresh enough")
	require.Equal(t, 503, read(stranger))
	require.Zero(t, honoured(t, w))
	c.add(6 * time.Second)
	for range 5 { // also once the breaker is open
		require.Equal(t, 200, read(user))
		require.Equal(t, 200, read(key))
		require.Equal(t, 503, read(stranger))
	}
	require.Positive(t, honoured(t, w))
	c.add(10*time.Minute - 7*time.Second)
	require.Equal(t, 200, read(user))
	c.add(2 * time.Second)
	require.Equal(t, 503, read(user))
	require.Equal(t, 503, read(key))

	net.set(false)
	works(stranger)
	works(user)
	works(key)
}

func honoured(t *testing.T, w *world) float64 {
	t.Helper()
	families, err := w.registry.Gather()
	require.NoError(t, err)
	for _, f := range families {
		if f.GetName() == "analytics_auth_honoured_total" {
			return f.GetMetric()[0].GetCounter().GetValue()
		}
	}
	t.Fatal("there is no such metric")
	return 0
}

// A revoked key works until what was read of it is too old, and not longer.
func TestLookupsAreCached(t *testing.T) {
	t.Parallel()
	var c clock
	c.nanos.Store(time.Now().UnixNano())
	w := newWorld(t, auth.Config{CacheFor: 5 * time.Second, HonourFor: time.Minute}, pgtest.New(t), c.now)
	u := w.login(t, "ann")
	key := authtest.Key(t, w.pool, u, auth.ScopeRead)
	read := func() int {
		answer, _ := w.get(t, "/read", "X-API-Key: "+key)
		return answer.Code
	}
	require.Equal(t, 200, read())
	w.exec(t, revokeKeysSQL, u.Project)
	c.add(5*time.Second - time.Millisecond)
	require.Equal(t, 200, read())
	c.add(time.Millisecond)
	require.Equal(t, 401, read())
	require.Equal(t, 401, read(), "and it is not honoured as if Postgres were away")
}
