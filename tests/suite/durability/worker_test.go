package durability

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"eventanalytics/tests/harness/stack"
)

// startTraced starts a service under strace and returns it with the path of the
// trace, which is whole when the service has ended and traced returns.
func (s *service) startTraced(t *testing.T, name, calls string, env ...string) (*stack.Process, string) {
	t.Helper()
	if _, err := exec.LookPath("strace"); err != nil {
		t.Skip("there is no strace on this system")
	}
	trace := filepath.Join(s.dir, name+".trace")
	// -D: the service is our child, and gets our signals.
	command := []string{"strace", "-D", "-f", "-yy", "-s", "1000000", "-e", "trace=" + calls, "-e", "signal=none", "-o", trace}
	p, err := s.StartServiceUnder(t.Context(), command, name, env...)
	require.NoError(t, err)
	return p, trace
}

// stopTraced ends the service and returns its trace.
func stopTraced(t *testing.T, p *stack.Process, trace string) []event {
	t.Helper()
	require.NoError(t, p.Stop())
	end := fmt.Sprintf("%-5d +++ exited with 0 +++\n", p.PID())
	eventually(t, "the trace is complete", func() error {
		text, err := os.ReadFile(trace)
		if err == nil && !strings.Contains(string(text), end) {
			err = fmt.Errorf("%s has no line %q", trace, end)
		}
		return err
	})
	return readTrace(t, trace)
}

const workerCalls = "read,write,pwrite64,writev,pwritev,ftruncate,fallocate,copy_file_range,sendfile," +
	"fsync,fdatasync,rename,renameat,renameat2,mkdir,mkdirat,unlink,unlinkat"

const (
	liveSQL     = "SELECT count(*) FROM analytics.segments WHERE replaced_at IS NULL"
	replacedSQL = "SELECT count(*) FROM analytics.segments WHERE replaced_at IS NOT NULL"
	ageSQL      = "UPDATE analytics.segments SET replaced_at = replaced_at - interval '2 hours' WHERE replaced_at IS NOT NULL"
)

// TestWorkerWritesBeforeItLists looks at each system call of a worker that loads,
// merges and collects garbage.
func TestWorkerWritesBeforeItLists(t *testing.T) {
	t.Parallel()
	s := newService(t, newDir(t))
	root := filepath.Join(s.dir, "deep", "warehouse") // the worker makes both
	s.start(t, "account", "ingest")
	worker, trace := s.startTraced(t, "syncworker", workerCalls, "WAREHOUSE_DIR="+root)
	clients := []*caller{s.newCaller(t), s.newCaller(t), s.newCaller(t)}
	orphan := s.orphan(t, root, clients[0].Project)
	for range 9 {
		for _, c := range clients {
			c.post(t, 5)
		}
	}
	eventually(t, "loads are merged", func() error {
		return s.expect(t, replacedSQL, func(n int) bool { return n >= 8*len(clients) })
	})
	_, err := s.db.Exec(t.Context(), ageSQL)
	require.NoError(t, err)
	eventually(t, "what was replaced is collected", func() error {
		return s.expect(t, replacedSQL, func(n int) bool { return n == 0 })
	})
	eventually(t, "the orphan is collected", func() error {
		if _, err := os.Stat(orphan); err == nil {
			return fmt.Errorf("%s is there", orphan)
		}
		return nil
	})

	o := newOrder(root)
	o.replay(stopTraced(t, worker, trace))
	require.Empty(t, o.wrong)
	t.Logf("%d segments listed, %d dropped, %d files deleted", o.listed, o.dropped, o.unlinked)
	live := value[int](t, s, liveSQL)
	require.Equal(t, live, o.listed-o.dropped, "segments that the trace leaves in the manifest")
	require.GreaterOrEqual(t, o.dropped, 8*len(clients))
	require.Equal(t, 3*o.dropped+1, o.unlinked, "three files of a segment, and the orphan")
}

// TestWorkerSyncsFoldersItFinds gives a worker the folders that one before it made
// and did not sync, because it was killed.
func TestWorkerSyncsFoldersItFinds(t *testing.T) {
	t.Parallel()
	s := newService(t, newDir(t))
	s.start(t, "account", "ingest")
	c := s.newCaller(t)
	root := filepath.Join(s.dir, "warehouse")
	for _, name := range []string{"tmp", fmt.Sprint(c.Project)} {
		require.NoError(t, os.Mkdir(filepath.Join(root, name), 0o755))
	}
	worker, trace := s.startTraced(t, "syncworker", workerCalls)
	c.post(t, 5)
	eventually(t, "the upload is loaded", func() error {
		return s.expect(t, liveSQL, func(n int) bool { return n == 1 })
	})
	o := newOrder(root)
	o.replay(stopTraced(t, worker, trace))
	require.Empty(t, o.wrong)
	require.Equal(t, 1, o.listed)
}

// expect returns an error unless a count is as it should be.
func (s *service) expect(t *testing.T, sql string, good func(int) bool) error {
	t.Helper()
	if n := value[int](t, s, sql); !good(n) {
		return fmt.Errorf("%s: %d", sql, n)
	}
	return nil
}

// orphan makes an old file that the manifest never had.
func (s *service) orphan(t *testing.T, root string, project int64) string {
	t.Helper()
	path := filepath.Join(root, fmt.Sprint(project), fmt.Sprintf("0-%032x.parquet", 1))
	require.NoError(t, os.Mkdir(filepath.Dir(path), 0o755))
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	old := time.Now().Add(-2 * time.Hour)
	require.NoError(t, os.Chtimes(path, old, old))
	return path
}
