package ratelimit

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"eventanalytics/pkg/auth"
	"eventanalytics/pkg/platform/problem"
	"eventanalytics/pkg/platform/server"
)

const classKey = "ratelimit.class"

// Limited puts an operation under the limit of class: the middleware keeps it,
// the OpenAPI document shows it.
func Limited(op huma.Operation, class Class) huma.Operation {
	if op.Metadata == nil {
		op.Metadata = map[string]any{}
	}
	op.Metadata[classKey] = class
	op.Errors = append(op.Errors, http.StatusTooManyRequests)
	return op
}

// Middleware refuses requests to Limited operations beyond their limit, and
// says in RateLimit-* headers where the caller stands. It comes after
// authhttp.Middleware: it counts by user or API key, and by client address where
// there is neither.
func Middleware(l *Limiter) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		class, limited := ctx.Operation().Metadata[classKey].(Class)
		if !limited {
			next(ctx)
			return
		}
		r := l.take(ctx.Context(), class, subject(ctx.Context()))
		setHeaders(ctx, r)
		if !r.allowed {
			server.Refuse(ctx, l.refuse(class, r))
			return
		}
		own := &limitedContext{humaContext: ctx}
		next(huma.WithValue(own, limitedKey{}, own))
	}
}

// Admit takes a token for the caller in ctx, for handlers that find out themselves who is
// calling. When there is none it returns a *problem.Error with the time until there is one.
func (l *Limiter) Admit(ctx context.Context, class Class) error {
	if r := l.take(ctx, class, subject(ctx)); !r.allowed {
		return l.refuse(class, r)
	}
	return nil
}

// Also has an operation that is Limited keep a second limit, for which it comes after a
// middleware that finds the caller later than the first does.
func Also(l *Limiter, class Class) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		r := l.take(ctx.Context(), class, subject(ctx.Context()))
		if r.allowed {
			next(ctx)
			return
		}
		note(ctx.Context(), r)
		server.Refuse(ctx, l.refuse(class, r))
	}
}

// subject is the caller that a limit is about.
func subject(ctx context.Context) string {
	if p, ok := auth.Caller(ctx); ok {
		if p.ShareID != 0 {
			return "share " + strconv.FormatInt(p.ShareID, 10)
		}
		if p.KeyID != 0 {
			return "key " + strconv.FormatInt(p.KeyID, 10)
		}
		return "user " + strconv.FormatInt(p.UserID, 10)
	}
	return "address " + Network(ctx)
}

func setHeaders(ctx huma.Context, r result) {
	ctx.SetHeader("RateLimit-Limit", strconv.Itoa(r.limit.Burst))
	ctx.SetHeader("RateLimit-Remaining", strconv.Itoa(r.remaining))
	ctx.SetHeader("RateLimit-Reset", strconv.Itoa(seconds(r.reset)))
}

// seconds rounds up: a client that waits that long will be served.
func seconds(d time.Duration) int { return int((max(0, d) + time.Second - 1) / time.Second) }

func (l *Limiter) refuse(class Class, r result) *problem.Error {
	l.refused.WithLabelValues(string(class)).Inc()
	wait := time.Duration(max(1, seconds(r.retry))) * time.Second
	p := problem.New(http.StatusTooManyRequests, "rate-limited", fmt.Sprintf("the limit is %s; try again in %s", r.limit, wait))
	p.RetryAfter = wait
	return p
}

// limitedContext lets an operation's own check say more about limits than the
// middleware knew: the headers are rewritten with the status.
type limitedContext struct {
	humaContext
	stricter *result
}

// humaContext lets huma.Context be embedded beside its method Context.
type humaContext huma.Context

type limitedKey struct{}

// Unwrap is huma's convention for contexts in contexts.
func (c *limitedContext) Unwrap() huma.Context { return c.humaContext }

func (c *limitedContext) SetStatus(code int) {
	if c.stricter != nil {
		setHeaders(c, *c.stricter)
	}
	c.humaContext.SetStatus(code)
}
