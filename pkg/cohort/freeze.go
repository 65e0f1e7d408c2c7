package cohort

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"eventanalytics/pkg/auth"
	"eventanalytics/pkg/refusal"
	"eventanalytics/pkg/syntax"
)

// ErrExists refuses to freeze a cohort under the name of one that is there.
var ErrExists = refusal.New(refusal.Conflict, "cohort-exists", "there is a cohort of that name: delete it, or choose another name")

// MayEdit refuses all but the owners and editors of a project.
func MayEdit(ctx context.Context, pool *pgxpool.Pool, project, user int64) error {
	return pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error { return mayEdit(ctx, tx, project, user) })
}

func mayEdit(ctx context.Context, tx pgx.Tx, project, user int64) error {
	role, err := auth.Member(ctx, tx, project, user)
	if err != nil {
		return err
	}
	return role.MayEdit()
}

// Frozen is what a cohort's users became: a list.
type Frozen struct {
	Of   string // name of the cohort
	Key  string // of what it was when its users were found
	To   string // name of the list
	Text string // its description
	List List
}

// Freeze makes the list, on behalf of a user. It refuses one that is there, and a cohort that
// has changed since its users were found.
func Freeze(ctx context.Context, pool *pgxpool.Pool, project, user int64, f Frozen) (made Cohort, err error) {
	err = pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		if err := auth.LockProject(ctx, tx, project); err != nil {
			return err
		}
		if err := mayEdit(ctx, tx, project, user); err != nil {
			return err
		}
		known, err := Read(ctx, tx, project)
		if err != nil {
			return err
		}
		if _, exists := known[f.To]; exists {
			return ErrExists
		}
		if known[f.Of].Key != f.Key {
			return ErrChanged
		}
		change := Change{Description: &f.Text, List: f.List}
		if err := change.Put(ctx, tx, project, user, f.To); err != nil {
			return err
		}
		made, err = One(ctx, tx, project, f.To)
		return err
	})
	return made, err
}

const usersSQL = `
SELECT user_id FROM analytics.user_keys WHERE project_id = $1 AND user_key = ANY($2) ORDER BY user_id COLLATE "C"`

// maxList is the maximum size of a list while it is made: those that are uploaded are
// smaller.
const maxList = 64 << 20

// CheckSize refuses to freeze a cohort of so many users.
func CheckSize(users uint64) error {
	if users > MaxUsers {
		return refusal.New(refusal.Conflict, "too-many-users", fmt.Sprintf("the cohort has %d users, a list at most %d", users, MaxUsers))
	}
	return nil
}

// ListOf makes a list of the users with some keys.
func ListOf(ctx context.Context, pool *pgxpool.Pool, project int64, keys []uint32) (list List, err error) {
	rows, _ := pool.Query(ctx, usersSQL, project, keys)
	var part []string
	add := func() error {
		err := list.Add(part)
		part = part[:0]
		if err == nil && list.Bytes > maxList {
			err = refusal.New(refusal.Conflict, "list-too-large", fmt.Sprintf("the cohort's user ids have more than %d MiB", maxList>>20))
		}
		return err
	}
	var user string
	if _, err = pgx.ForEachRow(rows, []any{&user}, func() error {
		part = append(part, user)
		if len(part) < PartUsers {
			return nil
		}
		return add()
	}); err != nil {
		return list, fmt.Errorf("reading user ids: %w", err)
	}
	if len(part) > 0 {
		err = add()
	}
	if err == nil && list.Users != len(keys) {
		err = fmt.Errorf("%d of %d users have no id", len(keys)-list.Users, len(keys))
	}
	return list, err
}

// Copy makes a list of the users of another.
func Copy(ctx context.Context, pool *pgxpool.Pool, of Definition) (list List, err error) {
	err = Users(ctx, pool, of.ID, of.Version, list.Add)
	return list, err
}

// CheckName refuses what cannot be the name of a list, in a field.
func CheckName(field, name string) error {
	if err := syntax.CheckCohortName(name); err != nil {
		return refusal.InvalidField("invalid-field", field, err.Error())
	}
	return nil
}
