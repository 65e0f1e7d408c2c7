// Package postgres opens connection pools configured for the services.
package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/exaring/otelpgx"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"eventanalytics/pkg/platform/tracing"
)

// Config of a pool.
type Config struct {
	URL      string        `env:"DATABASE_URL,required" doc:"Postgres, postgres://user:password@host:port/database"`
	MaxConns int32         `env:"DATABASE_MAX_CONNS" envDefault:"16" doc:"Maximum connections of a service"`
	MaxIdle  time.Duration `env:"DATABASE_MAX_IDLE" envDefault:"5m" doc:"How long a Postgres connection may be idle before it is closed"`
}

// Validate reports everything that is wrong with the settings.
func (c *Config) Validate() error {
	var errs []error
	if _, err := pgxpool.ParseConfig(c.URL); err != nil {
		// The parser's error quotes the URL without its password.
		errs = append(errs, fmt.Errorf("reading DATABASE_URL: %w", err))
	}
	if c.MaxConns < 1 {
		errs = append(errs, fmt.Errorf("DATABASE_MAX_CONNS is %d, it must be positive", c.MaxConns))
	}
	if c.MaxIdle <= 0 {
		errs = append(errs, fmt.Errorf("DATABASE_MAX_IDLE is %s, it must be positive, such as 5m", c.MaxIdle))
	}
	return errors.Join(errs...)
}

// Open returns a pool. An open write transaction anywhere in the cluster holds the
// sync worker back, so every session has timeouts; the search path is empty, so
// that unqualified names fail at once.
//
// It refuses a server that could lose acknowledged data, at once and with each new
// connection; connections live for at most an hour.
func Open(ctx context.Context, cfg Config, service string) (*pgxpool.Pool, error) {
	pc, err := pgxpool.ParseConfig(cfg.URL)
	if err != nil {
		// The parser's error quotes the URL without its password.
		return nil, fmt.Errorf("reading DATABASE_URL: %w", err)
	}
	pc.MaxConns = cfg.MaxConns
	pc.ConnConfig.ConnectTimeout = 5 * time.Second
	for name, value := range map[string]string{
		"application_name":                    "analytics-" + service,
		"search_path":                         "",
		"timezone":                            "UTC",
		"statement_timeout":                   "60s",
		"lock_timeout":                        "30s",
		"idle_in_transaction_session_timeout": "30s",
	} {
		pc.ConnConfig.RuntimeParams[name] = value
	}
	if tracing.On() {
		// A span for each statement inside another span: its text with $1, $2 for
		// the values. Polling outside a span is not recorded.
		pc.ConnConfig.Tracer = otelpgx.NewTracer()
	}
	pc.MaxConnLifetime = time.Hour
	if cfg.MaxIdle > 0 {
		pc.MaxConnIdleTime = cfg.MaxIdle
		pc.HealthCheckPeriod = min(pc.HealthCheckPeriod, cfg.MaxIdle)
	}
	pc.AfterConnect = requireDurable
	pool, err := pgxpool.NewWithConfig(ctx, pc)
	if err != nil {
		return nil, fmt.Errorf("opening the Postgres pool: %w", err)
	}
	if err := pool.Ping(ctx); err != nil {
		pool.Close()
		return nil, fmt.Errorf("connecting to Postgres: %w", err)
	}
	return pool, nil
}

// set_config pins synchronous_commit for the session, as the server, the role, the
// database and DATABASE_URL set it: reloading the server's settings cannot turn it
// off.
const lossySQL = `
SELECT coalesce(string_agg(name, ', ' ORDER BY name), ''),
       pg_catalog.set_config('synchronous_commit', pg_catalog.current_setting('synchronous_commit'), false)
FROM pg_catalog.pg_settings
WHERE name IN ('fsync', 'full_page_writes', 'synchronous_commit') AND setting = 'off'`

// ErrNotDurable is returned for a server with fsync, full_page_writes or
// synchronous_commit off: it would lose acknowledged events in a crash.
var ErrNotDurable = errors.New("Postgres is configured to lose committed data in a crash")

// requireDurable returns ErrNotDurable for a session whose commits a crash could
// undo.
func requireDurable(ctx context.Context, conn *pgx.Conn) error {
	var lossy, commit string
	if err := conn.QueryRow(ctx, lossySQL).Scan(&lossy, &commit); err != nil {
		return fmt.Errorf("reading Postgres settings: %w", err)
	}
	if lossy != "" {
		return fmt.Errorf("%w; it is off: %s", ErrNotDurable, lossy)
	}
	return nil
}

// Unavailable reports whether err means that Postgres cannot work now, as opposed
// to an invalid statement: it is down, starting, stopping, read-only, overloaded,
// out of disk or not durable.
func Unavailable(err error) bool {
	var server *pgconn.PgError
	if errors.As(err, &server) {
		switch server.Code[:2] {
		case "08", "25", "53", "57", "58": // connection, read-only, resources, operator, system
			return true
		}
		return false
	}
	var network net.Error
	var connect *pgconn.ConnectError
	return errors.As(err, &connect) || errors.As(err, &network) || errors.Is(err, ErrNotDurable) ||
		errors.Is(err, context.DeadlineExceeded) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) ||
		pgconn.SafeToRetry(err)
}
