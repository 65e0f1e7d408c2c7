package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"eventanalytics/pkg/event"
	"eventanalytics/pkg/outbox"
	"eventanalytics/tests/bench/history"
	"eventanalytics/tests/bench/measure"
	"eventanalytics/tests/harness/stack"
)

// generated is the cost of moving the events from the outbox into segments.
type generated struct {
	JSONBytes        int64
	Visible, Settled costs
	WorkerPeak       uint64 // bytes of memory
	Segments         segments
}

// costs since the first event.
type costs struct{ Wall, Client, Worker, Postgres time.Duration }

// segments that are live, and their files.
type segments struct{ Count, Events, RawBytes, RollUpBytes, UsersBytes, DeadLetters int64 }

// bytes are those of all files.
func (s segments) bytes() int64 { return s.RawBytes + s.RollUpBytes + s.UsersBytes }

const (
	rowsInTransaction = 5
	cleanEvery        = 5_000_000 // events; what is loaded is deleted
	quiet             = 10 * time.Second
)

// make generates the events and waits until the worker is idle.
func (d *dataset) make(ctx context.Context, o options) (err error) {
	if err := os.MkdirAll(d.path("run"), 0o755); err != nil {
		return fmt.Errorf("making the data folder: %w", err)
	}
	progress("making %d events in %s", o.Events, d.folder)
	b, err := serve(ctx, o, d)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.stop()) }()
	if err := b.register(ctx); err != nil {
		return err
	}
	if err := b.startServices(ctx, "syncworker"); err != nil {
		return err
	}
	d.made = made{History: o.history(), At: time.Now().UTC(), Commit: commit(ctx)}
	if d.made.Costs, err = b.generate(ctx); err != nil {
		return err
	}
	if err := b.services["syncworker"].Stop(); err != nil {
		return err
	}
	if err := b.dropReplaced(ctx); err != nil {
		return err
	}
	if err := b.stop(); err != nil {
		return err
	}
	return d.finish()
}

// generate writes the events into the outbox as ingest does, in the order they arrive,
// while the worker loads them.
func (b *bench) generate(ctx context.Context) (g generated, err error) {
	seq, err := history.Events(b.history())
	if err != nil {
		return g, err
	}
	before, err := b.spent()
	if err != nil {
		return g, err
	}
	began := time.Now()
	since := func() (costs, error) {
		now, err := b.spent()
		return costs{time.Since(began), now.Client - before.Client, now.Worker - before.Worker, now.Postgres - before.Postgres}, err
	}
	// Encoding and writing run concurrently.
	transactions := make(chan []outbox.NewRow, 1)
	group, inner := errgroup.WithContext(ctx)
	group.Go(func() error {
		defer close(transactions)
		var rows []outbox.NewRow
		send := func() bool {
			select {
			case transactions <- rows:
				rows = nil
				return true
			case <-inner.Done():
				return false
			}
		}
		counted := func(yield func(*event.Event) bool) {
			for e := range seq {
				g.JSONBytes += history.JSONBytes(e)
				if !yield(e) {
					return
				}
			}
		}
		for row := range outbox.Rows(b.project, counted) {
			if rows = append(rows, row); len(rows) == rowsInTransaction && !send() {
				return inner.Err()
			}
		}
		if len(rows) > 0 {
			send()
		}
		return inner.Err()
	})
	group.Go(func() error { return b.write(inner, transactions) })
	if err := group.Wait(); err != nil {
		return g, err
	}
	if err := b.awaitLoaded(ctx, 0); err != nil {
		return g, err
	}
	if g.Visible, err = since(); err != nil {
		return g, err
	}
	progress("all are visible after %s; waiting for compaction", g.Visible.Wall.Round(time.Second))
	if err := b.settle(ctx); err != nil {
		return g, err
	}
	if g.Settled, err = since(); err != nil {
		return g, err
	}
	g.Settled.Wall -= quiet
	if _, g.WorkerPeak, err = measure.Memory(b.services["syncworker"].PID()); err != nil {
		return g, err
	}
	if g.Segments, err = b.segments(ctx); err != nil {
		return g, err
	}
	if g.Segments.Events != b.Events || g.Segments.DeadLetters != 0 {
		return g, fmt.Errorf("of %d events %d are in the warehouse, and %d rows among the dead letters", b.Events, g.Segments.Events, g.Segments.DeadLetters)
	}
	return g, nil
}

// write appends the rows, a few in each transaction, and stays within the allowed
// distance ahead of the worker.
func (b *bench) write(ctx context.Context, transactions <-chan []outbox.NewRow) error {
	var written, cleaned, told int64
	for rows := range transactions {
		err := pgx.BeginFunc(ctx, b.conn, func(tx pgx.Tx) error {
			_, err := outbox.AppendRows(ctx, tx, rows)
			return err
		})
		if err != nil {
			return err
		}
		if err := outbox.Notify(ctx, b.conn); err != nil {
			return err
		}
		for _, row := range rows {
			written += int64(row.Events)
		}
		if err := b.awaitLoaded(ctx, b.Ahead); err != nil {
			return err
		}
		if written-cleaned >= cleanEvery {
			cleaned = written
			if err := b.exec(ctx, deleteLoadedSQL, `VACUUM analytics.outbox`); err != nil {
				return err
			}
		}
		if written-told >= max(1, b.Events/20) {
			told = written
			progress("%d events written", written)
		}
	}
	return nil
}

const deleteLoadedSQL = `
DELETE FROM analytics.outbox AS o USING analytics.sync_state AS s WHERE (o.xid, o.seq) <= (s.xid, s.seq)`

const unloadedSQL = `
SELECT coalesce(sum(o.events), 0) FROM analytics.outbox AS o, analytics.sync_state AS s WHERE (o.xid, o.seq) > (s.xid, s.seq)`

// awaitLoaded returns when at most the given number of events wait in the outbox.
func (b *bench) awaitLoaded(ctx context.Context, most int64) error {
	for {
		var waiting int64
		if err := b.conn.QueryRow(ctx, unloadedSQL).Scan(&waiting); err != nil {
			return fmt.Errorf("looking at the outbox: %w", err)
		}
		if waiting <= most {
			return nil
		}
		if err := b.pause(ctx, 100*time.Millisecond); err != nil {
			return err
		}
	}
}

// settle returns when the manifest has not changed for a while.
func (b *bench) settle(ctx context.Context) error {
	last, since := int64(-1), time.Now()
	for {
		var version int64
		if err := b.conn.QueryRow(ctx, `SELECT version FROM analytics.sync_state`).Scan(&version); err != nil {
			return fmt.Errorf("looking at the manifest: %w", err)
		}
		if version != last {
			last, since = version, time.Now()
		}
		if time.Since(since) >= quiet {
			return nil
		}
		if err := b.pause(ctx, 100*time.Millisecond); err != nil {
			return err
		}
	}
}

// pause waits, and fails when a service has ended.
func (b *bench) pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
	}
	for name, p := range b.services {
		if err := p.Wait(0); !errors.Is(err, stack.ErrTimeout) {
			return fmt.Errorf("%s ended: %w\n%s", name, errors.Join(err, errEnded), p.Log())
		}
	}
	return nil
}

var errEnded = errors.New("it was not told to")

// spent is the CPU that the processes have used since they started.
func (b *bench) spent() (c costs, err error) {
	var errs [3]error
	c.Client, errs[0] = measure.OwnCPU()
	c.Worker, errs[1] = measure.CPU(b.services["syncworker"].PID())
	c.Postgres, errs[2] = measure.FamilyCPU(b.postgres)
	return c, errors.Join(errs[:]...)
}

const segmentsSQL = `
SELECT count(*), coalesce(sum(events), 0), coalesce(sum(bytes), 0), coalesce(sum(rollup_bytes), 0), coalesce(sum(users_bytes), 0),
       (SELECT count(*) FROM analytics.dead_letters)
FROM analytics.segments WHERE replaced_at IS NULL`

func (b *bench) segments(ctx context.Context) (s segments, err error) {
	err = b.conn.QueryRow(ctx, segmentsSQL).Scan(&s.Count, &s.Events, &s.RawBytes, &s.RollUpBytes, &s.UsersBytes, &s.DeadLetters)
	if err != nil {
		return s, fmt.Errorf("reading the manifest: %w", err)
	}
	return s, nil
}

// dropReplaced removes what garbage collection would remove an hour later, and the
// rest of the outbox. The worker must have stopped.
func (b *bench) dropReplaced(ctx context.Context) error {
	rows, err := b.conn.Query(ctx, `DELETE FROM analytics.segments WHERE replaced_at IS NOT NULL RETURNING path`)
	if err != nil {
		return fmt.Errorf("dropping replaced segments: %w", err)
	}
	paths, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return fmt.Errorf("dropping replaced segments: %w", err)
	}
	for _, path := range paths {
		path = filepath.Join(b.warehouse(), path)
		name := strings.TrimSuffix(path, ".parquet")
		for _, file := range []string{path, name + ".rollup", name + ".users"} {
			if err := os.Remove(file); err != nil && !errors.Is(err, os.ErrNotExist) {
				return fmt.Errorf("dropping replaced segments: %w", err)
			}
		}
	}
	return b.exec(ctx, `TRUNCATE analytics.outbox`, `VACUUM`, `CHECKPOINT`)
}

// commit is the repository's, with "-dirty" appended if the tree differs from it.
func commit(ctx context.Context) string {
	out, err := exec.CommandContext(ctx, "git", "describe", "--always", "--dirty").Output()
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(out))
}

// print prints the costs, as measured when the data set was generated.
func (d *dataset) print() {
	g, n := d.made.Costs, d.made.History.Events
	fmt.Printf("\nMade %s at commit %s: %d events, about %d users, %d days, seed %d. They were written into the outbox, without the ledger; "+
		"the CPU of Postgres includes deleting what was loaded. Settled: no change of the manifest for %s.\n",
		d.made.At.Format(time.DateOnly), d.made.Commit, n, d.made.History.Users, d.made.History.Days, d.made.History.Seed, quiet)
	measure.Heading(fmt.Sprintf("From the outbox to segments, %d events", n),
		"until", "s", "events/s", "CPU s per million events: generator", "worker", "Postgres", "peak RSS of the worker, MB")
	for _, line := range []struct {
		name string
		costs
	}{{"visible", g.Visible}, {"settled", g.Settled}} {
		per := func(d time.Duration) string { return fmt.Sprintf("%.2f", measure.Per(d, n, 1e6).Seconds()) }
		measure.Row(line.name, fmt.Sprintf("%.1f", line.Wall.Seconds()), fmt.Sprintf("%.0f", float64(n)/line.Wall.Seconds()),
			per(line.Client), per(line.Worker), per(line.Postgres), measure.Megabytes(g.WorkerPeak))
	}
	per := func(bytes int64) string { return fmt.Sprintf("%.1f", float64(bytes)/float64(n)) }
	s := g.Segments
	all := s.bytes()
	measure.Heading("On disk, once settled", "segments", "bytes per event: JSON as sent", "Parquet", "roll-ups", "events by user", "all three", "JSON ÷ all three")
	measure.Row(fmt.Sprint(s.Count), per(g.JSONBytes), per(s.RawBytes), per(s.RollUpBytes), per(s.UsersBytes), per(all),
		fmt.Sprintf("%.1f", float64(g.JSONBytes)/float64(all)))
}
