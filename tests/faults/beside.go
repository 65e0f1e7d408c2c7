package faults

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// beside is something that is stored beside the outbox: an operation, or an event that was
// rejected.
type beside struct {
	kind string
	id   uuid.UUID
}

const (
	operation = "operation"
	rejected  = "rejected"
)

const besideSQL = `
SELECT 'operation', operation_id FROM analytics.operations WHERE project_id = $1
UNION ALL
SELECT 'rejected', event_id FROM analytics.rejected_events WHERE project_id = $1`

func (c *checker) beside(ctx context.Context) ([]beside, error) {
	rows, err := c.cluster.db.Query(ctx, besideSQL, c.project.id)
	if err != nil {
		return nil, fmt.Errorf("reading operations and the quarantine: %w", err)
	}
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (b beside, err error) { return b, row.Scan(&b.kind, &b.id) })
	if err != nil {
		return nil, fmt.Errorf("reading operations and the quarantine: %w", err)
	}
	return all, nil
}

// storedBeside compares the journals with what is stored beside the outbox.
func (c *checker) storedBeside(all []beside) error {
	have := map[beside]bool{}
	for _, b := range all {
		if have[b] {
			return failed("beside once", "the %s %s is stored twice", b.kind, b.id)
		}
		have[b] = true
		if _, sent := c.story.beside[b]; !sent {
			return failed("beside was sent", "the %s %s is stored and nobody sent it", b.kind, b.id)
		}
	}
	for b, acknowledged := range c.story.beside {
		if acknowledged && !have[b] {
			return failed("beside is stored", "the %s %s was acknowledged and is not stored", b.kind, b.id)
		}
	}
	return nil
}
