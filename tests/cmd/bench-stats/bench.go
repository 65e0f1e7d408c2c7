package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"eventanalytics/pkg/client"
	"eventanalytics/tests/bench/history"
	"eventanalytics/tests/bench/measure"
	"eventanalytics/tests/harness/account"
	"eventanalytics/tests/harness/stack"
)

// bench is what the sections share.
type bench struct {
	options
	data      *dataset
	stack     *stack.Stack
	conn      *pgx.Conn
	postgres  int // process number of the server
	services  map[string]*stack.Process
	live      []string // files of the data set
	compared  map[string]*baseline
	all       []*question
	questions []*question // those that the service answers
	streams   uint64      // that were given numbers

	commit, date, loadAverage string // at the start

	project int64
	keys    account.Keys

	stops []func() error
}

// rates are the limits during the run, too high to influence what is measured.
var rates = []string{
	"RATE_LIMIT_INGEST=1000000/s burst 1000000",
	"RATE_LIMIT_STATS=1000000/s burst 1000000",
}

// serve starts Postgres and Redis on the run's folder, and the services that take
// accounts and events.
func serve(ctx context.Context, o options, d *dataset) (_ *bench, err error) {
	b := &bench{options: o, data: d, services: map[string]*stack.Process{}}
	defer func() {
		if err != nil {
			err = errors.Join(err, b.stop())
		}
	}()
	if b.stack, err = stack.Servers(ctx, d.path("run"), slices.Concat(rates, o.Environment)...); err != nil {
		return nil, err
	}
	b.stops = append(b.stops, b.stack.Stop)
	if b.postgres, err = measure.Postmaster(d.path("run", "postgres", "data")); err != nil {
		return nil, err
	}
	if b.conn, err = pgx.Connect(ctx, b.stack.DatabaseURL); err != nil {
		return nil, fmt.Errorf("connecting to Postgres: %w", err)
	}
	b.stops = append(b.stops, func() error { return b.conn.Close(context.WithoutCancel(ctx)) })
	return b, b.startServices(ctx, "account", "ingest")
}

// start serves the data set from a copy.
func start(ctx context.Context, o options, d *dataset) (_ *bench, err error) {
	if err := d.copy(ctx); err != nil {
		return nil, err
	}
	b, err := serve(ctx, o, d)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, b.stop())
		}
	}()
	b.stops = append([]func() error{d.clearRun}, b.stops...)
	for _, q := range questions(o.history()) {
		if o.Questions == nil || o.Questions.MatchString(q.name) {
			b.all = append(b.all, q)
		}
	}
	rows, err := b.conn.Query(ctx, `SELECT path FROM analytics.segments WHERE replaced_at IS NULL ORDER BY min_at, id`)
	if err != nil {
		return nil, fmt.Errorf("reading the manifest: %w", err)
	}
	if b.live, err = pgx.CollectRows(rows, pgx.RowTo[string]); err != nil {
		return nil, fmt.Errorf("reading the manifest: %w", err)
	}
	if err := b.makeKeys(ctx); err != nil {
		return nil, err
	}
	if err := b.startServices(ctx, "syncworker", "stats"); err != nil {
		return nil, err
	}
	return b, b.leaveOut(ctx)
}

// leaveOut keeps the questions for which the service has a route. The others are only
// asked of the engines that it is compared with.
func (b *bench) leaveOut(ctx context.Context) error {
	a, err := b.asker(1)
	if err != nil {
		return err
	}
	defer a.close()
	var missing []string
	for _, q := range b.all {
		r, err := a.ask(ctx, q, 0, false)
		if err != nil {
			return err
		}
		if q.unserved = r.status == http.StatusNotFound; !q.unserved {
			b.questions = append(b.questions, q)
		} else if !slices.Contains(missing, q.path) {
			missing = append(missing, q.path)
		}
	}
	if len(missing) > 0 {
		fmt.Printf("\nQuestions left out, because the service has no such route (404): /api/stats/%s\n", strings.Join(missing, ", /api/stats/"))
	}
	return nil
}

// stop ends everything, once.
func (b *bench) stop() error {
	var errs []error
	for len(b.stops) > 0 {
		last := len(b.stops) - 1
		errs = append(errs, b.stops[last]())
		b.stops = b.stops[:last]
	}
	return errors.Join(errs...)
}

// startServices replaces the running services.
func (b *bench) startServices(ctx context.Context, names ...string) error {
	for _, name := range names {
		if running := b.services[name]; running != nil {
			if err := running.Stop(); err != nil {
				return err
			}
		}
		p, err := b.stack.StartService(ctx, name)
		if err != nil {
			return err
		}
		b.services[name] = p
	}
	return nil
}

func (b *bench) url(service string) string { return "http://" + b.stack.Addresses[service] }

func (b *bench) warehouse() string { return b.data.path("run", "warehouse") }

// username of the data set's account.
const username = "bench"

// register makes the account whose project gets the events.
func (b *bench) register(ctx context.Context) error {
	_, user, err := account.Register(ctx, client.Config{URL: b.url("account")}, username)
	if err != nil {
		return err
	}
	b.project = user.Project
	return nil
}

// makeKeys logs in to the account of the data set.
func (b *bench) makeKeys(ctx context.Context) error {
	if err := b.conn.QueryRow(ctx, `SELECT project_id FROM analytics.project_versions`).Scan(&b.project); err != nil {
		return fmt.Errorf("looking for the project: %w", err)
	}
	c, err := account.As(client.Config{URL: b.url("account")}, username)
	if err != nil {
		return err
	}
	b.keys, err = account.NewKeys(ctx, c, b.project)
	return err
}

func (b *bench) exec(ctx context.Context, statements ...string) error {
	for _, sql := range statements {
		if _, err := b.conn.Exec(ctx, sql); err != nil {
			return fmt.Errorf("%s: %w", sql, err)
		}
	}
	return nil
}

// printEnvironment prints the conditions under which the figures were measured.
func (b *bench) printEnvironment(ctx context.Context) error {
	postgres, err := measure.Postgres(ctx, b.conn)
	if err != nil {
		return err
	}
	fmt.Printf("\n- Machine: %s; client, services, Postgres and the engines that are compared share it\n", measure.Machine())
	fmt.Printf("- %s\n", postgres)
	fmt.Printf("- Commit %s, %s; the services' settings are the defaults but for %s; reached without a gateway, by API key\n",
		commit(ctx), runtime.Version(), strings.Join(slices.Concat(rates, b.Environment), ", "))
	fmt.Printf("- Events: %d of about %d users over %d days up to %s, %d types, one project; 2 %% late; %d live segments\n",
		b.Events, b.Users, b.Days, lastDay.Format("2006-01-02"), history.Types, len(b.live))
	fmt.Printf("- DuckDB is asked in the own process, ClickHouse in one beside it, the service over HTTP. Clients that ask at once ask %d variants of a question, with the range moved by a day each, "+
		"so that no two share an answer; uncached: with Cache-Control: no-cache\n", variants)
	fmt.Print("- The page cache is warm; for cold answers the engine is restarted and the pages of its files are dropped with posix_fadvise(POSIX_FADV_DONTNEED)\n")
	b.commit, b.date, b.loadAverage = commit(ctx), time.Now().Format(time.DateOnly), measure.LoadAverage()
	fmt.Printf("- Load average of the machine before the run: %s\n", b.loadAverage)
	return nil
}

// files counts the warehouse's.
func (b *bench) files() (raw, rollUps, users int, err error) {
	err = filepath.WalkDir(b.warehouse(), func(path string, _ os.DirEntry, err error) error {
		switch {
		case errors.Is(err, os.ErrNotExist): // just deleted
			return nil
		case err != nil:
			return err
		case strings.HasSuffix(path, ".parquet"):
			raw++
		case strings.HasSuffix(path, ".rollup"):
			rollUps++
		case strings.HasSuffix(path, ".users"):
			users++
		}
		return nil
	})
	if err != nil {
		return 0, 0, 0, fmt.Errorf("listing the warehouse: %w", err)
	}
	return raw, rollUps, users, nil
}
