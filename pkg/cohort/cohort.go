// Package cohort reads the named sets of users that projects have, which the account
// service writes: filters on users, and lists of them.
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
	"github.com/jackc/pgx/v5/pgxpool"

	"eventanalytics/pkg/syntax"
)

// Cohort is a set of users of a project: those for whom Filter holds, or a list.
type Cohort struct {
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
type All map[string]Cohort

// Read returns the cohorts of a project.
func Read(ctx context.Context, pool *pgxpool.Pool, project int64) (All, error) {
	rows, _ := pool.Query(ctx, readSQL, project)
	all, names := All{}, map[string][]string{}
	var name string
	var one Cohort
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

// Names returns the cohorts that a filter names, each once, in order.
func Names(f syntax.Filter) []string {
	var names []string
	var visit func(f syntax.Filter)
	visit = func(f syntax.Filter) {
		if f.Form == syntax.Holds && f.Condition.Field.Source == syntax.Cohort {
			names = append(names, f.Condition.Field.Name)
		}
		if f.Form == syntax.DidSo {
			visit(f.Did.Series.Filter)
		}
		for _, one := range f.Of {
			visit(one)
		}
	}
	visit(f)
	slices.Sort(names)
	return slices.Compact(names)
}
