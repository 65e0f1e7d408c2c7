package durability

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"

	"eventanalytics/tests/harness/api"
	"eventanalytics/tests/harness/stack"
	"eventanalytics/tests/harness/stack/disk"
)

// mounted passes a disk on that is unmounted when everything on it has ended; the
// test is skipped where none can be mounted.
func mounted(t *testing.T, d *disk.Disk, err error) *disk.Disk {
	t.Helper()
	if errors.Is(err, disk.ErrUnable) {
		t.Skip(err)
	}
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, d.Unmount()) })
	return d
}

// TestWarehouseDiskFull fills the worker's disk: events are taken as before, none
// of them is lost, and no half file is listed.
func TestWarehouseDiskFull(t *testing.T) {
	t.Parallel()
	dir := newDir(t)
	d, err := disk.Tmpfs(filepath.Join(dir, "warehouse"), 64<<20)
	d = mounted(t, d, err)
	s := newService(t, dir)
	s.start(t, "account", "ingest", "stats")
	worker := s.start(t, "syncworker")
	c := s.newCaller(t)
	c.post(t, 100)
	c.holds(t)

	require.NoError(t, d.Fill())
	for range 8 {
		c.post(t, 500)
	}
	eventually(t, "the worker says that its disk is full", func() error {
		switch log := worker.Log(); {
		case !strings.Contains(log, "loading; trying again") || !strings.Contains(log, "No space left on device") && !strings.Contains(log, "no space left on device"):
			return errors.New("its log does not say so")
		case s.metric(t, "syncworker", "analytics_warehouse_disk_free_bytes") > 0:
			return errors.New("analytics_warehouse_disk_free_bytes is not 0")
		case s.metric(t, "syncworker", "analytics_sync_outbox_lag_rows") < 8:
			return errors.New("analytics_sync_outbox_lag_rows does not count the uploads")
		}
		return nil
	})
	require.Positive(t, s.metric(t, "syncworker", "analytics_warehouse_disk_size_bytes"))
	s.readyz(t, "account", "ingest", "stats", "syncworker")
	events, _ := count(t, c.stats().Get(t, eventsPath, month(raw)...).Is(t, http.StatusOK, ""))
	require.Equal(t, 100, events, "answers stay as they were")
	s.verify(t)
	s.wholeFiles(t)

	require.NoError(t, d.Free())
	c.holds(t)
	s.verify(t)
}

// TestPostgresDiskFull fills the disk of Postgres until that gives up. Clients are
// told to come back, and nothing that was acknowledged is lost.
func TestPostgresDiskFull(t *testing.T) {
	t.Parallel()
	dir := newDir(t)
	d, err := disk.Loop(t.Context(), filepath.Join(dir, "postgres"), 320<<20)
	d = mounted(t, d, err)
	s := newService(t, dir)
	s.start(t, "account", "ingest", "syncworker", "stats")
	c := s.newCaller(t)
	c.post(t, 100)
	c.holds(t)
	for range 20 { // some of it is acknowledged and not loaded yet when the disk is full
		c.post(t, 100)
	}

	require.NoError(t, d.Fill())
	for n := 0; c.refused < 3; n++ {
		require.Less(t, n, 500, "uploads that are all acknowledged on a full disk")
		c.attempt(t, 500)
	}
	// Less and less is left for its log, until a new file of it is needed. Its
	// messages are lost then: they go to the same disk.
	eventually(t, "Postgres gives up", func() error {
		_, _ = s.db.Exec(t.Context(), "SELECT pg_switch_wal()") // it ends the session sooner or later
		c.attempt(t, 20)
		if s.db.Ping(t.Context()) == nil {
			return errors.New("it still answers")
		}
		return nil
	})
	require.Zero(t, c.broken, "requests without an answer")
	t.Logf("%d uploads acknowledged, %d refused", len(c.sent), c.refused)

	require.NoError(t, d.Free())
	eventually(t, "Postgres is back", func() error {
		select {
		case <-s.Postgres.Done():
			return s.RestartPostgres(t.Context())
		default:
			return s.db.Ping(t.Context())
		}
	})
	c.settle(t)
	c.holds(t)
	s.verify(t)
}

// metric reads one metric without labels of a service.
func (s *service) metric(t *testing.T, service, name string) float64 {
	t.Helper()
	a := api.Anonymous(s.url(service), nil).Get(t, "/metrics").Is(t, http.StatusOK, "")
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(a.Body))
	require.NoError(t, err)
	require.Contains(t, families, name)
	return families[name].GetMetric()[0].GetGauge().GetValue()
}

func (s *service) readyz(t *testing.T, names ...string) {
	t.Helper()
	for _, name := range names {
		api.Anonymous(s.url(name), nil).Get(t, "/readyz").Is(t, http.StatusOK, "")
	}
}

// warehouse runs a command of the worker's binary on the warehouse.
func (s *service) warehouse(t *testing.T, command ...string) (string, error) {
	t.Helper()
	env := []string{"DATABASE_URL=" + s.DatabaseURL, "WAREHOUSE_DIR=" + filepath.Join(s.dir, "warehouse")}
	return stack.Command(t.Context(), env, "syncworker", append([]string{"warehouse"}, command...)...)
}

// verify requires that every file of the manifest is whole.
func (s *service) verify(t *testing.T) {
	t.Helper()
	out, err := s.warehouse(t, "verify")
	require.NoError(t, err, "%s", out)
	require.Contains(t, out, "all whole")
}

// wholeFiles requires that every Parquet file that has its name also has its end,
// whether the manifest lists it or not.
func (s *service) wholeFiles(t *testing.T) {
	t.Helper()
	root := filepath.Join(s.dir, "warehouse")
	require.NoError(t, filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) || filepath.Ext(path) != ".parquet" || filepath.Base(filepath.Dir(path)) == "tmp" {
			return nil
		}
		content, err := os.ReadFile(path)
		if err == nil && !bytes.HasSuffix(content, []byte("PAR1")) {
			err = fmt.Errorf("%s is half a file", path)
		}
		return err
	}))
}

// TestStandaloneStartsOnAFullDisk starts the standalone again after its disk was
// filled up: it says so, whether or not it can work, and works again once there is
// room.
func TestStandaloneStartsOnAFullDisk(t *testing.T) {
	t.Parallel()
	dir := newDir(t)
	d, err := disk.Tmpfs(filepath.Join(dir, "disk"), 160<<20)
	d = mounted(t, d, err)
	port, err := stack.FreePort()
	require.NoError(t, err)
	url := fmt.Sprintf("http://127.0.0.1:%d", port)
	start := func() *stack.Process {
		p, err := stack.StandaloneProcess(t.Context(), filepath.Join(d.Dir, "data"), port)
		require.NoError(t, err)
		return p
	}
	ready := func(p *stack.Process) {
		eventually(t, "the standalone is ready", func() error {
			_, err := api.Anonymous(url, nil).Try(t.Context(), http.MethodGet, "/readyz", nil)
			select {
			case <-p.Ended():
				require.Fail(t, "it ended", p.Log())
			default:
			}
			return err
		})
	}
	p := start()
	ready(p)
	require.NotContains(t, p.Log(), "ERROR")
	require.NotContains(t, p.Log(), "WARN")
	require.NoError(t, p.Stop())

	for _, kill := range []bool{false, true} {
		require.NoError(t, d.Fill())
		// Its log would be on the full disk.
		p, err := stack.Start(t.Context(), dir, fmt.Sprintf("full-%t", kill), []string{"DATA_DIR=" + filepath.Join(d.Dir, "data"), fmt.Sprintf("PORT=%d", port)}, standaloneBinary(t))
		require.NoError(t, err)
		require.Error(t, p.Wait(time.Minute))
		require.Contains(t, p.Log(), "the disk of DATA_DIR is almost full")
		require.Contains(t, p.Log(), "free some space and start again")
		require.NoError(t, d.Free())

		p = start()
		ready(p)
		if kill { // what Postgres has to recover needs room
			require.NoError(t, p.Kill())
			<-p.Ended()
		} else {
			require.NoError(t, p.Stop())
		}
	}
}

func standaloneBinary(t *testing.T) string {
	t.Helper()
	root, err := stack.Root()
	require.NoError(t, err)
	return filepath.Join(root, "bin", "standalone")
}
