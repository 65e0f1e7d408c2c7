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
)

// member is a program in a control group.
type member struct {
	*stack.Process
	*cgroup.Group
}

// names of the services that are bounded, in the order of their start.
var names = []string{"account", "ingest", "syncworker", "stats", "gateway"}

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
	if servers, err = stack.Servers(ctx, dir); err != nil {
		return err
	}
	for _, name := range names {
		m := bounded[name]
		if name == "gateway" {
			m.Process, err = startGateway(ctx, m.Command())
		} else {
			m.Process, err = servers.StartServiceUnder(ctx, m.Command(), name)
		}
		if err != nil {
			return err
		}
	}
	return api.AwaitReady(ctx, time.Minute, "http://"+gateway)
}

func startGateway(ctx context.Context, under []string) (*stack.Process, error) {
	port, err := stack.FreePort()
	if err != nil {
		return nil, err
	}
	gateway = fmt.Sprintf("127.0.0.1:%d", port)
	to := func(name string) []string { return []string{servers.Addresses[name]} }
	return stack.StartGateway(ctx, bodies.Dir, stack.Gateway{
		Listen: gateway, Under: under, Account: to("account"), Ingest: to("ingest"), Stats: to("stats"),
	})
}

func stop() error {
	var errs []error
	if m := bounded["gateway"]; m != nil && m.Process != nil {
		errs = append(errs, m.Stop())
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
		case <-m.Ended():
			require.Fail(t, name+" ended", "%v\n%.5000s", m.Err(), m.Log())
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
