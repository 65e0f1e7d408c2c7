// Package exactness lets many clients race for the same events, on two ingest
// replicas with one Postgres: whatever they do, and whatever is killed
// under them, each event is stored once, as it was sent, and counted in exactly
// one answer.
package exactness

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"eventanalytics/tests/harness/api"
	"eventanalytics/tests/harness/stack"
)

var seed = flag.Uint64("seed", 0, "seed of what is sent; 0 takes another each time")

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	flag.Parse()
	if *seed == 0 {
		*seed = rand.Uint64()
	}
	// Not t.TempDir: Postgres runs as another user, which must be able to enter.
	dir, err := os.MkdirTemp("", "analytics-exactness-")
	if err == nil {
		err = os.Chmod(dir, 0o755)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "making a folder for the tests:", err)
		return 1
	}
	code := 1
	if err = start(context.Background(), dir); err == nil {
		code = m.Run()
	}
	if err := errors.Join(err, stop(context.Background())); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	if code == 0 {
		_ = os.RemoveAll(dir) // only a temporary folder
	} else {
		fmt.Fprintf(os.Stderr, "logs are kept in %s; -seed=%d sends the same again\n", dir, *seed)
	}
	return code
}

// What all tests share.
var (
	servers  *stack.Stack // adds replicas
	services []*stack.Process
	replicas []string // URLs of two ingest replicas
	gateway  string   // URL of nginx in front of all services
	db       *pgxpool.Pool
	dbLog    string // path of Postgres's log
)

// settings lift the limits: the tests ask more than one address may.
var settings = []string{
	"RATE_LIMIT_REGISTER=1000/s",
	"RATE_LIMIT_LOGIN=1000/s",
	"RATE_LIMIT_STATS=1000/s",
	"RATE_LIMIT_INGEST=100000/s",
}

func start(ctx context.Context, dir string) error {
	err := stack.Build(ctx, "account", "ingest", "syncworker", "stats")
	if err != nil {
		return err
	}
	if servers, err = stack.Servers(ctx, dir, settings...); err != nil {
		return err
	}
	dbLog = filepath.Join(dir, "postgres", "server.log")
	if db, err = pgxpool.New(ctx, servers.DatabaseURL); err != nil {
		return fmt.Errorf("opening the database: %w", err)
	}
	proxy := stack.Gateway{}
	for _, name := range []string{"account", "ingest", "ingest", "syncworker", "stats"} {
		p, err := servers.StartService(ctx, name)
		if err != nil {
			return err
		}
		services = append(services, p)
		switch address := servers.Addresses[name]; name {
		case "account":
			proxy.Account = append(proxy.Account, address)
		case "ingest":
			proxy.Ingest = append(proxy.Ingest, address)
			replicas = append(replicas, "http://"+address)
		case "stats":
			proxy.Stats = append(proxy.Stats, address)
		}
	}
	port, err := stack.FreePort()
	if err != nil {
		return err
	}
	proxy.Listen = fmt.Sprintf("127.0.0.1:%d", port)
	gateway = "http://" + proxy.Listen
	p, err := stack.StartGateway(ctx, dir, proxy)
	if err != nil {
		return err
	}
	services = append(services, p)
	return api.AwaitReady(ctx, time.Minute, gateway)
}

// stop ends everything, and looks before the end of Postgres whether any test
// made it break a deadlock: ingest would have tried again, and hidden it.
func stop(ctx context.Context) error {
	var errs []error
	for _, p := range services {
		errs = append(errs, p.Stop())
	}
	if db != nil {
		errs = append(errs, noDeadlocks(ctx))
		db.Close()
	}
	if servers != nil {
		errs = append(errs, servers.Stop())
	}
	return errors.Join(errs...)
}

const (
	othersSQL    = `SELECT count(*) FROM pg_catalog.pg_stat_activity WHERE application_name LIKE 'analytics-%'`
	deadlocksSQL = `SELECT deadlocks FROM pg_catalog.pg_stat_database WHERE datname = current_database()`
)

// noDeadlocks reads Postgres's own count, which is complete when the sessions of
// the services have ended.
func noDeadlocks(ctx context.Context) error {
	err := stack.Poll(ctx, 30*time.Second, func() error {
		var others int
		if err := db.QueryRow(ctx, othersSQL).Scan(&others); err != nil {
			return fmt.Errorf("looking for sessions: %w", err)
		}
		if others > 0 {
			return fmt.Errorf("%d sessions of the services have not ended", others)
		}
		return nil
	})
	if err != nil {
		return err
	}
	var deadlocks int
	if err := db.QueryRow(ctx, deadlocksSQL).Scan(&deadlocks); err != nil {
		return fmt.Errorf("reading the statistics: %w", err)
	}
	if deadlocks > 0 {
		return fmt.Errorf("Postgres broke %d deadlocks", deadlocks)
	}
	return nil
}

// newRand returns the random numbers of one goroutine of a test.
func newRand(t *testing.T, goroutine int) *rand.Rand {
	t.Helper()
	if goroutine == 0 {
		t.Logf("-seed=%d", *seed)
	}
	name := fnv.New64a()
	fmt.Fprint(name, t.Name(), goroutine)
	return rand.New(rand.NewPCG(*seed, name.Sum64()))
}
