package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"eventanalytics/pkg/client"
	"eventanalytics/pkg/event"
	"eventanalytics/tests/bench/loadgen"
	"eventanalytics/tests/bench/measure"
	"eventanalytics/tests/bench/transport"
	"eventanalytics/tests/harness/account"
	"eventanalytics/tests/harness/stack"
)

// bench is what the sections share.
type bench struct {
	options
	stack    *stack.Stack
	conn     *pgx.Conn
	postgres int            // process number of the server
	version  int            // of the server, as 150018
	service  *stack.Process // the ingest service that runs now
	pool     *loadgen.Pool  // Events of them
	events   []event.Event  // the pool's, as the service decodes them
	stream   *loadgen.Stream
	streams  uint64 // that were given numbers

	keys account.Keys

	copyRate float64 // rows a second that COPY reached, 0 before it is measured
	stops    []func() error
}

// rates are the limits during the run, too high to influence what is measured.
var rates = []string{
	"RATE_LIMIT_INGEST=1000000/s burst 1000000",
	"RATE_LIMIT_STATS=10000/s burst 10000",
}

func start(ctx context.Context, o options) (_ *bench, err error) {
	b := &bench{options: o}
	defer func() {
		if err != nil {
			b.stop()
		}
	}()
	names := []string{"account", "ingest"}
	if o.Only == nil || o.Only.MatchString("freshness") {
		names = append(names, "syncworker", "stats")
	}
	if err := stack.Build(ctx, names...); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(o.Directory, "analytics-bench-")
	if err != nil {
		return nil, fmt.Errorf("making a folder: %w", err)
	}
	b.stops = append(b.stops, func() error { return os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil { // Postgres may be another user
		return nil, fmt.Errorf("opening the folder: %w", err)
	}
	if b.stack, err = stack.Servers(ctx, dir, rates...); err != nil {
		return nil, err
	}
	b.stops = append(b.stops, b.stack.Stop)
	if b.postgres, err = measure.Postmaster(filepath.Join(dir, "postgres", "data")); err != nil {
		return nil, err
	}
	if b.conn, err = pgx.Connect(ctx, b.stack.DatabaseURL); err != nil {
		return nil, fmt.Errorf("connecting to Postgres: %w", err)
	}
	b.stops = append(b.stops, func() error { return b.conn.Close(context.WithoutCancel(ctx)) })
	if err := b.conn.QueryRow(ctx, `SELECT current_setting('server_version_num')::int`).Scan(&b.version); err != nil {
		return nil, fmt.Errorf("asking for the version: %w", err)
	}
	if o.MaxWAL != "" {
		if err := b.exec(ctx, "ALTER SYSTEM SET max_wal_size = '"+strings.ReplaceAll(o.MaxWAL, "'", "''")+"'", "SELECT pg_reload_conf()"); err != nil {
			return nil, err
		}
	}
	if _, err := b.stack.StartService(ctx, "account"); err != nil {
		return nil, err
	}
	if err := b.serve(ctx); err != nil {
		return nil, err
	}
	if err := b.register(ctx); err != nil {
		return nil, err
	}
	return b, b.makeEvents()
}

// stop ends everything; errors no longer matter to the measurement.
func (b *bench) stop() {
	for i := len(b.stops) - 1; i >= 0; i-- {
		if err := b.stops[i](); err != nil {
			fmt.Fprintln(os.Stderr, "bench-ingest: stopping:", err)
		}
	}
}

// serve starts the ingest service, in place of the one that runs.
func (b *bench) serve(ctx context.Context, env ...string) (err error) {
	if b.service != nil {
		if err := b.service.Stop(); err != nil {
			return err
		}
	}
	b.service, err = b.stack.StartService(ctx, "ingest", env...)
	return err
}

func (b *bench) url(service string) string { return "http://" + b.stack.Addresses[service] }

// register creates an account and its keys.
func (b *bench) register(ctx context.Context) error {
	c, user, err := account.Register(ctx, client.Config{URL: b.url("account")}, "bench")
	if err != nil {
		return err
	}
	b.keys, err = account.NewKeys(ctx, c, user.Project)
	return err
}

func (b *bench) makeEvents() (err error) {
	until := time.Now()
	b.pool, err = loadgen.NewPool(loadgen.PoolConfig{Seed: b.Seed, Events: b.Events, Until: until, Late: 0.02})
	if err != nil {
		return err
	}
	if b.stream, err = loadgen.NewStream(b.pool, b.nextStream()); err != nil {
		return err
	}
	all := b.stream.Append(nil, b.pool.Len())
	for i := range all {
		all[i].Event = int32(i)
	}
	batch, err := event.Decode(bytes.NewReader(b.pool.Append(nil, all)), false, event.Limits{MaxEvents: b.Events, NotAfter: until})
	if err != nil {
		return fmt.Errorf("decoding the events: %w", err)
	}
	if len(batch.Invalid) > 0 {
		return fmt.Errorf("decoding the events: %d are invalid: %+v", len(batch.Invalid), batch.Invalid[0])
	}
	b.events = batch.Events
	return nil
}

// nextStream returns the number of a stream that shares no ids with earlier ones.
func (b *bench) nextStream() loadgen.StreamConfig {
	b.streams++
	return loadgen.StreamConfig{Seed: b.Seed, Number: b.streams}
}

// posting is how events are posted to the ingest service that runs now.
func (b *bench) posting(connections int) client.Config {
	return client.Config{URL: b.url("ingest"), APIKey: b.keys.Ingest, Connections: connections, Transport: transport.New(connections)}
}

// empty removes all events from the database, so that each case starts equal.
func (b *bench) empty(ctx context.Context) error {
	return b.exec(ctx, `TRUNCATE analytics.event_ids, analytics.outbox`, `CHECKPOINT`)
}

func (b *bench) exec(ctx context.Context, statements ...string) error {
	for _, sql := range statements {
		if _, err := b.conn.Exec(ctx, sql); err != nil {
			return fmt.Errorf("%s: %w", sql, err)
		}
	}
	return nil
}

// progress prints a line for whoever is waiting.
func progress(format string, values ...any) { fmt.Fprintf(os.Stderr, format+"\n", values...) }
