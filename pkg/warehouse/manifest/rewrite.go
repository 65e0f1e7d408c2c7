package manifest

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"eventanalytics/pkg/outbox"
	"eventanalytics/pkg/warehouse/segment"
)

// A rewrite that was cut short is tried again after firstWait, and after twice as
// long each time that it is cut short again, at most maxWait. A process that was
// stopped for another reason loses little by the first; one that the rewrite kills
// loses a few seconds a day.
const (
	firstWait = 15 * time.Minute
	maxWait   = 24 * time.Hour
)

const beginRewriteSQL = `
WITH earlier AS (
    DELETE FROM analytics.rewrites AS r
    WHERE r.segments && $3 OR NOT EXISTS (
        SELECT FROM analytics.segments AS s WHERE s.id = ANY (r.segments) AND s.replaced_at IS NULL)
    RETURNING r.epoch, r.attempts, r.segments && $3 AS same
)
INSERT INTO analytics.rewrites (epoch, project_id, segments, attempts)
SELECT $1, $2, $3, 1 + coalesce((SELECT max(attempts) FROM earlier WHERE same AND epoch < $1), 0)
RETURNING id`

// BeginRewrite notes, before anything else is done, that segments of one project are
// about to be merged or upgraded, and returns the note's id. Until Tx.EndRewrite or
// EndRewrite these segments are passed over in later epochs; see PassedOver.
func (l *Lease) BeginRewrite(ctx context.Context, in []segment.Segment) (id int64, err error) {
	err = l.Commit(ctx, func(tx *Tx) error {
		return tx.QueryRow(ctx, beginRewriteSQL, l.epoch, in[0].ProjectID, idsOf(in)).Scan(&id)
	})
	if err != nil {
		return 0, fmt.Errorf("noting the beginning of a rewrite: %w", err)
	}
	return id, nil
}

const endRewriteSQL = "DELETE FROM analytics.rewrites WHERE id = $1"

// EndRewrite removes the note of a rewrite that failed. It needs no lease: a leader
// that was replaced meanwhile removes its own.
func EndRewrite(ctx context.Context, db outbox.Querier, id int64) error {
	if _, err := db.Exec(ctx, endRewriteSQL, id); err != nil {
		return fmt.Errorf("noting the end of a rewrite: %w", err)
	}
	return nil
}

// EndRewrite is the function of that name, in the transaction that replaces the
// segments.
func (tx *Tx) EndRewrite(ctx context.Context, id int64) error { return EndRewrite(ctx, tx, id) }

const passedOverSQL = `
SELECT unnest(segments) FROM analytics.rewrites
WHERE epoch < $1 AND clock_timestamp() < begun_at + least($2::interval * power(2, least(attempts, 30) - 1), $3::interval)`

// PassedOver returns the ids of segments whose rewrite was begun in an epoch before
// the given one and never ended, and that are not yet to be tried again. The process
// was ended by it, or at the same time; or its leader was replaced and is still at
// it, and will end it.
func PassedOver(ctx context.Context, db outbox.Querier, epoch int64) ([]int64, error) {
	rows, err := db.Query(ctx, passedOverSQL, epoch, firstWait, maxWait)
	if err != nil {
		return nil, fmt.Errorf("looking for rewrites that were cut short: %w", err)
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil {
		return nil, fmt.Errorf("looking for rewrites that were cut short: %w", err)
	}
	return ids, nil
}
