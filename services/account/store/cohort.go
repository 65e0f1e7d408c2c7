package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"

	"eventanalytics/pkg/auth"
	"eventanalytics/pkg/cohort"
	"eventanalytics/pkg/refusal"
	"eventanalytics/pkg/syntax"
	"eventanalytics/services/account/naming"
)

// Cohort is a named set of a project's users.
type Cohort struct {
	Name        string          `json:"name" doc:"Name of the cohort, as in cohort:paying"`
	Description string          `json:"description" doc:"What it is for"`
	Version     int64           `json:"version" doc:"Changes with each change"`
	Filter      json.RawMessage `json:"filter,omitempty" doc:"The filter that holds for its users"`
	Users       *int64          `json:"users,omitempty" doc:"How many users the list has"`
	CreatedAt   time.Time       `json:"created_at" doc:"When it was made"`
	ChangedAt   time.Time       `json:"changed_at" doc:"When it was last changed"`
	ChangedBy   string          `json:"changed_by" doc:"Name of the user who changed it last"`
}

// CohortChange is what a cohort is to be.
type CohortChange struct {
	Description *string        // nil: as it was
	Filter      *syntax.Filter // or
	Users       []string       // a list
}

// Bounds of a project's cohorts.
const (
	maxCohorts     = 200
	MaxUsers       = 1_000_000 // of a list
	maxAllUsers    = 5_000_000 // of all lists of a project
	maxFilters     = 256 << 10 // bytes of all filters of a project: stats keeps them in memory
	maxDescription = 1000
	maxUserID      = 200 // code points, as of events
)

const cohortsSQL = `
SELECT c.name, c.description, c.version, c.filter, c.users, c.created_at, c.changed_at, u.username
FROM analytics.cohorts AS c
JOIN analytics.users AS u ON u.id = c.changed_by
WHERE c.project_id = $1 AND ($2 = '' OR c.name = $2)
ORDER BY c.name`

// Cohorts lists the cohorts of a project by name, on behalf of one of its members.
func (s *Store) Cohorts(ctx context.Context, project, user int64) (all []Cohort, err error) {
	err = s.within(ctx, project, user, toRead, "listing cohorts", func(tx pgx.Tx, _ auth.Role) error {
		all, err = cohortsOf(ctx, tx, project, "")
		return err
	})
	return all, err
}

// Cohort returns a cohort, on behalf of a member.
func (s *Store) Cohort(ctx context.Context, project, user int64, name string) (c Cohort, err error) {
	err = s.within(ctx, project, user, toRead, "reading a cohort", func(tx pgx.Tx, _ auth.Role) error {
		c, err = oneCohort(ctx, tx, project, name)
		return err
	})
	return c, err
}

func cohortsOf(ctx context.Context, tx pgx.Tx, project int64, name string) ([]Cohort, error) {
	rows, _ := tx.Query(ctx, cohortsSQL, project, name)
	all := []Cohort{}
	var c Cohort
	var filter *string
	var users int64
	_, err := pgx.ForEachRow(rows, []any{&c.Name, &c.Description, &c.Version, &filter, &users, &c.CreatedAt, &c.ChangedAt, &c.ChangedBy}, func() error {
		c.Filter, c.Users = nil, nil
		if filter != nil {
			c.Filter = json.RawMessage(*filter)
		} else {
			c.Users = new(int64)
			*c.Users = users
		}
		all = append(all, c)
		return nil
	})
	return all, err
}

var errNoCohort = refusal.New(refusal.NotFound, "not-found", "there is no such cohort")

func oneCohort(ctx context.Context, tx pgx.Tx, project int64, name string) (Cohort, error) {
	if syntax.CheckCohortName(name) != nil { // an empty one would be all
		return Cohort{}, errNoCohort
	}
	all, err := cohortsOf(ctx, tx, project, name)
	if err == nil && len(all) == 0 {
		err = errNoCohort
	}
	if err != nil {
		return Cohort{}, err
	}
	return all[0], nil
}

const (
	knownCohortsSQL = `SELECT name, names, users, coalesce(octet_length(filter), 0) FROM analytics.cohorts WHERE project_id = $1`

	setCohortSQL = `
INSERT INTO analytics.cohorts AS c (project_id, name, description, version, filter, names, users, changed_by)
VALUES ($1, $2, coalesce($3, ''), nextval('analytics.cohort_versions'), $4, $5, $6, $7)
ON CONFLICT (project_id, name) DO UPDATE SET
    description = coalesce($3, c.description), version = excluded.version, filter = excluded.filter,
    names = excluded.names, users = excluded.users, changed_at = now(), changed_by = excluded.changed_by
RETURNING id, version`

	forgetUsersSQL = `DELETE FROM analytics.cohort_users WHERE cohort_id = $1 AND version <> $2`
)

// SetCohort creates a cohort or replaces it, on behalf of an editor. With a version the
// cohort must have it.
func (s *Store) SetCohort(ctx context.Context, project, user int64, name string, version *int64, change CohortChange) (c Cohort, created bool, err error) {
	text, parts, err := change.check(name)
	if err != nil {
		return c, false, err
	}
	err = s.within(ctx, project, user, toEdit, "setting a cohort", func(tx pgx.Tx, _ auth.Role) error {
		before, err := oneCohort(ctx, tx, project, name)
		switch {
		case errors.Is(err, errNoCohort):
			created = true
		case err != nil:
			return err
		}
		if version != nil && (created || *version != before.Version) {
			return ErrOtherVersion
		}
		names, err := change.fits(ctx, tx, project, name, text)
		if err != nil {
			return err
		}
		var filter *string
		if change.Filter != nil {
			filter = &text
		}
		var id, now int64
		if err := tx.QueryRow(ctx, setCohortSQL, project, name, change.Description, filter, names, len(change.Users), user).Scan(&id, &now); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, forgetUsersSQL, id, now); err != nil {
			return err
		}
		rows := make([][]any, len(parts))
		for i, part := range parts {
			rows[i] = []any{id, now, i, part}
		}
		if _, err := tx.CopyFrom(ctx, pgx.Identifier{"analytics", "cohort_users"}, []string{"cohort_id", "version", "part", "users"}, pgx.CopyFromRows(rows)); err != nil {
			return err
		}
		c, err = oneCohort(ctx, tx, project, name)
		return err
	})
	return c, created, err
}

// ErrOtherVersion is returned for a cohort that has another version than it must.
var ErrOtherVersion = refusal.New(refusal.Conflict, "changed-since", "the cohort has another version: read it again")

// MayEdit refuses all but the owners and editors of a project.
func (s *Store) MayEdit(ctx context.Context, project, user int64) error {
	return s.within(ctx, project, user, toRead, "reading a role", func(_ pgx.Tx, role auth.Role) error {
		if role == auth.RoleViewer {
			return errViewer
		}
		return nil
	})
}

// check refuses what no project can have, and returns the text of a filter or the parts of
// a list.
func (c *CohortChange) check(name string) (filter string, parts [][]byte, err error) {
	if err := syntax.CheckCohortName(name); err != nil {
		return "", nil, refusal.InvalidField("invalid-parameter", "name", err.Error())
	}
	if c.Description != nil && *c.Description != "" {
		if err := naming.Text("description", *c.Description, maxDescription); err != nil {
			return "", nil, err
		}
	}
	if c.Filter != nil {
		text, err := json.Marshal(c.Filter)
		if err != nil {
			return "", nil, fmt.Errorf("writing a filter: %w", err)
		}
		return string(text), nil, aboutUsers("filter", *c.Filter)
	}
	parts, err = c.list()
	return "", parts, err
}

// list returns the parts of a list of users, each once, in order.
func (c *CohortChange) list() (parts [][]byte, err error) {
	for i, user := range c.Users {
		if user == "" || !utf8.ValidString(user) || utf8.RuneCountInString(user) > maxUserID {
			return nil, refusal.InvalidField("invalid-field", fmt.Sprintf("users[%d]", i), fmt.Sprintf("must be a user id: 1 to %d characters", maxUserID))
		}
	}
	slices.Sort(c.Users)
	c.Users = slices.Compact(c.Users)
	if len(c.Users) > MaxUsers {
		return nil, refusal.InvalidField("invalid-field", "users", fmt.Sprintf("has %d users, at most %d are allowed", len(c.Users), MaxUsers))
	}
	for part := range slices.Chunk(c.Users, cohort.PartUsers) {
		encoded, err := cohort.EncodePart(part)
		if err != nil {
			return nil, err
		}
		parts = append(parts, encoded)
	}
	return parts, nil
}

// fits refuses a cohort that the project's others do not leave room for, that names one
// that is not there, or itself. It returns those that it names. filter is its filter's text.
func (c *CohortChange) fits(ctx context.Context, tx pgx.Tx, project int64, name, filter string) (names []string, err error) {
	rows, _ := tx.Query(ctx, knownCohortsSQL, project)
	known, users, bytes := map[string][]string{}, int64(len(c.Users)), len(filter)
	var other string
	var named []string
	var n int64
	var size int
	if _, err := pgx.ForEachRow(rows, []any{&other, &named, &n, &size}, func() error {
		known[other] = slices.Clone(named)
		if other != name {
			users, bytes = users+n, bytes+size
		}
		return nil
	}); err != nil {
		return nil, err
	}
	if _, exists := known[name]; !exists && len(known) >= maxCohorts {
		return nil, refusal.New(refusal.Conflict, "too-many-cohorts", fmt.Sprintf("a project has at most %d cohorts; delete some", maxCohorts))
	}
	if users > maxAllUsers {
		return nil, refusal.New(refusal.Conflict, "too-many-users", fmt.Sprintf("the lists of a project have at most %d users together", maxAllUsers))
	}
	if bytes > maxFilters {
		return nil, refusal.New(refusal.Conflict, "cohorts-too-large", fmt.Sprintf("the filters of a project's cohorts have at most %d bytes together", maxFilters))
	}
	if c.Filter == nil {
		return []string{}, nil
	}
	names = append([]string{}, cohort.Names(*c.Filter)...)
	for _, other := range names {
		if _, exists := known[other]; !exists && other != name {
			return nil, refusal.InvalidField("unknown-cohort", "filter", fmt.Sprintf("names the cohort %s, which does not exist", other))
		}
	}
	known[name] = names
	if leads(known, name, name, map[string]bool{}) {
		return nil, refusal.InvalidField("circular-cohort", "filter", "names a cohort that leads back to this one")
	}
	return names, nil
}

// leads says whether what a cohort names, or what these name, is another one.
func leads(known map[string][]string, from, to string, seen map[string]bool) bool {
	for _, name := range known[from] {
		if name == to {
			return true
		}
		if !seen[name] {
			seen[name] = true
			if leads(known, name, to, seen) {
				return true
			}
		}
	}
	return false
}

const (
	namedBySQL      = `SELECT name FROM analytics.cohorts WHERE project_id = $1 AND $2 = ANY(names) ORDER BY name LIMIT 1`
	deleteCohortSQL = `DELETE FROM analytics.cohorts WHERE project_id = $1 AND name = $2`
)

// DeleteCohort deletes a cohort that no other names, on behalf of an editor. With a version
// the cohort must have it.
func (s *Store) DeleteCohort(ctx context.Context, project, user int64, name string, version *int64) error {
	return s.within(ctx, project, user, toEdit, "deleting a cohort", func(tx pgx.Tx, _ auth.Role) error {
		before, err := oneCohort(ctx, tx, project, name)
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
		c, err := oneCohort(ctx, tx, project, name)
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
