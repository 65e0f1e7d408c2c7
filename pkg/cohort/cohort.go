// Package cohort keeps the named sets of users that projects have in Postgres: filters on
// users, and lists of them.
package cohort

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/jackc/pgx/v5"

	"eventanalytics/pkg/syntax"
)

// Definition is what a set of users of a project is: those for whom Filter holds, or a list.
type Definition struct {
	ID      int64
	Version int64 // that no other cohort has, nor this one before
	Filter  syntax.Filter
	IsList  bool
	// Key changes with the version, and with those of the cohorts that the filter names.
	Key string
}

const readSQL = `
SELECT name, id, version, filter, names FROM analytics.cohorts WHERE project_id = $1`

// All are the cohorts of a project by name.
type All map[string]Definition

// Querier is a pool or a transaction.
type Querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// Read returns the cohorts of a project.
func Read(ctx context.Context, in Querier, project int64) (All, error) {
	rows, _ := in.Query(ctx, readSQL, project)
	all, names := All{}, map[string][]string{}
	var name string
	var one Definition
	var filter *string
	var named []string
	_, err := pgx.ForEachRow(rows, []any{&name, &one.ID, &one.Version, &filter, &named}, func() error {
		one.Filter, one.IsList = syntax.Filter{}, filter == nil
		names[name] = slices.Clone(named)
		if filter != nil {
			if err := json.Unmarshal([]byte(*filter), &one.Filter); err != nil {
				return fmt.Errorf("reading the filter of %s: %w", name, err)
			}
		}
		all[name] = one
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading cohorts: %w", err)
	}
	return all, all.setKeys(names)
}

var errCircle = errors.New("cohorts name each other in a circle, or one that is not there")

// setKeys gives each cohort its key, once those that it names have theirs.
func (all All) setKeys(names map[string][]string) error {
	for left := len(all); left > 0; {
		before := left
		for name, c := range all {
			if c.Key != "" || slices.ContainsFunc(names[name], func(other string) bool { return all[other].Key == "" }) {
				continue
			}
			key := strconv.FormatInt(c.Version, 10)
			for _, other := range names[name] {
				key += " " + all[other].Key
			}
			sum := sha256.Sum256([]byte(key))
			c.Key = fmt.Sprintf("%x", sum[:16])
			all[name] = c
			left--
		}
		if left == before {
			return errCircle
		}
	}
	return nil
}
