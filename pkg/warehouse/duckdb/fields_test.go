package duckdb

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/event"
	"eventanalytics/pkg/platform/postgres/pgtest"
	"eventanalytics/pkg/warehouse/fields"
	"eventanalytics/pkg/warehouse/segment"
)

// idsInFile are those that DuckDB reads in a segment's file.
func idsInFile(t *testing.T, b *Builder, s segment.Segment) map[string]int32 {
	t.Helper()
	rows, err := b.db.QueryContext(t.Context(), "SELECT name, coalesce(field_id, 0) FROM parquet_schema($1) WHERE num_children IS NULL", filepath.Join(b.dir, s.Path))
	require.NoError(t, err)
	defer rows.Close()
	ids := map[string]int32{}
	for rows.Next() {
		var name string
		var id int32
		require.NoError(t, rows.Scan(&name, &id))
		ids[name] = id
	}
	require.NoError(t, rows.Err())
	return ids
}

// withProperties are events with texts, numbers and integers under some keys.
func withProperties(n int, keys ...string) []event.Event {
	events := make([]event.Event, n)
	for i := range events {
		properties := ""
		for k, key := range keys {
			value := []string{fmt.Sprintf(`"v%d"`, i%3), fmt.Sprint(i % 5), fmt.Sprintf("%d.5", i%4)}[k%3]
			properties += fmt.Sprintf(`, %q: %s`, key, value)
		}
		events[i] = event.Event{
			ID: uuid.New(), OccurredAt: time.Date(2025, 3, 1+i%3, 0, 0, i, 0, time.UTC).UnixMicro(), UserID: "u", Type: "t", Properties: "{" + properties[2:] + "}",
		}
	}
	return events
}

// Whatever writes a segment, its columns have the ids that Postgres has for them, which stay
// while the properties of a project change.
func TestFieldIDs(t *testing.T) {
	t.Parallel()
	cfg, pool := testConfig(t), pgtest.New(t)
	b, err := NewBuilder(cfg, fields.New(pool).Of)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, b.Close()) })
	b.ShredFrom = 1
	seen := map[int64]map[string]int32{1: {}, 2: {}}
	check := func(s segment.Segment) {
		t.Helper()
		require.True(t, s.FieldIDs)
		stored, err := fields.All(t.Context(), pool, s.ProjectID)
		require.NoError(t, err)
		found := idsInFile(t, b, s)
		require.Len(t, found, 7+len(s.Shredded))
		for name, id := range found {
			require.Equal(t, stored[name], id, name)
			require.Positive(t, id, name)
			if before, ok := seen[s.ProjectID][name]; ok {
				require.Equal(t, before, id, name)
			}
			seen[s.ProjectID][name] = id
		}
		require.NoError(t, segment.CheckFieldIDs(b.dir, s, stored))
	}
	load := func(project int64, keys ...string) segment.Segment {
		t.Helper()
		events := withProperties(30, keys...)
		s, err := b.Write(t.Context(), project, events, keysOf(events), 1)
		require.NoError(t, err)
		require.Len(t, s.Shredded, len(keys))
		check(s)
		return s
	}
	first := load(1, "country", "n", "price")
	second := load(1, "plan", "country", "price") // country is an integer here
	require.Contains(t, second.Shredded, "integer:country")
	load(2, "price", "country")
	require.Equal(t, int32(100), seen[2]["integer:country"], "each project has ids of its own")
	none := load(1, "n", "Country", "x")

	merged, err := b.Merge(t.Context(), []segment.Segment{first, second, none}, 1000, 1)
	require.NoError(t, err)
	require.Len(t, merged, 1)
	require.NotEmpty(t, merged[0].Shredded)
	check(merged[0])

	// The copy that a rebuild makes, here for a roll-up that is another.
	wrong := first
	wrong.RollUp = &segment.Companion{Bytes: 1}
	rebuilt, fates, err := b.Rebuild(t.Context(), wrong)
	require.NoError(t, err)
	require.Equal(t, Replaced, fates.RollUp)
	check(rebuilt)
	require.Equal(t, content(t, b, first), content(t, b, rebuilt))
}

// content is all that a segment's file has.
func content(t *testing.T, b *Builder, s segment.Segment) (all []event.Event) {
	t.Helper()
	require.NoError(t, b.Events(t.Context(), s, func(e event.Event) error { all = append(all, e); return nil }))
	return all
}

// Segments from before there were ids get them in a copy, of which nothing else is another.
func TestFieldIDsOfOldSegments(t *testing.T) {
	t.Parallel()
	cfg, pool := testConfig(t), pgtest.New(t)
	old := newBuilder(t, cfg)
	old.ShredFrom = 1
	random := rand.New(rand.NewPCG(1, 1))
	b, err := NewBuilder(cfg, fields.New(pool).Of)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, b.Close()) })
	for _, events := range [][]event.Event{withProperties(5000, "country", "n", "price"), someEvents(random, 300, 3)} {
		s := write(t, old, events...)
		require.False(t, s.FieldIDs)
		for _, id := range idsInFile(t, b, s) {
			require.Zero(t, id)
		}
		made, err := b.AddFieldIDs(t.Context(), s)
		require.NoError(t, err)
		require.True(t, made.FieldIDs)
		require.NotEqual(t, s.Path, made.Path, "readers of the old one keep its files")
		stored, err := fields.All(t.Context(), pool, 1)
		require.NoError(t, err)
		for name, id := range idsInFile(t, b, made) {
			require.Equal(t, stored[name], id)
		}
		require.NoError(t, segment.NewIntegrity(segment.NewFolder(cfg.Dir)).CheckPages(t.Context(), made))
		require.Equal(t, content(t, b, s), content(t, b, made))
		require.Equal(t, s.RollUp, made.RollUp)
		require.Equal(t, s.Users, made.Users)
		require.Equal(t, s.Shredded, made.Shredded)
		require.Equal(t, []int64{s.Events, s.RawBytes, int64(s.Level)}, []int64{made.Events, made.RawBytes, int64(made.Level)})
		before, err := os.ReadFile(filepath.Join(cfg.Dir, s.Path))
		require.NoError(t, err)
		after, err := os.ReadFile(filepath.Join(cfg.Dir, made.Path))
		require.NoError(t, err)
		pages := len(before) - 8 - int(binary.LittleEndian.Uint32(before[len(before)-8:])) // up to the footer
		require.Equal(t, before[:pages], after[:pages])

		// The check finds a file whose ids are others.
		wrong := map[string]int32{}
		for name, id := range stored {
			wrong[name] = id + 1
		}
		require.ErrorIs(t, segment.CheckFieldIDs(b.dir, made, wrong), segment.ErrQuarantined)
		require.ErrorIs(t, segment.CheckFieldIDs(b.dir, s, stored), segment.ErrQuarantined, "it has none")
	}

	// A manifest that says other columns than the file has.
	s := write(t, old, withProperties(100, "country")...)
	s.Shredded = slices.Concat(s.Shredded, []string{"text:zone"})[1:]
	_, err = b.AddFieldIDs(t.Context(), s)
	require.ErrorIs(t, err, segment.ErrQuarantined)
}

// A segment is not written when its columns cannot get ids.
func TestNoSegmentWithoutFieldIDs(t *testing.T) {
	t.Parallel()
	b, err := NewBuilder(testConfig(t), func(context.Context, int64, []string) (map[string]int32, error) { return nil, os.ErrDeadlineExceeded })
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, b.Close()) })
	events := withProperties(3, "country")
	_, err = b.Write(t.Context(), 1, events, keysOf(events), 1)
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
}
