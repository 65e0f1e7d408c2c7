package compose

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"eventanalytics/tests/harness/api"
)

// TestObjects runs the service with its segments in an object store: worker and replicas share
// no volume, and those that start without any copy answer the same.
func TestObjects(t *testing.T) {
	port := freePort(t)
	a := compose(t, "objects", []string{"docker-compose.yml", "deployments/docker/objects.yml"}, "PORT="+port)
	a.up(t)
	at := "http://127.0.0.1:" + port
	c := newCallerAt(t, at, nil)
	for _, n := range []int{1000, 1, 100} {
		require.NoError(t, c.post(t.Context(), n))
		require.NoError(t, c.ask(t.Context()))
	}
	a.up(t, "stats=2", "syncworker=2")
	require.NoError(t, c.post(t.Context(), 1000))
	for range 4 { // replicas take turns
		require.NoError(t, c.ask(t.Context()))
	}
	mounts := func(service string) string {
		ids := strings.Fields(a.must(t, "docker", "compose", "ps", "--quiet", service))
		require.NotEmpty(t, ids)
		return a.must(t, "docker", append([]string{"inspect", "--format", "{{range .Mounts}}{{.Name}} {{end}}"}, ids...)...)
	}
	require.NotContains(t, mounts("stats")+mounts("syncworker"), a.project+"_warehouse")
	require.Contains(t, a.must(t, "docker", "compose", "exec", "-T", "syncworker", "syncworker", "warehouse", "verify"), "all whole")

	// The store alone has the truth: all copies go, and the store dies once.
	a.must(t, "docker", "compose", "rm", "--stop", "--force", "stats", "syncworker")
	a.must(t, "docker", "volume", "rm", a.project+"_stats-copies", a.project+"_worker-copies")
	a.must(t, "docker", "compose", "kill", "objects")
	a.up(t, "stats=2", "syncworker=2")
	require.NoError(t, api.AwaitReady(t.Context(), patience, at))
	require.NoError(t, c.ask(t.Context()))
	require.NoError(t, c.post(t.Context(), 100))
	require.NoError(t, c.ask(t.Context()))

	dir := filepath.Join(t.TempDir(), "backup")
	a.must(t, "deployments/backup", dir)
	a.must(t, "docker", "compose", "down")
	for _, volume := range []string{"postgres", "objects", "stats-copies", "worker-copies"} {
		a.must(t, "docker", "volume", "rm", a.project+"_"+volume)
	}
	a.must(t, "deployments/restore", dir)
	c.last = "" // of before the restore: it would be refused
	position, n, err := c.count(t.Context())
	require.NoError(t, err)
	require.Equal(t, len(c.ids), n)
	c.last = position
	require.NoError(t, c.postAgain(t.Context()))
	require.NoError(t, c.ask(t.Context()))
}
