package auth

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"eventanalytics/pkg/refusal"
)

// ErrViewer refuses what only owners and editors may do.
var ErrViewer = refusal.New(refusal.Forbidden, "not-editor", "only owners and editors of the project can do this")

// MayEdit returns ErrViewer for a role that may not change a project.
func (r Role) MayEdit() error {
	if r == RoleViewer {
		return ErrViewer
	}
	return nil
}

const (
	lockProjectSQL = `SELECT FROM analytics.projects WHERE id = $1 FOR NO KEY UPDATE`
	roleSQL        = `SELECT role FROM analytics.members WHERE project_id = $1 AND user_id = $2`
)

// LockProject has those who change a project in transactions come one at a time.
func LockProject(ctx context.Context, tx pgx.Tx, project int64) error {
	_, err := tx.Exec(ctx, lockProjectSQL, project)
	return err
}

// Member returns the role that a user has in a project now. Anyone who is no member is told
// that there is no such project: whether it exists is none of their business.
func Member(ctx context.Context, tx pgx.Tx, project, user int64) (role Role, err error) {
	err = tx.QueryRow(ctx, roleSQL, project, user).Scan(&role)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", refusal.New(refusal.NotFound, "not-found", "there is no such project among yours")
	}
	return role, err
}
