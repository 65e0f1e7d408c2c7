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

const linksSQL = `
SELECT from_id FROM analytics.identity_links WHERE project_id = $1 AND refused = '' AND end_xid IS NULL`

// linked compares operations with the links that the worker made of them.
func (c *checker) linked(ctx context.Context, all []beside) error {
	rows, err := c.cluster.db.Query(ctx, linksSQL, c.project.id)
	if err != nil {
		return fmt.Errorf("reading links: %w", err)
	}
	devices, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return fmt.Errorf("reading links: %w", err)
	}
	return linkedOnce(all, devices)
}

func linkedOnce(all []beside, devices []string) error {
	have := map[string]bool{}
	for _, device := range devices {
		if have[device] {
			return failed("linked once", "%s is linked twice", device)
		}
		have[device] = true
	}
	operations := 0
	for _, b := range all {
		if b.kind != operation {
			continue
		}
		operations++
		if device := deviceOf(b.id); !have[device] {
			return failed("operations link", "the operation %s is stored, and %s is not linked", b.id, device)
		}
	}
	if operations != len(devices) {
		return failed("operations link", "%d operations are stored, and %d devices are linked", operations, len(devices))
	}
	return nil
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
