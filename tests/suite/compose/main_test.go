// Package compose looks at the service as docker-compose.yml runs it: scaled,
// with containers being killed, rolled out, backed up and restored while clients
// post. It needs Docker; make compose-test runs it.
package compose

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"eventanalytics/tests/harness/api"
	"eventanalytics/tests/harness/stack"
)

// project is the name of the containers, networks and volumes; it is not that of
// a service that may run on the same machine.
const project = "eventanalytics-test"

var (
	root string // of the repository
	base string // the gateway's address
	env  []string
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	var err error
	if root, err = stack.Root(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	port, err := stack.FreePort()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	base = "http://127.0.0.1:" + strconv.Itoa(port)
	env = append(os.Environ(), "COMPOSE_PROJECT_NAME="+project, "PORT="+strconv.Itoa(port))

	_, _ = output("docker", "compose", "down", "--volumes") // what a killed run left
	code := 1
	if out, err := output("docker", "compose", "up", "--build", "--detach", "--wait"); err != nil {
		fmt.Fprintln(os.Stderr, out, err)
	} else {
		code = m.Run()
	}
	if code != 0 {
		logs, _ := output("docker", "compose", "logs", "--tail", "100")
		fmt.Fprintln(os.Stderr, logs)
	}
	if out, err := output("docker", "compose", "down", "--volumes"); err != nil {
		fmt.Fprintln(os.Stderr, out, err)
		return 1
	}
	return code
}

// output runs a command at the root of the repository and returns all it wrote.
func output(name string, args ...string) (string, error) { return outputIn(env, name, args...) }

func outputIn(env []string, name string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Env = root, env
	out, err := cmd.CombinedOutput()
	if err != nil {
		err = fmt.Errorf("running %s %s: %w", name, strings.Join(args, " "), err)
	}
	return strings.TrimSpace(string(out)), err
}

// must is output for commands that have to succeed.
func must(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := output(name, args...)
	require.NoError(t, err, out)
	return out
}

// sql asks the service's database.
func sql(query string) (string, error) {
	return output("docker", "compose", "exec", "-T", "postgres",
		"psql", "--username=analytics", "--no-align", "--tuples-only", "--command="+query, "analytics")
}

// containers returns the ids of a service's running containers.
func containers(t *testing.T, service string) []string {
	t.Helper()
	return strings.Fields(must(t, "docker", "compose", "ps", "--quiet", service))
}

// kill ends the main process of a container with SIGKILL, from outside: after
// `docker kill` Docker would not start it again.
func kill(t *testing.T, container string) {
	t.Helper()
	pid := must(t, "docker", "inspect", "--format", "{{.State.Pid}}", container)
	must(t, "docker", "run", "--rm", "--pid=host", "--entrypoint=bash", "postgres:17-bookworm", "-c", "kill -9 "+pid)
	require.Eventually(t, func() bool {
		now, err := output("docker", "inspect", "--format", "{{.State.Pid}}", container)
		return err == nil && now != pid && now != "0"
	}, time.Minute, 100*time.Millisecond, "it is started again")
}

// awaitHealthy returns when every container of a service says it is well.
func awaitHealthy(t *testing.T, service string, n int) {
	t.Helper()
	var states []string
	require.Eventually(t, func() bool {
		states = strings.Fields(must(t, "docker", "compose", "ps", "--format", "{{.Health}}", service))
		well := 0
		for _, state := range states {
			if state == "healthy" {
				well++
			}
		}
		return well == n && len(states) == n
	}, 5*time.Minute, 500*time.Millisecond, "%s: %v", service, &states)
}

func awaitReady(t *testing.T) {
	t.Helper()
	require.NoError(t, api.AwaitReady(t.Context(), 5*time.Minute, base))
}
