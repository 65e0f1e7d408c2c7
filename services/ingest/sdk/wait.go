package sdk

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"eventanalytics/pkg/clock"
	"eventanalytics/pkg/outbox"
	"eventanalytics/pkg/platform/postgres"
	"eventanalytics/pkg/platform/problem"
	"eventanalytics/pkg/platform/server"
	"eventanalytics/pkg/refusal"
	"eventanalytics/services/ingest/body"
)

const (
	// maxHeld bounds the requests that are held at a time, and those of one project.
	maxHeld, maxHeldOfOne = 4096, 1024
	// roomPause and awayPause are how long a held request waits before it tries again.
	roomPause, awayPause = 25 * time.Millisecond, 250 * time.Millisecond
)

// held counts the requests that wait.
type held struct {
	mu  sync.Mutex
	all int
	of  map[body.Holder]int
}

func (h *held) add(holder body.Holder, n int) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if n > 0 && (h.all >= maxHeld || h.of[holder] >= maxHeldOfOne) {
		return false
	}
	h.all += n
	if h.of[holder] += n; h.of[holder] == 0 {
		delete(h.of, holder)
	}
	return true
}

// patience of a request: many SDKs send once and never again, so what cannot be taken now
// waits for a while.
type patience struct {
	held   *held
	holder body.Holder   // whom the request counts for
	left   time.Duration // for which it may still be held
}

func (s *Service) patience(r *http.Request) patience {
	network := server.Network(server.RequestFrom(r.Context()).ClientIP)
	return patience{held: &s.held, holder: body.Holder{Network: network}, left: s.cfg.Wait}
}

// pause waits for at most d, and says whether it is worth trying again.
func (p *patience) pause(ctx context.Context, d time.Duration) bool {
	if p.left <= 0 || !p.held.add(p.holder, 1) {
		return false
	}
	defer p.held.add(p.holder, -1)
	defer p.took(time.Now())
	return clock.Pause(ctx, min(max(d, time.Millisecond), p.left))
}

// took counts what lasted from begun until now as time that the request was held.
func (p *patience) took(begun time.Time) { p.left -= time.Since(begun) }

// retry does something until it succeeds, fails for good, or patience ends. All but the
// first try is time that the request is held.
func (p *patience) retry(ctx context.Context, do func() error) error {
	for held := false; ; held = true {
		begun := time.Now()
		err := do()
		if held {
			p.took(begun)
		}
		wait := awayPause
		switch cause, later := passing(err); {
		case !later:
			return err
		case cause == SlowDown:
			wait = roomPause
			var limited *problem.Error
			if errors.As(err, &limited) {
				wait = limited.RetryAfter
			}
		}
		if !p.pause(ctx, wait) {
			return err
		}
	}
}

// passing says whether the reason of an error passes.
func passing(err error) (Cause, bool) {
	var p *problem.Error
	var r *refusal.Error
	var corrupt *body.CorruptError
	switch {
	case err == nil, errors.As(err, &corrupt): // whose cause looks like a lost connection
		return 0, false
	case errors.As(err, &p) && p.Status == 429, errors.Is(err, body.ErrOwnShare):
		return SlowDown, true
	case errors.As(err, &p) && p.Status == 503, errors.As(err, &r) && r.Kind == refusal.Unavailable,
		errors.Is(err, body.ErrOverloaded), postgres.Unavailable(err), errors.Is(err, outbox.ErrRestored):
		return Away, true
	}
	return 0, false
}
