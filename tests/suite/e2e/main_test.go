// Package e2e looks at the running service from outside, over HTTP: at the
// standalone, and at the services behind nginx with Postgres and redis-server.
// Both must pass the same tests.
package e2e

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"eventanalytics/tests/harness/stack"
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	if err := stack.Build(context.Background(), "standalone", "account", "ingest", "syncworker", "stats", "import_events"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	var err error
	// Not t.TempDir: Postgres runs as another user, which must be able to enter.
	if workDir, err = os.MkdirTemp("", "analytics-e2e-"); err == nil {
		err = os.Chmod(workDir, 0o755)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "making a folder for the tests:", err)
		return 1
	}
	code := m.Run()
	for _, target := range targets {
		if err := target.stop(); err != nil {
			fmt.Fprintln(os.Stderr, "stopping", target.name+":", err)
			code = 1
		}
	}
	if code == 0 {
		_ = os.RemoveAll(workDir) // only a temporary folder
	} else {
		fmt.Fprintln(os.Stderr, "logs are kept in", workDir)
	}
	return code
}

var workDir string

// target is one way to run the service; it is started by the first test that
// asks for it and serves them all.
type target struct {
	name  string
	start func(ctx context.Context, dir string, env ...string) (*stack.Stack, error)

	once    sync.Once
	running *stack.Stack
	err     error
}

var targets = []*target{
	{name: "standalone", start: stack.Standalone},
	{name: "services", start: stack.Services},
}

// secret of both targets, to forge with what only they know.
var secret = rand.Text() + rand.Text()

// settings of both targets. The suite asks more than one address may; only the
// limit on failed logins stays as it is, and is Redis's even if that is slow to
// answer on a busy machine.
var settings = []string{
	"REDIS_TIMEOUT=10s",
	"RATE_LIMIT_REGISTER=1000/s",
	"RATE_LIMIT_LOGIN=1000/s",
	"RATE_LIMIT_ACCOUNT=1000/s",
	"RATE_LIMIT_STATS=1000/s",
	"RATE_LIMIT_SHARE=1000/s", "RATE_LIMIT_SHARE_ADDRESS=1000/s",
}

func (x *target) stack(t *testing.T) *stack.Stack {
	t.Helper()
	x.once.Do(func() {
		x.running, x.err = x.start(context.Background(), filepath.Join(workDir, x.name), append(settings, "AUTH_SECRET="+secret)...)
	})
	require.NoError(t, x.err)
	return x.running
}

func (x *target) stop() error {
	if x.running == nil {
		return nil
	}
	return x.running.Stop()
}

// onEach runs a test against each target, at the same time: much of it is waiting. It
// must be the last thing that a test does.
func onEach(t *testing.T, test func(t *testing.T, s *stack.Stack)) {
	t.Helper()
	for _, x := range targets {
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			test(t, x.stack(t))
		})
	}
}

// newDir makes a folder named after the test.
func newDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp(workDir, strings.ReplaceAll(t.Name(), "/", "-")+"-")
	require.NoError(t, err)
	return dir
}
