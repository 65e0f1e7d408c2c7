package ratelimit

import (
	"context"
	"errors"
)

// Attempt runs verify, which checks a password of account, unless too many checks
// failed recently: then it returns a 429 without running it. Only errors that are
// failed count. Attempts on one account run one at a time, so that many at once
// cannot all pass the check before the first is counted.
//
// An attempt that waits holds nothing but a goroutine; the limit per address
// bounds their number.
func (l *Limiter) Attempt(ctx context.Context, account string, failed error, verify func() error) error {
	unlock, err := l.accounts.lock(ctx, account)
	if err != nil {
		return err
	}
	defer unlock()
	if r := l.peek(ctx, classFailures, account); !r.allowed {
		note(ctx, r)
		return l.refuse(classFailures, r)
	}
	err = verify()
	if errors.Is(err, failed) {
		note(ctx, l.take(ctx, classFailures, account))
	}
	return err
}

// note makes the answer's RateLimit-* headers speak of r.
func note(ctx context.Context, r result) {
	if c, ok := ctx.Value(limitedKey{}).(*limitedContext); ok {
		c.stricter = &r
	}
}
