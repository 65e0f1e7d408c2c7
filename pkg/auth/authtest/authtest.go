// Package authtest writes to a test's database what the account service would:
// users who are logged in, their projects and API keys.
package authtest

import (
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"eventanalytics/pkg/auth"
)

// User who is logged in.
type User struct {
	ID      int64
	Project int64  // the user's own
	Token   string // access token
}

const userSQL = `
WITH u AS (
    INSERT INTO analytics.users (username, username_key, password_hash) VALUES ($1, $1, '') RETURNING id
), p AS (
    INSERT INTO analytics.projects (name, home_of) SELECT $1, id FROM u RETURNING id, home_of
), m AS (
    INSERT INTO analytics.members (project_id, user_id, role) SELECT id, home_of, 'owner' FROM p
), f AS (
    INSERT INTO analytics.token_families (user_id) SELECT id FROM u RETURNING id
)
SELECT u.id, p.id, f.id::text FROM u CROSS JOIN p CROSS JOIN f`

// Login makes a user, who has no password, with a project and a login.
func Login(t testing.TB, pool *pgxpool.Pool, tokens *auth.Tokens, name string) User {
	t.Helper()
	var u User
	var family string
	err := pool.QueryRow(t.Context(), userSQL, name).Scan(&u.ID, &u.Project, &family)
	if err != nil {
		t.Fatalf("authtest: making a user: %v", err)
	}
	if u.Token, err = tokens.Issue(u.ID, family); err != nil {
		t.Fatalf("authtest: %v", err)
	}
	return u
}

const browserSQL = `
WITH f AS (
    INSERT INTO analytics.token_families (user_id) VALUES ($1) RETURNING id
)
INSERT INTO analytics.web_sessions (hash, family_id, expires_at, last_used_at)
SELECT $2, id, now() + interval '90 days', now() FROM f`

// Browser logs u in once more, in a browser, and returns the value of its cookie.
func Browser(t testing.TB, pool *pgxpool.Pool, u User) string {
	t.Helper()
	cookie, hash := auth.NewCredential(auth.SessionPrefix)
	if _, err := pool.Exec(t.Context(), browserSQL, u.ID, hash); err != nil {
		t.Fatalf("authtest: logging a browser in: %v", err)
	}
	return cookie
}

const keySQL = `
INSERT INTO analytics.api_keys (project_id, name, scope, prefix, hash, created_by) VALUES ($1, 'test', $2, '', $3, $4)`

// Key makes an API key of u's own project.
func Key(t testing.TB, pool *pgxpool.Pool, u User, scope auth.Scope) string {
	t.Helper()
	key, hash := auth.NewCredential(auth.KeyPrefix)
	if _, err := pool.Exec(t.Context(), keySQL, u.Project, scope, hash, u.ID); err != nil {
		t.Fatalf("authtest: making an API key: %v", err)
	}
	return key
}
