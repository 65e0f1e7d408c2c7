// Package traitlog has every statement on the tables of users' and groups' properties: the
// log of changes that ingest appends to and the worker applies, and the properties that
// these make. Package traits has the rules.
package traitlog

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"eventanalytics/pkg/outbox"
	"eventanalytics/pkg/traits"
)

// Entry is a change for the log.
type Entry struct {
	traits.Change
	Project int64
	// Operation is the id of the operation that the change comes from, or nil for an event.
	// It counts only when that is new. Append looks neither at it nor at Place.
	Operation uuid.UUID
	// Place of what it comes from in its request.
	Place int32
}

const appendSQL = `
INSERT INTO analytics.trait_changes (project_id, kind, type, id, steps)
SELECT project_id, kind, type, id, steps
FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[]) WITH ORDINALITY
    AS c (project_id, kind, type, id, steps, n)
ORDER BY n`

// atOnce bounds the changes that are read or written at a time: each may have 64 KiB.
const atOnce = 200

// Append writes changes to the end of the log, in their order. They take effect when the
// transaction has committed and the worker has come past it.
func Append(ctx context.Context, db outbox.Querier, entries []Entry) error {
	for len(entries) > 0 {
		some := entries[:min(len(entries), atOnce)]
		entries = entries[len(some):]
		n := len(some)
		projects, kinds, types, ids, steps := make([]int64, n), make([]string, n), make([]string, n), make([]string, n), make([]string, n)
		for i := range some {
			e := &some[i]
			text, err := traits.Encode(e.Steps)
			if err != nil {
				return err
			}
			projects[i], kinds[i], types[i], ids[i], steps[i] = e.Project, string(e.Kind), e.Type, e.ID, text
		}
		if _, err := db.Exec(ctx, appendSQL, projects, kinds, types, ids, steps); err != nil {
			return fmt.Errorf("appending changes of properties: %w", err)
		}
	}
	return nil
}

const lastPendingSQL = `
SELECT coalesce((
    SELECT xid::text::bigint FROM analytics.trait_changes
    WHERE incarnation IS NULL ORDER BY xid DESC, seq DESC LIMIT 1), 0)`

// LastPending is the id of the last transaction whose changes were not applied yet, 0 for
// none.
func LastPending(ctx context.Context, db outbox.Querier) (uint64, error) {
	var xid int64
	if err := db.QueryRow(ctx, lastPendingSQL).Scan(&xid); err != nil {
		return 0, fmt.Errorf("finding the last change of properties: %w", err)
	}
	return uint64(xid), nil
}

const restampSQL = `UPDATE analytics.trait_changes SET xid = pg_current_xact_id() WHERE incarnation IS NULL`

// Restamp gives the changes that were not applied the id of this transaction, in a restored
// database, whose ids begin anew.
func Restamp(ctx context.Context, db outbox.Querier) error {
	if _, err := db.Exec(ctx, restampSQL); err != nil {
		return fmt.Errorf("giving changes of properties a new transaction id: %w", err)
	}
	return nil
}
