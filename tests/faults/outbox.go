package faults

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"eventanalytics/pkg/outbox"
	"eventanalytics/tests/harness/stack"
)

const insertRowSQL = `INSERT INTO analytics.outbox (project_id, events, payload) VALUES ($1, $2, $3)`

// line is an event in a row of the outbox.
func line(e event) string {
	return fmt.Sprintf("%s\t%d\t%s\t%s\t\n", e.ID, e.At.UnixMicro(), strings.NewReplacer(`\`, `\\`, "\t", `\t`).Replace(e.User), "view")
}

// nobody is the id of a project that does not exist.
func nobody(rng *rand.Rand) int64 { return 1<<40 + rng.Int64N(1<<40) }

// damagedRow appends rows that cannot be loaded whole. Each event must end up in the
// warehouse or as a dead letter, and the rows behind must not be held up.
func damagedRow(ctx context.Context, c *cluster, rng *rand.Rand) (bool, error) {
	project := nobody(rng)
	good, long := newEvent(rng, 0), newEvent(rng, 0)
	long.User = strings.Repeat("x", 2000) // ingest rejects these
	payload := line(good) + line(long) + "no event\n"
	if _, err := c.db.Exec(ctx, insertRowSQL, project, 3, payload); err != nil {
		return false, fmt.Errorf("appending to the outbox: %w", err)
	}
	return true, c.becomes(ctx, project, 1, 2)
}

const fatesSQL = `
SELECT (SELECT coalesce(sum(events), 0) FROM analytics.segments WHERE project_id = $1 AND replaced_at IS NULL),
       (SELECT count(*) FROM analytics.dead_letters WHERE project_id = $1)`

// becomes waits until the given numbers of a project's events are in the warehouse
// and among the dead letters.
func (c *cluster) becomes(ctx context.Context, project int64, loaded, dead int) error {
	return stack.Poll(ctx, 20*time.Second, func() error {
		var gotLoaded, gotDead int
		if err := c.db.QueryRow(ctx, fatesSQL, project).Scan(&gotLoaded, &gotDead); err != nil {
			return fmt.Errorf("looking for rows of the outbox: %w", err)
		}
		if gotLoaded != loaded || gotDead != dead {
			return failed("rows of the outbox", "of a row of the outbox %d events were loaded and %d are dead letters, not %d and %d", gotLoaded, gotDead, loaded, dead)
		}
		return nil
	})
}

// unreadPartition puts a row into a partition of the outbox that is due to be
// dropped, while an open transaction keeps the row from being read. The partition
// must not be dropped before the row is loaded.
func unreadPartition(ctx context.Context, c *cluster, rng *rand.Rand) (bool, error) {
	project := nobody(rng)
	holder, err := c.db.Begin(ctx)
	if err != nil {
		return false, fmt.Errorf("beginning a transaction: %w", err)
	}
	defer holder.Rollback(context.WithoutCancel(ctx))
	if _, err := holder.Exec(ctx, "SELECT pg_current_xact_id()"); err != nil {
		return false, fmt.Errorf("holding rows back: %w", err)
	}
	day, err := c.oldPartition(ctx, rng)
	if err != nil {
		return false, err
	}
	const sql = `INSERT INTO analytics.outbox (day, project_id, events, payload) VALUES ($1, $2, 1, $3)`
	if _, err := c.db.Exec(ctx, sql, day, project, line(newEvent(rng, 0))); err != nil {
		return false, fmt.Errorf("appending to the outbox: %w", err)
	}
	if err := c.endTerm(ctx); err != nil { // a new leader looks for old days
		return false, err
	}
	pause(ctx, pausedFor)
	if err := holder.Commit(ctx); err != nil {
		return false, fmt.Errorf("letting rows go: %w", err)
	}
	if err := c.becomes(ctx, project, 1, 0); err != nil {
		return false, failed("partitions", "an old day with an unread row: %w", err)
	}
	return true, nil
}

// foreignTransaction holds a writing transaction open, as a backup job or a
// forgotten psql may. Anything that commits after it began must wait for it to end,
// and must not be skipped.
func foreignTransaction(ctx context.Context, c *cluster, rng *rand.Rand) (bool, error) {
	return true, pgx.BeginFunc(ctx, c.db, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SELECT pg_current_xact_id()"); err != nil {
			return fmt.Errorf("holding rows back: %w", err)
		}
		pause(ctx, time.Duration(500+rng.IntN(1000))*time.Millisecond)
		return nil
	})
}

// slowTransaction appends to the outbox slowly, as an upload does that waits for
// another's ids, while fast ones overtake it.
func slowTransaction(ctx context.Context, c *cluster, rng *rand.Rand) (bool, error) {
	project := nobody(rng)
	const rows = 5
	err := pgx.BeginFunc(ctx, c.db, func(tx pgx.Tx) error {
		for range rows {
			if _, err := tx.Exec(ctx, insertRowSQL, project, 1, line(newEvent(rng, 0))); err != nil {
				return fmt.Errorf("appending to the outbox: %w", err)
			}
			pause(ctx, 150*time.Millisecond)
		}
		return nil
	})
	if err == nil {
		err = outbox.Notify(ctx, c.db)
	}
	return true, errors.Join(err, c.becomes(ctx, project, rows, 0))
}
