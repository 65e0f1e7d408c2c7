package client

import (
	"context"
	"errors"
	"time"

	"github.com/cenkalti/backoff/v5"
)

const maxRetryInterval = 30 * time.Second

// retry calls do until it succeeds, fails for good, ctx ends or time is up. once
// is as in call.
func (c *Client) retry(ctx context.Context, once bool, do func(context.Context) (*Response, error)) (*Response, error) {
	attempt := ctx
	if c.cfg.FinishAttempts {
		attempt = context.WithoutCancel(ctx)
	}
	interval := backoff.NewExponentialBackOff()
	interval.MaxInterval = maxRetryInterval
	for began := time.Now(); ; {
		if err := context.Cause(ctx); err != nil {
			return nil, err
		}
		r, err := do(attempt)
		if err == nil || c.cfg.RetryFor == 0 || !transient(err, once) {
			return r, err
		}
		wait := interval.NextBackOff()
		var refused *Problem
		if errors.As(err, &refused) {
			if after, ok := refused.RetryAfter(); ok {
				wait = after
				interval.Reset()
			}
		}
		if time.Since(began)+wait > c.cfg.RetryFor {
			return nil, err
		}
		if c.cfg.OnRetry != nil && ctx.Err() == nil {
			c.cfg.OnRetry(err, wait)
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
		}
	}
}

// transient says whether a request that failed may be sent again.
func transient(err error, once bool) bool {
	var refused *Problem
	if errors.As(err, &refused) {
		return refused.unread() || !once && refused.transient()
	}
	var broken *connectionError
	return !once && errors.As(err, &broken)
}
