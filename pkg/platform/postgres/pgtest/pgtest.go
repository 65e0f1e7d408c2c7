// Package pgtest gives each test its own migrated Postgres database on a real
// server: the one at TEST_DATABASE_URL, or a private one per test binary, started
// by the first test that needs it.
package pgtest

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"go.uber.org/goleak"

	"eventanalytics/migrations"
	"eventanalytics/pkg/platform/postgres"
	"eventanalytics/pkg/platform/postgres/private"
)

// timeout bounds everything here that talks to the server.
const timeout = time.Minute

// Main must be called by TestMain: it runs the tests, stops the server and exits.
// If the tests pass it also checks for leaked goroutines.
func Main(m *testing.M, options ...goleak.Option) {
	os.Exit(run(m, options))
}

func run(m *testing.M, options []goleak.Option) int {
	shared.ready = true
	code := m.Run()
	if err := shared.stop(); err != nil {
		fmt.Fprintln(os.Stderr, "pgtest: stopping the server:", err)
		return max(code, 1)
	}
	if code == 0 {
		if err := goleak.Find(options...); err != nil {
			fmt.Fprintln(os.Stderr, "pgtest: the tests leaked goroutines:", err)
			return 1
		}
	}
	return code
}

// New returns a pool on a fresh, migrated database; both last as long as the test.
func New(t testing.TB) *pgxpool.Pool {
	t.Helper()
	pool, err := postgres.Open(t.Context(), postgres.Config{URL: URL(t), MaxConns: 8}, "test")
	if err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	t.Cleanup(pool.Close)
	return pool
}

// URL returns the superuser's URL of a fresh, migrated database. On the server at
// TEST_DATABASE_URL it is dropped when the test ends.
func URL(t testing.TB) string {
	t.Helper()
	return create(t, func() string { return shared.template })
}

// EmptyURL is URL before any migration.
func EmptyURL(t testing.TB) string {
	t.Helper()
	return create(t, func() string { return "template0" })
}

// create creates a database; template is called once the server is running.
func create(t testing.TB, template func() string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), timeout)
	defer cancel()
	if err := shared.start(ctx); err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	name := newName("test")
	if err := shared.exec(ctx, "CREATE DATABASE "+name+" TEMPLATE "+template()); err != nil {
		t.Fatalf("pgtest: creating a database: %v", err)
	}
	if shared.server == nil { // Dropping is a checkpoint: what is removed anyway is left to stop.
		t.Cleanup(func() {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), timeout)
			defer cancel()
			if err := shared.exec(ctx, "DROP DATABASE "+name+" WITH (FORCE)"); err != nil {
				t.Errorf("pgtest: dropping a database: %v", err)
			}
		})
	}
	u, err := withDatabase(shared.url, name)
	if err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	return u
}

// newName returns a database name that no other process uses and that needs no
// quoting.
func newName(prefix string) string {
	return prefix + "_" + strings.ReplaceAll(uuid.NewString(), "-", "")
}

func withDatabase(base, name string) (string, error) {
	u, err := url.Parse(base)
	if err != nil {
		return "", fmt.Errorf("reading the server's URL: %w", err)
	}
	u.Path = "/" + name
	return u.String(), nil
}

// cluster is the server of this test binary.
type cluster struct {
	ready    bool // Main is running and will stop the server
	once     sync.Once
	err      error
	url      string // of a database to connect to while creating others
	template string // migrated once, then only copied
	dir      string
	server   *private.Server // nil for the one at TEST_DATABASE_URL
}

var shared cluster

func (c *cluster) start(ctx context.Context) error {
	if !c.ready {
		return errors.New("TestMain does not call pgtest.Main")
	}
	c.once.Do(func() { c.err = c.open(ctx) })
	return c.err
}

func (c *cluster) open(ctx context.Context) error {
	c.url = os.Getenv("TEST_DATABASE_URL")
	if c.url == "" {
		dir, err := os.MkdirTemp("", "pgtest-")
		if err != nil {
			return fmt.Errorf("creating a folder: %w", err)
		}
		c.dir = dir
		if err := os.Chmod(dir, 0o711); err != nil { //nolint:gosec // as root Postgres runs as another user
			return fmt.Errorf("opening the folder to Postgres: %w", err)
		}
		// Durability stays as in production: services refuse a server without it.
		c.server, err = private.Start(ctx, private.Config{Dir: filepath.Join(dir, "pg"), Settings: map[string]string{
			"max_connections": "200", "shared_buffers": "32MB", "max_wal_size": "2GB",
		}})
		if err != nil {
			return err
		}
		c.url = c.server.URL()
	}
	c.template = newName("template")
	if err := c.exec(ctx, "CREATE DATABASE "+c.template); err != nil {
		return fmt.Errorf("creating the template: %w", err)
	}
	u, err := withDatabase(c.url, c.template)
	if err != nil {
		return err
	}
	config, err := pgx.ParseConfig(u)
	if err != nil {
		return fmt.Errorf("reading the template's URL: %w", err)
	}
	db := stdlib.OpenDB(*config)
	return errors.Join(migrations.Up(ctx, db), db.Close())
}

func (c *cluster) exec(ctx context.Context, sql string) error {
	conn, err := pgx.Connect(ctx, c.url)
	if err != nil {
		return fmt.Errorf("connecting: %w", err)
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, sql)
	return err
}

func (c *cluster) stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	switch {
	case c.server != nil:
		return errors.Join(c.server.Abandon(), os.RemoveAll(c.dir))
	case c.dir != "": // the start failed
		return os.RemoveAll(c.dir)
	case c.template != "":
		return c.exec(ctx, "DROP DATABASE IF EXISTS "+c.template+" WITH (FORCE)")
	}
	return nil
}
