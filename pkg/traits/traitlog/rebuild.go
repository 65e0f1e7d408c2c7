package traitlog

import (
	"context"
	"fmt"
	"strconv"

	"github.com/jackc/pgx/v5"

	"eventanalytics/pkg/outbox"
	"eventanalytics/pkg/traits"
)

// While a rebuild is under way, properties are read as they were, and the worker waits.
const lockSQL = `LOCK TABLE analytics.traits IN EXCLUSIVE MODE`

// fingerprintSQL is the same for the same rows, in whichever order.
const fingerprintSQL = `SELECT count(*)::text || ' ' || coalesce(sum(hashtextextended(t::text, 0)::numeric), 0)::text FROM analytics.traits AS t`

const forgetSQL = `DELETE FROM analytics.traits`

const appliedAfterSQL = `
SELECT ` + loggedColumns + ` FROM analytics.trait_changes
WHERE incarnation IS NOT NULL AND (incarnation, xid, seq) > ($1, $2::text::xid8, $3)
ORDER BY incarnation, xid, seq LIMIT $4`

// Rebuild makes all properties anew from the log, up to where it was applied, and reports
// whether they were others before. The same log makes the same properties.
func Rebuild(ctx context.Context, tx outbox.Querier) (changed bool, err error) {
	if _, err := tx.Exec(ctx, lockSQL); err != nil {
		return false, fmt.Errorf("locking properties: %w", err)
	}
	before, err := fingerprint(ctx, tx)
	if err != nil {
		return false, err
	}
	if _, err := tx.Exec(ctx, forgetSQL); err != nil {
		return false, fmt.Errorf("forgetting properties: %w", err)
	}
	last := traits.Place{Incarnation: -1}
	for {
		some, err := readLogged(ctx, tx, appliedAfterSQL, last.Incarnation, strconv.FormatUint(last.XID, 10), last.Seq, atOnce)
		if err != nil {
			return false, err
		}
		if len(some) == 0 {
			break
		}
		if err := (&batch{entries: some, projects: map[int64]bool{}}).apply(ctx, tx); err != nil {
			return false, err
		}
		last = some[len(some)-1].at
	}
	after, err := fingerprint(ctx, tx)
	return after != before, err
}

func fingerprint(ctx context.Context, tx outbox.Querier) (text string, err error) {
	if err := tx.QueryRow(ctx, fingerprintSQL).Scan(&text); err != nil {
		return "", fmt.Errorf("comparing properties: %w", err)
	}
	return text, nil
}

const projectsSQL = `SELECT DISTINCT project_id FROM analytics.trait_changes`

// Projects are those with changes in the log.
func Projects(ctx context.Context, db outbox.Querier) ([]int64, error) {
	rows, err := db.Query(ctx, projectsSQL)
	if err != nil {
		return nil, fmt.Errorf("finding projects with properties: %w", err)
	}
	projects, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil {
		return nil, fmt.Errorf("finding projects with properties: %w", err)
	}
	return projects, nil
}
