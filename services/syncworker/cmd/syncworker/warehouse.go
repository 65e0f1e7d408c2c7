package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/alecthomas/kong"
	"github.com/jackc/pgx/v5/pgxpool"

	"eventanalytics/pkg/platform/boot"
	"eventanalytics/pkg/platform/config"
	"eventanalytics/pkg/platform/postgres"
	"eventanalytics/pkg/platform/progress"
	"eventanalytics/pkg/warehouse"
	"eventanalytics/pkg/warehouse/duckdb"
	"eventanalytics/pkg/warehouse/segment"
	"eventanalytics/services/syncworker/admin"
)

type warehouseCommands struct {
	Rebuild rebuild `cmd:"" help:"Rebuild every roll-up and every file of events by user from its segment's events and say whether it was equal; repair what was not. Services may be running."`
	Export  export  `cmd:"" help:"Write the events of a project into a new .parquet or .csv file."`
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
	cfg, _, err := boot.Load[verifySettings](false)
	if err != nil {
		return err
	}
	pool, err := boot.Open(ctx, cfg.Postgres, "syncworker-verify")
	if err != nil {
		return err
	}
	defer pool.Close()
	shown := progress.New(os.Stderr)
	defer shown.Close()
	ctx = progress.With(ctx, shown)
	say := sayer(k.Stdout, shown)

	seen, damage := admin.Verify(ctx, pool, cfg.Warehouse, v.Quick, func(d admin.Damage) {
		if errors.Is(d.Reason, fs.ErrNotExist) {
			say("missing: %s of project %d", d.Path, d.ProjectID)
		} else {
			say("damaged: %s of project %d: %v", d.Path, d.ProjectID, d.Reason)
		}
	})
	if damage != nil && !errors.Is(damage, segment.ErrQuarantined) {
		return damage
	}
	err = admin.Unlisted(ctx, pool, cfg.Warehouse, func(path string) {
		say("note: %s is not in the manifest: of a load under way, or garbage", path)
	})
	if err != nil {
		return errors.Join(damage, err)
	}
	if seen.Replaced > 0 {
		say("note: %d segments were replaced during the check", seen.Replaced)
	}
	state := "all whole"
	if damage != nil {
		state = fmt.Sprintf("%d missing or damaged", seen.Damaged)
	}
	say("%d segments, %d events, %d bytes: %s", seen.Segments, seen.Events, seen.Bytes, state)
	return damage
}

// sayer returns what prints a line of a command's result; the exit status counts.
// On a terminal the bar makes room for it.
func sayer(out io.Writer, shown *progress.Progress) func(format string, args ...any) {
	return func(format string, args ...any) {
		shown.Aside(func() { _, _ = fmt.Fprintf(out, format+"\n", args...) })
	}
}

type rebuild struct{}

func (rebuild) Run(ctx context.Context, k *kong.Context) error {
	cfg, _, err := boot.Load[verifySettings](false)
	if err != nil {
		return err
	}
	pool, err := boot.Open(ctx, cfg.Postgres, "syncworker-rebuild")
	if err != nil {
		return err
	}
	defer pool.Close()
	shown := progress.New(os.Stderr)
	defer shown.Close()
	ctx = progress.With(ctx, shown)
	say := sayer(k.Stdout, shown)
	r, err := admin.Rebuild(ctx, pool, cfg.Warehouse, func(path string, fate duckdb.Fate) {
		say("%s: %s", fate, path)
	})
	if err != nil && !errors.Is(err, segment.ErrQuarantined) {
		return err
	}
	if r.Relinked {
		say("note: links between ids were not those of the log of claims; they are now")
	}
	if r.Reset {
		say("note: properties of users or groups were not those of the log of changes; they are now")
	}
	if r.Outdated > 0 {
		say("note: %d segments are of an older version; the running worker rewrites them", r.Outdated)
	}
	say("%d files rebuilt from %d events: %d equal, %d restored, %d replaced",
		r.Equal+r.Restored+r.Replaced, r.Events, r.Equal, r.Restored, r.Replaced)
	return err
}

type export struct {
	Project int64     `required:"" help:"Number of the project."`
	From    time.Time `format:"2006-01-02" help:"First day, UTC, as 2025-08-01; all by default."`
	To      time.Time `format:"2006-01-02" help:"Last day, UTC, inclusive; all by default."`
	File    string    `arg:"" help:"The file to make, .parquet or .csv; import_events reads both."`
}

func (e export) Run(ctx context.Context, k *kong.Context) error {
	cfg, _, err := boot.Load[verifySettings](false)
	if err != nil {
		return err
	}
	pool, err := boot.Open(ctx, cfg.Postgres, "syncworker-export")
	if err != nil {
		return err
	}
	defer pool.Close()
	if !e.To.IsZero() {
		e.To = e.To.AddDate(0, 0, 1)
	}
	shown := progress.New(os.Stderr)
	defer shown.Close()
	n, err := admin.Export(progress.With(ctx, shown), pool, cfg.Warehouse, e.Project, e.From, e.To, e.File)
	if err != nil {
		return err
	}
	sayer(k.Stdout, shown)("%d events of project %d written to %s", n, e.Project, e.File)
	return nil
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
	until, err := admin.Hold(ctx, pool, h.For, h.Reason)
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
	if err := admin.Release(ctx, pool); err != nil {
		return err
	}
	_, err = fmt.Fprintln(k.Stdout, "garbage collection continues")
	return err
}

// openConfigured is boot.Open for a command that needs Postgres alone.
func openConfigured(ctx context.Context, name string) (*pgxpool.Pool, error) {
	cfg, err := config.Load[postgres.Config]()
	if err != nil {
		return nil, err
	}
	return boot.Open(ctx, cfg, name)
}
