package ratelimit

import (
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/time/rate"
)

// localBuckets is how many callers of a class the process remembers. Each class has
// its own, so that reading stats cannot push out failed logins.
const localBuckets = 10_000

// local keeps the limits in the process while Redis is away. Those of logins
// are halved: several replicas may be guessing at once.
type local struct {
	now     func() time.Time
	buckets map[Class]*lru.Cache[string, *rate.Limiter]
}

func newLocal(now func() time.Time) *local {
	l := &local{now: now, buckets: map[Class]*lru.Cache[string, *rate.Limiter]{}}
	for class := range limits {
		buckets, err := lru.New[string, *rate.Limiter](localBuckets)
		if err != nil {
			panic(err) // the size is a positive constant
		}
		l.buckets[class] = buckets
	}
	return l
}

func (l *local) ask(class Class, key string, limit Limit, n int) result {
	if class == ClassLogin || class == classFailures || class == classAllFailures {
		limit = limit.half()
	}
	fresh := limit.local()
	bucket, found, _ := l.buckets[class].PeekOrAdd(key, fresh)
	if found {
		l.buckets[class].Get(key) // now the one used last
	} else {
		bucket = fresh
	}
	now := l.now()
	r := result{limit: limit}
	if n > 0 {
		r.allowed = bucket.AllowN(now, n)
	}
	tokens := bucket.TokensAt(now)
	if n == 0 {
		r.allowed = tokens >= 1
	}
	r.remaining = max(0, int(tokens))
	r.retry = time.Duration((1 - tokens) * float64(limit.interval()))
	r.reset = time.Duration((float64(limit.Burst) - tokens) * float64(limit.interval()))
	return r
}
