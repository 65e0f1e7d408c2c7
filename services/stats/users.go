package stats

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// userNames reads which user has which key. The sync worker's table is where the keys in
// the files come from: to find a user's id in the files would be to read a part of each.
type userNames struct{ pool *pgxpool.Pool }

const userKeySQL = "SELECT user_key FROM analytics.user_keys WHERE project_id = $1 AND user_id = $2"

// Key returns the key of a user; ok is false where the project has no such user.
func (u userNames) Key(ctx context.Context, project int64, userID string) (key uint32, ok bool, err error) {
	err = u.pool.QueryRow(ctx, userKeySQL, project, userID).Scan(&key)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, fmt.Errorf("looking up the key of a user: %w", err)
	}
	return key, true, nil
}

const userIDsSQL = `
SELECT u.n, k.user_id
FROM unnest($2::integer[]) WITH ORDINALITY AS u (user_key, n)
JOIN analytics.user_keys AS k ON k.project_id = $1 AND k.user_key = u.user_key`

// IDs returns the users with some keys, in their order.
func (u userNames) IDs(ctx context.Context, project int64, keys []uint32) ([]string, error) {
	rows, err := u.pool.Query(ctx, userIDsSQL, project, keys)
	if err != nil {
		return nil, fmt.Errorf("looking up users: %w", err)
	}
	ids, found := make([]string, len(keys)), 0
	var n int64
	var id string
	if _, err := pgx.ForEachRow(rows, []any{&n, &id}, func() error { ids[n-1] = id; found++; return nil }); err != nil {
		return nil, fmt.Errorf("looking up users: %w", err)
	}
	if found != len(keys) {
		return nil, fmt.Errorf("%d of %d users have no id", len(keys)-found, len(keys))
	}
	return ids, nil
}
