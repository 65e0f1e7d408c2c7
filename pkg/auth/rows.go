package auth

import (
	"context"
	"fmt"
	"strings"
)

type apiKey struct {
	id, project int64
	scope       Scope
}

const keySQL = `
SELECT id, project_id, scope
FROM analytics.api_keys
WHERE hash = $1 AND revoked_at IS NULL`

// readKey finds an API key by its hash.
func (a *Authenticator) readKey(ctx context.Context, hash string) (k apiKey, err error) {
	if err := a.pool.QueryRow(ctx, keySQL, []byte(hash)).Scan(&k.id, &k.project, &k.scope); err != nil {
		return k, fmt.Errorf("reading an API key: %w", err)
	}
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

const roleSQL = `SELECT role FROM analytics.members WHERE project_id = $1::bigint AND user_id = $2::bigint`

// readRole finds a member's role by "project/user".
func (a *Authenticator) readRole(ctx context.Context, key string) (role Role, err error) {
	project, user, _ := strings.Cut(key, "/")
	if err := a.pool.QueryRow(ctx, roleSQL, project, user).Scan(&role); err != nil {
		return "", fmt.Errorf("reading a member: %w", err)
	}
	return role, nil
}
