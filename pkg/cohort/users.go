package cohort

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// ErrChanged is returned for a list that was changed or deleted while it was read.
var ErrChanged = errors.New("the cohort was changed while it was read")

const (
	partSQL   = `SELECT users FROM analytics.cohort_users WHERE cohort_id = $1 AND version = $2 AND part = $3`
	existsSQL = `SELECT EXISTS (SELECT FROM analytics.cohorts WHERE id = $1 AND version = $2)`
)

// Users calls do with the user ids of a list, in order, some thousands at a time. The
// error is ErrChanged when the version is no longer there.
func Users(ctx context.Context, pool *pgxpool.Pool, id, version int64, do func(users []string) error) error {
	for part := 0; ; part++ {
		var users []byte
		err := pool.QueryRow(ctx, partSQL, id, version, part).Scan(&users)
		if errors.Is(err, pgx.ErrNoRows) {
			break
		}
		if err != nil {
			return fmt.Errorf("reading the users of a cohort: %w", err)
		}
		decoded, err := DecodePart(users)
		if err != nil {
			return err
		}
		if err := do(decoded); err != nil {
			return err
		}
	}
	// The parts may have ended because they are being deleted.
	var exists bool
	if err := pool.QueryRow(ctx, existsSQL, id, version).Scan(&exists); err != nil {
		return fmt.Errorf("reading the users of a cohort: %w", err)
	}
	if !exists {
		return ErrChanged
	}
	return nil
}

const keysSQL = `SELECT user_key FROM analytics.user_keys WHERE project_id = $1 AND user_id = ANY($2)`

// Keys calls do with the keys of those of a list's users who have one. It is ErrChanged as
// with Users.
func Keys(ctx context.Context, pool *pgxpool.Pool, project, id, version int64, do func(key uint32)) error {
	return Users(ctx, pool, id, version, func(users []string) error {
		rows, _ := pool.Query(ctx, keysSQL, project, users)
		var key int32
		if _, err := pgx.ForEachRow(rows, []any{&key}, func() error { do(uint32(key)); return nil }); err != nil {
			return fmt.Errorf("reading keys of users: %w", err)
		}
		return nil
	})
}

const (
	countSQL    = `SELECT coalesce((SELECT next_key FROM analytics.user_key_counters WHERE project_id = $1), 0)`
	newUsersSQL = `SELECT user_id, user_key FROM analytics.user_keys WHERE project_id = $1 AND user_key >= $2 AND user_key < $3`
)

// CountKeys returns how many users of a project have keys: those from 0 on.
func CountKeys(ctx context.Context, pool *pgxpool.Pool, project int64) (n int64, err error) {
	if err := pool.QueryRow(ctx, countSQL, project).Scan(&n); err != nil {
		return 0, fmt.Errorf("counting the keys of users: %w", err)
	}
	return n, nil
}

// NewKeys calls do with the keys of those of a list's users who have one in [from, to).
func NewKeys(ctx context.Context, pool *pgxpool.Pool, project, id, version, from, to int64, do func(key uint32)) error {
	rows, _ := pool.Query(ctx, newUsersSQL, project, from, to)
	fresh := make(map[string]uint32, to-from)
	var user string
	var key int32
	if _, err := pgx.ForEachRow(rows, []any{&user, &key}, func() error { fresh[user] = uint32(key); return nil }); err != nil {
		return fmt.Errorf("reading new users: %w", err)
	}
	return Users(ctx, pool, id, version, func(users []string) error {
		for _, user := range users {
			if key, ok := fresh[user]; ok {
				do(key)
			}
		}
		return nil
	})
}
