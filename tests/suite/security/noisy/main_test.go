// Package noisy attacks the running services as one caller can, known or unknown,
// while a client of another project works beside it: all that the neighbour asks must
// be answered. The services are bounded in memory as in docker-compose.yml, by control
// groups, and none of them may be killed.
package noisy

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"eventanalytics/tests/harness/api"
	"eventanalytics/tests/harness/stack"
	"eventanalytics/tests/harness/stack/cgroup"
	"eventanalytics/tests/harness/stack/disk"
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	flag.Parse()
	// Not t.TempDir: Postgres runs as another user, who must get in.
	dir, err := os.MkdirTemp("", "analytics-noisy-")
	if err == nil {
		err = os.Chmod(dir, 0o755)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "making a folder for the tests:", err)
		return 1
	}
	code := 1
	err = start(context.Background(), dir)
	unable := errors.Is(err, cgroup.ErrUnable) || errors.Is(err, disk.ErrUnable)
	switch {
	case err == nil:
		code = m.Run()
	case unable && os.Getenv("CI") == "":
		fmt.Fprintln(os.Stderr, "skipped, since memory cannot be bounded:", err)
		err, code = nil, 0
	}
	if err := errors.Join(err, stop()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	if code == 0 {
		_ = os.RemoveAll(dir) // only a temporary folder
	} else {
		fmt.Fprintln(os.Stderr, "logs are kept in", dir)
	}
	return code
}

// What all tests share.
var (
	servers *stack.Stack
	bounded = map[string]*member{} // by the name in docker-compose.yml
	bodies  *disk.Disk             // of nginx
	gateway string                 // host:port
	proxy   *stack.Process         // the gateway's
)

// member is a program in a control group.
type member struct {
	*cgroup.Group
	ended <-chan struct{}
	log   func() string
}

func (m *member) runs(p *stack.Process) { m.ended, m.log = p.Ended(), p.Log }

// names of what is bounded, in the order of its start.
var names = []string{"postgres", "redis", "account", "ingest", "syncworker", "stats", "gateway"}

// keptKeys is how many answers are kept for the idempotency keys of a project: by
// default they are a million, which takes longer to fill.
const keptKeys = 1000

func start(ctx context.Context, dir string) error {
	err := stack.Build(ctx, "account", "ingest", "syncworker", "stats")
	if err != nil {
		return err
	}
	sizes, err := readSizes()
	if err != nil {
		return err
	}
	for _, name := range names {
		g, err := cgroup.New("analytics-"+name, sizes.memory[name])
		if err != nil {
			return err
		}
		bounded[name] = &member{Group: g}
	}
	if bodies, err = disk.Tmpfs(filepath.Join(dir, "nginx"), sizes.bodies); err != nil {
		return err
	}
	servers, err = stack.ServersAt(ctx, stack.Plan{Data: dir, Run: dir, Postgres: sizes.postgres, Redis: sizes.redis},
		fmt.Sprint("MAX_IDEMPOTENCY_KEYS=", keptKeys))
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := bounded[name].start(ctx, name); err != nil {
			return err
		}
	}
	return api.AwaitReady(ctx, time.Minute, "http://"+gateway)
}

func (m *member) start(ctx context.Context, name string) (err error) {
	switch name {
	case "postgres":
		m.ended = servers.Postgres.Done()
		m.log = func() string { return "its log is in the folder of the tests" }
		return m.Join(servers.Postgres.PID())
	case "redis":
		m.runs(servers.Redis)
		return m.Join(servers.Redis.PID())
	case "gateway":
		if gateway, proxy, err = startGateway(ctx, bodies.Dir, m.Command()); err == nil {
			m.runs(proxy)
		}
		return err
	}
	p, err := servers.StartServiceUnder(ctx, m.Command(), name)
	if err == nil {
		m.runs(p)
	}
	return err
}

// startGateway starts nginx in front of the replicas that were started last.
func startGateway(ctx context.Context, dir string, under []string) (address string, p *stack.Process, err error) {
	port, err := stack.FreePort()
	if err != nil {
		return "", nil, err
	}
	address = fmt.Sprintf("127.0.0.1:%d", port)
	to := func(name string) []string { return []string{servers.Addresses[name]} }
	p, err = stack.StartGateway(ctx, dir, stack.Gateway{
		Listen: address, Under: under, Account: to("account"), Ingest: to("ingest"), Stats: to("stats"),
	})
	return address, p, err
}

func stop() error {
	var errs []error
	if proxy != nil {
		errs = append(errs, proxy.Stop())
	}
	if servers != nil {
		errs = append(errs, servers.Stop())
	}
	if bodies != nil {
		errs = append(errs, bodies.Unmount())
	}
	for _, m := range bounded {
		errs = append(errs, m.Close())
	}
	return errors.Join(errs...)
}

// alive requires that every service is the process that it was, and tells what its
// group has had at most.
func alive(t *testing.T) {
	t.Helper()
	for _, name := range slices.Sorted(maps.Keys(bounded)) {
		m := bounded[name]
		select {
		case <-m.ended:
			require.Fail(t, name+" ended", "%.5000s", m.log())
		default:
		}
		kills, err := m.Kills()
		require.NoError(t, err)
		require.Zero(t, kills, "processes of %s killed for want of memory", name)
		peak, err := m.Peak()
		require.NoError(t, err)
		t.Logf("%s: at most %d MiB, files in memory included", name, peak>>20)
	}
}
