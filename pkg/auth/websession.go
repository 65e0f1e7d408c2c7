package auth

import (
	"context"
	"fmt"
	"time"
)

// How long the login of a browser lasts.
const (
	SessionIdle     = 30 * 24 * time.Hour // from its last use, which is noted to within an hour
	SessionLifetime = 90 * 24 * time.Hour // at most
)

// webSession is the login of a browser that may be used.
type webSession struct {
	user, home int64 // home is the user's own project
	family     string
	expires    time.Time
	used       *lastUse
}

// over reports whether the session has expired.
func (s webSession) over(now time.Time) bool {
	return !now.Before(s.expires) || !now.Before(s.used.time().Add(SessionIdle))
}

const webSessionSQL = `
SELECT u.id, p.id, f.id::text, w.expires_at, w.last_used_at
FROM analytics.web_sessions AS w
JOIN analytics.token_families AS f ON f.id = w.family_id
JOIN analytics.users AS u ON u.id = f.user_id
JOIN analytics.projects AS p ON p.home_of = u.id
WHERE w.hash = $1 AND f.revoked_at IS NULL AND f.created_at >= u.tokens_valid_from AND NOT u.disabled`

// readWebSession finds the login of a browser by the hash of its cookie.
func (a *Authenticator) readWebSession(ctx context.Context, hash string) (s webSession, err error) {
	var used time.Time
	if err := a.pool.QueryRow(ctx, webSessionSQL, []byte(hash)).Scan(&s.user, &s.home, &s.family, &s.expires, &used); err != nil {
		return s, fmt.Errorf("reading the login of a browser: %w", err)
	}
	s.used = newLastUse(&used)
	return s, nil
}
