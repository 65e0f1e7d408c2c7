package store

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"eventanalytics/pkg/refusal"
	"eventanalytics/services/account/naming"
)

// User is an account as its owner may see it.
type User struct {
	ID        int64   `json:"id" doc:"Id of the user"`
	Username  string  `json:"username" doc:"Name to log in with, as it was given"`
	Email     *string `json:"email" doc:"E-mail address, or null"`
	FullName  *string `json:"full_name" doc:"Full name, or null"`
	Disabled  bool    `json:"disabled" doc:"Whether the account may not log in"`
	ProjectID int64   `json:"project_id" doc:"The user's own project: the one requests act on by default"`
}

// NewUser is what an account is made of. Empty Email and FullName mean none.
type NewUser struct {
	Username, Password, Email, FullName string
}

// One statement, so one transaction: no user is without a project of their own.
const createUserSQL = `
WITH u AS (
    INSERT INTO analytics.users (username, username_key, username_skeleton, email, full_name, password_hash)
    VALUES ($1, $2, $3, nullif($4, ''), nullif($5, ''), $6)
    RETURNING id, username, email, full_name, disabled
), p AS (
    INSERT INTO analytics.projects (name, home_of)
    SELECT username, id FROM u
    RETURNING id, home_of
), m AS (
    INSERT INTO analytics.members (project_id, user_id, role)
    SELECT id, home_of, 'owner' FROM p
)
SELECT u.id, u.username, u.email, u.full_name, u.disabled, p.id AS project_id
FROM u CROSS JOIN p`

// CreateUser makes an account with a project of its own. It refuses invalid fields
// by name, and a name that is taken, or looks like one that is, as a conflict.
func (s *Store) CreateUser(ctx context.Context, n NewUser) (User, error) {
	return s.createUser(ctx, n, nil, nil)
}

// createUser is CreateUser with steps before and after, in the same transaction; either may
// be nil.
func (s *Store) createUser(ctx context.Context, n NewUser, before func(pgx.Tx) error, after func(pgx.Tx, User) error) (User, error) {
	if err := n.check(); err != nil {
		return User{}, err
	}
	hash, err := s.hasher.Hash(ctx, n.Password)
	if err != nil {
		return User{}, err
	}
	var u User
	key, skeleton := naming.Key(n.Username), skeletonOf(n.Username)
	err = pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		if before != nil {
			if err := before(tx); err != nil {
				return err
			}
		}
		if err := reserve(ctx, tx, skeleton, key); err != nil {
			return err
		}
		rows, _ := tx.Query(ctx, createUserSQL, n.Username, key, skeleton, n.Email, n.FullName, hash)
		if u, err = pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[User]); err != nil || after == nil {
			return err
		}
		return after(tx, u)
	})
	var conflict *pgconn.PgError
	switch {
	case errors.As(err, &conflict) && conflict.Code == uniqueViolation:
		return User{}, refusal.New(refusal.Conflict, "username-taken", "username: is taken")
	case err != nil:
		return User{}, wrap("creating a user", err)
	}
	return u, nil
}

const uniqueViolation = "23505"

const userSQL = `
SELECT u.id, u.username, u.email, u.full_name, u.disabled, p.id
FROM analytics.users AS u
JOIN analytics.projects AS p ON p.home_of = u.id
WHERE u.id = $1`

// User returns a user.
func (s *Store) User(ctx context.Context, id int64) (User, error) {
	rows, _ := s.pool.Query(ctx, userSQL, id)
	u, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[User])
	if errors.Is(err, pgx.ErrNoRows) {
		return User{}, refusal.New(refusal.NotFound, "not-found", "there is no such user")
	}
	if err != nil {
		return User{}, wrap("reading a user", err)
	}
	return u, nil
}
