package cohort

import (
	"context"
	"encoding/json"
	"time"

	"github.com/jackc/pgx/v5"

	"eventanalytics/pkg/refusal"
	"eventanalytics/pkg/syntax"
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

const listSQL = `
SELECT c.name, c.description, c.version, c.filter, c.users, c.created_at, c.changed_at, u.username
FROM analytics.cohorts AS c
JOIN analytics.users AS u ON u.id = c.changed_by
WHERE c.project_id = $1 AND ($2 = '' OR c.name = $2)
ORDER BY c.name`

// Shown lists the cohorts of a project by name; with a name that one alone.
func Shown(ctx context.Context, tx pgx.Tx, project int64, name string) ([]Cohort, error) {
	rows, _ := tx.Query(ctx, listSQL, project, name)
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

// ErrNone refuses a cohort that is not there.
var ErrNone = refusal.New(refusal.NotFound, "not-found", "there is no such cohort")

// One returns a cohort.
func One(ctx context.Context, tx pgx.Tx, project int64, name string) (Cohort, error) {
	if syntax.CheckCohortName(name) != nil { // an empty one would be all
		return Cohort{}, ErrNone
	}
	all, err := Shown(ctx, tx, project, name)
	if err == nil && len(all) == 0 {
		err = ErrNone
	}
	if err != nil {
		return Cohort{}, err
	}
	return all[0], nil
}
