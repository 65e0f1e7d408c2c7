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
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("applying migrations: %w", err)
	}
	return nil
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
	store, err := database.NewStore(database.DialectPostgres, versionTable)
	if err != nil {
		return fmt.Errorf("reading the schema's version: %w", err)
	}
	found, err := store.GetLatestVersion(ctx, db)
	var server interface{ SQLState() string }
	if errors.Is(err, database.ErrVersionNotFound) || errors.As(err, &server) && server.SQLState() == undefinedTable {
		found, err = 0, nil // no migration has run
	}
	if err != nil {
		return fmt.Errorf("reading the schema's version: %w", err)
	}
	if found < needed {
		return fmt.Errorf("%w (its schema has version %d, this service needs %d)", ErrBehind, found, needed)
	}
	return nil
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
