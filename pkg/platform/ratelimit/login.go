package ratelimit

import (
	"context"
	"errors"

	"eventanalytics/pkg/platform/server"
)

// Login is an attempt to show that the caller knows an account's password.
type Login struct {
	// Account is its name in the form in which names are compared. Whether there is
	// such an account makes no difference.
	Account string
	// Known reports whether the caller's network logged in to the account lately. It
	// is asked only while others have used up the failures of the account.
	Known func(ctx context.Context) (bool, error)
	// Failed is the error of a wrong password. No other counts.
	Failed error
}

// Attempt runs verify, which checks the password, unless too many checks failed
// recently: then it returns a 429 without running it. Failures are counted for the
// account and the caller's network, so that nobody locks others out, and for the
// account as a whole, so that an attacker with many addresses gains little. The latter
// count does not hold up networks that logged in to the account lately.
//
// Attempts from one network on one account run one at a time, and so do those of
// others while they draw on the same count: many at once cannot all pass the check
// before the first is counted. An attempt that waits holds nothing but a goroutine; the
// limit per address bounds their number.
func (l *Limiter) Attempt(ctx context.Context, login Login, verify func() error) error {
	own := login.Account + "\x00" + Network(ctx)
	unlock, err := l.logins.lock(ctx, own)
	if err != nil {
		return err
	}
	defer unlock()
	if r := l.peek(ctx, classFailures, own); !r.allowed {
		note(ctx, r)
		return l.refuse(classFailures, r)
	}
	leave, err := l.enterAccount(ctx, login)
	if err != nil {
		return err
	}
	defer leave()
	err = verify()
	if errors.Is(err, login.Failed) {
		l.take(ctx, classAllFailures, login.Account)
		note(ctx, l.take(ctx, classFailures, own))
	}
	return err
}

// enterAccount admits one caller at a time while there are failures left to the
// account as a whole, then only those it knows. They do not wait for each other, nor
// for an attacker's queue.
func (l *Limiter) enterAccount(ctx context.Context, login Login) (leave func(), err error) {
	leave = func() {}
	r := l.peek(ctx, classAllFailures, login.Account)
	if r.allowed {
		if leave, err = l.accounts.lock(ctx, login.Account); err != nil {
			return nil, err
		}
		r = l.peek(ctx, classAllFailures, login.Account) // others may have failed since
	}
	if r.allowed {
		return leave, nil
	}
	known, err := login.Known(ctx)
	if err == nil && !known {
		note(ctx, r)
		err = l.refuse(classAllFailures, r)
	}
	if err != nil {
		leave()
		return nil, err
	}
	return leave, nil
}

// Network is where the request comes from, as limits see it: the client's address, or
// its /64 for IPv6.
func Network(ctx context.Context) string {
	return server.Network(server.RequestFrom(ctx).ClientIP)
}

// note makes the answer's RateLimit-* headers speak of r.
func note(ctx context.Context, r result) {
	if c, ok := ctx.Value(limitedKey{}).(*limitedContext); ok {
		c.stricter = &r
	}
}
