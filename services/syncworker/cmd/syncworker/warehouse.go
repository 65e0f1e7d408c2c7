package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/alecthomas/kong"
	"github.com/jackc/pgx/v5/pgxpool"

	"eventanalytics/pkg/config"
	"eventanalytics/pkg/postgres"
	"eventanalytics/pkg/warehouse"
	"eventanalytics/services/syncworker"
)

type warehouseCommands struct {
	Verify  verify  `cmd:"" help:"Compare every segment of the manifest with its file; exit with 1 when one is missing or damaged."`
	Hold    hold    `cmd:"" help:"Keep garbage collection from deleting files while a backup is made."`
	Release release `cmd:"" help:"End the hold; exit with 1 when it had ended before."`
}

type verifySettings struct {
	Warehouse warehouse.Config
	Postgres  postgres.Config
}

type verify struct {
	Quick bool `help:"Look at the sizes of the files only."`
}

func (v verify) Run(ctx context.Context, k *kong.Context) error {
	cfg, err := config.Load[verifySettings]()
	if err != nil {
		return err
	}
	pool, err := open(ctx, cfg.Postgres, "syncworker-verify")
	if err != nil {
		return err
	}
	defer pool.Close()
	say := func(format string, args ...any) { _, _ = fmt.Fprintf(k.Stdout, format+"\n", args...) } // the exit status counts

	seen, damage := syncworker.Verify(ctx, pool, cfg.Warehouse, v.Quick, func(s warehouse.Segment, reason error) {
		if errors.Is(reason, fs.ErrNotExist) {
			say("missing: %s of project %d", s.Path, s.ProjectID)
		} else {
			say("damaged: %s of project %d: %v", s.Path, s.ProjectID, reason)
		}
	})
	if damage != nil && !errors.Is(damage, warehouse.ErrQuarantined) {
		return damage
	}
	err = syncworker.Unlisted(ctx, pool, cfg.Warehouse, func(path string) {
		say("note: %s is not in the manifest: of a load under way, or garbage", path)
	})
	if err != nil {
		return errors.Join(damage, err)
	}
	if seen.Replaced > 0 {
		say("note: %d segments were replaced meanwhile", seen.Replaced)
	}
	state := "all whole"
	if damage != nil {
		state = fmt.Sprintf("%d missing or damaged", seen.Damaged)
	}
	say("%d segments, %d events, %d bytes: %s", seen.Segments, seen.Events, seen.Bytes, state)
	return damage
}

type hold struct {
	For    time.Duration `default:"24h" help:"How long at most; release it earlier."`
	Reason string        `default:"backup" help:"What it is for; the worker's log shows it."`
}

func (h hold) Run(ctx context.Context, k *kong.Context) error {
	pool, err := openConfigured(ctx, "syncworker-hold")
	if err != nil {
		return err
	}
	defer pool.Close()
	until, err := syncworker.Hold(ctx, pool, h.For, h.Reason)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(k.Stdout, "garbage collection is held until %s\n", until.Format(time.RFC3339))
	return err
}

type release struct{}

func (release) Run(ctx context.Context, k *kong.Context) error {
	pool, err := openConfigured(ctx, "syncworker-release")
	if err != nil {
		return err
	}
	defer pool.Close()
	if err := syncworker.Release(ctx, pool); err != nil {
		return err
	}
	_, err = fmt.Fprintln(k.Stdout, "garbage collection goes on")
	return err
}

// open makes the pool of a command and checks that the schema is that of this
// build.
func open(ctx context.Context, cfg postgres.Config, name string) (*pgxpool.Pool, error) {
	pool, err := postgres.Open(ctx, cfg, name)
	if err != nil {
		return nil, err
	}
	if err := postgres.CheckSchema(ctx, pool); err != nil {
		pool.Close()
		return nil, err
	}
	return pool, nil
}

// openConfigured is open for a command that needs Postgres alone.
func openConfigured(ctx context.Context, name string) (*pgxpool.Pool, error) {
	cfg, err := config.Load[postgres.Config]()
	if err != nil {
		return nil, err
	}
	return open(ctx, cfg, name)
}
