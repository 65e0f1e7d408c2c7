package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// otherProject owns the ids that make the ledger large. It is no project's id.
const otherProject = -1

// warmUploads touch nearly each page of the key once: after a checkpoint the
// first change of a page writes all of it into the WAL.
const warmUploads = 4

// largeLedger repeats some of the cases with a ledger larger than the caches.
func largeLedger(ctx context.Context, b *bench) error {
	if b.Ledger == 0 {
		return nil
	}
	if err := b.empty(ctx); err != nil {
		return err
	}
	if err := b.fillLedger(ctx); err != nil {
		return err
	}
	for range warmUploads {
		if _, err := b.postOnce(ctx, b.stream.Append(nil, b.Events), 0); err != nil {
			return err
		}
	}
	err := b.compare(ctx, "ingest-upload-ledger", fmt.Sprintf("Upload of %d events, ledger of %d ids", b.Events, b.Ledger), []*upload{
		b.copies(copyAsSent, nil),
		b.posts(nil, 0),
	})
	if err != nil {
		return err
	}
	asItIs := func(context.Context) error { return nil }
	return b.groupCommits(ctx, "ingest-requests-ledger", fmt.Sprintf("Many requests, ledger of %d ids", b.Ledger), []shape{{1, 256}, {100, 64}}, asItIs)
}

// fillLedger adds random ids in ascending order, which is fast.
func (b *bench) fillLedger(ctx context.Context) error {
	progress("filling the ledger with %d ids", b.Ledger)
	start := time.Now()
	step := math.MaxUint64 / uint64(b.Ledger)
	r := rand.New(rand.NewPCG(b.Seed, 0))
	next := uint64(0)
	source := pgx.CopyFromFunc(func() ([]any, error) {
		if next == uint64(b.Ledger) {
			return nil, nil
		}
		var id uuid.UUID
		binary.BigEndian.PutUint64(id[:], next*step+r.Uint64N(step))
		binary.BigEndian.PutUint64(id[8:], r.Uint64())
		next++
		return []any{id, int64(otherProject), int64(r.Uint64()), nil}, nil
	})
	_, err := b.conn.CopyFrom(ctx, pgx.Identifier{"analytics", "event_ids"}, []string{"event_id", "project_id", "content", "content_version"}, source)
	if err != nil {
		return fmt.Errorf("filling the ledger: %w", err)
	}
	if err := b.exec(ctx, `VACUUM (ANALYZE) analytics.event_ids`, `CHECKPOINT`); err != nil {
		return err
	}
	var size int64
	if err := b.conn.QueryRow(ctx, `SELECT pg_total_relation_size('analytics.event_ids')`).Scan(&size); err != nil {
		return errors.Join(errors.New("asking for the ledger's size"), err)
	}
	fmt.Printf("\nLedger of %d ids: %d MB with its key, filled in %.0f s\n", b.Ledger, size/1e6, time.Since(start).Seconds())
	return nil
}
