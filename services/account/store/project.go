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

// Project as one of its members sees it.
type Project struct {
	ID        int64     `json:"id" doc:"Id of the project, for X-Project"`
	Name      string    `json:"name" doc:"Name of the project"`
	Role      auth.Role `json:"role" enum:"owner,editor,viewer" doc:"Your role in it"`
	Home      bool      `json:"home" doc:"Whether it is your own: the one requests act on by default"`
	CreatedAt time.Time `json:"created_at" doc:"When it was made"`
}

const projectsSQL = `
SELECT p.id, p.name, m.role, p.home_of IS NOT DISTINCT FROM m.user_id, p.created_at
FROM analytics.members AS m
JOIN analytics.projects AS p ON p.id = m.project_id
WHERE m.user_id = $1
ORDER BY p.id`

// Projects lists the projects a user is a member of.
func (s *Store) Projects(ctx context.Context, user int64) ([]Project, error) {
	rows, _ := s.pool.Query(ctx, projectsSQL, user)
	projects, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Project])
	if err != nil {
		return nil, wrap("listing projects", err)
	}
	return projects, nil
}

const createProjectSQL = `
WITH p AS (
    INSERT INTO analytics.projects (name) VALUES ($1) RETURNING id, name, created_at
), m AS (
    INSERT INTO analytics.members (project_id, user_id, role)
    SELECT id, $2, 'owner' FROM p
    RETURNING role
)
SELECT p.id, p.name, m.role, false, p.created_at FROM p CROSS JOIN m`

// CreateProject makes a project owned by user.
func (s *Store) CreateProject(ctx context.Context, user int64, name string) (Project, error) {
	if err := naming.Text("name", name, maxName); err != nil {
		return Project{}, err
	}
	rows, _ := s.pool.Query(ctx, createProjectSQL, name, user)
	p, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[Project])
	if err != nil {
		return Project{}, wrap("creating a project", err)
	}
	return p, nil
}

// within runs f in a transaction for a member of the project. Anyone else is told
// that there is no such project: whether it exists is none of their business. With
// manage only owners get in, and roles cannot change until f is done.
func (s *Store) within(ctx context.Context, project, user int64, manage bool, doing string, f func(tx pgx.Tx) error) error {
	err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		if manage {
			// One owner manages at a time, so that two cannot remove each other.
			if _, err := tx.Exec(ctx, lockSQL, project); err != nil {
				return err
			}
		}
		var role auth.Role
		err := tx.QueryRow(ctx, roleSQL, project, user).Scan(&role)
		if errors.Is(err, pgx.ErrNoRows) {
			return refusal.New(refusal.NotFound, "not-found", "there is no such project among yours")
		}
		if err != nil {
			return err
		}
		if manage && role != auth.RoleOwner {
			return refusal.New(refusal.Forbidden, "not-owner", "only owners of the project can do this")
		}
		return f(tx)
	})
	var refused *refusal.Error
	if err == nil || errors.As(err, &refused) {
		return err
	}
	return wrap(doing, err)
}

const (
	lockSQL = `SELECT FROM analytics.projects WHERE id = $1 FOR NO KEY UPDATE`
	roleSQL = `SELECT role FROM analytics.members WHERE project_id = $1 AND user_id = $2`
)
