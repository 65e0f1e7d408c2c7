package intake

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

const (
	// quarantineLife is how long a rejected event is kept.
	quarantineLife = 30 * 24 * time.Hour
	// maxQuarantined is how many a project keeps, to within an hour: the newest.
	maxQuarantined = 100_000
)

// Quarantined is an event in the quarantine.
type Quarantined struct {
	Rejected
	ReceivedAt time.Time
}

// Place is where an event is in the quarantine, which is in the order of places.
type Place struct {
	At time.Time
	ID uuid.UUID
}

// Place of an event.
func (q *Quarantined) Place() Place { return Place{q.ReceivedAt, q.ID} }

// Stretch is a part of the quarantine: what arrived from one instant to before another.
type Stretch struct {
	From, To time.Time
	Newest   bool   // comes first, instead of the oldest
	After    *Place // only what comes after it in that order; nil for all
}

const (
	quarantinedColumns = `
SELECT event_id, request_index, protocol, reason, message, payload, whole, envelope, key_id, received_at
FROM analytics.rejected_events
WHERE project_id = $1 AND received_at >= $2 AND received_at < $3 AND `

	oldestSQL = quarantinedColumns + `(received_at, event_id) > ($4, $5) ORDER BY received_at, event_id LIMIT $6`
	newestSQL = quarantinedColumns + `(received_at, event_id) < ($4, $5) ORDER BY received_at DESC, event_id DESC LIMIT $6`
)

// Quarantined lists a project's rejected events of a stretch, at most n of them.
func (in *Intake) Quarantined(ctx context.Context, project int64, s Stretch, n int) ([]Quarantined, error) {
	sql, after := oldestSQL, Place{At: time.Unix(0, 0)}
	if s.Newest {
		sql, after = newestSQL, Place{s.To, uuid.Max}
	}
	if s.After != nil {
		after = *s.After
	}
	rows, _ := in.pool.Query(ctx, sql, project, s.From, s.To, after.At, after.ID, n)
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (q Quarantined, err error) {
		err = row.Scan(&q.ID, &q.Index, &q.Protocol, &q.Reason, &q.Message, &q.Payload, &q.Whole, &q.Envelope, &q.KeyID, &q.ReceivedAt)
		return q, err
	})
	if err != nil {
		return nil, fmt.Errorf("reading the quarantine: %w", err)
	}
	return list, nil
}

const (
	expireQuarantineSQL = `DELETE FROM analytics.rejected_events WHERE received_at < now() - $1::interval`

	trimQuarantineSQL = `
DELETE FROM analytics.rejected_events AS r
USING (
    SELECT project_id, event_id
    FROM (SELECT project_id, event_id, row_number() OVER (PARTITION BY project_id ORDER BY received_at DESC, event_id) AS n FROM analytics.rejected_events) AS numbered
    WHERE n > $1
    ORDER BY event_id, project_id
) AS old
WHERE r.project_id = old.project_id AND r.event_id = old.event_id`

	destroySaltsSQL = `DELETE FROM analytics.visitor_salts WHERE day < (now() AT TIME ZONE 'UTC')::date - 1`
)

// upkeepQuarantine drops what is kept no longer.
func (in *Intake) upkeepQuarantine(ctx context.Context) error {
	if _, err := in.pool.Exec(ctx, expireQuarantineSQL, quarantineLife); err != nil {
		return fmt.Errorf("dropping old rejected events: %w", err)
	}
	if _, err := in.pool.Exec(ctx, trimQuarantineSQL, maxQuarantined); err != nil {
		return fmt.Errorf("dropping rejected events: %w", err)
	}
	if _, err := in.pool.Exec(ctx, destroySaltsSQL); err != nil {
		return fmt.Errorf("destroying salts: %w", err)
	}
	return nil
}

const (
	makeSaltSQL = `INSERT INTO analytics.visitor_salts (day, salt) VALUES ($1, $2) ON CONFLICT DO NOTHING`
	saltSQL     = `SELECT salt FROM analytics.visitor_salts WHERE day = $1`
)

// Salt returns the random bytes of a day (UTC), the same for all replicas. The first to
// ask proposes them.
func (in *Intake) Salt(ctx context.Context, day time.Time, proposed []byte) (salt []byte, err error) {
	if _, err := in.pool.Exec(ctx, makeSaltSQL, day, proposed); err != nil {
		return nil, fmt.Errorf("making a salt: %w", err)
	}
	if err := in.pool.QueryRow(ctx, saltSQL, day).Scan(&salt); err != nil {
		return nil, fmt.Errorf("reading a salt: %w", err)
	}
	return salt, nil
}
