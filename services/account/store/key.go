package store

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"time"
	"unicode"

	"github.com/jackc/pgx/v5"

	"eventanalytics/pkg/auth"
	"eventanalytics/pkg/refusal"
	"eventanalytics/services/account/naming"
)

// APIKey of a project, without its secret.
type APIKey struct {
	ID        int64      `json:"id" doc:"Id of the key"`
	ProjectID int64      `json:"project_id" doc:"The one project it acts on"`
	Name      string     `json:"name" doc:"What it is for"`
	Scope     auth.Scope `json:"scope" enum:"ingest,read,browser,sql" doc:"ingest: post events; read: read analytics; sql: ask POST /api/sql alone; browser: post by vendors' SDKs alone, for web pages, where a key is public"`
	Origins   []string   `json:"origins" doc:"Origins of the pages that a browser key is for; any when empty"`
	Prefix    string     `json:"prefix" doc:"First characters of the key, to recognise it by"`
	CreatedBy int64      `json:"created_by" doc:"Id of the user who made it, who may have left the project since"`
	Creator   string     `json:"created_by_username" doc:"Name of the user who made it"`
	CreatedAt time.Time  `json:"created_at" doc:"When it was made"`
	LastUsed  *time.Time `json:"last_used_at" doc:"When it was last used, to within an hour, or null"`
	RevokedAt *time.Time `json:"revoked_at" doc:"When it was revoked, or null"`
}

// NewAPIKey is a key on the one occasion it is shown.
type NewAPIKey struct {
	APIKey
	Key string `json:"key" doc:"The key itself. It is shown only now."`
}

const keysSQL = `
SELECT k.id, k.project_id, k.name, k.scope, k.origins, k.prefix, k.created_by, u.username, k.created_at, k.last_used_at, k.revoked_at
FROM analytics.api_keys AS k
JOIN analytics.users AS u ON u.id = k.created_by
WHERE k.project_id = $1
ORDER BY k.id`

// Keys lists a project's API keys, on behalf of owner.
func (s *Store) Keys(ctx context.Context, project, owner int64) (keys []APIKey, err error) {
	err = s.within(ctx, project, owner, toManage, "listing API keys", func(tx pgx.Tx, _ auth.Role) error {
		rows, _ := tx.Query(ctx, keysSQL, project)
		keys, err = pgx.CollectRows(rows, pgx.RowToStructByPos[APIKey])
		return err
	})
	return keys, err
}

// Bounds of a project's keys, which are listed in one piece.
const (
	maxKeys    = 200 // that work
	maxRevoked = 200 // that are still listed
)

const (
	countKeysSQL = `SELECT count(*) FROM analytics.api_keys WHERE project_id = $1 AND revoked_at IS NULL`

	forgetKeysSQL = `
DELETE FROM analytics.api_keys
WHERE project_id = $1 AND revoked_at IS NOT NULL AND id NOT IN (
    SELECT id FROM analytics.api_keys
    WHERE project_id = $1 AND revoked_at IS NOT NULL
    ORDER BY revoked_at DESC, id DESC LIMIT $2)`

	createKeySQL = `
WITH k AS (
    INSERT INTO analytics.api_keys (project_id, name, scope, prefix, hash, created_by, origins)
    VALUES ($1, $2, $3, $4, $5, $6, $7)
    RETURNING *
)
SELECT k.id, k.project_id, k.name, k.scope, k.origins, k.prefix, k.created_by, u.username, k.created_at, k.last_used_at, k.revoked_at
FROM k JOIN analytics.users AS u ON u.id = k.created_by`
)

// CreateKey makes an API key, on behalf of owner. Only one of scope browser may have
// origins.
func (s *Store) CreateKey(ctx context.Context, project, owner int64, name string, scope auth.Scope, origins ...string) (k NewAPIKey, err error) {
	if err := naming.Text("name", name, maxName); err != nil {
		return k, err
	}
	if origins, err = checkOrigins(scope, origins); err != nil {
		return k, err
	}
	key, hash := auth.NewKey(s.cell)
	err = s.within(ctx, project, owner, toManage, "creating an API key", func(tx pgx.Tx, _ auth.Role) error {
		var live int
		if err := tx.QueryRow(ctx, countKeysSQL, project).Scan(&live); err != nil {
			return err
		}
		if live >= maxKeys {
			return refusal.New(refusal.Conflict, "too-many-keys", fmt.Sprintf("a project has at most %d API keys; revoke some", maxKeys))
		}
		if _, err := tx.Exec(ctx, forgetKeysSQL, project, maxRevoked); err != nil {
			return err
		}
		rows, _ := tx.Query(ctx, createKeySQL, project, name, scope, auth.KeyName(key), hash, owner, origins)
		k.APIKey, err = pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[APIKey])
		return err
	})
	if err != nil {
		return NewAPIKey{}, err
	}
	k.Key = key
	return k, nil
}

// checkOrigins returns the origins in the form in which browsers send them: without the port
// that the scheme has anyway, and with hosts in ASCII.
func checkOrigins(scope auth.Scope, origins []string) ([]string, error) {
	if len(origins) > 0 && scope != auth.ScopeBrowser {
		return nil, refusal.InvalidField("invalid-field", "origins", "are for keys of scope browser")
	}
	checked := make([]string, 0, len(origins))
	for _, origin := range origins {
		u, err := url.Parse(origin)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || strings.Contains(u.Host, "*") || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
			return nil, refusal.InvalidField("invalid-field", "origins", "must be origins such as https://shop.example")
		}
		if strings.ContainsFunc(u.Host, func(r rune) bool { return r > unicode.MaxASCII }) {
			return nil, refusal.InvalidField("invalid-field", "origins", "must have their hosts in the form that browsers send: https://xn--bcher-kva.example for https://bücher.example")
		}
		host := strings.TrimSuffix(strings.ToLower(u.Host), ":")
		if u.Port() == map[string]string{"http": "80", "https": "443"}[u.Scheme] {
			host = strings.TrimSuffix(host, ":"+u.Port())
		}
		checked = append(checked, u.Scheme+"://"+host)
	}
	return checked, nil
}

const revokeKeySQL = `
UPDATE analytics.api_keys SET revoked_at = coalesce(revoked_at, now())
WHERE project_id = $1 AND id = $2`

// RevokeKey revokes an API key, on behalf of owner. Revoking it twice is no error.
func (s *Store) RevokeKey(ctx context.Context, project, owner, key int64) error {
	return s.within(ctx, project, owner, toManage, "revoking an API key", func(tx pgx.Tx, _ auth.Role) error {
		tag, err := tx.Exec(ctx, revokeKeySQL, project, key)
		if err == nil && tag.RowsAffected() == 0 {
			return refusal.New(refusal.NotFound, "not-found", "there is no such key")
		}
		return err
	})
}
