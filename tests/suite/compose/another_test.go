package compose

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"eventanalytics/tests/harness/stack"
)

// another is an installation beside the one that all tests share.
type another struct {
	project string
	env     []string
}

// compose prepares one under a name of its own, of these files, with settings and images that
// are there. Nothing is left of it after the test.
func compose(t *testing.T, name string, files []string, settings ...string) *another {
	t.Helper()
	a := &another{project: project + "-" + name}
	a.env = append(os.Environ(), "COMPOSE_PROJECT_NAME="+a.project, "COMPOSE_FILE="+strings.Join(files, string(os.PathListSeparator)))
	a.env = append(a.env, settings...)
	down := func() (string, error) {
		return outputIn(a.env, "docker", "compose", "--profile", "*", "down", "--volumes", "--remove-orphans")
	}
	_, _ = down() // what a killed run left
	t.Cleanup(func() {
		if t.Failed() {
			logs, _ := outputIn(a.env, "docker", "compose", "logs", "--tail", "50")
			t.Log(logs)
		}
		out, err := down()
		require.NoError(t, err, out)
	})
	return a
}

// must runs a command on it that has to succeed.
func (a *another) must(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := outputIn(a.env, name, args...)
	require.NoError(t, err, out)
	return out
}

// up starts it, and services in numbers such as stats=2.
func (a *another) up(t *testing.T, scales ...string) {
	t.Helper()
	args := []string{"compose", "up", "--detach", "--wait"}
	for _, scale := range scales {
		args = append(args, "--scale", scale)
	}
	a.must(t, "docker", args...)
}

// sql asks its database.
func (a *another) sql(t *testing.T, query string) string {
	t.Helper()
	return a.must(t, "docker", "compose", "exec", "-T", "postgres",
		"psql", "--username=analytics", "--no-align", "--tuples-only", "--command="+query, "analytics")
}

const (
	patience = 5 * time.Minute
	tick     = 100 * time.Millisecond
)

func freePort(t *testing.T) string {
	t.Helper()
	port, err := stack.FreePort()
	require.NoError(t, err)
	return strconv.Itoa(port)
}

// writeFile writes a file that containers can read, and returns its path.
func writeFile(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
	return path
}
