package duckdb

import (
	"cmp"
	"database/sql"
	"encoding/binary"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/RoaringBitmap/roaring/v2"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/event"
	"eventanalytics/pkg/warehouse"
	"eventanalytics/pkg/warehouse/segment"
)

func TestWriteThenQuery(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t)
	b, db := newBuilder(t, cfg), newDB(t, cfg)
	ctx := t.Context()

	at := time.Date(2025, 8, 1, 23, 59, 59, 999_999_000, time.UTC)
	want := []event.Event{
		{ID: uuid.New(), OccurredAt: at.UnixMicro(), UserID: "Ünï'; --", Type: "view", Properties: `{"a": 1.10}`},
		{ID: uuid.New(), OccurredAt: at.UnixMicro() + 1, UserID: "2", Type: "view"},
	}
	written, err := b.Write(ctx, 7, want, keysOf(want), 3)
	require.NoError(t, err)
	require.EqualValues(t, 2, written.Events)
	require.Equal(t, at, written.MinAt)
	s := snapshot(written)

	var got []event.Event
	read := collect(&got)
	q := Query{Project: 7, SQL: "SELECT * FROM {{events}} WHERE event_type = $type ORDER BY us", Args: []any{sql.Named("type", "view")}}
	require.NoError(t, db.Run(ctx, s, q, read))
	require.Equal(t, want, got)

	// Isolation does not hang on the manifest alone.
	got = nil
	foreign := written
	foreign.ProjectID, q.Project = 8, 8
	require.NoError(t, db.Run(ctx, snapshot(written, foreign), q, read))
	require.Empty(t, got)
	q.Project, q.From, q.To = 7, at.Add(time.Microsecond), at.Add(time.Microsecond+1)
	require.NoError(t, db.Run(ctx, s, q, read))
	require.Equal(t, want[1:], got)
}

// collect is a scan function for SELECT * FROM {{events}}.
func collect(events *[]event.Event) func(*sql.Rows) error {
	return func(rows *sql.Rows) error {
		var e event.Event
		var properties sql.NullString
		var at time.Time
		var key any
		err := rows.Scan(&e.ID, &at, &e.OccurredAt, &e.UserID, &key, &e.Type, &properties)
		e.Properties = properties.String
		if at.UnixMicro() != e.OccurredAt {
			return fmt.Errorf("us is %d for %s", e.OccurredAt, at)
		}
		*events = append(*events, e)
		return err
	}
}

// all reads back every event of project 1, in the order of ids.
func all(t testing.TB, db *DB, segments ...segment.Segment) []event.Event {
	t.Helper()
	var events []event.Event
	require.NoError(t, db.Run(t.Context(), snapshot(segments...), Query{Project: 1, SQL: "SELECT * FROM {{events}}"}, collect(&events)))
	return sorted(events)
}

func sorted(events []event.Event) []event.Event {
	events = slices.Clone(events)
	slices.SortFunc(events, func(a, b event.Event) int {
		return cmp.Or(slices.Compare(a.ID[:], b.ID[:]), cmp.Compare(a.OccurredAt, b.OccurredAt))
	})
	return events
}

// The order inside a file is what makes queries read little of it.
func TestSegmentIsSorted(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t)
	b, db := newBuilder(t, cfg), newDB(t, cfg)
	written := write(t, b, someEvents(rand.New(rand.NewPCG(1, 1)), 3000, 4)...)
	var got []event.Event
	require.NoError(t, db.Run(t.Context(), snapshot(written), Query{Project: 1, SQL: "SELECT * FROM {{events}}"}, collect(&got)))
	require.True(t, slices.IsSortedFunc(got, func(a, b event.Event) int {
		day := func(e event.Event) string { return e.Time().Format(time.DateOnly) }
		return cmp.Or(cmp.Compare(day(a), day(b)), cmp.Compare(a.Type, b.Type), cmp.Compare(a.UserID, b.UserID), cmp.Compare(a.OccurredAt, b.OccurredAt))
	}))
}

func TestWriteRefusesBadEvents(t *testing.T) {
	t.Parallel()
	b := newBuilder(t, testConfig(t))
	good := someEvents(rand.New(rand.NewPCG(1, 1)), 1, 1)[0]
	first := time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC).UnixMicro()
	last := time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC).UnixMicro() - 1
	for name, spoil := range map[string]func(*event.Event){
		"far future": func(e *event.Event) { e.OccurredAt = math.MaxInt64 },
		"far past":   func(e *event.Event) { e.OccurredAt = first - 1 },
		"no user":    func(e *event.Event) { e.UserID = "" },
		"no type":    func(e *event.Event) { e.Type = "" },
		"not UTF-8":  func(e *event.Event) { e.Properties = "{\"a\":\"\xff\"}" },
	} {
		bad := good
		spoil(&bad)
		_, err := b.Write(t.Context(), 1, []event.Event{good, bad}, []uint32{1, 1}, 1)
		require.ErrorIs(t, err, segment.ErrRefused, name)
	}
	for _, at := range []int64{first, last} {
		good.OccurredAt = at
		s := write(t, b, good)
		require.EqualValues(t, at, s.MinAt.UnixMicro())
	}
	_, err := b.Write(t.Context(), 1, nil, nil, 1)
	require.Error(t, err)
}

// A merge keeps exactly the events, within days, whatever the input.
func TestMergePreservesEvents(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	t.Log("seed", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	cfg := testConfig(t)
	b, db := newBuilder(t, cfg), newDB(t, cfg)
	for range 10 {
		target := int64(1 + r.IntN(200))
		var in []segment.Segment
		var want []event.Event
		for level := range 1 + r.IntN(5) {
			events := someEvents(r, 1+r.IntN(150), 1+r.IntN(12))
			want = append(want, events...)
			written := write(t, b, events...)
			written.Level = level
			in = append(in, written)
		}
		out, err := b.Merge(t.Context(), in, target, 9)
		require.NoError(t, err)
		require.Equal(t, sorted(want), all(t, db, out...))

		days := map[string]int{}
		for _, s := range out {
			require.Equal(t, len(in), s.Level)
			require.EqualValues(t, 9, s.Epoch)
			events := all(t, db, s)
			require.EqualValues(t, len(events), s.Events)
			inFile := map[string]bool{}
			for _, e := range events {
				inFile[e.Time().Format(time.DateOnly)] = true
				require.False(t, e.Time().Before(s.MinAt) || e.Time().After(s.MaxAt))
			}
			require.True(t, s.Events <= target || len(inFile) == 1)
			for day := range maps.Keys(inFile) {
				days[day]++
			}
		}
		for day, files := range days {
			require.Equal(t, 1, files, "day %s is in several files", day)
		}
	}
}

// Half of the merged files that are below half the target at most: compaction
// ends because of this.
func TestMergeOutputsAreFull(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(5, 5))
	b := newBuilder(t, testConfig(t))
	out, err := b.Merge(t.Context(), []segment.Segment{write(t, b, someEvents(r, 900, 60)...)}, 100, 1)
	require.NoError(t, err)
	for i := 1; i < len(out); i++ {
		require.True(t, out[i-1].Events*2 >= 100 || out[i].Events*2 >= 100)
	}
}

func TestMergeRefusesDamage(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t)
	b := newBuilder(t, cfg)
	r := rand.New(rand.NewPCG(6, 6))
	good, bad := write(t, b, someEvents(r, 50, 2)...), write(t, b, someEvents(r, 50, 2)...)
	flip(t, cfg, bad)
	_, err := b.Merge(t.Context(), []segment.Segment{good, bad}, 1000, 1)
	require.ErrorIs(t, err, segment.ErrQuarantined)

	wrong := good
	wrong.Events++
	_, err = b.Merge(t.Context(), []segment.Segment{wrong}, 1000, 1)
	require.ErrorContains(t, err, "has 50 events of the project, the manifest says 51")
	wrong = good
	wrong.ProjectID = 2
	_, err = b.Merge(t.Context(), []segment.Segment{good, wrong}, 1000, 1)
	require.Error(t, err)

	// A roll-up is rebuilt from the events.
	out, err := b.Merge(t.Context(), []segment.Segment{good}, 1000, 1)
	require.NoError(t, err)
	require.NoError(t, os.Remove(filepath.Join(cfg.Dir, good.RollUpPath())))
	again, err := b.Merge(t.Context(), []segment.Segment{good}, 1000, 1)
	require.NoError(t, err)
	require.Equal(t, out[0].RollUp, again[0].RollUp)
}

// flip changes one bit in the middle of a segment's file.
func flip(t testing.TB, cfg warehouse.Config, s segment.Segment) {
	t.Helper()
	path := filepath.Join(cfg.Dir, s.Path)
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	content[len(content)/2] ^= 1
	require.NoError(t, os.WriteFile(path, content, 0o600))
}

func TestTemporaryFiles(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t)
	b := newBuilder(t, cfg)
	write(t, b, someEvents(rand.New(rand.NewPCG(1, 1)), 5, 1)...)
	entries := func() int {
		found, err := os.ReadDir(segment.TemporaryFolder(cfg.Dir))
		require.NoError(t, err)
		return len(found)
	}
	require.Equal(t, 1, entries(), "only the folder to spill to is left")

	left := filepath.Join(segment.TemporaryFolder(cfg.Dir), "spill-1")
	require.NoError(t, os.Mkdir(left, 0o700))
	old := time.Now().Add(-2 * time.Hour)
	require.NoError(t, os.Chtimes(left, old, old))
	require.NoError(t, os.Chtimes(b.spill, old, old))
	require.NoError(t, os.WriteFile(filepath.Join(segment.TemporaryFolder(cfg.Dir), "young"), nil, 0o600))
	n, err := segment.RemoveTemporary(cfg.Dir, time.Now().Add(-time.Hour), b.Spill())
	require.NoError(t, err)
	require.Equal(t, 1, n)
	require.Equal(t, 2, entries(), "its own folder and the young file stay")
}

// outdated makes a segment as workers did that knew no user keys.
func outdated(t testing.TB, b *Builder, events ...event.Event) segment.Segment {
	t.Helper()
	young := write(t, b, events...)
	old, err := b.files.Publish(t.Context(), young, segment.Content{RollUp: func() ([]byte, error) { return nil, nil }, Events: func(tmp string) error {
		_, err := b.db.ExecContext(t.Context(), "COPY (SELECT * EXCLUDE user_key FROM "+readParquet(b.dir, []segment.Segment{young})+") TO "+quote(tmp)+" (FORMAT parquet)")
		return err
	}})
	require.NoError(t, err)
	old.RollUp = nil
	return old
}

func TestOldSegmentsAreRead(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t)
	b, db := newBuilder(t, cfg), newDB(t, cfg)
	r := rand.New(rand.NewPCG(3, 3))
	events := someEvents(r, 200, 3)
	old, young := outdated(t, b, events[:100]...), write(t, b, events[100:]...)
	require.Equal(t, sorted(events), all(t, db, old, young))
	users := map[string]bool{}
	for _, e := range events {
		users[e.UserID] = true
	}
	n, err := count(t, db, snapshot(old, young), Query{Project: 1, SQL: "SELECT count(DISTINCT user_key) FROM {{events}}"})
	require.NoError(t, err)
	require.Len(t, users, n)

	var read []event.Event
	require.NoError(t, b.Events(t.Context(), old, func(e event.Event) error {
		read = append(read, e)
		return nil
	}))
	require.Equal(t, sorted(events[:100]), sorted(read))
	_, err = b.Merge(t.Context(), []segment.Segment{old, young}, 1000, 1)
	require.Error(t, err)
}

// A row group is in memory when it is written.
func TestRowGroupsAreBoundedInBytes(t *testing.T) {
	t.Parallel()
	require.EqualValues(t, maxRowGroup, rowGroup(1_000_000, 300_000_000))
	require.EqualValues(t, maxRowGroup, rowGroup(5, 0), "nobody knows")
	require.EqualValues(t, maxRowGroup, rowGroup(0, 0))
	require.EqualValues(t, minRowGroup, rowGroup(1000, 1000<<20))

	cfg := testConfig(t)
	b := newBuilder(t, cfg)
	events := make([]event.Event, 2*minRowGroup+100)
	for i := range events {
		events[i] = event.Event{ID: uuid.New(), OccurredAt: int64(i), UserID: "u", Type: "t", Properties: `{"a":"` + strings.Repeat("x", 32_600) + `"}`}
	}
	s := write(t, b, events...)
	require.EqualValues(t, len(events)*(segment.EventOverhead+2+len(events[0].Properties)), s.RawBytes)
	groups := func(path string) (n int) {
		require.NoError(t, b.db.QueryRowContext(t.Context(), "SELECT count(DISTINCT row_group_id) FROM parquet_metadata("+quote(path)+")").Scan(&n))
		return n
	}
	require.Equal(t, 3, groups(filepath.Join(cfg.Dir, s.Path)))
	file := filepath.Join(cfg.Dir, "export.parquet")
	_, err := Export(t.Context(), cfg, segment.NewFolder(cfg.Dir), snapshot(s), 1, time.Time{}, time.Time{}, file)
	require.NoError(t, err)
	require.Equal(t, 3, groups(file))

	merged, err := b.Merge(t.Context(), []segment.Segment{s}, 1_000_000, 1)
	require.NoError(t, err)
	require.Equal(t, s.RawBytes, merged[0].RawBytes)
	raw, err := b.Measure(t.Context(), merged[0])
	require.NoError(t, err)
	require.Equal(t, s.RawBytes, raw)
}

// What a merge makes beside the events is what they say, byte for byte, whatever their
// properties are, and whether or not the roll-ups are of today.
func TestMergedFilesAreEqual(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t)
	b := newBuilder(t, cfg)
	r := rand.New(rand.NewPCG(7, 7))
	some := []string{"", "{}", `{"a": 1}`, `{"\u0061": 1.0, "": null}`, `{ "a" : [1, {"b": 2}] , "é" : "}" }`, `{"\u00e9": {}, "b": true, "a": "x"}`}
	for range 5 {
		var in []segment.Segment
		for range 1 + r.IntN(4) {
			events := someEvents(r, 1+r.IntN(200), 1+r.IntN(4))
			for i := range events {
				events[i].Properties = some[r.IntN(len(some))]
			}
			in = append(in, write(t, b, events...))
		}
		in[0] = withFirstVersion(t, b, someEvents(r, 1, 1)[0])
		out, err := b.Merge(t.Context(), in, int64(1+r.IntN(400)), 1)
		require.NoError(t, err)
		for _, s := range append(out, in[1:]...) {
			_, fate, err := b.Rebuild(t.Context(), s)
			require.NoError(t, err)
			require.Equal(t, Rebuilt{RollUp: Equal, Users: Equal}, fate)
		}
		made, fate, err := b.Rebuild(t.Context(), in[0])
		require.NoError(t, err)
		require.Equal(t, Replaced, fate.RollUp)
		current, err := segment.NewIntegrity(b.folder).ReadRollUp(made)
		require.NoError(t, err)
		require.True(t, current.CountsProperties())
	}
}

// withFirstVersion makes a segment of one event with a roll-up of the version before
// properties were counted.
func withFirstVersion(t testing.TB, b *Builder, e event.Event) segment.Segment {
	t.Helper()
	const dayMicros, quarterMicros = 24 * 3600 * 1_000_000, 15 * 60 * 1_000_000
	key := keysOf([]event.Event{e})[0]
	users, err := roaring.BitmapOf(key).ToBytes()
	require.NoError(t, err)
	at := uint64(e.OccurredAt % dayMicros)
	quarters := []byte{1, byte(at / quarterMicros), 1, 1, 1, byte(key)} // how many; the one, its events, users and bytes; the key
	index := append([]byte{byte(key), 1, byte(len(e.Type))}, e.Type...)
	index = append(index, 2)
	for eventType, quartersLen := range []int{0, len(quarters)} {
		day := e.OccurredAt / dayMicros * int64(1-eventType) // the difference
		index = append(binary.AppendVarint(index, day), byte(eventType), 1, 1)
		index = append(binary.AppendUvarint(index, at), 0, 0, byte(len(users)), byte(quartersLen))
	}
	data := []byte("EAROLL01")
	for _, n := range []int{1, len(index), len(users)} {
		data = binary.LittleEndian.AppendUint64(data, uint64(n))
	}
	old, err := b.copy(t.Context(), write(t, b, e), slices.Concat(data, index, users, quarters))
	require.NoError(t, err)
	f, err := segment.NewIntegrity(b.folder).ReadRollUp(old)
	require.NoError(t, err)
	require.False(t, f.CountsProperties())
	return old
}
