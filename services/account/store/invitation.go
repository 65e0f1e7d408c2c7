package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"eventanalytics/pkg/auth"
	"eventanalytics/pkg/refusal"
)

// Bounds of invitations that are open.
const (
	maxInvited  = 50  // of a user
	maxFromOne  = 5   // of a user, by the same owner: nobody can fill the list alone
	maxInviting = 100 // of a project
	maxMembers  = 1000
)

const (
	// byOwnerSQL tells of an invitation or invite i whether the one who made it still may.
	byOwnerSQL = `EXISTS (
        SELECT FROM analytics.members AS o
        JOIN analytics.users AS v ON v.id = o.user_id AND NOT v.disabled
        WHERE o.project_id = i.project_id AND o.user_id = i.invited_by AND o.role = 'owner')`

	lifetimeSQL       = `interval '30 days'`
	openInvitationSQL = `
    i.created_at > now() - ` + lifetimeSQL + ` AND ` + byOwnerSQL
)

// Invitation to a project, as its owners see it.
type Invitation struct {
	UserID    int64     `json:"user_id" doc:"Id of the user who was invited"`
	Username  string    `json:"username" doc:"Name of the user who was invited"`
	Role      auth.Role `json:"role" enum:"owner,editor,viewer" doc:"The role that is offered"`
	InvitedBy string    `json:"invited_by" doc:"Name of the owner who invited"`
	CreatedAt time.Time `json:"created_at" doc:"When it was made"`
	ExpiresAt time.Time `json:"expires_at" doc:"Until when it can be accepted"`
}

// ReceivedInvitation is one as the user sees who was invited.
type ReceivedInvitation struct {
	ProjectID   int64     `json:"project_id" doc:"Id of the project"`
	ProjectName string    `json:"project_name" doc:"Name of the project"`
	Role        auth.Role `json:"role" enum:"owner,editor,viewer" doc:"The role that is offered"`
	InvitedBy   string    `json:"invited_by" doc:"Name of the owner who invited"`
	CreatedAt   time.Time `json:"created_at" doc:"When it was made"`
	ExpiresAt   time.Time `json:"expires_at" doc:"Until when it can be accepted"`
}

const (
	// Invitations of one user to different projects wait for each other: together
	// they are bounded.
	lockUserSQL = `SELECT FROM analytics.users WHERE id = $1 FOR NO KEY UPDATE`

	forgetInvitationsSQL = `
DELETE FROM analytics.invitations AS i WHERE i.project_id = $1 AND NOT (` + openInvitationSQL + `)`

	countInvitationsSQL = `
SELECT
    count(*) FILTER (WHERE i.project_id = $1),
    count(*) FILTER (WHERE i.user_id = $2),
    count(*) FILTER (WHERE i.user_id = $2 AND i.invited_by = $3),
    (SELECT count(*) FROM analytics.members WHERE project_id = $1)
FROM analytics.invitations AS i
WHERE (i.project_id = $1 OR i.user_id = $2) AND NOT (i.project_id = $1 AND i.user_id = $2) AND ` + openInvitationSQL

	inviteSQL = `
WITH i AS (
    INSERT INTO analytics.invitations AS i (project_id, user_id, role, invited_by) VALUES ($1, $2, $4, $3)
    ON CONFLICT (project_id, user_id) DO UPDATE SET role = excluded.role, invited_by = excluded.invited_by, created_at = excluded.created_at
    RETURNING i.user_id, i.role, i.created_at
)
SELECT i.user_id, u.username, i.role, i.created_at
FROM i JOIN analytics.users AS u ON u.id = i.user_id`
)

// invite asks a user to become a member, in a transaction that manages the project.
// A second invitation takes the place of the first.
func invite(ctx context.Context, tx pgx.Tx, project, owner, user int64, role auth.Role) (m Member, err error) {
	if _, err := tx.Exec(ctx, lockUserSQL, user); err != nil {
		return m, err
	}
	if _, err := tx.Exec(ctx, forgetInvitationsSQL, project); err != nil {
		return m, err
	}
	var inviting, invited, fromOne, members int
	if err := tx.QueryRow(ctx, countInvitationsSQL, project, user, owner).Scan(&inviting, &invited, &fromOne, &members); err != nil {
		return m, err
	}
	switch {
	case members+inviting >= maxMembers:
		return m, errFull
	case inviting >= maxInviting:
		return m, refusal.New(refusal.Conflict, "too-many-invitations", fmt.Sprintf("at most %d invitations to a project can be open; withdraw some", maxInviting))
	case invited >= maxInvited || fromOne >= maxFromOne:
		return m, refusal.New(refusal.Conflict, "too-many-invitations", "this user has too many open invitations")
	}
	rows, _ := tx.Query(ctx, inviteSQL, project, user, owner, role)
	return pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[Member])
}

var errFull = refusal.New(refusal.Conflict, "project-full", fmt.Sprintf("a project has at most %d members, together with those who are invited", maxMembers))

const invitationsSQL = `
SELECT i.user_id, u.username, i.role, b.username, i.created_at, i.created_at + ` + lifetimeSQL + `
FROM analytics.invitations AS i
JOIN analytics.users AS u ON u.id = i.user_id
JOIN analytics.users AS b ON b.id = i.invited_by
WHERE i.project_id = $1 AND ` + openInvitationSQL + `
ORDER BY i.created_at, i.user_id`

// Invitations lists those to a project that are open, on behalf of owner.
func (s *Store) Invitations(ctx context.Context, project, owner int64) (invitations []Invitation, err error) {
	err = s.within(ctx, project, owner, toManage, "listing invitations", func(tx pgx.Tx, _ auth.Role) error {
		rows, _ := tx.Query(ctx, invitationsSQL, project)
		invitations, err = pgx.CollectRows(rows, pgx.RowToStructByPos[Invitation])
		return err
	})
	return invitations, err
}

const receivedSQL = `
SELECT i.project_id, p.name, i.role, b.username, i.created_at, i.created_at + ` + lifetimeSQL + `
FROM analytics.invitations AS i
JOIN analytics.projects AS p ON p.id = i.project_id
JOIN analytics.users AS b ON b.id = i.invited_by
WHERE i.user_id = $1 AND ` + openInvitationSQL + `
ORDER BY i.created_at, i.project_id`

// ReceivedInvitations lists those that a user can accept.
func (s *Store) ReceivedInvitations(ctx context.Context, user int64) ([]ReceivedInvitation, error) {
	rows, _ := s.pool.Query(ctx, receivedSQL, user)
	invitations, err := pgx.CollectRows(rows, pgx.RowToStructByPos[ReceivedInvitation])
	if err != nil {
		return nil, wrap("listing invitations", err)
	}
	return invitations, nil
}

const (
	takeInvitationSQL = `
DELETE FROM analytics.invitations AS i
WHERE i.project_id = $1 AND i.user_id = $2 AND ` + openInvitationSQL + `
RETURNING i.role`

	addMemberSQL = `
INSERT INTO analytics.members (project_id, user_id, role) VALUES ($1, $2, $3)
ON CONFLICT (project_id, user_id) DO NOTHING`

	joinedSQL = `
SELECT p.id, p.name, m.role, p.home_of IS NOT DISTINCT FROM m.user_id, p.created_at, p.timezone, p.week_start, p.lake
FROM analytics.members AS m
JOIN analytics.projects AS p ON p.id = m.project_id
WHERE m.project_id = $1 AND m.user_id = $2`
)

// AcceptInvitation makes a user who was invited to a project a member of it.
func (s *Store) AcceptInvitation(ctx context.Context, project, user int64) (p Project, err error) {
	err = pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		// Whoever manages the project goes first or sees the new member.
		if err := auth.LockProject(ctx, tx, project); err != nil {
			return err
		}
		var role auth.Role
		if err := tx.QueryRow(ctx, takeInvitationSQL, project, user).Scan(&role); err != nil {
			return err
		}
		// A service of an earlier version left the invitation of a user who joined by a link.
		if _, err := tx.Exec(ctx, addMemberSQL, project, user, role); err != nil {
			return err
		}
		rows, _ := tx.Query(ctx, joinedSQL, project, user)
		p, err = pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[Project])
		return err
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return Project{}, errNoInvitation
	}
	if err != nil {
		return Project{}, wrap("accepting an invitation", err)
	}
	return p, nil
}

var errNoInvitation = refusal.New(refusal.NotFound, "not-found", "there is no such invitation")

const endInvitationSQL = `
DELETE FROM analytics.invitations AS i
WHERE i.project_id = $1 AND i.user_id = $2 AND ` + openInvitationSQL

// DeclineInvitation refuses an invitation, on behalf of the user who was invited.
func (s *Store) DeclineInvitation(ctx context.Context, project, user int64) error {
	tag, err := s.pool.Exec(ctx, endInvitationSQL, project, user)
	if err != nil {
		return wrap("declining an invitation", err)
	}
	if tag.RowsAffected() == 0 {
		return errNoInvitation
	}
	return nil
}

// WithdrawInvitation takes an invitation back, on behalf of owner.
func (s *Store) WithdrawInvitation(ctx context.Context, project, owner, user int64) error {
	return s.within(ctx, project, owner, toManage, "withdrawing an invitation", func(tx pgx.Tx, _ auth.Role) error {
		tag, err := tx.Exec(ctx, endInvitationSQL, project, user)
		if err == nil && tag.RowsAffected() == 0 {
			return errNoInvitation
		}
		return err
	})
}
