package auth

import (
	"context"
	"fmt"
	"strings"
	"time"
)

type apiKey struct {
	id, project int64
	scope       Scope
	origins     []string
	weekStart   string
	used        *lastUse
}

const keySQL = `
SELECT k.id, k.project_id, k.scope, k.origins, p.week_start, k.last_used_at
FROM analytics.api_keys AS k
JOIN analytics.projects AS p ON p.id = k.project_id
WHERE k.hash = $1 AND k.revoked_at IS NULL`

// readKey finds an API key by its hash.
func (a *Authenticator) readKey(ctx context.Context, hash string) (k apiKey, err error) {
	var used *time.Time // nil: not yet
	if err := a.pool.QueryRow(ctx, keySQL, []byte(hash)).Scan(&k.id, &k.project, &k.scope, &k.origins, &k.weekStart, &used); err != nil {
		return k, fmt.Errorf("reading an API key: %w", err)
	}
	k.used = newLastUse(used)
	return k, nil
}

// session is a login that may be used.
type session struct {
	home int64 // the user's own project
}

// A login made before tokens_valid_from is over, and with it every access token
// it gave: none of them can be younger than a refresh that was still allowed.
const sessionSQL = `
SELECT p.id
FROM analytics.token_families AS f
JOIN analytics.users AS u ON u.id = f.user_id
JOIN analytics.projects AS p ON p.home_of = u.id
WHERE u.id = $1::bigint AND f.id = $2::uuid
  AND f.revoked_at IS NULL AND f.created_at >= u.tokens_valid_from AND NOT u.disabled`

// readSession finds a login by "user/family".
func (a *Authenticator) readSession(ctx context.Context, key string) (s session, err error) {
	user, family, _ := strings.Cut(key, "/")
	if err := a.pool.QueryRow(ctx, sessionSQL, user, family).Scan(&s.home); err != nil {
		return s, fmt.Errorf("reading a login: %w", err)
	}
	return s, nil
}

// membership is what a user is in a project.
type membership struct {
	role      Role
	weekStart string // of the project
}

const memberSQL = `
SELECT m.role, p.week_start
FROM analytics.members AS m
JOIN analytics.projects AS p ON p.id = m.project_id
WHERE m.project_id = $1::bigint AND m.user_id = $2::bigint`

// readMember finds a member by "project/user".
func (a *Authenticator) readMember(ctx context.Context, key string) (m membership, err error) {
	project, user, _ := strings.Cut(key, "/")
	if err := a.pool.QueryRow(ctx, memberSQL, project, user).Scan(&m.role, &m.weekStart); err != nil {
		return m, fmt.Errorf("reading a member: %w", err)
	}
	return m, nil
}
