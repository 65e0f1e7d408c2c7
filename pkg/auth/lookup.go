package auth

import (
	"context"
	"errors"
	"fmt"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/sony/gobreaker/v2"
	"golang.org/x/sync/singleflight"

	"eventanalytics/pkg/platform/postgres"
)

const (
	lookupSize    = 20_000 // entries a lookup remembers
	lookupTimeout = 2 * time.Second
	lookupPause   = time.Second // for which a Postgres that is away is left alone
)

// errNotFound says that Postgres knows no such thing.
var errNotFound = errors.New("not found")

// errAway says that Postgres is away and the answer is not known well enough.
var errAway = errors.New("Postgres is away")

// lookup remembers what it read from Postgres. Entries younger than fresh are
// taken as they are; while Postgres is away, entries younger than stale are.
// What does not exist is not remembered, so that it works as soon as it does.
type lookup[V any] struct {
	query        func(ctx context.Context, key string) (V, error)
	fresh, stale time.Duration
	now          func() time.Time
	breaker      *gobreaker.CircuitBreaker[any] // shared: there is one Postgres
	honoured     prometheus.Counter             // stale entries used
	entries      *lru.Cache[string, lookupEntry[V]]
	flights      singleflight.Group
}

type lookupEntry[V any] struct {
	value V
	at    time.Time // when it was asked for
}

func newLookup[V any](a *Authenticator, query func(ctx context.Context, key string) (V, error)) *lookup[V] {
	entries, err := lru.New[string, lookupEntry[V]](lookupSize)
	if err != nil {
		panic(err) // the size is a positive constant
	}
	return &lookup[V]{
		query: query, entries: entries,
		fresh: a.cfg.CacheFor, stale: a.cfg.HonourFor, now: a.now, breaker: a.breaker, honoured: a.honoured,
	}
}

// get returns the value of key, errNotFound or errAway.
func (l *lookup[V]) get(ctx context.Context, key string) (V, error) {
	var none V
	known, seen := l.entries.Get(key)
	age := l.now().Sub(known.at)
	if seen && age < l.fresh {
		return known.value, nil
	}
	value, err := l.read(ctx, key)
	switch {
	case err == nil:
		return value, nil
	case errors.Is(err, errNotFound):
		l.entries.Remove(key)
		return none, err
	case !errors.Is(err, errAway):
		return none, err
	case seen && age < l.stale:
		l.honoured.Inc()
		return known.value, nil
	}
	return none, err
}

// read asks Postgres, once for all who ask for the same key at the same time.
// One of them hanging up does not fail the others.
func (l *lookup[V]) read(ctx context.Context, key string) (V, error) {
	var none V
	flight := l.flights.DoChan(key, func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookupTimeout)
		defer cancel()
		at := l.now()
		v, err := l.breaker.Execute(func() (any, error) { return l.query(ctx, key) })
		if err == nil {
			l.entries.Add(key, lookupEntry[V]{value: v.(V), at: at})
		}
		return v, err
	})
	select {
	case <-ctx.Done():
		return none, ctx.Err()
	case r := <-flight:
		switch {
		case r.Err == nil:
			return r.Val.(V), nil
		case errors.Is(r.Err, pgx.ErrNoRows):
			return none, errNotFound
		case away(r.Err):
			return none, fmt.Errorf("%w: %w", errAway, r.Err)
		}
		return none, r.Err
	}
}

func away(err error) bool {
	return errors.Is(err, gobreaker.ErrOpenState) || errors.Is(err, gobreaker.ErrTooManyRequests) || postgres.Unavailable(err)
}

// newBreaker leaves Postgres alone for a moment after a few failures in a row,
// so that requests need not wait for a time-out each.
func newBreaker() *gobreaker.CircuitBreaker[any] {
	return gobreaker.NewCircuitBreaker[any](gobreaker.Settings{
		Timeout:      lookupPause,
		ReadyToTrip:  func(c gobreaker.Counts) bool { return c.ConsecutiveFailures >= 3 },
		IsSuccessful: func(err error) bool { return err == nil || !postgres.Unavailable(err) },
	})
}
