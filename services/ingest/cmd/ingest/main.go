// Command ingest takes events, and migrates the database.
package main

import (
	"context"
	"fmt"
	"os"
	"sync"

	"github.com/jackc/pgx/v5/stdlib"

	"eventanalytics/migrations"
	"eventanalytics/pkg/outbox"
	"eventanalytics/pkg/platform/boot"
	"eventanalytics/pkg/platform/config"
	"eventanalytics/pkg/platform/postgres"
	"eventanalytics/pkg/platform/progress"
	"eventanalytics/services/ingest"
)

const name = "ingest"

var cli struct {
	Serve      serve      `cmd:"" default:"1" help:"Serve requests until told to stop."`
	Migrate    migrate    `cmd:"" help:"Bring the database to the newest schema and exit."`
	DumpOutbox dumpOutbox `cmd:"" help:"Write the events of the outbox to standard output, as lines of JSON."`
	boot.Commands
}

func main() { boot.Main(&cli, name, "Takes events.") }

type serve struct{}

func (serve) Run(ctx context.Context) error { return boot.Serve(ctx, name, ingest.New) }

type migrate struct{}

func (migrate) Run(ctx context.Context) error {
	cfg, err := config.Load[postgres.Config]()
	if err != nil {
		return err
	}
	pool, err := postgres.Open(ctx, cfg, "migrate")
	if err != nil {
		return err
	}
	defer pool.Close()
	db := stdlib.OpenDBFromPool(pool)
	defer db.Close()
	shown := progress.New(os.Stderr)
	defer shown.Close()
	var begun sync.Once
	err = migrations.UpShown(ctx, db, func(done, of int64, running string) {
		begun.Do(func() { shown.Resume("migrating", "migrations", done, of) })
		shown.At(done, running)
	})
	if err != nil {
		return err
	}
	return outbox.CreatePartitions(ctx, pool)
}

type dumpOutbox struct {
	Project int64 `help:"Only the events of this project."`
}

func (d dumpOutbox) Run(ctx context.Context) error {
	cfg, err := config.Load[postgres.Config]()
	if err != nil {
		return err
	}
	pool, err := postgres.Open(ctx, cfg, "dump-outbox")
	if err != nil {
		return err
	}
	defer pool.Close()
	conn, err := pool.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("connecting to Postgres: %w", err)
	}
	defer conn.Release()
	// A reader without a transaction id holds nobody up, however long it takes.
	if _, err := conn.Exec(ctx, "SET statement_timeout = 0"); err != nil {
		return fmt.Errorf("lifting the time limit: %w", err)
	}
	return outbox.Dump(ctx, conn, d.Project, os.Stdout)
}
