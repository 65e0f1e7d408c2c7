// Package security attacks the running services: two replicas of account, ingest
// and stats behind nginx, on one Postgres and one redis-server. What a caller may
// not do must be refused by every replica, and nothing secret that was sent or
// handed out during the run may be found in any log.
package security

import (
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"eventanalytics/tests/harness/api"
	"eventanalytics/tests/harness/stack"
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	flag.Parse()
	if err := flag.Set("test.parallel", "16"); err != nil { // most of the time they wait
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	var err error
	// Not t.TempDir: Postgres runs as another user, who must get in.
	workDir, err = os.MkdirTemp("", "analytics-security-")
	if err == nil {
		err = os.Chmod(workDir, 0o755)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "making a folder for the tests:", err)
		return 1
	}
	code := 1
	if err = start(context.Background(), workDir); err == nil {
		code = m.Run()
	}
	// The logs are whole when the last process has ended.
	if err := errors.Join(err, stop(), noSecretsIn(workDir)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	if code == 0 {
		_ = os.RemoveAll(workDir) // only a temporary folder
	} else {
		fmt.Fprintln(os.Stderr, "logs are kept in", workDir)
	}
	return code
}

// What all tests share.
var (
	workDir                 string       // of all logs
	servers                 *stack.Stack // adds replicas
	accounts, ingest, stats []replica
	gateway                 string // URL of nginx in front of them
	nginx                   *stack.Process
	db                      *pgxpool.Pool
	// authSecret is the services' own: the tests sign with it, so that only the
	// one thing a test names can be why a token is refused.
	authSecret = keep("AUTH_SECRET", rand.Text()+rand.Text())
)

// replica of a service.
type replica struct {
	*stack.Process
	url string
}

// address is its host:port.
func (r replica) address() string { return strings.TrimPrefix(r.url, "http://") }

// settings lift the limits that would hide what is behind them; those on failed
// logins stay. On a busy machine Redis may take longer than the default to answer,
// and a process that does not wait for it keeps limits of its own. Everything that
// can be logged is.
func settings() []string {
	return []string{
		"AUTH_SECRET=" + authSecret,
		"LOG_LEVEL=debug",
		"REDIS_TIMEOUT=10s",
		"RATE_LIMIT_REGISTER=10000/s",
		"RATE_LIMIT_LOGIN=10000/s",
		// As by default, but none comes back while a slow machine is at it.
		"RATE_LIMIT_LOGIN_FAILURES=5/h burst 5",
		"RATE_LIMIT_LOGIN_FAILURES_ALL=10/h burst 30",
		"RATE_LIMIT_ACCOUNT=10000/s",
		"RATE_LIMIT_STATS=10000/s",
		"RATE_LIMIT_SHARE=10000/s",
		"RATE_LIMIT_SHARE_ADDRESS=10000/s",
		"RATE_LIMIT_INGEST=100000/s",
	}
}

func start(ctx context.Context, dir string) error {
	err := stack.Build(ctx, "account", "ingest", "syncworker", "stats")
	if err != nil {
		return err
	}
	if servers, err = stack.Servers(ctx, dir, settings()...); err != nil {
		return err
	}
	if db, err = pgxpool.New(ctx, servers.DatabaseURL); err != nil {
		return fmt.Errorf("opening the database: %w", err)
	}
	proxy := stack.Gateway{}
	for range 2 {
		for name, into := range map[string]struct {
			replicas  *[]replica
			addresses *[]string
		}{"account": {&accounts, &proxy.Account}, "ingest": {&ingest, &proxy.Ingest}, "stats": {&stats, &proxy.Stats}} {
			r, err := startReplica(ctx, name)
			if err != nil {
				return err
			}
			*into.replicas, *into.addresses = append(*into.replicas, r), append(*into.addresses, servers.Addresses[name])
		}
	}
	if _, err = startReplica(ctx, "syncworker"); err != nil {
		return err
	}
	if nginx, gateway, err = startGateway(ctx, dir, proxy); err != nil {
		return err
	}
	return nil
}

var starting sync.Mutex

// startReplica starts one more replica, of account at the low priority it has in
// production. It gives the servers passwords: neither asks for one, both take any.
func startReplica(ctx context.Context, name string, env ...string) (replica, error) {
	database, err := withPassword(servers.DatabaseURL, "DATABASE_URL")
	if err != nil {
		return replica{}, err
	}
	redis, err := withPassword(servers.RedisURL, "REDIS_URL")
	if err != nil {
		return replica{}, err
	}
	starting.Lock() // Addresses tells of the last one
	defer starting.Unlock()
	var command []string
	if name == "account" {
		command = below
	}
	p, err := servers.StartServiceUnder(ctx, command, name, append([]string{"DATABASE_URL=" + database, "REDIS_URL=" + redis}, env...)...)
	return replica{Process: p, url: "http://" + servers.Addresses[name]}, err
}

func withPassword(text, setting string) (string, error) {
	u, err := url.Parse(text)
	if err != nil {
		return "", err
	}
	name := u.User.Username()
	if name == "" {
		name = "default"
	}
	u.User = url.UserPassword(name, keep("the password of "+setting, rand.Text()))
	return u.String(), nil
}

// startGateway starts nginx in dir and waits until it says that all is ready.
func startGateway(ctx context.Context, dir string, g stack.Gateway) (*stack.Process, string, error) {
	port, err := stack.FreePort()
	if err != nil {
		return nil, "", err
	}
	g.Listen = fmt.Sprintf("127.0.0.1:%d", port)
	p, err := stack.StartGateway(ctx, dir, g)
	if err != nil {
		return nil, "", err
	}
	base := "http://" + g.Listen
	if err := api.AwaitReady(ctx, time.Minute, base); err != nil {
		return nil, "", errors.Join(err, p.Stop())
	}
	return p, base, nil
}

func stop() error {
	var errs []error
	if nginx != nil {
		errs = append(errs, nginx.Stop())
	}
	if db != nil {
		db.Close()
	}
	if servers != nil {
		errs = append(errs, servers.Stop())
	}
	return errors.Join(errs...)
}

// newDir makes a folder for one test, below that of the logs.
func newDir(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(workDir, strings.ReplaceAll(t.Name(), "/", "-"))
	require.NoError(t, os.Mkdir(dir, 0o755))
	return dir
}
