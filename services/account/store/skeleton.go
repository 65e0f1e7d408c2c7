package store

import (
	"context"
	"crypto/sha256"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/zap"

	"eventanalytics/pkg/refusal"
	"eventanalytics/services/account/naming"
)

const (
	lockSkeletonSQL = `SELECT pg_advisory_xact_lock(hashtextextended(encode($1, 'hex'), hashtext('analytics.users')))`
	lookAlikeSQL    = `
SELECT EXISTS (SELECT FROM analytics.users WHERE username_skeleton = $1 AND username_key <> $2)`
)

// skeletonOf is the form in which a name's skeleton is stored.
func skeletonOf(username string) []byte {
	sum := sha256.Sum256([]byte(naming.Skeleton(username)))
	return sum[:]
}

// reserve refuses a name that looks like another user's. Until the transaction ends
// nobody else can take one that looks like it.
func reserve(ctx context.Context, tx pgx.Tx, skeleton []byte, key string) error {
	if _, err := tx.Exec(ctx, lockSkeletonSQL, skeleton); err != nil {
		return err
	}
	var taken bool
	if err := tx.QueryRow(ctx, lookAlikeSQL, skeleton, key).Scan(&taken); err != nil {
		return err
	}
	if taken {
		return refusal.New(refusal.Conflict, "username-taken", "username: looks like one that is taken")
	}
	return nil
}

const (
	fillBatch = 500       // users in a transaction
	fillEvery = time.Hour // while services of an earlier version may make users

	unfilledSQL = `SELECT id, username FROM analytics.users WHERE username_skeleton IS NULL ORDER BY id LIMIT $1`
	fillSQL     = `
UPDATE analytics.users AS u SET username_skeleton = f.skeleton
FROM unnest($1::bigint[], $2::bytea[]) AS f (id, skeleton)
WHERE u.id = f.id AND u.username_skeleton IS NULL`
)

// KeepSkeletons writes the skeletons of users that have none until ctx ends.
func (s *Store) KeepSkeletons(ctx context.Context, log *zap.Logger) {
	every := time.NewTicker(fillEvery)
	defer every.Stop()
	for {
		n, err := s.FillSkeletons(ctx)
		if err != nil && ctx.Err() == nil {
			log.Warn("user names without a skeleton are left until later", zap.Error(err))
		}
		if n > 0 {
			log.Info("wrote the skeletons of user names", zap.Int("users", n))
		}
		select {
		case <-every.C:
		case <-ctx.Done():
			return
		}
	}
}

// FillSkeletons writes the skeletons of all users that have none, and returns how many
// they were.
func (s *Store) FillSkeletons(ctx context.Context) (filled int, err error) {
	for {
		n, err := s.fillSome(ctx)
		filled += n
		if err != nil || n < fillBatch {
			return filled, err
		}
	}
}

func (s *Store) fillSome(ctx context.Context) (int, error) {
	type user struct {
		ID   int64
		Name string
	}
	rows, _ := s.pool.Query(ctx, unfilledSQL, fillBatch)
	users, err := pgx.CollectRows(rows, pgx.RowToStructByPos[user])
	if err != nil {
		return 0, wrap("reading user names", err)
	}
	if len(users) == 0 {
		return 0, nil
	}
	ids, skeletons := make([]int64, len(users)), make([][]byte, len(users))
	for i, u := range users {
		ids[i], skeletons[i] = u.ID, skeletonOf(u.Name)
	}
	if _, err := s.pool.Exec(ctx, fillSQL, ids, skeletons); err != nil {
		return 0, wrap("writing skeletons of user names", err)
	}
	return len(users), nil
}
