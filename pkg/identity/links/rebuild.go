package links

import (
	"context"
	"fmt"
	"strconv"

	"github.com/jackc/pgx/v5"

	"eventanalytics/pkg/outbox"
)

// While a rebuild is under way, links are read as they were, and the worker waits.
const lockSQL = `
LOCK TABLE analytics.identity_ids, analytics.identity_links, analytics.identity_projects IN EXCLUSIVE MODE`

// fingerprintSQL is the same for the same rows, in whichever order.
const fingerprintSQL = `
SELECT coalesce((SELECT sum(hashtextextended(i::text, 0)::numeric) FROM analytics.identity_ids AS i), 0)::text || ' ' ||
       coalesce((SELECT sum(hashtextextended(l::text, 0)::numeric) FROM analytics.identity_links AS l), 0)::text || ' ' ||
       coalesce((SELECT sum(hashtextextended(p::text, 0)::numeric) FROM analytics.identity_projects AS p), 0)::text`

var forgetSQL = []string{
	"DELETE FROM analytics.identity_ids", "DELETE FROM analytics.identity_links", "DELETE FROM analytics.identity_projects",
}

const incarnationsSQL = `
SELECT DISTINCT incarnation FROM analytics.identity_claims WHERE incarnation IS NOT NULL ORDER BY incarnation`

const appliedAfterSQL = `
SELECT ` + loggedColumns + ` FROM analytics.identity_claims
WHERE incarnation = $1 AND (xid, seq) > ($2::text::xid8, $3)
ORDER BY xid, seq LIMIT $4`

// Rebuild makes what is known of ids, and all links, anew from the log, up to where it was
// applied, and reports whether they were others before. The same log makes the same links.
func Rebuild(ctx context.Context, tx outbox.Querier, keysOf KeysOf) (changed bool, err error) {
	if _, err := tx.Exec(ctx, lockSQL); err != nil {
		return false, fmt.Errorf("locking links: %w", err)
	}
	before, err := fingerprint(ctx, tx)
	if err != nil {
		return false, err
	}
	for _, sql := range forgetSQL {
		if _, err := tx.Exec(ctx, sql); err != nil {
			return false, fmt.Errorf("forgetting links: %w", err)
		}
	}
	rows, err := tx.Query(ctx, incarnationsSQL)
	if err != nil {
		return false, fmt.Errorf("reading incarnations of claims: %w", err)
	}
	incarnations, err := pgx.CollectRows(rows, pgx.RowTo[int32])
	if err != nil {
		return false, fmt.Errorf("reading incarnations of claims: %w", err)
	}
	for _, incarnation := range incarnations {
		if err := again(ctx, tx, incarnation, keysOf); err != nil {
			return false, err
		}
	}
	after, err := fingerprint(ctx, tx)
	return after != before, err
}

func fingerprint(ctx context.Context, tx outbox.Querier) (text string, err error) {
	if err := tx.QueryRow(ctx, fingerprintSQL).Scan(&text); err != nil {
		return "", fmt.Errorf("comparing links: %w", err)
	}
	return text, nil
}

// again applies the claims of an incarnation that were applied before.
func again(ctx context.Context, tx outbox.Querier, incarnation int32, keysOf KeysOf) error {
	var last Logged
	for {
		some, err := readLogged(ctx, tx, appliedAfterSQL, incarnation, strconv.FormatUint(last.XID, 10), last.Seq, atOnce)
		if err != nil || len(some) == 0 {
			return err
		}
		batch, err := NewBatch(ctx, some, keysOf)
		if err != nil {
			return err
		}
		if _, err := batch.Apply(ctx, tx, incarnation); err != nil {
			return err
		}
		last = some[len(some)-1]
	}
}
