package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"eventanalytics/pkg/auth"
	"eventanalytics/pkg/refusal"
	"eventanalytics/services/account/naming"
)

// maxWebSessions is how many browsers a user can be logged in with. Logins at the same
// moment may exceed it, until the next one.
const maxWebSessions = 50

// The share lock is that of startSQL. Beside the expired families those go whose cookies
// were not used for the longest time, down to what is allowed.
const startWebSQL = `
WITH u AS (
    SELECT id FROM analytics.users WHERE id = $1 AND password_hash = $5 FOR SHARE
), gone AS (
    DELETE FROM analytics.token_families AS f
    WHERE f.user_id = $1 AND (` + expiredSQL + ` OR f.id IN (
        SELECT w.family_id
        FROM analytics.web_sessions AS w JOIN analytics.token_families AS o ON o.id = w.family_id
        WHERE o.user_id = $1 AND o.revoked_at IS NULL ORDER BY w.last_used_at DESC, w.family_id OFFSET $8))
), f AS (
    INSERT INTO analytics.token_families (user_id, agent) SELECT id, $7 FROM u RETURNING id
)
INSERT INTO analytics.web_sessions (hash, family_id, expires_at, last_used_at) SELECT $2, id, $3, $4 FROM f`

// LoginBrowser is Login for a browser: it returns the value of the cookie.
func (s *Sessions) LoginBrowser(ctx context.Context, a Attempt) (cookie string, err error) {
	err = s.login(ctx, a, func(user int64, passwordHash string) error {
		value, hash := auth.NewCredential(auth.SessionPrefix)
		now := s.now()
		tag, err := s.pool.Exec(ctx, startWebSQL, user, hash, now.Add(auth.SessionLifetime), now, passwordHash,
			now.Add(-auth.SessionIdle), naming.Agent(a.Agent), maxWebSessions-1)
		if err != nil {
			return wrap("starting a login", err)
		}
		if tag.RowsAffected() == 0 {
			return errChanged
		}
		cookie = value
		return nil
	})
	return cookie, err
}

const endBrowserSQL = `
UPDATE analytics.token_families AS f SET revoked_at = now()
FROM analytics.web_sessions AS w
WHERE w.hash = $1 AND f.id = w.family_id AND f.revoked_at IS NULL`

// LogoutBrowser ends the login of a cookie, if it is one.
func (s *Sessions) LogoutBrowser(ctx context.Context, cookie string) error {
	if _, err := s.pool.Exec(ctx, endBrowserSQL, auth.HashCredential(cookie)); err != nil {
		return wrap("ending a login", err)
	}
	return nil
}

// Session is a login that can be used, as its user sees it.
type Session struct {
	ID         string    `json:"id" format:"uuid" doc:"Id of the login"`
	Kind       string    `json:"kind" enum:"browser,token" doc:"browser: by the session cookie; token: by access and refresh tokens"`
	Agent      string    `json:"agent" doc:"What the client called itself when it logged in"`
	CreatedAt  time.Time `json:"created_at" doc:"When the user logged in"`
	LastUsedAt time.Time `json:"last_used_at" doc:"When a cookie was last used, to within an hour, or tokens last refreshed"`
	Current    bool      `json:"current" doc:"Whether this request was made with it"`
}

// maxListed is how many logins are listed: all of browsers, and the latest others.
const maxListed = 200

const sessionsSQL = `
SELECT f.id::text, CASE WHEN w.hash IS NULL THEN 'token' ELSE 'browser' END AS kind, f.agent, f.created_at,
       coalesce(w.last_used_at, r.used_at, f.created_at) AS used, f.id = $2::uuid AS current
FROM analytics.token_families AS f
JOIN analytics.users AS u ON u.id = f.user_id
LEFT JOIN analytics.web_sessions AS w ON w.family_id = f.id AND w.expires_at > $3 AND w.last_used_at > $4
CROSS JOIN LATERAL (
    SELECT max(t.used_at) AS used_at, bool_or(t.expires_at > $3) AS live
    FROM analytics.refresh_tokens AS t WHERE t.family_id = f.id
) AS r
WHERE f.user_id = $1 AND f.revoked_at IS NULL AND f.created_at >= u.tokens_valid_from
  AND (w.hash IS NOT NULL OR r.live)
ORDER BY current DESC, kind, used DESC, f.id
LIMIT $5`

// Logins lists the logins of a user, the current one first. More than it lists are left
// out.
func (s *Sessions) Logins(ctx context.Context, user int64, current string) ([]Session, error) {
	now := s.now()
	rows, _ := s.pool.Query(ctx, sessionsSQL, user, current, now, now.Add(-auth.SessionIdle), maxListed)
	sessions, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Session])
	if err != nil {
		return nil, wrap("listing logins", err)
	}
	return sessions, nil
}

const endOneSQL = `
UPDATE analytics.token_families SET revoked_at = now()
WHERE user_id = $1 AND id::text = lower($2) AND revoked_at IS NULL`

// EndLogin ends one login of a user.
func (s *Sessions) EndLogin(ctx context.Context, user int64, id string) error {
	tag, err := s.pool.Exec(ctx, endOneSQL, user, id)
	if err != nil {
		return wrap("ending a login", err)
	}
	if tag.RowsAffected() == 0 {
		return refusal.New(refusal.NotFound, "not-found", "there is no such login among yours")
	}
	return nil
}

const endAllSQL = `
UPDATE analytics.token_families SET revoked_at = now() WHERE user_id = $1 AND revoked_at IS NULL`

// EndLogins ends all logins of a user, but for the one to keep unless it is empty.
func (s *Sessions) EndLogins(ctx context.Context, user int64, keep string) error {
	var err error
	if keep == "" {
		_, err = s.pool.Exec(ctx, endAllSQL, user)
	} else {
		_, err = s.pool.Exec(ctx, endOthersSQL, user, keep)
	}
	if err != nil {
		return wrap("ending logins", err)
	}
	return nil
}
