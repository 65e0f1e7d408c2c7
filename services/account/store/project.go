package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"eventanalytics/pkg/auth"
	"eventanalytics/pkg/calendar"
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
	Timezone  string    `json:"timezone" doc:"The time zone that people look at the project in, an IANA name. Questions that do not name one are in UTC"`
	WeekStart string    `json:"week_start" enum:"monday,sunday,saturday" doc:"The day that weeks begin on where a question does not say"`
	Lake      bool      `json:"lake" doc:"Whether its events are published as an Iceberg table, where the operator has that switched on"`
}

const projectsSQL = `
SELECT p.id, p.name, m.role, p.home_of IS NOT DISTINCT FROM m.user_id, p.created_at, p.timezone, p.week_start, p.lake
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

// maxOwned is how many projects a user may own. The lists of projects, like all others
// here, come in one piece.
const maxOwned = 1000

const createProjectSQL = `
WITH p AS (
    INSERT INTO analytics.projects (name)
    SELECT $1 WHERE (SELECT count(*) FROM analytics.members WHERE user_id = $2 AND role = 'owner') < $3
    RETURNING id, name, created_at, timezone, week_start, lake
), m AS (
    INSERT INTO analytics.members (project_id, user_id, role)
    SELECT id, $2, 'owner' FROM p
    RETURNING role
)
SELECT p.id, p.name, m.role, false, p.created_at, p.timezone, p.week_start, p.lake FROM p CROSS JOIN m`

// CreateProject makes a project owned by user.
func (s *Store) CreateProject(ctx context.Context, user int64, name string) (Project, error) {
	if err := naming.Text("name", name, maxName); err != nil {
		return Project{}, err
	}
	rows, _ := s.pool.Query(ctx, createProjectSQL, name, user, maxOwned)
	p, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[Project])
	if errors.Is(err, pgx.ErrNoRows) {
		return Project{}, refusal.New(refusal.Conflict, "too-many-projects", fmt.Sprintf("a user owns at most %d projects", maxOwned))
	}
	if err != nil {
		return Project{}, wrap("creating a project", err)
	}
	return p, nil
}

// ProjectChange is what is to change of a project. What is nil stays as it is.
type ProjectChange struct {
	Name, Timezone, WeekStart *string
	Lake                      *bool
}

const updateProjectSQL = `
UPDATE analytics.projects AS p
SET name = coalesce($2, name), week_start = coalesce($3, week_start), timezone = coalesce($6, timezone),
    lake = coalesce($7, lake)
WHERE id = $1
RETURNING id, name, $4::text, home_of IS NOT DISTINCT FROM $5, created_at, timezone, week_start, lake`

// UpdateProject changes a project, which owners can.
func (s *Store) UpdateProject(ctx context.Context, project, user int64, change ProjectChange) (p Project, err error) {
	if change.Name != nil {
		if err := naming.Text("name", *change.Name, maxName); err != nil {
			return Project{}, err
		}
	}
	if change.Timezone != nil {
		if _, err := calendar.Load(*change.Timezone); err != nil {
			return Project{}, refusal.InvalidField("invalid-field", "timezone", "must be the IANA name of a time zone, such as Europe/Kyiv")
		}
	}
	err = s.within(ctx, project, user, toManage, "changing a project", func(tx pgx.Tx, role auth.Role) error {
		rows, _ := tx.Query(ctx, updateProjectSQL, project, change.Name, change.WeekStart, role, user, change.Timezone, change.Lake)
		p, err = pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[Project])
		return err
	})
	return p, err
}

// need is what somebody wants to do with a project.
type need int

const (
	toRead   need = iota // for members
	toLeave              // for members; roles cannot change until it is done
	toEdit               // for owners and editors; roles cannot change until it is done
	toManage             // for owners; roles cannot change until it is done
)

var errNotOwner = refusal.New(refusal.Forbidden, "not-owner", "only owners of the project can do this")

// within runs f in a transaction for a member of the project.
func (s *Store) within(ctx context.Context, project, user int64, needs need, doing string, f func(tx pgx.Tx, role auth.Role) error) error {
	err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		if needs != toRead {
			// One at a time, so that two owners cannot remove each other.
			if err := auth.LockProject(ctx, tx, project); err != nil {
				return err
			}
		}
		role, err := auth.Member(ctx, tx, project, user)
		if err != nil {
			return err
		}
		if needs == toManage && role != auth.RoleOwner {
			return errNotOwner
		}
		if needs == toEdit {
			if err := role.MayEdit(); err != nil {
				return err
			}
		}
		return f(tx, role)
	})
	var refused *refusal.Error
	if err == nil || errors.As(err, &refused) {
		return err
	}
	return wrap(doing, err)
}
