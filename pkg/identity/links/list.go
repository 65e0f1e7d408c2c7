package links

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"eventanalytics/pkg/identity"
	"eventanalytics/pkg/outbox"
)

// Shown is a link or a refusal as it is listed.
type Shown struct {
	ID        int64
	From, To  string
	MadeBy    string
	MadeAt    time.Time
	Refused   identity.Reason // empty for a link
	TakenBack bool
}

// Which of a project's links are listed, the newest first.
type Which struct {
	Refused bool   // refusals in place of links
	Of      string // only those from or to this id; empty for all
	Before  int64  // only those with a lower id; 0 for all
	Most    int
}

const listSQL = `
SELECT link_id, from_id, to_id, made_by, made_at, refused, end_xid IS NOT NULL FROM analytics.identity_links
WHERE project_id = $1 AND %s AND ($2 = 0 OR link_id < $2)%s
ORDER BY link_id DESC LIMIT $3`

// List lists links of a project.
func List(ctx context.Context, db outbox.Querier, project int64, w Which) ([]Shown, error) {
	kind, of, args := "refused = ''", "", []any{project, w.Before, w.Most}
	if w.Refused {
		kind = "refused <> ''"
	}
	if w.Of != "" {
		of, args = " AND (from_id = $4 OR to_id = $4)", append(args, w.Of)
	}
	rows, err := db.Query(ctx, fmt.Sprintf(listSQL, kind, of), args...)
	if err != nil {
		return nil, fmt.Errorf("listing links: %w", err)
	}
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (s Shown, err error) {
		err = row.Scan(&s.ID, &s.From, &s.To, &s.MadeBy, &s.MadeAt, &s.Refused, &s.TakenBack)
		return s, err
	})
	if err != nil {
		return nil, fmt.Errorf("listing links: %w", err)
	}
	return all, nil
}

// ErrNoLink is returned for a link that a project does not have, or has no longer.
var ErrNoLink = errors.New("the project has no such link")

const findSQL = `
SELECT from_id, to_id FROM analytics.identity_links
WHERE project_id = $1 AND link_id = $2 AND refused = '' AND end_xid IS NULL`

// Find returns the ends of an active link.
func Find(ctx context.Context, db outbox.Querier, project, link int64) (from, to string, err error) {
	err = db.QueryRow(ctx, findSQL, project, link).Scan(&from, &to)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", "", ErrNoLink
	}
	if err != nil {
		return "", "", fmt.Errorf("finding a link: %w", err)
	}
	return from, to, nil
}
