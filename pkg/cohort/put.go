package cohort

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"eventanalytics/pkg/refusal"
	"eventanalytics/pkg/syntax"
)

// Bounds of a project's cohorts.
const (
	maxCohorts  = 200
	MaxUsers    = 1_000_000 // of a list
	maxAllUsers = 5_000_000 // of all lists of a project
	maxFilters  = 256 << 10 // bytes of all filters of a project: stats keeps them in memory
)

// Change is what a cohort is to be.
type Change struct {
	Description *string        // nil: as it was
	Filter      *syntax.Filter // or
	List        List
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

// Put makes a cohort or replaces it, on behalf of a user, in a transaction that has the
// project to itself. What cannot be is a *refusal.Error.
func (c *Change) Put(ctx context.Context, tx pgx.Tx, project, user int64, name string) error {
	var filter *string
	if c.Filter != nil {
		text, err := json.Marshal(c.Filter)
		if err != nil {
			return fmt.Errorf("writing a filter: %w", err)
		}
		filter = new(string)
		*filter = string(text)
	}
	names, err := c.fits(ctx, tx, project, name, filter)
	if err != nil {
		return err
	}
	var id, version int64
	if err := tx.QueryRow(ctx, setCohortSQL, project, name, c.Description, filter, names, c.List.Users, user).Scan(&id, &version); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, forgetUsersSQL, id, version); err != nil {
		return err
	}
	rows := make([][]any, len(c.List.parts))
	for i, part := range c.List.parts {
		rows[i] = []any{id, version, i, part}
	}
	_, err = tx.CopyFrom(ctx, pgx.Identifier{"analytics", "cohort_users"}, []string{"cohort_id", "version", "part", "users"}, pgx.CopyFromRows(rows))
	return err
}

// fits refuses a cohort that the project's others do not leave room for, that names one
// that is not there, or itself. It returns those that it names. filter is its filter's text.
func (c *Change) fits(ctx context.Context, tx pgx.Tx, project int64, name string, filter *string) (names []string, err error) {
	rows, _ := tx.Query(ctx, knownCohortsSQL, project)
	known, users, bytes := map[string][]string{}, int64(c.List.Users), 0
	if filter != nil {
		bytes = len(*filter)
	}
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
	places := Places("filter", *c.Filter)
	for _, p := range places {
		if _, exists := known[p.Name]; !exists && p.Name != name {
			return nil, refusal.InvalidField("unknown-cohort", p.Path, fmt.Sprintf("names the cohort %s, which does not exist", p.Name))
		}
	}
	names = NamesOf(places)
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
