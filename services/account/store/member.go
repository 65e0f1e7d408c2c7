package store

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"eventanalytics/pkg/auth"
	"eventanalytics/pkg/refusal"
	"eventanalytics/services/account/naming"
)

// Member of a project.
type Member struct {
	UserID    int64     `json:"user_id" doc:"Id of the user"`
	Username  string    `json:"username" doc:"Name of the user"`
	Role      auth.Role `json:"role" enum:"owner,editor,viewer" doc:"owner: everything; editor: post and read; viewer: read"`
	CreatedAt time.Time `json:"created_at" doc:"Since when"`
}

const membersSQL = `
SELECT m.user_id, u.username, m.role, m.created_at
FROM analytics.members AS m
JOIN analytics.users AS u ON u.id = m.user_id
WHERE m.project_id = $1
ORDER BY m.user_id`

// Members lists the members of a project, on behalf of one of them.
func (s *Store) Members(ctx context.Context, project, user int64) (members []Member, err error) {
	err = s.within(ctx, project, user, false, "listing members", func(tx pgx.Tx) error {
		rows, _ := tx.Query(ctx, membersSQL, project)
		members, err = pgx.CollectRows(rows, pgx.RowToStructByPos[Member])
		return err
	})
	return members, err
}

const (
	findUserSQL = `SELECT id FROM analytics.users WHERE username_key = $1`

	setMemberSQL = `
WITH m AS (
    INSERT INTO analytics.members AS m (project_id, user_id, role) VALUES ($1, $2, $3)
    ON CONFLICT (project_id, user_id) DO UPDATE SET role = excluded.role
    RETURNING m.user_id, m.role, m.created_at
)
SELECT m.user_id, u.username, m.role, m.created_at
FROM m JOIN analytics.users AS u ON u.id = m.user_id`
)

// SetMember adds a user to a project or changes their role, on behalf of owner.
func (s *Store) SetMember(ctx context.Context, project, owner int64, username string, role auth.Role) (m Member, err error) {
	err = s.within(ctx, project, owner, true, "setting a member", func(tx pgx.Tx) error {
		var user int64
		err := pgx.ErrNoRows
		if naming.Possible(username) {
			err = tx.QueryRow(ctx, findUserSQL, naming.Key(username)).Scan(&user)
		}
		if errors.Is(err, pgx.ErrNoRows) {
			return refusal.InvalidField("unknown-user", "username", "there is no such user")
		}
		if err != nil {
			return err
		}
		if role != auth.RoleOwner {
			if err := keepsOwner(ctx, tx, project, user); err != nil {
				return err
			}
		}
		rows, _ := tx.Query(ctx, setMemberSQL, project, user, role)
		m, err = pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[Member])
		return err
	})
	return m, err
}

const removeMemberSQL = `DELETE FROM analytics.members WHERE project_id = $1 AND user_id = $2`

// RemoveMember takes a user out of a project, on behalf of owner.
func (s *Store) RemoveMember(ctx context.Context, project, owner, user int64) error {
	return s.within(ctx, project, owner, true, "removing a member", func(tx pgx.Tx) error {
		if err := keepsOwner(ctx, tx, project, user); err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, removeMemberSQL, project, user)
		if err == nil && tag.RowsAffected() == 0 {
			return refusal.New(refusal.NotFound, "not-found", "there is no such member")
		}
		return err
	})
}

const keepsOwnerSQL = `
SELECT
    EXISTS (SELECT FROM analytics.projects WHERE id = $1 AND home_of = $2),
    EXISTS (SELECT FROM analytics.members WHERE project_id = $1 AND user_id <> $2 AND role = 'owner')`

// keepsOwner refuses to take ownership of a project from its last owner, or from
// the user whose own project it is: their requests act on it by default.
func keepsOwner(ctx context.Context, tx pgx.Tx, project, user int64) error {
	var home, others bool
	if err := tx.QueryRow(ctx, keepsOwnerSQL, project, user).Scan(&home, &others); err != nil {
		return err
	}
	if !others {
		return refusal.New(refusal.Conflict, "last-owner", "a project keeps at least one owner")
	}
	if home {
		return refusal.New(refusal.Conflict, "home-project", "it is this user's own project")
	}
	return nil
}
