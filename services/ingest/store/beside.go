package store

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"eventanalytics/pkg/identity/links"
	"eventanalytics/pkg/traits/traitlog"
)

// Beside is what a batch brings that is no event of it. It is stored in the batch's
// transaction.
type Beside struct {
	Operations []Operation
	// Claims of which ids belong together, in the order of the log. One that names an
	// operation is stored only if that is new.
	Claims []links.Claim
	// Traits are changes of properties, in the order of the log. Each is stored only if the
	// operation or event that it comes from is new.
	Traits   []traitlog.Entry
	Rejected []Rejected
	// Replayed are rows of the quarantine that the batch's events and operations come
	// from: they leave it.
	Replayed []uuid.UUID
}

func (b *Beside) rows() int {
	return len(b.Operations) + len(b.Claims) + len(b.Traits) + len(b.Rejected) + len(b.Replayed)
}

// Operation says something of a user or group, such as identify, and is no activity.
type Operation struct {
	ID         uuid.UUID // its permanent identity inside the project, among operations
	OccurredAt int64     // in microseconds since 1970 UTC
	Protocol   string
	Kind       string // as the protocol names it
	UserID     string
	Payload    string // JSON as the client sent it, repaired
	Place      int32  // in its request: operations of one request keep their order
}

// Rejected is an event that breaks a rule, for the quarantine.
type Rejected struct {
	ID       uuid.UUID // that it would have; free until it is accepted
	Index    int32     // in its request
	Protocol string
	Reason   string // code of the rule
	Message  string // for people
	Payload  string // JSON as the client sent it, repaired; cut when it is too long
	Whole    bool   // Payload is not cut
	Envelope string // JSON of what else its protocol needs to try it again
	KeyID    int64  // of the API key that sent it
}

// keyed is a row of an upload that is not an event.
type keyed struct {
	id      uuid.UUID
	project int64
	upload  int
	at      int
}

// byID is the order in which rows are inserted: overlapping transactions that insert in
// different orders wait for each other.
func byID(a, b keyed) int {
	return cmp.Or(bytes.Compare(a.id[:], b.id[:]), cmp.Compare(a.project, b.project), cmp.Compare(a.upload, b.upload), cmp.Compare(a.at, b.at))
}

// rowsAtOnce bounds the rows of a statement: each may have 64 KiB.
const rowsAtOnce = 200

// writeBeside writes what uploads bring beside their events: each table after the one
// before, each in the order of its key. freshEvents are those events with changes of
// properties that are new.
func writeBeside(ctx context.Context, tx pgx.Tx, uploads []*upload, freshEvents map[origin]bool) error {
	var operations, rejected []keyed
	for i, u := range uploads {
		for at := range u.beside.Operations {
			operations = append(operations, keyed{u.beside.Operations[at].ID, u.project, i, at})
		}
		for at := range u.beside.Rejected {
			rejected = append(rejected, keyed{u.beside.Rejected[at].ID, u.project, i, at})
		}
	}
	slices.SortFunc(operations, byID)
	slices.SortFunc(rejected, byID)
	fresh := map[operationKey]origin{}
	for rows := range slices.Chunk(operations, rowsAtOnce) {
		if err := insertOperations(ctx, tx, uploads, rows, fresh); err != nil {
			return err
		}
	}
	if err := appendClaims(ctx, tx, uploads, fresh); err != nil {
		return err
	}
	if err := appendTraits(ctx, tx, uploads, fresh, freshEvents); err != nil {
		return err
	}
	for rows := range slices.Chunk(rejected, rowsAtOnce) {
		if err := insertRejected(ctx, tx, uploads, rows); err != nil {
			return err
		}
	}
	for _, u := range uploads {
		if len(u.beside.Replayed) == 0 {
			continue
		}
		if _, err := tx.Exec(ctx, leaveSQL, u.project, u.beside.Replayed); err != nil {
			return fmt.Errorf("taking events out of the quarantine: %w", err)
		}
	}
	return nil
}

const insertOperationsSQL = `
INSERT INTO analytics.operations (operation_id, project_id, occurred_at, protocol, kind, user_id, payload, place)
SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::text[], $8::integer[])
ON CONFLICT DO NOTHING
RETURNING operation_id, project_id`

// origin is an item of an upload.
type origin struct {
	upload int
	place  int32
}

type operationKey struct {
	id      uuid.UUID
	project int64
}

// insertOperations inserts those that are new, and adds them to fresh. Of two with the
// same id, in whichever uploads, the first is.
func insertOperations(ctx context.Context, tx pgx.Tx, uploads []*upload, rows []keyed, fresh map[operationKey]origin) error {
	n := len(rows)
	ids, projects, times := make([]uuid.UUID, n), make([]int64, n), make([]int64, n)
	protocols, kinds, users, payloads := make([]string, n), make([]string, n), make([]string, n), make([]string, n)
	places := make([]int32, n)
	for i, row := range rows {
		o := &uploads[row.upload].beside.Operations[row.at]
		ids[i], projects[i], times[i] = row.id, row.project, o.OccurredAt
		protocols[i], kinds[i], users[i], payloads[i] = o.Protocol, o.Kind, o.UserID, o.Payload
		places[i] = o.Place
	}
	got, err := tx.Query(ctx, insertOperationsSQL, ids, projects, times, protocols, kinds, users, payloads, places)
	if err != nil {
		return fmt.Errorf("inserting operations: %w", err)
	}
	inserted := map[operationKey]bool{}
	var k operationKey
	if _, err := pgx.ForEachRow(got, []any{&k.id, &k.project}, func() error { inserted[k] = true; return nil }); err != nil {
		return fmt.Errorf("inserting operations: %w", err)
	}
	for _, row := range rows {
		if k := (operationKey{row.id, row.project}); inserted[k] {
			u := uploads[row.upload]
			u.out.Operations++
			fresh[k] = origin{row.upload, u.beside.Operations[row.at].Place}
			delete(inserted, k) // what repeats it is not new
		}
	}
	return nil
}

// appendClaims appends the claims of all uploads to the log, but for those of operations
// that are known: they were claimed then.
func appendClaims(ctx context.Context, tx pgx.Tx, uploads []*upload, fresh map[operationKey]origin) error {
	var claims []links.Claim
	for _, u := range uploads {
		for _, c := range u.beside.Claims {
			if _, isNew := fresh[operationKey{c.Operation, u.project}]; isNew || c.Operation == uuid.Nil {
				claims = append(claims, c)
				u.out.Claims++
			}
		}
	}
	return links.Append(ctx, tx, claims)
}

// appendTraits appends the changes of properties of all uploads to the log, but for those
// of operations and events that are known: sent again, they would count again.
func appendTraits(ctx context.Context, tx pgx.Tx, uploads []*upload, fresh map[operationKey]origin, freshEvents map[origin]bool) error {
	var entries []traitlog.Entry
	for i, u := range uploads {
		for _, e := range u.beside.Traits {
			from := origin{i, e.Place}
			isNew := freshEvents[from]
			if e.Operation != uuid.Nil {
				first, stored := fresh[operationKey{e.Operation, u.project}]
				isNew = stored && first == from
			}
			if isNew {
				entries = append(entries, e)
				u.out.Traits++
			}
		}
	}
	return traitlog.Append(ctx, tx, entries)
}

// changing returns which of the events that are new have changes of properties.
func changing(uploads []*upload, fresh []entry) map[origin]bool {
	all := map[origin]bool{}
	for i, u := range uploads {
		for _, e := range u.beside.Traits {
			if e.Operation == uuid.Nil {
				all[origin{i, e.Place}] = false
			}
		}
	}
	if len(all) == 0 {
		return nil
	}
	for _, e := range fresh {
		from := origin{int(e.upload), uploads[e.upload].batch.Indexes[e.at]}
		if _, changes := all[from]; changes {
			all[from] = true
		}
	}
	return all
}

const insertRejectedSQL = `
INSERT INTO analytics.rejected_events (event_id, project_id, request_index, protocol, reason, message, payload, whole, envelope, key_id)
SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::integer[], $4::text[], $5::text[], $6::text[], $7::text[], $8::boolean[], $9::text[], $10::bigint[])
ON CONFLICT DO NOTHING`

// insertRejected puts events into the quarantine. One that is there already stays as it
// is: it was sent again.
func insertRejected(ctx context.Context, tx pgx.Tx, uploads []*upload, rows []keyed) error {
	n := len(rows)
	ids, projects, indexes, keys := make([]uuid.UUID, n), make([]int64, n), make([]int32, n), make([]int64, n)
	protocols, reasons, messages := make([]string, n), make([]string, n), make([]string, n)
	payloads, whole, envelopes := make([]string, n), make([]bool, n), make([]string, n)
	for i, row := range rows {
		r := &uploads[row.upload].beside.Rejected[row.at]
		ids[i], projects[i], indexes[i], keys[i] = row.id, row.project, r.Index, r.KeyID
		protocols[i], reasons[i], messages[i] = r.Protocol, r.Reason, r.Message
		payloads[i], whole[i], envelopes[i] = r.Payload, r.Whole, r.Envelope
	}
	if _, err := tx.Exec(ctx, insertRejectedSQL, ids, projects, indexes, protocols, reasons, messages, payloads, whole, envelopes, keys); err != nil {
		return fmt.Errorf("putting events into the quarantine: %w", err)
	}
	return nil
}

// The inner SELECT locks the rows in order.
const leaveSQL = `
DELETE FROM analytics.rejected_events
WHERE project_id = $1 AND event_id IN (
    SELECT event_id FROM analytics.rejected_events
    WHERE project_id = $1 AND event_id = ANY ($2::uuid[])
    ORDER BY event_id FOR UPDATE)`
