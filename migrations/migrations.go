// Package migrations holds the schema of the Postgres database and applies it.
//
// Migrations are forward-only SQL files run by goose. Several processes may
// call Up at once: goose's session lock lets one of them work while the others
// wait.
package migrations

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"sync"
	"time"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/database"
	"github.com/pressly/goose/v3/lock"
)

//go:embed sql/*.sql
var files embed.FS

// versionTable lives in public: the schema "analytics" does not exist before
// the first migration has run.
const versionTable = "public.analytics_migrations"

// Up brings the database to the latest version. It is safe to repeat and to
// run from several processes at once.
func Up(ctx context.Context, db *sql.DB) error {
	p, err := provider(db)
	if err != nil {
		return err
	}
	return up(ctx, p)
}

// UpShown is Up that says every second which migration of how many runs.
func UpShown(ctx context.Context, db *sql.DB, show func(done, of int64, running string)) error {
	p, err := provider(db)
	if err != nil {
		return err
	}
	defer watch(ctx, p.ListSources(), db, show)()
	return up(ctx, p)
}

func up(ctx context.Context, p *goose.Provider) error {
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("applying migrations: %w", err)
	}
	return nil
}

func watch(ctx context.Context, sources []*goose.Source, db *sql.DB, show func(done, of int64, running string)) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	look := func() {
		applied, err := latest(ctx, db)
		next := slices.IndexFunc(sources, func(s *goose.Source) bool { return s.Version > applied })
		if err == nil && next >= 0 { // otherwise there is nothing to show
			show(int64(next), int64(len(sources)), path.Base(sources[next].Path))
		}
	}
	look()
	var watching sync.WaitGroup
	watching.Go(func() {
		ticker := time.NewTicker(time.Second)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
				look()
			}
		}
	})
	return func() {
		cancel()
		watching.Wait()
	}
}

// ErrBehind is returned by Check for a database older than this build.
var ErrBehind = errors.New("the database is older than this service: run `ingest migrate` first")

// undefinedTable is Postgres's code for a table that does not exist.
const undefinedTable = "42P01"

// Check returns ErrBehind for a database that lacks migrations of this build. A
// newer one passes: migrations keep what the previous version needs, so that
// services can be replaced one by one after the schema. It changes nothing.
func Check(ctx context.Context, db *sql.DB) error {
	p, err := provider(db)
	if err != nil {
		return err
	}
	sources := p.ListSources() // by version
	needed := sources[len(sources)-1].Version
	found, err := latest(ctx, db)
	if err != nil {
		return err
	}
	if found < needed {
		return fmt.Errorf("%w (its schema has version %d, this service needs %d)", ErrBehind, found, needed)
	}
	return nil
}

// latest returns the newest applied version, 0 if no migration has run.
func latest(ctx context.Context, db *sql.DB) (int64, error) {
	store, err := database.NewStore(database.DialectPostgres, versionTable)
	if err != nil {
		return 0, fmt.Errorf("reading the schema's version: %w", err)
	}
	found, err := store.GetLatestVersion(ctx, db)
	var server interface{ SQLState() string }
	if errors.Is(err, database.ErrVersionNotFound) || errors.As(err, &server) && server.SQLState() == undefinedTable {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("reading the schema's version: %w", err)
	}
	return found, nil
}

func provider(db *sql.DB) (*goose.Provider, error) {
	dir, err := fs.Sub(files, "sql")
	if err != nil {
		return nil, fmt.Errorf("opening embedded migrations: %w", err)
	}
	// A waiting process tries every second, for five minutes.
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 300))
	if err != nil {
		return nil, fmt.Errorf("creating the migration lock: %w", err)
	}
	p, err := goose.NewProvider(goose.DialectPostgres, db, dir,
		goose.WithSessionLocker(locker),
		goose.WithTableName(versionTable),
	)
	if err != nil {
		return nil, fmt.Errorf("reading migrations: %w", err)
	}
	return p, nil
}
