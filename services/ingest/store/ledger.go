package store

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
)

// copyFrom is the number of entries from which COPY is cheaper than an INSERT.
const copyFrom = 64

// insert puts entries, sorted and of distinct keys, into the ledger and returns
// which were new and which were known. It waits for an id that another transaction
// is inserting.
//
// Most events are new, so all of them are copied at first, at half the cost of
// INSERT … ON CONFLICT. When one is known, the known ones are looked up and the
// others copied; only when another transaction gets in between is ON CONFLICT
// needed. found is called with the known ones before the others are copied.
func insert(ctx context.Context, tx pgx.Tx, entries []entry, found func([]known)) (fresh []entry, old []known, err error) {
	if len(entries) >= copyFrom {
		switch err := copyIn(ctx, tx, entries); {
		case err == nil:
			return entries, nil, nil
		case !isDuplicate(err):
			return nil, nil, err
		}
		if entries, old, err = lookUp(ctx, tx, entries); err != nil {
			return nil, nil, err
		}
		if len(entries) == 0 {
			return nil, old, nil
		}
		found(old)
		switch err := copyIn(ctx, tx, entries); {
		case err == nil:
			return entries, old, nil
		case !isDuplicate(err):
			return nil, nil, err
		}
	}
	fresh, rest, err := insertEach(ctx, tx, entries)
	if err != nil || len(rest) == 0 {
		return fresh, old, err
	}
	// A new statement sees what the other transaction has committed.
	missing, more, err := lookUp(ctx, tx, rest)
	if err == nil && len(missing) > 0 {
		err = fmt.Errorf("%d events are neither new to the ledger nor in it", len(missing))
	}
	return fresh, append(old, more...), err
}

func isDuplicate(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.Code == "23505" // unique_violation
}

const copySQL = `COPY analytics.event_ids (event_id, project_id, content, content_version) FROM STDIN BINARY`

// copyIn inserts all entries, or none when one is known.
func copyIn(ctx context.Context, tx pgx.Tx, entries []entry) error {
	return pgx.BeginFunc(ctx, tx, func(tx pgx.Tx) error { // a savepoint
		if _, err := tx.Conn().PgConn().CopyFrom(ctx, &copyStream{entries: entries}, copySQL); err != nil {
			return fmt.Errorf("copying event ids: %w", err)
		}
		return nil
	})
}

// copyStream is a stream of entries in COPY's binary format.
type copyStream struct {
	entries []entry
	begun   bool
	ended   bool
	buffer  []byte // part of the stream that is not read yet
}

const (
	copyHeader = "PGCOPY\n\xff\r\n\x00\x00\x00\x00\x00\x00\x00\x00\x00"
	copyRow    = 2 + 4 + 16 + 4 + 8 + 4 + 8 + 4
	copyAtOnce = 512 // entries, about 25 KiB
)

func (s *copyStream) Read(p []byte) (int, error) {
	if len(s.buffer) == 0 {
		if s.ended {
			return 0, io.EOF
		}
		s.fill()
	}
	n := copy(p, s.buffer)
	s.buffer = s.buffer[n:]
	return n, nil
}

func (s *copyStream) fill() {
	b := make([]byte, 0, len(copyHeader)+min(len(s.entries), copyAtOnce)*copyRow+2)
	if !s.begun {
		b, s.begun = append(b, copyHeader...), true
	}
	n := min(len(s.entries), copyAtOnce)
	for i := range s.entries[:n] {
		e := &s.entries[i]
		b = append(b, 0, 4, 0, 0, 0, 16)
		b = append(b, e.id[:]...)
		b = append(b, 0, 0, 0, 8)
		b = binary.BigEndian.AppendUint64(b, uint64(e.project))
		b = append(b, 0, 0, 0, 8)
		b = binary.BigEndian.AppendUint64(b, uint64(e.content))
		b = append(b, 0xff, 0xff, 0xff, 0xff) // NULL
	}
	s.entries = s.entries[n:]
	if len(s.entries) == 0 {
		b, s.ended = append(b, 0xff, 0xff), true
	}
	s.buffer = b
}

// One scan of the index finds sorted ids in two thirds of the time that a join
// with them takes. With several projects it may find an id in another one of them:
// the key tells them apart.
const lookUpSQL = `
SELECT event_id, project_id, content, content_version IS NOT NULL FROM analytics.event_ids
WHERE event_id = ANY ($1::uuid[]) AND project_id = ANY ($2::bigint[])`

// lookUp finds which of entries, sorted and of distinct keys, are in the ledger.
func lookUp(ctx context.Context, tx pgx.Tx, entries []entry) (missing []entry, found []known, err error) {
	ids, projects, _ := columns(entries)
	slices.Sort(projects)
	rows, err := tx.Query(ctx, lookUpSQL, ids, slices.Compact(projects))
	if err != nil {
		return nil, nil, fmt.Errorf("looking event ids up: %w", err)
	}
	in := make([]bool, len(entries))
	var id pgtype.UUID
	var project, content int64
	var untold bool
	if _, err = pgx.ForEachRow(rows, []any{&id, &project, &content, &untold}, func() error {
		if n, ok := slices.BinarySearchFunc(entries, entry{id: id.Bytes, project: project}, compareKeys); ok {
			in[n] = true
			found = append(found, known{entry: entries[n], first: content, untold: untold})
		}
		return nil
	}); err != nil {
		return nil, nil, fmt.Errorf("looking event ids up: %w", err)
	}
	missing = make([]entry, 0, len(entries)-len(found))
	for i, e := range entries {
		if !in[i] {
			missing = append(missing, e)
		}
	}
	return missing, found, nil
}

const insertSQL = `
INSERT INTO analytics.event_ids (event_id, project_id, content, content_version)
SELECT *, NULL FROM unnest($1::uuid[], $2::bigint[], $3::bigint[])
ON CONFLICT DO NOTHING
RETURNING event_id, project_id`

// insertEach inserts the entries that are new and returns the others as rest.
func insertEach(ctx context.Context, tx pgx.Tx, entries []entry) (fresh, rest []entry, err error) {
	ids, projects, contents := columns(entries)
	rows, err := tx.Query(ctx, insertSQL, ids, projects, contents)
	if err != nil {
		return nil, nil, fmt.Errorf("inserting event ids: %w", err)
	}
	type key struct {
		id      uuid.UUID
		project int64
	}
	inserted := make(map[key]struct{}, len(entries))
	var k key
	if _, err = pgx.ForEachRow(rows, []any{&k.id, &k.project}, func() error {
		inserted[k] = struct{}{}
		return nil
	}); err != nil {
		return nil, nil, fmt.Errorf("inserting event ids: %w", err)
	}
	if len(inserted) == len(entries) {
		return entries, nil, nil
	}
	for _, e := range entries {
		if _, ok := inserted[key{e.id, e.project}]; ok {
			fresh = append(fresh, e)
		} else {
			rest = append(rest, e)
		}
	}
	return fresh, rest, nil
}

// columns of the ledger. pgtype.UUID encodes directly; uuid.UUID goes through
// database/sql's Valuer, which costs ten times as much.
func columns(entries []entry) (ids pgtype.FlatArray[pgtype.UUID], projects, contents pgtype.FlatArray[int64]) {
	n := len(entries)
	ids, projects, contents = make([]pgtype.UUID, n), make([]int64, n), make([]int64, n)
	for i := range entries {
		e := &entries[i]
		ids[i], projects[i], contents[i] = pgtype.UUID{Bytes: e.id, Valid: true}, e.project, e.content
	}
	return ids, projects, contents
}
