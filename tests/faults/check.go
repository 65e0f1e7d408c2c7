package faults

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/parquet-go/parquet-go"

	"eventanalytics/pkg/client"
	"eventanalytics/tests/harness/stack"
)

// checker compares what a round's journals say with what is stored.
type checker struct {
	cluster *cluster
	project *project
	story   *story
}

// found is what a project has, by event id.
type found map[uuid.UUID]event

// check looks at the ledger, the outbox, what is beside it and the warehouse, and returns the events
// of the warehouse.
func (c *checker) check(ctx context.Context) (found, error) {
	ledger, err := c.ledger(ctx)
	if err != nil {
		return nil, err
	}
	outbox, err := c.outbox(ctx)
	if err != nil {
		return nil, err
	}
	if err := c.stored(ledger, outbox); err != nil {
		return nil, err
	}
	beside, err := c.beside(ctx)
	if err != nil {
		return nil, err
	}
	if err := c.storedBeside(beside); err != nil {
		return nil, err
	}
	if err := c.noDeadLetters(ctx); err != nil {
		return nil, err
	}
	warehouse, err := c.warehouse(ctx)
	if err != nil {
		return nil, err
	}
	if err := c.loaded(outbox, warehouse); err != nil {
		return nil, err
	}
	return warehouse, c.linked(ctx, beside)
}

const ledgerSQL = "SELECT event_id FROM analytics.event_ids WHERE project_id = $1"

func (c *checker) ledger(ctx context.Context) (map[uuid.UUID]bool, error) {
	rows, err := c.cluster.db.Query(ctx, ledgerSQL, c.project.id)
	if err != nil {
		return nil, fmt.Errorf("reading the ledger: %w", err)
	}
	ids := map[uuid.UUID]bool{}
	var id uuid.UUID
	_, err = pgx.ForEachRow(rows, []any{&id}, func() error { ids[id] = true; return nil })
	if err != nil {
		return nil, fmt.Errorf("reading the ledger: %w", err)
	}
	return ids, nil
}

const outboxSQL = `
SELECT event_id, occurred_at, user_id, event_type, coalesce(properties, '')
FROM analytics.outbox_events WHERE project_id = $1`

func (c *checker) outbox(ctx context.Context) (found, error) {
	rows, err := c.cluster.db.Query(ctx, outboxSQL, c.project.id)
	if err != nil {
		return nil, fmt.Errorf("reading the outbox: %w", err)
	}
	stored := found{}
	var e event
	_, err = pgx.ForEachRow(rows, []any{&e.ID, &e.At, &e.User, &e.Type, &e.Props}, func() error { return stored.add(e, "outbox") })
	return stored, err
}

func (f found) add(e event, where string) error {
	if _, twice := f[e.ID]; twice {
		return failed(where+" once", "event %s is in the %s twice", e.ID, where)
	}
	e.At = e.At.UTC()
	f[e.ID] = e
	return nil
}

// stored compares the journals with ledger and outbox.
func (c *checker) stored(ledger map[uuid.UUID]bool, outbox found) error {
	s := c.story
	for id := range s.acknowledged {
		if _, ok := outbox[id]; !ok {
			return failed("acknowledged is stored", "event %s was acknowledged and is not in the outbox", id)
		}
	}
	for id, e := range outbox {
		switch {
		case s.refused[id]:
			return failed("refused is not stored", "event %s was refused and is in the outbox", id)
		case len(s.sent[id]) == 0:
			return failed("stored was sent", "event %s is in the outbox and nobody sent it", id)
		case !contains(s.sent[id], e):
			return failed("content", "event %s is stored as %v and was sent as %v", id, e, s.sent[id])
		case !ledger[id]:
			return failed("ledger", "event %s is in the outbox and not in the ledger", id)
		}
	}
	if len(ledger) != len(outbox) {
		return failed("ledger", "the ledger has %d events, the outbox %d", len(ledger), len(outbox))
	}
	// More may be stored: the answer may have been lost on its way.
	if s.accepted > len(outbox) {
		return failed("accepted", "answers count %d accepted events, %d are stored", s.accepted, len(outbox))
	}
	return nil
}

const deadLettersSQL = "SELECT count(*), coalesce(max(reason), '') FROM analytics.dead_letters WHERE project_id = $1"

// noDeadLetters checks that no fault made an event a dead letter: everything the
// clients send can be loaded.
func (c *checker) noDeadLetters(ctx context.Context) error {
	var n int
	var reason string
	if err := c.cluster.db.QueryRow(ctx, deadLettersSQL, c.project.id).Scan(&n, &reason); err != nil {
		return fmt.Errorf("looking for dead letters: %w", err)
	}
	if n > 0 {
		return failed("dead letters", "%d valid events became dead letters: %s", n, reason)
	}
	return nil
}

const segmentsSQL = `
SELECT path, events, min_at, max_at, ARRAY[bytes, rollup_bytes, users_bytes], ARRAY[sha256, rollup_sha256, users_sha256]
FROM analytics.segments WHERE project_id = $1 AND replaced_at IS NULL`

// segment is a row of the manifest.
type segment struct {
	path        string
	events      int
	first, last time.Time
	bytes       []int64  // of its files
	sums        [][]byte // of its files
}

// warehouse reads the files of all live segments.
func (c *checker) warehouse(ctx context.Context) (found, error) {
	rows, err := c.cluster.db.Query(ctx, segmentsSQL, c.project.id)
	if err != nil {
		return nil, fmt.Errorf("reading the manifest: %w", err)
	}
	segments, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (s segment, err error) {
		return s, row.Scan(&s.path, &s.events, &s.first, &s.last, &s.bytes, &s.sums)
	})
	if err != nil {
		return nil, fmt.Errorf("reading the manifest: %w", err)
	}
	all := found{}
	for _, s := range segments {
		if err := c.segment(s, all); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// segment adds a segment's events to all.
func (c *checker) segment(s segment, all found) error {
	path := filepath.Join(c.cluster.warehouse(), s.path)
	for i, path := range filesOf(path) {
		if err := sameFile(path, s.bytes[i], s.sums[i]); err != nil {
			return err
		}
	}
	rows, err := parquet.ReadFile[row](path)
	if err != nil {
		return failed("files", "reading %s: %w", s.path, err)
	}
	if len(rows) != s.events {
		return failed("manifest", "%s has %d events, the manifest says %d", s.path, len(rows), s.events)
	}
	for _, r := range rows {
		e := r.event()
		if r.Project != c.project.id || e.At.Before(s.first) || e.At.After(s.last) {
			return failed("manifest", "%s has an event of project %d at %s", s.path, r.Project, e.At)
		}
		if err := all.add(e, "warehouse"); err != nil {
			return err
		}
	}
	return nil
}

// row is a row of a segment's file.
type row struct {
	Project int64     `parquet:"project_id"`
	ID      uuid.UUID `parquet:"event_id,uuid"`
	At      int64     `parquet:"occurred_at"` // microseconds since 1970
	User    string    `parquet:"user_id"`
	Type    string    `parquet:"event_type"`
	Props   *string   `parquet:"properties,optional"`
}

func (r row) event() event {
	e := event{ID: r.ID, At: time.UnixMicro(r.At).UTC(), User: r.User, Type: r.Type}
	if r.Props != nil {
		e.Props = *r.Props
	}
	return e
}

func sameFile(path string, size int64, sum []byte) error {
	f, err := os.Open(path)
	if err != nil {
		return failed("files", "a file of the manifest: %w", err)
	}
	defer f.Close()
	h := sha256.New()
	n, err := io.Copy(h, f)
	if err != nil {
		return failed("files", "a file of the manifest: %w", err)
	}
	if n != size || string(h.Sum(nil)) != string(sum) {
		return failed("files", "%s is not what the manifest says", path)
	}
	return nil
}

// loaded compares the outbox with the warehouse.
func (c *checker) loaded(outbox, warehouse found) error {
	for id, e := range outbox {
		got, ok := warehouse[id]
		if !ok {
			return failed("stored is loaded", "event %s is in the outbox and not in the warehouse", id)
		}
		if !got.same(e) {
			return failed("content", "event %s is %v in the outbox and %v in the warehouse", id, e, got)
		}
	}
	if len(warehouse) != len(outbox) {
		return failed("loaded was stored", "the warehouse has %d events, the outbox %d", len(warehouse), len(outbox))
	}
	return nil
}

const deadlocksSQL = "SELECT coalesce(sum(deadlocks), 0) FROM pg_catalog.pg_stat_database"

// noDeadlocks checks that Postgres broke no deadlock. It does so by aborting one of
// the transactions, which ingest retries: no event is lost, but clients of a busy
// service would see errors.
func (c *cluster) noDeadlocks(ctx context.Context) error {
	var n int
	if err := c.db.QueryRow(ctx, deadlocksSQL).Scan(&n); err != nil {
		return fmt.Errorf("looking for deadlocks: %w", err)
	}
	if n > 0 {
		return failed("deadlocks", "Postgres broke %d deadlocks", n)
	}
	return nil
}

const epochsSQL = `
SELECT count(*) FROM (SELECT epoch, max(epoch) OVER (ORDER BY id) AS highest FROM analytics.segments) AS s WHERE epoch < highest`

// epochsRise checks that no leader published a segment after a later leader had.
func (c *cluster) epochsRise(ctx context.Context) error {
	var n int
	if err := c.db.QueryRow(ctx, epochsSQL).Scan(&n); err != nil {
		return fmt.Errorf("looking at epochs: %w", err)
	}
	if n > 0 {
		return failed("epochs", "%d segments were published by a leader that had been replaced", n)
	}
	return nil
}

// strangers looks an event up by its id with the key of another project.
func (c *cluster) strangers(ctx context.Context, all [projects]*project) error {
	ends := c.finished[len(c.finished)-projects:]
	for i, p := range all {
		for id := range ends[1-i].events {
			if _, both := ends[i].events[id]; both {
				continue
			}
			var rows []json.RawMessage
			_, status, err := ask(ctx, c.services["stats-1"].url(), p, client.Question{Metric: "events/" + id.String()}, &rows)
			if err == nil && status == http.StatusOK {
				err = failed("projects", "project %d is told event %s of another", p.id, id)
			}
			if err != nil {
				return err
			}
			break
		}
	}
	return nil
}

const behindSQL = `
SELECT count(*) FROM analytics.outbox AS o, analytics.sync_state AS s WHERE (o.xid, o.seq) > (s.xid, s.seq)`

// drain waits until everything in the outbox is loaded.
func (c *cluster) drain(ctx context.Context) error {
	return stack.Poll(ctx, time.Minute, func() error {
		var behind int
		if err := c.db.QueryRow(ctx, behindSQL).Scan(&behind); err != nil {
			return fmt.Errorf("looking for rows that are not loaded: %w", err)
		}
		if behind > 0 {
			return errors.New("the outbox has rows that are not loaded")
		}
		return nil
	})
}
