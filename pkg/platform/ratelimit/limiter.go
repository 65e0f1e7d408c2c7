// Package ratelimit keeps callers within their limits: token buckets in Redis,
// shared by all replicas and timed by its clock. While Redis is away, each process
// keeps the limits on its own.
package ratelimit

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"time"

	"github.com/go-redis/redis_rate/v10"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"github.com/redis/go-redis/v9"
	"github.com/sony/gobreaker/v2"
	"go.uber.org/zap"
)

// Class of operations that share a limit.
type Class string

// The classes.
const (
	ClassIngest   Class = "ingest"   // per user or key
	ClassStats    Class = "stats"    // per user or key
	ClassAccount  Class = "account"  // per user
	ClassRegister Class = "register" // per client address
	ClassLogin    Class = "login"    // per client address

	ClassShare        Class = "share"         // per share of a board
	ClassShareAddress Class = "share-address" // per client address

	classFailures    Class = "login-failures"     // per account and client address
	classAllFailures Class = "login-failures-all" // per account
)

// limits has the setting of each class.
var limits = map[Class]func(*Config) Limit{
	ClassIngest:   func(c *Config) Limit { return c.Ingest },
	ClassStats:    func(c *Config) Limit { return c.Stats },
	ClassAccount:  func(c *Config) Limit { return c.Account },
	ClassRegister: func(c *Config) Limit { return c.Register },
	ClassLogin:    func(c *Config) Limit { return c.Login },
	ClassShare:    func(c *Config) Limit { return c.Share },
	classFailures: func(c *Config) Limit { return c.LoginFailures },

	ClassShareAddress: func(c *Config) Limit { return c.ShareAddress },
	classAllFailures:  func(c *Config) Limit { return c.AllLoginFailures },
}

// breakerPause is how long Redis is left alone after failing a few times in a
// row, so that requests need not wait for a time-out each.
const breakerPause = time.Second

// Limiter admits or refuses.
type Limiter struct {
	cfg       Config
	redis     *redis_rate.Limiter
	timeout   time.Duration
	breaker   *gobreaker.CircuitBreaker[tokens]
	batcher   batcher
	local     *local
	logins    keyedMutex // of attempts on an account from a network
	accounts  keyedMutex // of attempts on an account from anywhere
	refused   *prometheus.CounterVec
	fallbacks *prometheus.CounterVec
}

// result of asking a bucket.
type result struct {
	limit     Limit
	allowed   bool
	remaining int           // tokens left, whole ones
	retry     time.Duration // until there is a token, when there is none
	reset     time.Duration // until the bucket is full
}

// New makes a Limiter. The client comes from NewRedis or behaves like it; a call
// that takes longer than timeout counts as failed.
func New(cfg Config, client redis.UniversalClient, timeout time.Duration, log *zap.Logger, registry prometheus.Registerer) *Limiter {
	f := promauto.With(registry)
	l := &Limiter{
		cfg:     cfg,
		redis:   redis_rate.NewLimiter(client),
		timeout: timeout,
		batcher: newBatcher(),
		local:   newLocal(time.Now),
		breaker: gobreaker.NewCircuitBreaker[tokens](gobreaker.Settings{
			Timeout:     breakerPause,
			ReadyToTrip: func(c gobreaker.Counts) bool { return c.ConsecutiveFailures >= 3 },
			OnStateChange: func(_ string, from, to gobreaker.State) {
				if from == gobreaker.StateClosed {
					log.Warn("Redis does not answer; limits are kept in this process")
				}
				if to == gobreaker.StateClosed {
					log.Info("Redis answers again")
				}
			},
		}),
		refused: f.NewCounterVec(prometheus.CounterOpts{
			Name: "analytics_ratelimit_refused_total", Help: "Requests refused for their rate.",
		}, []string{"class"}),
		fallbacks: f.NewCounterVec(prometheus.CounterOpts{
			Name: "analytics_ratelimit_fallback_total", Help: "Limits kept in the process because Redis did not answer.",
		}, []string{"class"}),
	}
	// A counter that appears with its first count shows no increase.
	for class := range limits {
		l.refused.WithLabelValues(string(class))
		l.fallbacks.WithLabelValues(string(class))
	}
	return l
}

// take takes a token from the bucket of subject, if there is one.
func (l *Limiter) take(ctx context.Context, class Class, subject string) result {
	key := bucket(class, subject)
	return l.batcher.take(key, func(n int) tokens { return l.ask(ctx, class, key, n) })
}

// peek tells whether there is a token, without taking it.
func (l *Limiter) peek(ctx context.Context, class Class, subject string) result {
	return l.ask(ctx, class, bucket(class, subject), 0).result
}

// bucket names a bucket. Subjects may be long or private: account names,
// addresses.
func bucket(class Class, subject string) string {
	sum := sha256.Sum256([]byte(subject))
	return string(class) + ":" + hex.EncodeToString(sum[:12])
}

// ask takes up to n tokens from a bucket; with n = 0 it only looks.
func (l *Limiter) ask(ctx context.Context, class Class, key string, n int) tokens {
	limit := limits[class](&l.cfg)
	t, err := l.breaker.Execute(func() (tokens, error) {
		// A client that hangs up must not look like a Redis that is away.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), l.timeout)
		defer cancel()
		take := l.redis.AllowAtMost
		if n == 0 {
			take = l.redis.AllowN
		}
		answer, err := take(ctx, key, limit.redis(), n)
		if err != nil {
			return tokens{}, err
		}
		r := result{limit: limit, allowed: answer.Allowed > 0, remaining: answer.Remaining, retry: answer.RetryAfter, reset: answer.ResetAfter}
		if n == 0 {
			r.allowed = answer.Remaining >= 1
			// The bucket is full after reset; it has one token burst−1 intervals
			// earlier.
			r.retry = r.reset - time.Duration(limit.Burst-1)*limit.interval()
		}
		return tokens{result: r, n: answer.Allowed}, nil
	})
	if err == nil {
		return t
	}
	l.fallbacks.WithLabelValues(string(class)).Add(float64(max(n, 1)))
	t.result = l.local.ask(class, key, limit, min(n, 1))
	for t.n < n && t.allowed {
		if t.n++; t.n < n {
			t.result = l.local.ask(class, key, limit, 1)
		}
	}
	return t
}
