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

// Membership is what became of setting a member.
type Membership struct {
	Member
	Status Status `json:"status" enum:"member,invited" doc:"member: the role applies; invited: it will once the user accepts"`
}

// Status of a Membership.
type Status string

// The statuses.
const (
	StatusMember  Status = "member"
	StatusInvited Status = "invited"
)

const membersSQL = `
SELECT m.user_id, u.username, m.role, m.created_at
FROM analytics.members AS m
JOIN analytics.users AS u ON u.id = m.user_id
WHERE m.project_id = $1
ORDER BY m.user_id`

// Members lists the members of a project, on behalf of one of them.
func (s *Store) Members(ctx context.Context, project, user int64) (members []Member, err error) {
	err = s.within(ctx, project, user, toRead, "listing members", func(tx pgx.Tx, _ auth.Role) error {
		rows, _ := tx.Query(ctx, membersSQL, project)
		members, err = pgx.CollectRows(rows, pgx.RowToStructByPos[Member])
		return err
	})
	return members, err
}

const (
	findUserSQL = `SELECT id FROM analytics.users WHERE username_key = $1`

	setRoleSQL = `
WITH m AS (
    UPDATE analytics.members SET role = $3 WHERE project_id = $1 AND user_id = $2
    RETURNING user_id, role, created_at
)
SELECT m.user_id, u.username, m.role, m.created_at
FROM m JOIN analytics.users AS u ON u.id = m.user_id`
)

// SetMember changes a member's role, or invites a user who is none, on behalf of
// owner.
func (s *Store) SetMember(ctx context.Context, project, owner int64, username string, role auth.Role) (m Membership, err error) {
	err = s.within(ctx, project, owner, toManage, "setting a member", func(tx pgx.Tx, _ auth.Role) error {
		user, err := findUser(ctx, tx, username)
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
		m.Status = StatusMember
		rows, _ := tx.Query(ctx, setRoleSQL, project, user, role)
		m.Member, err = pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[Member])
		if errors.Is(err, pgx.ErrNoRows) {
			m.Status = StatusInvited
			m.Member, err = invite(ctx, tx, project, owner, user, role)
		}
		return err
	})
	return m, err
}

// findUser returns pgx.ErrNoRows when there is none of the name.
func findUser(ctx context.Context, tx pgx.Tx, username string) (user int64, err error) {
	if !naming.Possible(username) { // Postgres refuses some texts
		return 0, pgx.ErrNoRows
	}
	err = tx.QueryRow(ctx, findUserSQL, naming.Key(username)).Scan(&user)
	return user, err
}

const (
	removeMemberSQL = `DELETE FROM analytics.members WHERE project_id = $1 AND user_id = $2`
	revokeKeysSQL   = `
UPDATE analytics.api_keys SET revoked_at = now()
WHERE project_id = $1 AND created_by = $2 AND revoked_at IS NULL`
	endSharesSQL = `
DELETE FROM analytics.shares AS s USING analytics.boards AS b
WHERE b.id = s.board_id AND b.project_id = $1 AND s.created_by = $2`
)

// RemoveMember takes a user out of a project, on behalf of an owner or of the user,
// who may leave. With revokeKeys, which is for owners, the API keys and the shares of
// boards that the user made end as well; without, they stay.
func (s *Store) RemoveMember(ctx context.Context, project, by, user int64, revokeKeys bool) error {
	needs := toManage
	if by == user {
		needs = toLeave
	}
	return s.within(ctx, project, by, needs, "removing a member", func(tx pgx.Tx, role auth.Role) error {
		if revokeKeys && role != auth.RoleOwner {
			return errNotOwner
		}
		if err := keepsOwner(ctx, tx, project, user); err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, removeMemberSQL, project, user)
		if err != nil {
			return err
		}
		if tag.RowsAffected() == 0 {
			return refusal.New(refusal.NotFound, "not-found", "there is no such member")
		}
		if !revokeKeys {
			return nil
		}
		if _, err = tx.Exec(ctx, revokeKeysSQL, project, user); err == nil {
			_, err = tx.Exec(ctx, endSharesSQL, project, user)
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
		return errHome
	}
	return nil
}

var errHome = refusal.New(refusal.Conflict, "home-project", "it is this user's own project")

const (
	isHomeSQL   = `SELECT EXISTS (SELECT FROM analytics.projects WHERE id = $1 AND home_of = $2)`
	stepDownSQL = `UPDATE analytics.members SET role = 'editor' WHERE project_id = $1 AND user_id = $2`
)

// Transfer makes another member owner in place of owner, who becomes an editor. Other
// owners remain.
func (s *Store) Transfer(ctx context.Context, project, owner int64, username string) (m Member, err error) {
	err = s.within(ctx, project, owner, toManage, "transferring a project", func(tx pgx.Tx, _ auth.Role) error {
		var home bool
		if err := tx.QueryRow(ctx, isHomeSQL, project, owner).Scan(&home); err != nil {
			return err
		}
		if home {
			return errHome
		}
		user, err := findUser(ctx, tx, username)
		if err == nil && user == owner {
			return refusal.InvalidField("invalid-field", "username", "is your own")
		}
		if err == nil {
			rows, _ := tx.Query(ctx, setRoleSQL, project, user, auth.RoleOwner)
			m, err = pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[Member])
		}
		if errors.Is(err, pgx.ErrNoRows) { // whether there is such a user is not told
			return refusal.InvalidField("not-a-member", "username", "is not a member of this project")
		}
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, stepDownSQL, project, owner)
		return err
	})
	return m, err
}
