package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"

	"eventanalytics/pkg/auth"
	"eventanalytics/pkg/cohort"
	"eventanalytics/pkg/refusal"
	"eventanalytics/pkg/syntax"
	"eventanalytics/services/account/naming"
)

// CohortChange is what a cohort is to be.
type CohortChange struct {
	Description *string        // nil: as it was
	Filter      *syntax.Filter // or
	Users       []string       // a list
}

const (
	maxDescription = 1000
	maxUserID      = 200 // code points, as of events
)

// Cohorts lists the cohorts of a project by name, on behalf of one of its members.
func (s *Store) Cohorts(ctx context.Context, project, user int64) (all []cohort.Cohort, err error) {
	err = s.within(ctx, project, user, toRead, "listing cohorts", func(tx pgx.Tx, _ auth.Role) error {
		all, err = cohort.Shown(ctx, tx, project, "")
		return err
	})
	return all, err
}

// Cohort returns a cohort, on behalf of a member.
func (s *Store) Cohort(ctx context.Context, project, user int64, name string) (c cohort.Cohort, err error) {
	err = s.within(ctx, project, user, toRead, "reading a cohort", func(tx pgx.Tx, _ auth.Role) error {
		c, err = cohort.One(ctx, tx, project, name)
		return err
	})
	return c, err
}

// SetCohort creates a cohort or replaces it, on behalf of an editor. With a version the
// cohort must have it.
func (s *Store) SetCohort(ctx context.Context, project, user int64, name string, version *int64, change CohortChange) (c cohort.Cohort, created bool, err error) {
	put, err := change.check(name)
	if err != nil {
		return c, false, err
	}
	err = s.within(ctx, project, user, toEdit, "setting a cohort", func(tx pgx.Tx, _ auth.Role) error {
		before, err := cohort.One(ctx, tx, project, name)
		switch {
		case errors.Is(err, cohort.ErrNone):
			created = true
		case err != nil:
			return err
		}
		if version != nil && (created || *version != before.Version) {
			return ErrOtherVersion
		}
		if err := put.Put(ctx, tx, project, user, name); err != nil {
			return err
		}
		c, err = cohort.One(ctx, tx, project, name)
		return err
	})
	return c, created, err
}

// ErrOtherVersion is returned for a cohort that has another version than it must.
var ErrOtherVersion = refusal.New(refusal.Conflict, refusal.CodeChanged, "the cohort has another version: read it again")

// MayEdit refuses all but the owners and editors of a project.
func (s *Store) MayEdit(ctx context.Context, project, user int64) error {
	return s.within(ctx, project, user, toRead, "reading a role", func(_ pgx.Tx, role auth.Role) error {
		return role.MayEdit()
	})
}

// check refuses what no project can have, and returns what is to be put.
func (c *CohortChange) check(name string) (put cohort.Change, err error) {
	if err := syntax.CheckCohortName(name); err != nil {
		return put, refusal.InvalidField("invalid-parameter", "name", err.Error())
	}
	if c.Description != nil && *c.Description != "" {
		if err := naming.Text("description", *c.Description, maxDescription); err != nil {
			return put, err
		}
	}
	put.Description, put.Filter = c.Description, c.Filter
	if c.Filter != nil {
		return put, aboutUsers("filter", *c.Filter)
	}
	put.List, err = c.list()
	return put, err
}

// list returns the users of a list, each once, in order.
func (c *CohortChange) list() (list cohort.List, err error) {
	for i, user := range c.Users {
		if user == "" || !utf8.ValidString(user) || utf8.RuneCountInString(user) > maxUserID {
			return list, refusal.InvalidField("invalid-field", fmt.Sprintf("users[%d]", i), fmt.Sprintf("must be a user id: 1 to %d characters", maxUserID))
		}
	}
	slices.Sort(c.Users)
	c.Users = slices.Compact(c.Users)
	if len(c.Users) > cohort.MaxUsers {
		return list, refusal.InvalidField("invalid-field", "users", fmt.Sprintf("has %d users, at most %d are allowed", len(c.Users), cohort.MaxUsers))
	}
	for part := range slices.Chunk(c.Users, cohort.PartUsers) {
		if err := list.Add(part); err != nil {
			return list, err
		}
	}
	return list, nil
}

const (
	namedBySQL      = `SELECT name FROM analytics.cohorts WHERE project_id = $1 AND $2 = ANY(names) ORDER BY name LIMIT 1`
	deleteCohortSQL = `DELETE FROM analytics.cohorts WHERE project_id = $1 AND name = $2`
)

// DeleteCohort deletes a cohort that no other names, on behalf of an editor. With a version
// the cohort must have it.
func (s *Store) DeleteCohort(ctx context.Context, project, user int64, name string, version *int64) error {
	return s.within(ctx, project, user, toEdit, "deleting a cohort", func(tx pgx.Tx, _ auth.Role) error {
		before, err := cohort.One(ctx, tx, project, name)
		if err != nil {
			return err
		}
		if version != nil && *version != before.Version {
			return ErrOtherVersion
		}
		var other string
		err = tx.QueryRow(ctx, namedBySQL, project, name).Scan(&other)
		if err == nil {
			return refusal.New(refusal.Conflict, "cohort-in-use", fmt.Sprintf("the cohort %s names it", other))
		}
		if !errors.Is(err, pgx.ErrNoRows) {
			return err
		}
		_, err = tx.Exec(ctx, deleteCohortSQL, project, name)
		return err
	})
}

const cohortVersionSQL = `SELECT id, version FROM analytics.cohorts WHERE project_id = $1 AND name = $2 AND filter IS NULL`

// CohortUsers calls do with the user ids of a list, in order, some thousands at a time, on
// behalf of a member.
func (s *Store) CohortUsers(ctx context.Context, project, user int64, name string, do func(users []string) error) error {
	var id, version int64
	err := s.within(ctx, project, user, toRead, "reading the users of a cohort", func(tx pgx.Tx, _ auth.Role) error {
		c, err := cohort.One(ctx, tx, project, name)
		if err != nil {
			return err
		}
		if c.Users == nil {
			return refusal.New(refusal.Conflict, "not-a-list", "the cohort is a filter: its users depend on the end of the range that is asked about")
		}
		return tx.QueryRow(ctx, cohortVersionSQL, project, name).Scan(&id, &version)
	})
	if err != nil {
		return err
	}
	if err := cohort.Users(ctx, s.pool, id, version, do); err != nil {
		return wrap("reading the users of a cohort", err)
	}
	return nil
}
