package lake

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/warehouse/manifest"
	"eventanalytics/pkg/warehouse/segment"
)

// TestPublish: loads are appended, a merge replaces, what does not change is not published.
func TestPublish(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.round()
	require.Empty(t, w.catalog(), "there is nothing to list")
	w.load(10)
	w.load(20)
	w.round()
	first := w.check()
	require.Equal(t, "append", first.current().Summary["operation"])
	require.Equal(t, location+"/"+strings.Split(w.live()[0].Path, "/")[0], first.Location)

	w.load(30)
	w.round()
	second := w.check()
	require.Len(t, second.Snapshots, 2)
	require.Equal(t, first.UUID, second.UUID)
	require.Equal(t, &first.CurrentSnapshot, second.current().Parent)
	require.Equal(t, "1", second.current().Summary["added-data-files"])
	require.Equal(t, "3", second.current().Summary[versionKey])

	at := w.catalog()
	w.round()
	require.Equal(t, at, w.catalog(), "nothing changed")

	w.merge()
	w.round()
	merged := w.check()
	require.Equal(t, "replace", merged.current().Summary["operation"])
	require.Equal(t, []string{"3", "1", "60"}, []string{merged.current().Summary["deleted-data-files"], merged.current().Summary["added-data-files"], merged.current().Summary["added-records"]})
	w.load(5)
	w.merge()
	w.load(6)
	w.round()
	require.Equal(t, "overwrite", w.check().current().Summary["operation"])
}

// TestManifests: many files are listed by several manifests, of which a commit writes few again.
func TestManifests(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.lead(Config{Interval: time.Minute, Keep: time.Hour, manifestFiles: 4})
	for range 23 {
		w.load(1)
		w.round()
	}
	w.check()
	manifests := w.lake.tables[w.project].manifests
	require.LessOrEqual(t, len(manifests), 23/3+1)
	for _, m := range manifests {
		require.LessOrEqual(t, len(m.files), 4)
	}
	oldest := manifests[0].manifest.FilePath()
	w.load(1)
	w.lead(Config{Interval: time.Minute, Keep: time.Hour, manifestFiles: 4}) // which reads what the term before wrote
	w.round()
	w.check()
	require.Equal(t, oldest, w.lake.tables[w.project].manifests[0].manifest.FilePath())
	w.merge()
	w.round()
	w.check()
}

// TestLateColumn: the columns of a segment are in the schema of the snapshot that lists it.
func TestLateColumn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.load(10)
	w.round()
	require.Len(t, w.check().Schemas, 1)
	w.load(20, "text:country", "decimal:price")
	w.round()
	m := w.check()
	require.Len(t, m.Schemas, 2)
	require.NotEqual(t, m.Snapshots[0].Schema, m.current().Schema)
	for name, id := range map[string]int{"country_text": 101, "price_decimal": 100, "properties": 7} {
		f, ok := m.schema().FindFieldByName(name)
		require.True(t, ok, name)
		require.Equal(t, id, f.ID)
	}
	require.Equal(t, 101, m.LastColumn)

	w.load(30, "number:price") // a copy of a segment of an earlier version
	w.round()
	f, ok := w.check().schema().FindFieldByName("price_number")
	require.True(t, ok)
	require.Equal(t, 102, f.ID)
}

// TestOldSegments: a project is published when all of its segments have ids.
func TestOldSegments(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.load(10)
	w.exec("UPDATE analytics.segments SET field_ids = false")
	w.round()
	require.Empty(t, w.catalog())
	w.exec("UPDATE analytics.segments SET field_ids = true")
	w.round()
	w.check()
}

// TestListedFilesStay: garbage collection leaves what a listed snapshot has, however old, until
// the snapshot expires.
func TestListedFilesStay(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.load(10)
	w.load(20)
	w.round()
	w.merge()
	require.Zero(t, w.collect(), "the published snapshot has them")
	w.read(*w.metadata().current())
	w.round()
	require.Zero(t, w.collect(), "the snapshot before is still listed")
	w.check()

	w.lead(Config{Interval: time.Minute, Keep: 0})
	collected := 0
	require.Eventually(t, func() bool { // a transaction of another test may hold the xmin back
		w.load(1)
		w.round()
		w.round() // what the round before superseded expires
		collected += w.collect()
		return collected == 2
	}, time.Minute, time.Millisecond)
	w.check()
}

// TestStuck: a table that cannot be published anew does not hold files for ever.
func TestStuck(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.load(10)
	w.round()
	w.merge()
	w.exec("ALTER TABLE analytics.segments DISABLE TRIGGER note_change")
	w.exec("UPDATE analytics.segments SET replaced_at = replaced_at - interval '23 hours' WHERE replaced_at IS NOT NULL")
	require.Zero(t, w.collect())
	require.NotEmpty(t, w.catalog())
	w.exec("UPDATE analytics.segments SET replaced_at = replaced_at - interval '2 hours' WHERE replaced_at IS NOT NULL")
	require.Equal(t, 1, w.collect())
	require.Empty(t, w.catalog())
	w.exec("ALTER TABLE analytics.segments ENABLE TRIGGER note_change")
	w.round()
	w.check()
}

// TestCrash: a leader that is replaced between its files and its transaction publishes nothing;
// the next one does, and its files go when they are old.
func TestCrash(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.load(10)
	w.round()
	before := w.catalog()
	w.load(20)
	paused := w.lake
	w.lead(Config{Interval: time.Minute, Keep: time.Hour, GracePeriod: time.Hour})
	orphans := len(w.files())
	require.ErrorIs(t, paused.Round(t.Context()), manifest.ErrFenced)
	orphans = len(w.files()) - orphans
	require.Equal(t, 3, orphans, "a manifest, the list and the metadata")
	require.Equal(t, before, w.catalog())
	w.later()
	w.round()
	w.check()
	w.latest()

	all := len(w.files())
	require.NoError(t, w.lake.Sweep(t.Context()))
	require.Len(t, w.files(), all, "they may be of a commit under way")
	w.age()
	require.NoError(t, w.lake.Sweep(t.Context()))
	require.Len(t, w.files(), all-orphans)
	w.check()
}

// TestExpiry: what only expired snapshots need is deleted, and a table never lists more than
// its bound.
func TestExpiry(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.lead(Config{Interval: time.Minute, Keep: time.Hour, GracePeriod: time.Hour})
	for range maxSnapshots + 5 {
		w.load(1)
		w.round()
	}
	m := w.check()
	require.Len(t, m.Snapshots, maxSnapshots)
	require.Len(t, m.MetadataLog, maxSnapshots)
	w.age()
	require.NoError(t, w.lake.Sweep(t.Context()))
	w.check()

	w.lead(Config{Interval: time.Minute, Keep: 0, GracePeriod: time.Hour})
	w.round()
	require.Len(t, w.check().Snapshots, 1)
	w.round()
	w.age()
	require.NoError(t, w.lake.Sweep(t.Context()))
	w.check()
	require.LessOrEqual(t, len(w.files()), 5)
}

// TestOptOut: the table leaves the catalog at once, its files when they are old. One that is
// wanted again is another, whose files have higher numbers.
func TestOptOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.lead(Config{Interval: time.Minute, Keep: time.Hour, GracePeriod: time.Hour})
	w.load(10)
	w.round()
	first, id := w.catalog(), w.check().UUID
	w.exec("UPDATE analytics.projects SET lake = false")
	w.round()
	require.Empty(t, w.catalog())
	w.merge()
	require.Equal(t, 1, w.collect(), "nothing holds it")
	w.age()
	require.NoError(t, w.lake.Sweep(t.Context()))
	require.Empty(t, w.files())

	w.exec("UPDATE analytics.projects SET lake = true")
	w.round()
	require.NotEqual(t, id, w.check().UUID)
	require.Greater(t, filepath.Base(w.catalog()), filepath.Base(first))

	w.lead(Config{Interval: 0, GracePeriod: time.Hour})
	w.round()
	require.Empty(t, w.catalog(), "tables are switched off")
}

// TestRestoredDatabase: a restored database publishes its tables anew.
func TestRestoredDatabase(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.load(10)
	w.round()
	first, id := w.catalog(), w.check().UUID
	w.restore()
	for _, name := range w.files() {
		require.NoError(t, os.Remove(filepath.Join(w.folder.Dir(), name))) // no backup has them
	}
	w.lead(Config{Interval: time.Minute, Keep: time.Hour})
	w.round()
	require.NotEqual(t, id, w.check().UUID)
	require.Greater(t, filepath.Base(w.catalog()), filepath.Base(first))

	for range 3 {
		w.load(20)
		w.round()
	}
	// The same backup once more, with a bucket that kept what was published since.
	w.exec("UPDATE analytics.sync_state SET incarnation = incarnation - 1")
	w.exec("UPDATE analytics.lake_tables SET files = 1, incarnation = incarnation - 1, metadata_location = $1", first)
	w.exec("UPDATE lake.iceberg_tables SET metadata_location = $1", first)
	w.restore()
	w.lead(Config{Interval: time.Minute, Keep: time.Hour})
	w.later()
	w.round()
	w.check()
	w.latest()
}

// TestOtherLocation: a table has absolute paths, so that another location makes another table.
func TestOtherLocation(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.load(10)
	w.round()
	w.lead(Config{Interval: time.Minute, Keep: time.Hour, Location: "file:///srv/warehouse"})
	w.round()
	require.True(t, strings.HasPrefix(w.check().Location, "file:///srv/warehouse/"))
}

// TestDamagedMetadata: the manifest has all that a table needs.
func TestDamagedMetadata(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "{", `{"format-version": 1}`} {
		w := newWorld(t)
		w.load(10)
		w.round()
		w.overwrite(strings.TrimPrefix(w.catalog(), location+"/"), []byte(text))
		w.lead(Config{Interval: time.Minute, Keep: time.Hour})
		w.round()
		w.check()
	}
}

// TestDamagedByte: a file of a table that is damaged anywhere ends neither the worker nor
// publishing, and what the catalog names stays.
func TestDamagedByte(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.load(10)
	for _, kind := range []string{".metadata.json", "snap-", "-m0.avro"} {
		for at := range 25 {
			w.lead(Config{Interval: time.Minute, Keep: 0, GracePeriod: time.Hour})
			w.load(10)
			w.round()
			m := w.check()
			name := strings.TrimPrefix(w.catalog(), location+"/")
			switch kind {
			case "snap-":
				name = strings.TrimPrefix(m.current().ManifestList, location+"/")
			case "-m0.avro":
				name = w.lake.tables[w.project].manifests[0].manifest.FilePath()[len(location)+1:]
			}
			require.Contains(t, name, kind)
			damaged, err := os.ReadFile(filepath.Join(w.folder.Dir(), name))
			require.NoError(t, err)
			if field := bytes.Index(damaged, []byte(`"data_file"`)); at == 0 && field >= 0 {
				damaged[field+1] ^= 1 // iceberg-go panics
			} else {
				damaged[len(damaged)*at/25] ^= 0x55
			}
			w.overwrite(name, damaged)
			w.age()
			w.lead(Config{Interval: time.Minute, Keep: 0, GracePeriod: time.Hour})
			require.NoError(t, w.lake.Sweep(t.Context()))
			require.Contains(t, w.files(), strings.TrimPrefix(w.catalog(), location+"/"))
			w.load(10)
			w.round()
			require.Equal(t, fmt.Sprint(segment.EventsOf(w.live())), w.metadata().current().Summary["total-records"])
			w.exec("UPDATE analytics.lake_tables SET metadata_location = NULL") // another byte, of a table that is whole
		}
	}
}

// TestListedOtherwise: what a table says of a segment is what the manifest says.
func TestListedOtherwise(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.load(10)
	w.round()
	id := w.check().UUID
	w.lead(Config{Interval: time.Minute, Keep: time.Hour})
	w.round()
	require.Equal(t, id, w.check().UUID)
	w.exec("UPDATE analytics.segments SET min_at = min_at - interval '1 hour'") // as a damaged bound would be
	w.lead(Config{Interval: time.Minute, Keep: time.Hour})
	w.round()
	require.NotEqual(t, id, w.check().UUID)
	require.Equal(t, w.live()[0].MinAt.UnixMicro(), w.lake.tables[w.project].manifests[0].files[0].first)
}

// TestNeighbours: a project that fails does not hold up the others.
func TestNeighbours(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	failing := w.project
	w.load(10)
	w.exec("INSERT INTO analytics.shredded_columns (project_id, name, field_id) VALUES ($1, 'date:x', 100)", failing)
	require.NoError(t, w.pool.QueryRow(t.Context(), "INSERT INTO analytics.projects (name, lake) VALUES ('other', true) RETURNING id").Scan(&w.project))
	w.load(20)
	require.ErrorContains(t, w.lake.Round(t.Context()), "date:x")
	require.NotEmpty(t, w.catalog())
	require.True(t, w.lake.again[failing])
	require.Equal(t, w.lake.fresh[failing].UnixNano(), w.lake.deps.Metrics.oldest.Load())
	require.True(t, w.lake.fresh[w.project].After(w.lake.fresh[failing]))
	w.project = failing
	require.Empty(t, w.catalog())
	w.exec("DELETE FROM analytics.shredded_columns WHERE name = 'date:x'")
	w.round()
	require.NotEmpty(t, w.catalog(), "it is tried again although nothing changed")
}

// TestNames: names of columns are plain, never the same, and never change.
func TestNames(t *testing.T) {
	t.Parallel()
	columns, err := columnsOf(map[string]int32{
		"project_id": 1, "user_id": 4, "text:country": 100, "integer:price": 101, "decimal:price": 102, "text:Country": 103,
		"text:a.b": 104, "text:a b": 105, "text:user_id": 106, "text:назва": 107, "text:": 108, "text:" + strings.Repeat("x", 500): 109,
	})
	require.NoError(t, err)
	var names []string
	for _, c := range columns {
		names = append(names, c.Name)
	}
	require.Equal(t, []string{
		"project_id", "user_id", "country_text", "price_integer", "price_decimal", "Country_text_103",
		"a_b_text", "a_b_text_105", "user_id_text", "назва_text", "_text", strings.Repeat("x", maxName) + "_text",
	}, names)
	_, err = columnsOf(map[string]int32{"date:x": 100})
	require.Error(t, err)
}

func TestDiff(t *testing.T) {
	t.Parallel()
	live := func(paths ...string) (all []segment.Segment) {
		for _, p := range paths {
			all = append(all, segment.Segment{Path: p, Events: 1})
		}
		return all
	}
	of := func(paths ...string) (l listed) {
		for _, p := range paths {
			l.files = append(l.files, file{path: p, events: 1, snapshot: 1, sequence: 1})
		}
		return l
	}
	d := diff([]listed{of("a", "b", "c"), of("d")}, live("a", "b", "c", "d"), 4)
	require.True(t, d.empty())
	require.Len(t, d.stay, 2)
	d = diff([]listed{of("a", "b", "c"), of("d")}, live("a", "b", "c", "d", "e"), 4)
	require.Len(t, d.stay, 1)
	require.Len(t, d.write, 1)
	require.Equal(t, []int{1, 1, 0}, []int{len(d.write[0].existing), len(d.write[0].added), len(d.write[0].deleted)})
	d = diff([]listed{of("a", "b", "c"), of("d")}, live("a", "c", "d"), 4)
	require.Empty(t, d.stay)
	require.Equal(t, []int{3, 0, 1}, []int{len(d.write[0].existing), len(d.write[0].added), len(d.write[0].deleted)})
}
