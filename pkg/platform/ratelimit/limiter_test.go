package ratelimit

import (
	"context"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/caarlos0/env/v11"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
)

// slow is a time-out that a busy machine keeps.
const slow = 5 * time.Second

func newLimiter(t *testing.T, cfg Config, url string, timeout time.Duration) *Limiter {
	t.Helper()
	client, err := NewRedis(RedisConfig{URL: url, Timeout: timeout})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, client.Close()) })
	return New(cfg, client, timeout, zap.NewNop(), prometheus.NewRegistry())
}

func count(t *testing.T, counters *prometheus.CounterVec) (n float64) {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(counters)
	families, err := registry.Gather()
	require.NoError(t, err)
	for _, f := range families {
		for _, m := range f.GetMetric() {
			n += m.GetCounter().GetValue()
		}
	}
	return n
}

func TestDefaults(t *testing.T) {
	t.Parallel()
	cfg, err := env.ParseAsWithOptions[Config](env.Options{Environment: map[string]string{}})
	require.NoError(t, err)
	require.Equal(t, Config{
		Ingest:        Limit{2000, time.Second, 4000},
		Stats:         Limit{20, time.Second, 60},
		Account:       Limit{20, time.Second, 60},
		Register:      Limit{60, time.Hour, 20},
		Login:         Limit{60, time.Minute, 60},
		Share:         Limit{40, time.Second, 240},
		ShareAddress:  Limit{20, time.Second, 120},
		LoginFailures: Limit{5, time.Minute, 5}, AllLoginFailures: Limit{10, time.Minute, 30},
	}, cfg)
}

func TestLimitText(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Limit{
		"20/s burst 60": {20, time.Second, 60},
		"5/m":           {5, time.Minute, 5},
		"60/h burst 1":  {60, time.Hour, 1},
	} {
		var l Limit
		require.NoError(t, l.UnmarshalText([]byte(text)))
		require.Equal(t, want, l)
		var again Limit
		require.NoError(t, again.UnmarshalText([]byte(l.String())))
		require.Equal(t, l, again)
	}
	for _, text := range []string{"", "20", "20/", "20/d", "0/s", "-1/s", "20/s burst 0", "20/s burst", "20/s burst 60x", "20/s 60", "x/s", "20/sec"} {
		var l Limit
		require.Error(t, l.UnmarshalText([]byte(text)), text)
	}
}

// The bucket behaves the same wherever it is kept: in a real Redis, in the
// in-process server that the standalone command runs, and in the process.
func TestBucket(t *testing.T) {
	t.Parallel()
	mini := miniredis.RunT(t)
	for name, url := range map[string]string{
		"redis":     newDatabase(),
		"miniredis": "redis://" + mini.Addr(),
		"process":   "unix://" + filepath.Join(t.TempDir(), "nobody.sock"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLimiter(t, Config{Stats: Limit{1, time.Hour, 3}}, url, slow)
			subject := t.Name()
			for left := 2; left >= 0; left-- {
				before := l.peek(t.Context(), ClassStats, subject)
				require.True(t, before.allowed)
				require.Equal(t, left+1, before.remaining)
				r := l.take(t.Context(), ClassStats, subject)
				require.True(t, r.allowed)
				require.Equal(t, left, r.remaining)
				require.InDelta(t, time.Duration(3-left)*time.Hour, r.reset, float64(time.Minute))
			}
			for _, r := range []result{l.take(t.Context(), ClassStats, subject), l.peek(t.Context(), ClassStats, subject)} {
				require.False(t, r.allowed)
				require.Zero(t, r.remaining)
				require.InDelta(t, time.Hour, r.retry, float64(time.Minute))
			}
			require.True(t, l.take(t.Context(), ClassStats, subject+"2").allowed, "another caller has a bucket of its own")
			if name == "process" {
				require.Positive(t, count(t, l.fallbacks))
			} else {
				require.Zero(t, count(t, l.fallbacks))
			}
		})
	}
}

// A class is not counted against another, though the caller is the same.
func TestClassesAreApart(t *testing.T) {
	t.Parallel()
	one := Limit{1, time.Hour, 1}
	l := newLimiter(t, Config{Stats: one, Ingest: one}, newDatabase(), slow)
	require.True(t, l.take(t.Context(), ClassStats, t.Name()).allowed)
	require.False(t, l.take(t.Context(), ClassStats, t.Name()).allowed)
	require.True(t, l.take(t.Context(), ClassIngest, t.Name()).allowed)
}

// Two replicas share a bucket through Redis.
func TestReplicasShare(t *testing.T) {
	t.Parallel()
	cfg := Config{Ingest: Limit{1, time.Hour, 50}}
	url := newDatabase()
	replicas := []*Limiter{newLimiter(t, cfg, url, slow), newLimiter(t, cfg, url, slow)}
	var allowed atomic.Int64
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for range 20 {
				if replicas[i%2].take(t.Context(), ClassIngest, t.Name()).allowed {
					allowed.Add(1)
				}
			}
		})
	}
	wg.Wait()
	require.EqualValues(t, 50, allowed.Load())
}

// When Redis goes, the process keeps the limits, without waiting for Redis each
// time; when it comes back, it is used again.
func TestRedisGoesAndComesBack(t *testing.T) {
	t.Parallel()
	socket := filepath.Join(t.TempDir(), "redis.sock")
	server, err := startRedis(socket)
	require.NoError(t, err)
	l := newLimiter(t, Config{Stats: Limit{1, time.Hour, 1000}, Register: Limit{1, time.Hour, 3}}, server.url, slow)
	require.True(t, l.take(t.Context(), ClassStats, "a").allowed)
	require.Zero(t, count(t, l.fallbacks))

	server.stop()
	allowed := 0
	start := time.Now()
	for range 100 {
		if l.take(t.Context(), ClassRegister, "a").allowed {
			allowed++
		}
	}
	require.Equal(t, 3, allowed, "never unlimited")
	require.Less(t, time.Since(start), 3*time.Second)
	require.EqualValues(t, 100, count(t, l.fallbacks))

	server, err = startRedis(socket)
	require.NoError(t, err)
	defer server.stop()
	require.Eventually(t, func() bool {
		before := count(t, l.fallbacks)
		l.take(t.Context(), ClassStats, "a")
		return count(t, l.fallbacks) == before
	}, 10*time.Second, 20*time.Millisecond)
}

// A Redis that accepts and does not answer costs a request the time-out, once
// the breaker is open nothing.
func TestSlowRedis(t *testing.T) {
	t.Parallel()
	socket := filepath.Join(t.TempDir(), "redis.sock")
	server, err := startRedis(socket)
	require.NoError(t, err)
	defer server.stop()
	sleeper := redis.NewClient(&redis.Options{Network: "unix", Addr: socket, ReadTimeout: -1})
	defer func() { _ = sleeper.Close() }()
	l := newLimiter(t, Config{Stats: Limit{1, time.Hour, 1000}}, server.url, 50*time.Millisecond)
	// The server answers nobody while it holds this.
	require.NoError(t, sleeper.Do(t.Context(), "CLIENT", "PAUSE", "60000", "ALL").Err())
	start := time.Now()
	for range 200 {
		require.True(t, l.take(t.Context(), ClassStats, "a").allowed)
	}
	require.Less(t, time.Since(start), 5*time.Second, "each for 50 ms would take 10 s")
	require.EqualValues(t, 200, count(t, l.fallbacks))
}

// A client that hangs up does not make Redis look away.
func TestHangingUpIsNoFailure(t *testing.T) {
	t.Parallel()
	l := newLimiter(t, Config{Stats: Limit{1, time.Hour, 100}}, newDatabase(), slow)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 10 {
		require.True(t, l.take(ctx, ClassStats, t.Name()).allowed)
	}
	require.Zero(t, count(t, l.fallbacks))
}

func TestWaitingEndsWithTheRequest(t *testing.T) {
	t.Parallel()
	var m keyedMutex
	done, err := m.lock(t.Context(), "a")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = m.lock(ctx, "a")
	require.ErrorIs(t, err, context.Canceled)
	done()
	require.Empty(t, m.locks)
}

func TestLocalIsBounded(t *testing.T) {
	t.Parallel()
	l := newLocal(time.Now)
	limit := Limit{1, time.Hour, 1}
	for i := range localBuckets + 100 {
		l.ask(ClassStats, string(rune(i)), limit, 1)
	}
	require.Equal(t, localBuckets, l.buckets[ClassStats].Len())
}

func TestRedisConfig(t *testing.T) {
	t.Parallel()
	cfg := RedisConfig{URL: "http://user:hunter2@host", Timeout: 0}
	err := cfg.Validate()
	require.ErrorContains(t, err, "REDIS_URL")
	require.ErrorContains(t, err, "REDIS_TIMEOUT")
	require.NotContains(t, err.Error(), "hunter2")
}
