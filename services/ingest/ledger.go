package ingest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"eventanalytics/pkg/event"
	"eventanalytics/pkg/outbox"
)

// outcome of storing a batch.
type outcome struct {
	accepted   int
	duplicates int     // conflicts included
	conflicts  []int32 // indexes in the request of known ids with other content
	position   outbox.Position
}

// errConflict is returned for an atomic batch with a known id of other content;
// the transaction must be rolled back.
var errConflict = errors.New("an event is known with another content")

// store writes what is new of a batch to the ledger and the outbox, in tx. It
// counts once tx commits.
//
// Ids are inserted in their order. Two overlapping batches that insert in
// different orders wait for each other's rows: that deadlocked 10 times of 10.
func store(ctx context.Context, tx pgx.Tx, project int64, batch *event.Batch, atomic bool) (outcome, error) {
	var out outcome
	entries := sortedEntries(batch)
	unique := entries[:0]
	for _, e := range entries {
		// The sort is stable: the first of equal ids in the request stays.
		if n := len(unique); n > 0 && unique[n-1].id == e.id {
			out.duplicate(e, unique[n-1].content)
			continue
		}
		unique = append(unique, e)
	}

	fresh, known, err := insertIDs(ctx, tx, project, unique)
	if err != nil {
		return outcome{}, err
	}
	if len(known) > 0 {
		contents, err := knownContents(ctx, tx, project, known)
		if err != nil {
			return outcome{}, err
		}
		for _, e := range known {
			out.duplicate(e, contents[e.id])
		}
	}
	slices.Sort(out.conflicts)
	if atomic && len(out.conflicts) > 0 {
		return out, errConflict
	}

	out.accepted = len(fresh)
	if out.accepted == 0 {
		out.position, err = outbox.Last(ctx, tx)
		return out, err
	}
	slices.SortFunc(fresh, func(a, b entry) int { return int(a.at - b.at) })
	events := make([]event.Event, len(fresh))
	for i, e := range fresh {
		events[i] = batch.Events[e.at]
	}
	out.position, err = outbox.Append(ctx, tx, project, events)
	return out, err
}

// entry is an event's row in the ledger.
type entry struct {
	id      uuid.UUID
	content int64
	at      int32 // index in the batch's events
	index   int32 // index in the request
}

func (o *outcome) duplicate(e entry, content int64) {
	o.duplicates++
	if e.content != content {
		o.conflicts = append(o.conflicts, e.index)
	}
}

func sortedEntries(batch *event.Batch) []entry {
	entries := make([]entry, len(batch.Events))
	for i := range batch.Events {
		e := &batch.Events[i]
		entries[i] = entry{id: e.ID, content: e.Content(), at: int32(i), index: batch.Indexes[i]}
	}
	slices.SortStableFunc(entries, func(a, b entry) int { return bytes.Compare(a.id[:], b.id[:]) })
	return entries
}

const insertIDsSQL = `
INSERT INTO analytics.event_ids (event_id, project_id, content)
SELECT id, $1, content FROM unnest($2::uuid[], $3::bigint[]) AS entries (id, content)
ON CONFLICT DO NOTHING
RETURNING event_id`

// insertIDs puts sorted, distinct entries into the ledger and tells which were
// new. An id that another transaction is just inserting is waited for.
func insertIDs(ctx context.Context, tx pgx.Tx, project int64, entries []entry) (fresh, known []entry, err error) {
	ids := make([]uuid.UUID, len(entries))
	contents := make([]int64, len(entries))
	for i, e := range entries {
		ids[i], contents[i] = e.id, e.content
	}
	rows, err := tx.Query(ctx, insertIDsSQL, project, ids, contents)
	if err != nil {
		return nil, nil, fmt.Errorf("inserting event ids: %w", err)
	}
	inserted := make(map[uuid.UUID]struct{}, len(entries))
	var id uuid.UUID
	if _, err = pgx.ForEachRow(rows, []any{&id}, func() error {
		inserted[id] = struct{}{}
		return nil
	}); err != nil {
		return nil, nil, fmt.Errorf("inserting event ids: %w", err)
	}
	for _, e := range entries {
		if _, ok := inserted[e.id]; ok {
			fresh = append(fresh, e)
		} else {
			known = append(known, e)
		}
	}
	return fresh, known, nil
}

const knownContentsSQL = `
SELECT event_id, content FROM analytics.event_ids WHERE project_id = $1 AND event_id = ANY ($2::uuid[])`

func knownContents(ctx context.Context, tx pgx.Tx, project int64, entries []entry) (map[uuid.UUID]int64, error) {
	ids := make([]uuid.UUID, len(entries))
	for i, e := range entries {
		ids[i] = e.id
	}
	rows, err := tx.Query(ctx, knownContentsSQL, project, ids)
	if err != nil {
		return nil, fmt.Errorf("reading known events: %w", err)
	}
	contents := make(map[uuid.UUID]int64, len(entries))
	var id uuid.UUID
	var content int64
	if _, err = pgx.ForEachRow(rows, []any{&id, &content}, func() error {
		contents[id] = content
		return nil
	}); err != nil {
		return nil, fmt.Errorf("reading known events: %w", err)
	}
	return contents, nil
}
