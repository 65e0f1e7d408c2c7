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

// Invite is a link that makes whoever has it a member of a project, once. An Invitation, by
// contrast, is for one user.
type Invite struct {
	ID        int64     `json:"id" doc:"Id of the invite"`
	Role      auth.Role `json:"role" enum:"owner,editor,viewer" doc:"The role that is offered"`
	InvitedBy string    `json:"invited_by" doc:"Name of the owner who made it"`
	CreatedAt time.Time `json:"created_at" doc:"When it was made"`
	ExpiresAt time.Time `json:"expires_at" doc:"Until when it can be accepted"`
}

// NewInvite is an invite that was just made.
type NewInvite struct {
	Invite
	Secret string `json:"secret" doc:"What accepts the invite, in this answer only"`
}

// maxInvites is how many invites of a project may be open.
const maxInvites = 100

const (
	openInviteSQL = `i.expires_at > now() AND ` + byOwnerSQL

	forgetInvitesSQL = `DELETE FROM analytics.invites AS i WHERE i.project_id = $1 AND NOT (` + openInviteSQL + `)`

	countInvitesSQL = `SELECT count(*) FROM analytics.invites WHERE project_id = $1`

	createInviteSQL = `
WITH i AS (
    INSERT INTO analytics.invites (project_id, hash, role, invited_by, expires_at)
    VALUES ($1, $2, $3, $4, now() + make_interval(days => $5))
    RETURNING *
)
SELECT i.id, i.role, u.username, i.created_at, i.expires_at FROM i JOIN analytics.users AS u ON u.id = i.invited_by`

	invitesSQL = `
SELECT i.id, i.role, u.username, i.created_at, i.expires_at
FROM analytics.invites AS i JOIN analytics.users AS u ON u.id = i.invited_by
WHERE i.project_id = $1 AND ` + openInviteSQL + `
ORDER BY i.id`

	revokeInviteSQL = `DELETE FROM analytics.invites AS i WHERE i.project_id = $1 AND i.id = $2 AND ` + openInviteSQL
)

// CreateInvite makes an invite for so many days, on behalf of owner.
func (s *Store) CreateInvite(ctx context.Context, project, owner int64, role auth.Role, days int) (made NewInvite, err error) {
	secret, hash := auth.NewCredential(auth.InvitePrefix)
	err = s.within(ctx, project, owner, toManage, "making an invite", func(tx pgx.Tx, _ auth.Role) error {
		if _, err := tx.Exec(ctx, forgetInvitesSQL, project); err != nil {
			return err
		}
		var open int
		if err := tx.QueryRow(ctx, countInvitesSQL, project).Scan(&open); err != nil {
			return err
		}
		if open >= maxInvites {
			return refusal.New(refusal.Conflict, "too-many-invites", fmt.Sprintf("at most %d invites to a project can be open; revoke some", maxInvites))
		}
		rows, _ := tx.Query(ctx, createInviteSQL, project, hash, role, owner, days)
		made.Invite, err = pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[Invite])
		return err
	})
	if err != nil {
		return NewInvite{}, err
	}
	made.Secret = secret
	return made, nil
}

// Invites lists those to a project that are open, on behalf of owner.
func (s *Store) Invites(ctx context.Context, project, owner int64) (all []Invite, err error) {
	err = s.within(ctx, project, owner, toManage, "listing invites", func(tx pgx.Tx, _ auth.Role) error {
		rows, _ := tx.Query(ctx, invitesSQL, project)
		all, err = pgx.CollectRows(rows, pgx.RowToStructByPos[Invite])
		return err
	})
	return all, err
}

// RevokeInvite takes an invite back, on behalf of owner.
func (s *Store) RevokeInvite(ctx context.Context, project, owner, id int64) error {
	return s.within(ctx, project, owner, toManage, "revoking an invite", func(tx pgx.Tx, _ auth.Role) error {
		tag, err := tx.Exec(ctx, revokeInviteSQL, project, id)
		if err == nil && tag.RowsAffected() == 0 {
			return refusal.New(refusal.NotFound, "not-found", "there is no such invite")
		}
		return err
	})
}

const (
	inviteProjectSQL = `SELECT i.project_id FROM analytics.invites AS i WHERE i.hash = $1 AND ` + openInviteSQL

	takeInviteSQL = `
DELETE FROM analytics.invites AS i WHERE i.hash = $1 AND ` + openInviteSQL + `
RETURNING i.role`

	forgetInvitationSQL = `DELETE FROM analytics.invitations WHERE project_id = $1 AND user_id = $2`

	// Whoever has an open invitation was promised a place.
	countPlacesSQL = `
SELECT (SELECT count(*) FROM analytics.members WHERE project_id = $1)
    + (SELECT count(*) FROM analytics.invitations AS i WHERE i.project_id = $1 AND ` + openInvitationSQL + `)`
)

// errNoInvite refuses every secret that is worth nothing in the same words.
func errNoInvite(field string) error {
	return refusal.InvalidField("invalid-invite", field, "is of no invite that is open: it may have been used, expired or been revoked")
}

// AcceptInvite makes a user a member of the project that a secret invites to.
func (s *Store) AcceptInvite(ctx context.Context, user int64, secret string) (p Project, err error) {
	err = pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		project, role, err := takeInvite(ctx, tx, secret, "secret")
		if err != nil {
			return err
		}
		if err := join(ctx, tx, project, user, role); err != nil {
			return err
		}
		rows, _ := tx.Query(ctx, joinedSQL, project, user)
		p, err = pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[Project])
		return err
	})
	return p, wrap("accepting an invite", err)
}

// querier is a transaction, or a pool where none is needed.
type querier interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// invitedTo returns the project that a secret invites to. field is where it was given.
func invitedTo(ctx context.Context, q querier, secret, field string) (project int64, err error) {
	err = q.QueryRow(ctx, inviteProjectSQL, auth.HashCredential(secret)).Scan(&project)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, errNoInvite(field)
	}
	return project, err
}

// takeInvite uses up an invite, in a transaction.
func takeInvite(ctx context.Context, tx pgx.Tx, secret, field string) (project int64, role auth.Role, err error) {
	if project, err = invitedTo(ctx, tx, secret, field); err != nil {
		return 0, "", err
	}
	// Of two who have the secret the second finds it used; whoever manages the project goes
	// first or sees the new member.
	if err := auth.LockProject(ctx, tx, project); err != nil {
		return 0, "", err
	}
	err = tx.QueryRow(ctx, takeInviteSQL, auth.HashCredential(secret)).Scan(&role)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, "", errNoInvite(field)
	}
	return project, role, err
}

// join adds a user to a project that the transaction has locked. An invitation that the
// user has as well comes to its end.
func join(ctx context.Context, tx pgx.Tx, project, user int64, role auth.Role) error {
	tag, err := tx.Exec(ctx, addMemberSQL, project, user, role)
	if err != nil {
		return err
	}
	if tag.RowsAffected() == 0 { // the invite stays for somebody else
		return refusal.New(refusal.Conflict, "already-member", "you are a member of this project")
	}
	if _, err := tx.Exec(ctx, forgetInvitationSQL, project, user); err != nil {
		return err
	}
	var places int
	if err := tx.QueryRow(ctx, countPlacesSQL, project).Scan(&places); err != nil {
		return err
	}
	if places > maxMembers {
		return errFull
	}
	return nil
}

// CreateInvitedUser is CreateUser for somebody with the secret of an invite, who becomes a
// member of its project as well. It does not matter whether registration is closed. The
// invite is looked at before all else: without an open one nobody learns which names are
// taken, nor has a password hashed.
func (s *Store) CreateInvitedUser(ctx context.Context, n NewUser, secret string) (User, error) {
	const field = "invite"
	if _, err := invitedTo(ctx, s.pool, secret, field); err != nil {
		return User{}, wrap("looking for an invite", err)
	}
	var project int64
	var role auth.Role
	return s.createUser(ctx, n, func(tx pgx.Tx) (err error) {
		project, role, err = takeInvite(ctx, tx, secret, field)
		return err
	}, func(tx pgx.Tx, u User) error {
		return join(ctx, tx, project, u.ID, role)
	})
}
