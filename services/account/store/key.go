package store

import (
	"context"
	"time"

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
	Scope     auth.Scope `json:"scope" enum:"ingest,read" doc:"ingest: post events; read: read analytics"`
	Prefix    string     `json:"prefix" doc:"First characters of the key, to recognise it by"`
	CreatedAt time.Time  `json:"created_at" doc:"When it was made"`
	RevokedAt *time.Time `json:"revoked_at" doc:"When it was revoked, or null"`
}

// NewAPIKey is a key on the one occasion it is shown.
type NewAPIKey struct {
	APIKey
	Key string `json:"key" doc:"The key itself. It is shown only now."`
}

// prefixLen is how much of a key is kept to recognise it: 40 of 256 bits.
const prefixLen = len(auth.KeyPrefix) + 8

const keysSQL = `
SELECT id, project_id, name, scope, prefix, created_at, revoked_at
FROM analytics.api_keys
WHERE project_id = $1
ORDER BY id`

// Keys lists a project's API keys, on behalf of owner.
func (s *Store) Keys(ctx context.Context, project, owner int64) (keys []APIKey, err error) {
	err = s.within(ctx, project, owner, true, "listing API keys", func(tx pgx.Tx) error {
		rows, _ := tx.Query(ctx, keysSQL, project)
		keys, err = pgx.CollectRows(rows, pgx.RowToStructByPos[APIKey])
		return err
	})
	return keys, err
}

const createKeySQL = `
INSERT INTO analytics.api_keys (project_id, name, scope, prefix, hash, created_by)
VALUES ($1, $2, $3, $4, $5, $6)
RETURNING id, project_id, name, scope, prefix, created_at, revoked_at`

// CreateKey makes an API key, on behalf of owner.
func (s *Store) CreateKey(ctx context.Context, project, owner int64, name string, scope auth.Scope) (k NewAPIKey, err error) {
	if err := naming.Text("name", name, maxName); err != nil {
		return k, err
	}
	key, hash := auth.NewCredential(auth.KeyPrefix)
	err = s.within(ctx, project, owner, true, "creating an API key", func(tx pgx.Tx) error {
		rows, _ := tx.Query(ctx, createKeySQL, project, name, scope, key[:prefixLen], hash, owner)
		k.APIKey, err = pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[APIKey])
		return err
	})
	if err != nil {
		return NewAPIKey{}, err
	}
	k.Key = key
	return k, nil
}

const revokeKeySQL = `
UPDATE analytics.api_keys SET revoked_at = coalesce(revoked_at, now())
WHERE project_id = $1 AND id = $2`

// RevokeKey revokes an API key, on behalf of owner. Revoking it twice is no error.
func (s *Store) RevokeKey(ctx context.Context, project, owner, key int64) error {
	return s.within(ctx, project, owner, true, "revoking an API key", func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, revokeKeySQL, project, key)
		if err == nil && tag.RowsAffected() == 0 {
			return refusal.New(refusal.NotFound, "not-found", "there is no such key")
		}
		return err
	})
}
