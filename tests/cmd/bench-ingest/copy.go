package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"eventanalytics/tests/bench/loadgen"
	"eventanalytics/tests/bench/measure"
)

// The limit: what Postgres can do with the same rows, without checks for duplicates,
// JSON, accounts or an answer. Properties are text, which is the cheapest.
const (
	createCopySQL = `
CREATE TABLE bench.copied (
    event_id    uuid PRIMARY KEY,
    occurred_at timestamptz NOT NULL,
    user_id     text NOT NULL,
    event_type  text NOT NULL,
    properties  text
)`
	copySQL = `COPY bench.copied FROM STDIN (FORMAT binary)`
)

// copyOnce loads encoded rows into a new, logged table.
func (b *bench) copyOnce(ctx context.Context, rows []byte) (cost, error) {
	if err := b.exec(ctx, `CREATE SCHEMA IF NOT EXISTS bench`, `DROP TABLE IF EXISTS bench.copied`, createCopySQL); err != nil {
		return cost{}, err
	}
	return b.measure(ctx, func() error {
		tag, err := b.conn.PgConn().CopyFrom(ctx, bytes.NewReader(rows), copySQL)
		if err != nil {
			return fmt.Errorf("copying: %w", err)
		}
		if tag.RowsAffected() != int64(b.Events) {
			return fmt.Errorf("copying: %d rows of %d", tag.RowsAffected(), b.Events)
		}
		return nil
	})
}

// needCopyRate measures COPY, as the events are sent, unless that has been done.
func (b *bench) needCopyRate(ctx context.Context) error {
	if b.copyRate > 0 {
		return nil
	}
	var walls []time.Duration
	for range b.Rounds {
		c, err := b.copyOnce(ctx, b.encode(b.stream.Append(nil, b.Events)))
		if err != nil {
			return err
		}
		walls = append(walls, c.wall)
	}
	b.setCopyRate(measure.Median(walls))
	fmt.Printf("\nCOPY of %d rows as sent, median of %d: %s ms\n", b.Events, b.Rounds, measure.Milliseconds(measure.Median(walls)))
	return nil
}

func (b *bench) setCopyRate(wall time.Duration) { b.copyRate = float64(b.Events) / wall.Seconds() }

// sortedByID is the cheapest order for the key.
func sortedByID(events []loadgen.Sent) []loadgen.Sent {
	return slices.SortedFunc(slices.Values(events), func(x, y loadgen.Sent) int { return bytes.Compare(x.ID[:], y.ID[:]) })
}

// postgresEpoch is 2000-01-01, in microseconds since 1970.
const postgresEpoch = 946_684_800_000_000

// encode writes events in the binary form of COPY.
func (b *bench) encode(events []loadgen.Sent) []byte {
	out := append(make([]byte, 0, 256*len(events)), "PGCOPY\n\xff\r\n\x00\x00\x00\x00\x00\x00\x00\x00\x00"...)
	text := func(s string) {
		out = binary.BigEndian.AppendUint32(out, uint32(len(s)))
		out = append(out, s...)
	}
	for _, sent := range events {
		e := &b.events[sent.Event]
		out = binary.BigEndian.AppendUint16(out, 5)
		text(string(sent.ID[:]))
		out = binary.BigEndian.AppendUint32(out, 8)
		out = binary.BigEndian.AppendUint64(out, uint64(e.OccurredAt-postgresEpoch))
		text(e.UserID)
		text(e.Type)
		text(e.Properties)
	}
	return binary.BigEndian.AppendUint16(out, 0xffff)
}
