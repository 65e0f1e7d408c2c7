package duckdb

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/event"
	"eventanalytics/pkg/warehouse/pages"
	"eventanalytics/pkg/warehouse/segment"
)

// old makes the Parquet file of a segment one as versions before small pages wrote it.
func old(t *testing.T, b *Builder, s segment.Segment) segment.Segment {
	t.Helper()
	tmp := segment.Temporary(b.dir, s.Path)
	_, err := b.db.ExecContext(t.Context(), "COPY (FROM "+readParquet(b.dir, []segment.Segment{s})+") TO "+quote(tmp)+" (FORMAT parquet, COMPRESSION zstd)")
	require.NoError(t, err)
	whole, err := os.ReadFile(tmp)
	require.NoError(t, err)
	_, err = pages.Read(bytes.NewReader(whole), int64(len(whole)))
	require.ErrorIs(t, err, pages.ErrWhole)
	s.Bytes, s.SHA256, err = segment.Seal(tmp, filepath.Join(b.dir, s.Path), 0o644)
	require.NoError(t, err)
	return s
}

// TestReadRows: events are read by their rows, and found by their ids alone, in files of
// small pages as in those of earlier versions, whichever segments they are in.
func TestReadRows(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t)
	b, db := newBuilder(t, cfg), newDB(t, cfg)
	b.ShredFrom = 500
	r := rand.New(rand.NewPCG(8, 1))
	for _, form := range []string{"small pages", "old", "mixed"} {
		t.Run(form, func(t *testing.T) {
			var segments []segment.Segment
			var read []SegmentRows
			var want [][]event.Event
			for i, n := range []int{1, 700, 9_000} {
				events, keys := walkEvents(r, n)
				s, err := b.Write(t.Context(), 7, events, keys, 1)
				require.NoError(t, err)
				if form == "old" || form == "mixed" && i == 1 {
					s = old(t, b, s)
				}
				ordered := eventsOf(t, b, s.Path)
				require.ElementsMatch(t, events, ordered)
				segments, want = append(segments, s), append(want, ordered)
				rows := r.Perm(n)[:min(n, 40)]
				slices.Sort(rows)
				one := SegmentRows{Segment: s, From: s.MinAt.UnixMicro(), To: s.MaxAt.UnixMicro()}
				for _, row := range rows {
					one.Rows = append(one.Rows, uint32(row))
				}
				read = append(read, one)
			}
			for _, what := range []pages.Columns{pages.All, pages.Unordered} {
				n := 0
				require.NoError(t, db.ReadRows(t.Context(), 7, read, what, func(s int, row uint32, e pages.Event) error {
					full := want[s][row]
					require.Equal(t, full.ID, e.ID)
					require.Equal(t, full.Properties, e.Properties)
					if what == pages.All {
						require.Equal(t, full, event.Event{ID: e.ID, OccurredAt: e.Us, UserID: e.UserID, Type: e.Type, Properties: e.Properties})
					}
					n++
					return nil
				}))
				require.Equal(t, 1+40+40, n)
			}
			for s, one := range read {
				for _, row := range one.Rows[:min(len(one.Rows), 10)] {
					at, found, ok, err := db.FindRow(t.Context(), 7, segments, want[s][row].ID)
					require.NoError(t, err)
					require.True(t, ok)
					require.Equal(t, fmt.Sprint(s, row), fmt.Sprint(at, found))
				}
			}
			_, _, ok, err := db.FindRow(t.Context(), 7, segments, uuid.New())
			require.NoError(t, err)
			require.False(t, ok)
		})
	}
}

// eventsOf returns the events of a segment in the order of its file.
func eventsOf(t *testing.T, b *Builder, path string) (all []event.Event) {
	t.Helper()
	rows, err := b.db.QueryContext(t.Context(), "SELECT event_id, epoch_us(occurred_at), user_id, event_type, coalesce(properties, '') FROM read_parquet("+
		quote(filepath.Join(b.dir, path))+", file_row_number = true) ORDER BY file_row_number")
	require.NoError(t, err)
	defer rows.Close()
	for rows.Next() {
		var e event.Event
		require.NoError(t, rows.Scan(&e.ID, &e.OccurredAt, &e.UserID, &e.Type, &e.Properties))
		all = append(all, e)
	}
	require.NoError(t, rows.Err())
	return all
}

// TestReadRowsOfDamage: a damaged file is never read, nor one of another project or with
// more events than the manifest says.
func TestReadRowsOfDamage(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t)
	b := newBuilder(t, cfg)
	events, keys := walkEvents(rand.New(rand.NewPCG(9, 1)), 500)
	s, err := b.Write(t.Context(), 7, events, keys, 1)
	require.NoError(t, err)
	other, more := s, s
	other.ProjectID, more.Events = 8, 499
	for _, wrong := range []segment.Segment{other, more} {
		_, _, _, err = newDB(t, cfg).FindRow(t.Context(), wrong.ProjectID, []segment.Segment{wrong}, events[0].ID)
		require.ErrorIs(t, err, segment.ErrQuarantined)
	}
	path := filepath.Join(b.dir, s.Path)
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	data[len(data)/3] ^= 1
	require.NoError(t, os.WriteFile(path, data, 0o600))
	db := newDB(t, cfg)
	_, _, _, err = db.FindRow(t.Context(), 7, []segment.Segment{s}, events[0].ID)
	require.ErrorIs(t, err, segment.ErrQuarantined)
	err = db.ReadRows(t.Context(), 7, []SegmentRows{{Segment: s, Rows: []uint32{0}}}, pages.All, func(int, uint32, pages.Event) error { return nil })
	require.ErrorIs(t, err, segment.ErrQuarantined)
	require.NoError(t, os.Remove(path))
	_, _, _, err = db.FindRow(t.Context(), 7, []segment.Segment{s}, events[0].ID)
	require.ErrorIs(t, err, segment.ErrQuarantined)
}

// TestRebuildChecksPages: a Parquet file whose filter of ids lacks some, with the right
// hash, is not taken for whole.
func TestRebuildChecksPages(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t)
	b := newBuilder(t, cfg)
	events, keys := walkEvents(rand.New(rand.NewPCG(10, 1)), 500)
	s, err := b.Write(t.Context(), 7, events, keys, 1)
	require.NoError(t, err)
	_, fates, err := b.Rebuild(t.Context(), s)
	require.NoError(t, err)
	require.Equal(t, Rebuilt{Equal, Equal}, fates)

	path := filepath.Join(b.dir, s.Path)
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	var at, length int64
	require.NoError(t, b.db.QueryRowContext(t.Context(), "SELECT bloom_filter_offset, bloom_filter_length FROM parquet_metadata("+quote(path)+
		") WHERE path_in_schema = 'event_id'").Scan(&at, &length))
	clear(data[at+length-64 : at+length])
	require.NoError(t, os.WriteFile(path, data, 0o600))
	s.SHA256 = sha256.Sum256(data)
	_, _, err = b.Rebuild(t.Context(), s)
	require.ErrorIs(t, err, segment.ErrQuarantined)
	require.ErrorContains(t, err, "the filter lacks an id")
	_, _, err = b.Rebuild(t.Context(), old(t, b, s))
	require.NoError(t, err)
}
