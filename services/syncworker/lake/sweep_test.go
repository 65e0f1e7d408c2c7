package lake

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/warehouse/manifest"
)

// sweeping are settings with which all but the current snapshot expires.
var sweeping = Config{Interval: time.Minute, GracePeriod: time.Hour}

// outdate publishes two versions of the table, of whose files some are old and not needed.
func (w *world) outdate() {
	w.Helper()
	for range 3 {
		w.load(10)
		w.round()
	}
	w.round()
	w.age()
}

// another makes another project that wants a table.
func (w *world) another() {
	w.Helper()
	require.NoError(w, w.pool.QueryRow(w.Context(), "INSERT INTO analytics.projects (name, lake) VALUES ('other', true) RETURNING id").Scan(&w.project))
}

// of are the files of metadata of the project.
func (w *world) of() (names []string) {
	w.Helper()
	for _, name := range w.files() {
		if strings.HasPrefix(name, fmt.Sprintf("%d/", w.project)) {
			names = append(names, name)
		}
	}
	return names
}

// TestHeld: a backup copies the folder while nothing is deleted from it.
func TestHeld(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.lead(sweeping)
	w.outdate()
	all := w.files()
	_, err := manifest.Hold(t.Context(), w.pool, time.Hour, "backup")
	require.NoError(t, err)
	require.NoError(t, w.lake.Sweep(t.Context()))
	require.Equal(t, all, w.files())
	_, err = manifest.Lift(t.Context(), w.pool)
	require.NoError(t, err)

	w.lead(sweeping)
	require.NoError(t, pgx.BeginFunc(t.Context(), w.pool, func(tx pgx.Tx) error {
		require.NoError(t, manifest.AwaitCollection(t.Context(), tx))
		require.NoError(t, w.lake.Sweep(t.Context()))
		require.Equal(t, all, w.files(), "somebody counts on them")
		require.Zero(t, w.lake.swept, "it is tried again in the next round")
		return nil
	}))
	collected := false
	require.NoError(t, manifest.WithCollectionLock(t.Context(), w.pool, func() error {
		require.NoError(t, w.lake.Sweep(t.Context()))
		return manifest.WithCollectionLock(t.Context(), w.pool, func() error { collected = true; return nil })
	}))
	require.True(t, collected, "collections do not keep one another from their work")
	require.Less(t, len(w.files()), len(all))
	w.check()
}

// TestSweepNothing: the folder is not even listed where there never was a table.
func TestSweepNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	leftover := fmt.Sprintf("%d/metadata/leftover.avro", w.project)
	require.NoError(t, w.folder.WriteMetadata(t.Context(), leftover, []byte("avro")))
	w.age()
	w.lead(Config{GracePeriod: time.Hour})
	require.NoError(t, w.lake.Sweep(t.Context()))
	require.Equal(t, []string{leftover}, w.files())
	w.lead(sweeping)
	w.load(10)
	w.round()
	w.lead(Config{GracePeriod: time.Hour})
	w.round()
	w.age()
	require.NoError(t, w.lake.Sweep(t.Context()))
	require.Empty(t, w.files())
}

// TestSweepOtherLocation: what the catalog names stays until another table takes its place.
func TestSweepOtherLocation(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.load(10)
	w.round()
	all := w.files()
	w.age()
	w.exec("INSERT INTO analytics.shredded_columns (project_id, name, field_id) VALUES ($1, 'date:x', 100)", w.project)
	other := sweeping
	other.Location = "file:///srv/warehouse"
	w.lead(other)
	require.Error(t, w.lake.Round(t.Context()))
	require.NoError(t, w.lake.Sweep(t.Context()))
	require.Equal(t, all, w.files())
	w.exec("DELETE FROM analytics.shredded_columns")
	w.round()
	require.NoError(t, w.lake.Sweep(t.Context()))
	require.NotSubset(t, w.files(), all)
	w.check()
}

// TestSweepNeighbours: a table that cannot be read keeps its files, and no others.
func TestSweepNeighbours(t *testing.T) {
	t.Parallel()
	for _, gone := range []bool{false, true} {
		w := newWorld(t)
		w.lead(sweeping)
		w.outdate()
		name := strings.TrimPrefix(w.catalog(), location+"/")
		kept := len(w.of())
		failing := w.project
		w.another()
		w.outdate()
		all := len(w.of())
		w.lead(sweeping)
		require.NoError(t, os.Remove(filepath.Join(w.folder.Dir(), name)))
		if gone {
			require.NoError(t, w.lake.Sweep(t.Context()))
			kept--
		} else {
			require.NoError(t, os.Mkdir(filepath.Join(w.folder.Dir(), name), 0o700)) // which cannot be read
			require.ErrorContains(t, w.lake.Sweep(t.Context()), "needs")
		}
		require.Less(t, len(w.of()), all)
		w.check()
		w.project = failing
		require.Len(t, w.of(), kept)
	}
}

// TestSweepByPieces: a new term that reads what all tables need publishes in between.
func TestSweepByPieces(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.lead(sweeping)
	w.outdate()
	first, all := w.project, len(w.of())
	w.another()
	w.outdate()
	second := w.project
	piece := Config{Interval: time.Minute, GracePeriod: time.Hour, Keep: time.Hour, sweepReads: 1}
	w.lead(piece)
	w.round()
	w.lake.tables[first].lists = map[string][]string{} // as when it was not published in this term
	require.NoError(t, w.lake.Sweep(t.Context()))
	require.Len(t, w.of(), all)
	w.project = first
	require.Less(t, len(w.of()), all)
	w.project = second
	require.NoError(t, w.lake.Sweep(t.Context()))
	require.Less(t, len(w.of()), all)
	w.check()
}
