package auth

import (
	"context"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"eventanalytics/pkg/clock"
)

const (
	useEvery  = time.Hour   // how often the use of one credential is written, at most
	usesPause = time.Second // from one statement that writes uses to the next
)

// lastUse is when a credential was last used, to within useEvery. All requests that
// take the same row from a lookup share it.
type lastUse struct{ at atomic.Int64 } // Unix time in seconds

func newLastUse(at *time.Time) *lastUse {
	u := &lastUse{}
	if at != nil {
		u.at.Store(at.Unix())
	}
	return u
}

func (u *lastUse) time() time.Time { return time.Unix(u.at.Load(), 0) }

// uses are the credentials that were used and for which that is not written yet.
// Requests never wait for it.
type uses struct {
	mu       sync.Mutex
	keys     map[int64]struct{}
	sessions map[string]struct{} // by hash
	some     chan struct{}       // has one while there are any
}

func newUses() *uses {
	return &uses{keys: map[int64]struct{}{}, sessions: map[string]struct{}{}, some: make(chan struct{}, 1)}
}

// due reports whether a use of now is to be noted. To one caller an hour it says yes.
func (u *uses) due(last *lastUse, now time.Time) bool {
	was := last.at.Load()
	return now.Unix()-was >= int64(useEvery/time.Second) && last.at.CompareAndSwap(was, now.Unix())
}

func (u *uses) noteKey(id int64) { note(u, u.keys, id) }

func (u *uses) noteSession(hash []byte) { note(u, u.sessions, string(hash)) }

// note forgets uses beyond a bound, while they cannot be written.
func note[K comparable](u *uses, into map[K]struct{}, key K) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if len(into) < lookupSize {
		into[key] = struct{}{}
	}
	select {
	case u.some <- struct{}{}:
	default:
	}
}

// take returns what was noted, in an order that is the same everywhere: replicas that
// write the same rows wait for each other, and never in a circle.
func (u *uses) take() (keys []int64, sessions [][]byte) {
	u.mu.Lock()
	defer u.mu.Unlock()
	keys = slices.Sorted(maps.Keys(u.keys))
	for _, hash := range slices.Sorted(maps.Keys(u.sessions)) {
		sessions = append(sessions, []byte(hash))
	}
	clear(u.keys)
	clear(u.sessions)
	return keys, sessions
}

// Run writes when keys and cookies were last used, in batches, until ctx ends.
func (a *Authenticator) Run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			a.writeUses(ctx)
			return nil
		case <-a.uses.some:
			a.writeUses(ctx)
		}
		clock.Pause(ctx, usesPause)
	}
}

// The inner SELECT locks the rows in order. Another replica may have been faster.
const (
	keysUsedSQL = `
UPDATE analytics.api_keys SET last_used_at = $2
WHERE id IN (
    SELECT id FROM analytics.api_keys
    WHERE id = ANY ($1::bigint[]) AND (last_used_at IS NULL OR last_used_at < $3)
    ORDER BY id FOR NO KEY UPDATE)`

	sessionsUsedSQL = `
UPDATE analytics.web_sessions SET last_used_at = $2
WHERE hash IN (
    SELECT hash FROM analytics.web_sessions
    WHERE hash = ANY ($1::bytea[]) AND last_used_at < $3
    ORDER BY hash FOR NO KEY UPDATE)`
)

// writeUses writes what was noted, also just before ctx ended. It passes over errors: what
// is not written is noted again by the next use after the row was read again.
func (a *Authenticator) writeUses(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookupTimeout)
	defer cancel()
	keys, sessions := a.uses.take()
	now := a.now()
	before := now.Add(-useEvery + time.Second) // lastUse is cut to the second
	if len(keys) > 0 {
		_, _ = a.pool.Exec(ctx, keysUsedSQL, keys, now, before)
	}
	if len(sessions) > 0 {
		_, _ = a.pool.Exec(ctx, sessionsUsedSQL, sessions, now, before)
	}
}
