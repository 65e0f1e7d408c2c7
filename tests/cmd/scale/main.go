// Command scale simulates sizes that no test machine holds, on a Postgres of its own, and
// prints a table in Markdown of what was run and what was computed from what.
package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
	"github.com/jackc/pgx/v5/pgxpool"
	_ "github.com/jackc/pgx/v5/stdlib" // for migrations

	"eventanalytics/migrations"
	"eventanalytics/pkg/platform/postgres/private"
	"eventanalytics/tests/bench/measure"
	"eventanalytics/tests/scale"
)

type options struct {
	Events   []int64 `default:"1000000000,10000000000,100000000000" help:"Events of each size."`
	Projects int     `default:"1000" help:"Projects that they are in."`
	Rounds   int     `default:"5" help:"How often each thing is done; the median counts."`
	Loads    int     `default:"2000" help:"Loads of one project that are merged as the worker merges."`
	RollUp   int     `name:"roll-up" default:"10000000" help:"Events of the roll-up that is made."`
	Page     string  `type:"path" help:"Page to write the table into, between its marks."`
}

func main() {
	var o options
	k := kong.Parse(&o, kong.Name("scale"), kong.Description("Simulates sizes that no test machine holds."))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	k.FatalIfErrorf(run(ctx, o))
}

func run(ctx context.Context, o options) (err error) {
	cfg := scale.Config{Rounds: o.Rounds, Loads: o.Loads, RollUp: o.RollUp}
	for _, n := range o.Events {
		cfg.Sizes = append(cfg.Sizes, scale.Size{Events: n, Projects: o.Projects})
	}
	dir, err := os.MkdirTemp("", "analytics-scale-")
	if err != nil {
		return fmt.Errorf("making a folder: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	server, err := private.Start(ctx, private.Config{Dir: filepath.Join(dir, "postgres")})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Stop()) }()
	pool, err := open(ctx, server.URL())
	if err != nil {
		return err
	}
	defer pool.Close()
	rows, err := scale.Simulate(ctx, pool, cfg, func(format string, values ...any) {
		fmt.Fprintf(os.Stderr, time.Now().Format("15:04:05 ")+format+"\n", values...)
	})
	if err != nil {
		return err
	}
	table := scale.Table(cfg.Sizes, rows) + fmt.Sprintf("\nMade on %s, %s, load average %s.\n", time.Now().UTC().Format("2 January 2006"), measure.Machine(), measure.LoadAverage())
	fmt.Print(table)
	if o.Page == "" {
		return nil
	}
	return measure.WriteBetween(o.Page, "scale: made by make scale", table)
}

// open migrates the database and connects to it.
func open(ctx context.Context, url string) (*pgxpool.Pool, error) {
	db, err := sql.Open("pgx", url)
	if err != nil {
		return nil, fmt.Errorf("connecting to Postgres: %w", err)
	}
	if err := errors.Join(migrations.Up(ctx, db), db.Close()); err != nil {
		return nil, err
	}
	pool, err := pgxpool.New(ctx, url)
	if err != nil {
		return nil, fmt.Errorf("connecting to Postgres: %w", err)
	}
	return pool, nil
}
