package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"eventanalytics/tests/harness/api"
	"eventanalytics/tests/harness/stack"
)

// TestWarehouseInABucket: services that share no folder answer from an object store, also
// after all copies are gone; while the store is away stats answers from what it has, and
// events wait in Postgres; the worker's commands look at the objects themselves.
func TestWarehouseInABucket(t *testing.T) {
	if !stack.Objects() {
		t.Skip("OBJECTS is not set")
	}
	dir := newDir(t)
	s := startServices(t, dir, settings)
	c := newUser(t, s.URL)
	count := func(position string) int {
		rows := api.Rows[struct{ Events int }](t, c, position, "/api/stats/events", "from", "2025-08-01", "to", "2025-08-31", "interval", "month")
		require.Len(t, rows, 1)
		return rows[0].Events
	}
	walked := func(position string) int {
		rows := api.Rows[struct{ Events int }](t, c, position, "/api/stats/events", "from", "2025-08-01", "to", "2025-08-31", "interval", "month", "segment", "properties.country=UA")
		return rows[0].Events
	}
	position := ""
	upload := func(n int) {
		events := make([]string, n)
		for i := range events {
			events[i] = event(newID(), "properties", `{"country":"UA","n":`+strconv.Itoa(i)+`}`)
		}
		position = c.Upload(t, array(events...)).Position
	}
	for range 3 {
		upload(10)
		count(position)
	}
	require.Equal(t, 30, count(position))
	require.Equal(t, 30, walked(position))
	objects := find(t, filepath.Join(dir, "warehouse"), ".parquet")
	require.NotEmpty(t, objects)
	require.Contains(t, string(api.Anonymous("http://"+s.Addresses["syncworker"], nil).Get(t, "/metrics").Body), `analytics_objects_requests_total{operation="put",outcome="ok"}`)

	command := func(args ...string) (string, error) {
		return stack.Command(t.Context(), append(s.Warehouse(), "DATABASE_URL="+s.DatabaseURL), "syncworker", append([]string{"warehouse"}, args...)...)
	}
	for _, how := range [][]string{{"verify"}, {"verify", "--quick"}} {
		out, err := command(how...)
		require.NoError(t, err, out)
		require.Contains(t, out, "all whole")
	}

	// The store goes: nothing is loaded, and what is local still answers.
	require.NoError(t, s.Store.Kill())
	<-s.Store.Ended()
	readiness := func() string {
		a := api.Anonymous("http://"+s.Addresses["stats"], nil).Get(t, "/readyz")
		return fmt.Sprint(a.Status, string(a.Body))
	}
	require.Eventually(t, func() bool { // that the bucket was there is remembered for some seconds
		r := readiness()
		return strings.HasPrefix(r, "503") && strings.Contains(r, `"bucket":"unavailable"`)
	}, time.Minute, 50*time.Millisecond)
	known := position
	upload(10)
	require.Equal(t, 30, count(known))
	require.Equal(t, 30, walked(known))
	require.NoError(t, s.RestartStore(t.Context()))
	t.Cleanup(func() { _ = s.Store.Stop() })
	require.Equal(t, 40, count(position), "what waited is loaded")
	require.NoError(t, api.AwaitReady(t.Context(), time.Minute, "http://"+s.Addresses["stats"]))

	// All copies go, while they are in use.
	for _, kind := range []string{".parquet", ".rollup", ".users"} {
		for _, path := range find(t, filepath.Join(dir, "copies", "stats"), kind) {
			require.NoError(t, os.Remove(path))
		}
	}
	require.Equal(t, 40, count(position))
	require.Equal(t, 40, walked(position))
	require.JSONEq(t, `[{"n":40}]`, string(rowsBySQL(t, c, object{"sql": "SELECT count(*) AS n FROM events"})))

	// The objects are what the commands look at, whatever copies there are.
	rollUp := find(t, filepath.Join(dir, "warehouse"), ".rollup")[0]
	require.NoError(t, os.Remove(rollUp))
	out, err := command("verify")
	name := filepath.Join(filepath.Base(filepath.Dir(rollUp)), filepath.Base(rollUp))
	if err != nil { // else a merge has replaced the segment
		require.Contains(t, out, "missing: "+name)
		out, err = command("rebuild")
		require.NoError(t, err, out)
		require.Contains(t, out, "restored: "+name)
		require.FileExists(t, rollUp)
	}
	out, err = command("verify")
	require.NoError(t, err, out)
	for _, path := range find(t, dir, ".log") {
		content, err := os.ReadFile(path)
		require.NoError(t, err)
		require.NotContains(t, string(content), "harness-secret", "no secret is in any log")
	}
}

// find returns the files below a folder whose names end so.
func find(t *testing.T, root, ending string) (paths []string) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(root, func(path string, entry os.DirEntry, err error) error {
		if err == nil && !entry.IsDir() && strings.HasSuffix(path, ending) {
			paths = append(paths, path)
		}
		if os.IsNotExist(err) {
			return nil
		}
		return err
	}))
	return paths
}
