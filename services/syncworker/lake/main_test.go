package lake

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/apache/iceberg-go"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap/zaptest"

	"eventanalytics/pkg/outbox"
	"eventanalytics/pkg/platform/postgres/pgtest"
	"eventanalytics/pkg/warehouse/fields"
	"eventanalytics/pkg/warehouse/manifest"
	"eventanalytics/pkg/warehouse/segment"
	"eventanalytics/services/syncworker/lease"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

const location = "s3://bucket/events"

// world is a warehouse with one project that wants a table. Its segments are files of a few
// bytes: nothing here opens them.
type world struct {
	testing.TB
	pool    *pgxpool.Pool
	folder  *segment.Folder
	term    *lease.Term
	lake    *Publisher
	project int64
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{TB: t, pool: pgtest.New(t), folder: segment.NewFolder(t.TempDir())}
	require.NoError(t, segment.MakeFolders(segment.TemporaryFolder(w.folder.Dir())))
	require.NoError(t, w.pool.QueryRow(t.Context(), "INSERT INTO analytics.projects (name, lake) VALUES ('shop', true) RETURNING id").Scan(&w.project))
	w.lead(Config{Interval: time.Minute, Keep: time.Hour})
	return w
}

// lead begins another term with other settings.
func (w *world) lead(cfg Config) {
	w.Helper()
	w.exec("UPDATE analytics.sync_state SET lease_until = 'epoch'")
	var err error
	w.term, err = lease.Acquire(w.Context(), w.pool, lease.Config{Leader: "test", Duration: time.Hour}, zaptest.NewLogger(w))
	require.NoError(w, err)
	if cfg.Location == "" {
		cfg.Location = location
	}
	w.lake = New(cfg, Deps{Pool: w.pool, Term: w.term, Folder: w.folder, Log: zaptest.NewLogger(w), Metrics: NewMetrics(prometheus.NewRegistry())})
}

func (w *world) exec(sql string, args ...any) {
	w.Helper()
	_, err := w.pool.Exec(w.Context(), sql, args...)
	require.NoError(w, err)
}

// segment makes a segment that is not listed yet.
func (w *world) segment(events int64, columns ...string) segment.Segment {
	w.Helper()
	_, err := fields.New(w.pool).Of(w.Context(), w.project, columns)
	require.NoError(w, err)
	slices.Sort(columns)
	at := time.Date(2025, 8, 1, 10, 0, 0, 0, time.UTC)
	s := segment.Segment{
		ProjectID: w.project, Path: fmt.Sprintf("%d/1-%s.parquet", w.project, strings.ReplaceAll(uuid.NewString(), "-", "")), Events: events, Bytes: 7,
		MinAt: at, MaxAt: at.Add(time.Duration(events) * time.Second), Shredded: columns, FieldIDs: true, RawBytes: 1,
	}
	require.NoError(w, segment.MakeFolders(filepath.Join(w.folder.Dir(), filepath.Dir(s.Path))))
	require.NoError(w, os.WriteFile(filepath.Join(w.folder.Dir(), s.Path), []byte("parquet"), 0o600))
	return s
}

// load lists a segment.
func (w *world) load(events int64, columns ...string) segment.Segment {
	w.Helper()
	s := w.segment(events, columns...)
	require.NoError(w, w.term.Commit(w.Context(), func(tx *manifest.Tx) error {
		return tx.Advance(w.Context(), outbox.Position{Incarnation: tx.Stored.Incarnation, XID: tx.Stored.XID + 1}, time.Time{}, []segment.Segment{s})
	}))
	return s
}

// merge replaces all live segments by one.
func (w *world) merge() segment.Segment {
	w.Helper()
	live := w.live()
	out := w.segment(segment.EventsOf(live))
	require.NoError(w, w.term.Commit(w.Context(), func(tx *manifest.Tx) error {
		return tx.Replace(w.Context(), live, []segment.Segment{out})
	}))
	return out
}

// collect deletes the files of replaced segments, however young.
func (w *world) collect() (n int) {
	w.Helper()
	require.NoError(w, w.term.Commit(w.Context(), func(tx *manifest.Tx) error {
		paths, err := tx.Expire(w.Context(), 0)
		n = len(paths)
		return joined(err, w.folder.Remove(w.Context(), paths...))
	}))
	return n
}

func joined(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// live are the segments of the project.
func (w *world) live() []segment.Segment {
	w.Helper()
	live, err := manifest.Live(w.Context(), w.pool)
	require.NoError(w, err)
	return slices.DeleteFunc(live, func(s segment.Segment) bool { return s.ProjectID != w.project })
}

func (w *world) round() {
	w.Helper()
	require.NoError(w, w.lake.Round(w.Context()))
}

// catalog is where the catalog says that the table's metadata is; empty for no table.
func (w *world) catalog() (at string) {
	w.Helper()
	err := w.pool.QueryRow(w.Context(), "SELECT coalesce(max(metadata_location), '') FROM lake.iceberg_tables WHERE catalog_name = 'analytics' AND table_namespace = 'analytics' AND table_name = $1",
		manifest.LakeTable(w.project)).Scan(&at)
	require.NoError(w, err)
	return at
}

// open returns what is at a URL, as a reader does.
func (w *world) open(url string) []byte {
	w.Helper()
	name, ours := strings.CutPrefix(url, w.lake.cfg.Location+"/")
	require.True(w, ours, url)
	data, err := os.ReadFile(filepath.Join(w.folder.Dir(), name))
	require.NoError(w, err)
	return data
}

func (w *world) metadata() *metadata {
	w.Helper()
	m, err := parseMetadata(w.open(w.catalog()))
	require.NoError(w, err)
	return m
}

// read reads which files a snapshot has, with their events, and looks whether all are there.
func (w *world) read(s snapshot) map[string]int64 {
	w.Helper()
	manifests, err := iceberg.ReadManifestList(bytes.NewReader(w.open(s.ManifestList)))
	require.NoError(w, err)
	files := map[string]int64{}
	for _, m := range manifests {
		data := w.open(m.FilePath())
		require.EqualValues(w, len(data), m.Length())
		entries, err := iceberg.ReadManifest(m, bytes.NewReader(data), true)
		require.NoError(w, err)
		require.EqualValues(w, len(entries), m.AddedDataFiles()+m.ExistingDataFiles())
		for _, e := range entries {
			w.open(e.DataFile().FilePath())
			require.LessOrEqual(w, e.SequenceNum(), s.Sequence)
			require.Greater(w, e.SequenceNum(), int64(0))
			files[strings.TrimPrefix(e.DataFile().FilePath(), w.lake.cfg.Location+"/")] = e.DataFile().Count()
		}
	}
	return files
}

// check compares the table with the manifest, and all listed snapshots with the disk.
func (w *world) check() *metadata {
	w.Helper()
	m := w.metadata()
	for _, s := range m.Snapshots {
		w.read(s)
	}
	want := map[string]int64{}
	for _, s := range w.live() {
		want[s.Path] = s.Events
	}
	require.Equal(w, want, w.read(*m.current()))
	require.Equal(w, fmt.Sprint(segment.EventsOf(w.live())), m.current().Summary["total-records"])
	return m
}

// restore makes the database one that was restored from a backup.
func (w *world) restore() {
	w.Helper()
	require.NoError(w, pgx.BeginFunc(w.Context(), w.pool, func(tx pgx.Tx) error {
		_, _, err := manifest.Reincarnate(w.Context(), tx)
		return err
	}))
}

// overwrite changes what is in a file of metadata.
func (w *world) overwrite(name string, data []byte) {
	w.Helper()
	path := filepath.Join(w.folder.Dir(), name)
	require.NoError(w, os.Remove(path)) // it is read-only
	require.NoError(w, os.WriteFile(path, data, 0o600))
}

// age makes all files of metadata old.
func (w *world) age() {
	w.Helper()
	for _, name := range w.files() {
		old := time.Now().Add(-48 * time.Hour)
		require.NoError(w, os.Chtimes(filepath.Join(w.folder.Dir(), name), old, old))
	}
}

// later waits until numbers of metadata by the time are above those that there are.
func (w *world) later() {
	w.Helper()
	require.Eventually(w, func() bool {
		var now time.Time
		require.NoError(w, w.pool.QueryRow(w.Context(), "SELECT clock_timestamp()").Scan(&now))
		return number(0, now) > w.highest()
	}, time.Minute, 10*time.Millisecond)
}

// highest is the highest number of a file of metadata.
func (w *world) highest() (highest int64) {
	w.Helper()
	for _, name := range w.files() {
		if text, _, ok := strings.Cut(filepath.Base(name), "-"); ok && strings.HasSuffix(name, ".metadata.json") {
			n, err := strconv.ParseInt(text, 10, 32)
			require.NoError(w, err)
			highest = max(highest, n)
		}
	}
	return highest
}

// latest says that readers of the folder take the published metadata: no other file has its
// number, or a higher one.
func (w *world) latest() {
	w.Helper()
	prefix := fmt.Sprintf("%d/metadata/%010d-", w.project, w.highest())
	var first []string
	for _, name := range w.files() {
		if strings.HasPrefix(name, prefix) {
			first = append(first, w.lake.cfg.Location+"/"+name)
		}
	}
	require.Equal(w, []string{w.catalog()}, first)
}

// files are those of metadata.
func (w *world) files() []string {
	w.Helper()
	names, err := w.folder.OldMetadata(w.Context(), time.Now().Add(time.Hour))
	require.NoError(w, err)
	return names
}
