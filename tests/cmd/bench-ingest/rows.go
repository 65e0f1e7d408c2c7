package main

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"eventanalytics/tests/bench/measure"
)

// How the original service stored events: a statement for each, properties as
// jsonb, an index beside the key.
const (
	createRowsSQL = `
CREATE TABLE bench.events (
    event_id    uuid PRIMARY KEY,
    occurred_at timestamptz NOT NULL,
    user_id     text NOT NULL,
    event_type  text NOT NULL,
    properties  jsonb
)`
	indexRowsSQL = `CREATE INDEX ON bench.events (occurred_at)`
	insertRowSQL = `
INSERT INTO bench.events (event_id, occurred_at, user_id, event_type, properties)
VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING`
)

// rowShare is the part of an upload that is inserted row by row; more would only take
// time.
const rowShare = 5

func rowByRow(ctx context.Context, b *bench) error {
	if err := b.needCopyRate(ctx); err != nil {
		return err
	}
	n := max(1, b.Events/rowShare)
	var walls, postgres []time.Duration
	for round := range b.Rounds {
		progress("Row by row, round %d of %d", round+1, b.Rounds)
		err := b.exec(ctx, `CREATE SCHEMA IF NOT EXISTS bench`, `DROP TABLE IF EXISTS bench.events`, createRowsSQL, indexRowsSQL)
		if err != nil {
			return err
		}
		if _, err := b.conn.Prepare(ctx, "insert_row", insertRowSQL); err != nil {
			return fmt.Errorf("preparing: %w", err)
		}
		c, err := b.measure(ctx, func() error { return b.insertRows(ctx, n) })
		if err != nil {
			return err
		}
		if err := b.conn.Deallocate(ctx, "insert_row"); err != nil {
			return fmt.Errorf("forgetting the statement: %w", err)
		}
		walls, postgres = append(walls, c.wall), append(postgres, c.postgres)
	}
	rate := float64(n) / measure.Median(walls).Seconds()
	measure.Heading(fmt.Sprintf("Row by row, %d events in one transaction", n), "", fmt.Sprintf("ms for %d", b.Events), "events/s", "÷ (a)", "CPU s per million events: Postgres")
	measure.Row("INSERT … ON CONFLICT DO NOTHING for each, jsonb and an index",
		measure.Milliseconds(time.Duration(float64(b.Events)/rate*float64(time.Second))), fmt.Sprintf("%.0f", rate),
		fmt.Sprintf("%.2f", b.copyRate/rate), fmt.Sprintf("%.2f", measure.Per(measure.Median(postgres), int64(n), 1e6).Seconds()))
	return nil
}

func (b *bench) insertRows(ctx context.Context, n int) error {
	return pgx.BeginFunc(ctx, b.conn, func(tx pgx.Tx) error {
		for _, sent := range b.stream.Append(nil, n) {
			e := &b.events[sent.Event]
			if _, err := tx.Exec(ctx, "insert_row", sent.ID, e.Time(), e.UserID, e.Type, e.Properties); err != nil {
				return fmt.Errorf("inserting a row: %w", err)
			}
		}
		return nil
	})
}
