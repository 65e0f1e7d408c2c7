package duckdb

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/event"
	"eventanalytics/pkg/outbox"
	"eventanalytics/pkg/platform/postgres/pgtest"
	"eventanalytics/pkg/warehouse"
	"eventanalytics/pkg/warehouse/manifest"
	"eventanalytics/pkg/warehouse/segment"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// testConfig is for a fresh folder.
func testConfig(t testing.TB) warehouse.Config {
	return warehouse.Config{
		Dir: t.TempDir(), MemoryLimit: "512MiB", Threads: 2, MaxQueries: 2,
		RollUpBytes: 64 << 20, UsersBytes: 64 << 20, QueryTimeout: 30 * time.Second, PollInterval: 20 * time.Millisecond, GracePeriod: time.Hour,
	}
}

func newBuilder(t testing.TB, cfg warehouse.Config) *Builder {
	b, err := NewBuilder(cfg, nil)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, b.Close()) })
	return b
}

func newDB(t testing.TB, cfg warehouse.Config) *DB {
	db, err := Open(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

// write makes a segment of project 1.
func write(t testing.TB, b *Builder, events ...event.Event) segment.Segment {
	t.Helper()
	s, err := b.Write(t.Context(), 1, events, keysOf(events), 1)
	require.NoError(t, err)
	return s
}

// keysOf gives the users of someEvents keys.
func keysOf(events []event.Event) []uint32 {
	keys := make([]uint32, len(events))
	for i, e := range events {
		if e.UserID != "" {
			keys[i] = uint32(e.UserID[0])
		}
	}
	return keys
}

func snapshot(segments ...segment.Segment) *manifest.Snapshot {
	return manifest.NewSnapshot(1, outbox.Position{}, time.Time{}, segments, nil)
}

// someEvents are spread over days, most of them crowded on one.
func someEvents(r *rand.Rand, n, days int) []event.Event {
	start := time.Date(2025, 2, 20, 0, 0, 0, 0, time.UTC)
	crowded := r.IntN(days)
	events := make([]event.Event, n)
	for i := range events {
		day := crowded
		if r.IntN(3) == 0 {
			day = r.IntN(days)
		}
		at := start.AddDate(0, 0, day).Add(time.Duration(r.Int64N(int64(24 * time.Hour))))
		switch r.IntN(10) {
		case 0:
			at = start.AddDate(0, 0, day) // midnight
		case 1:
			at = start.AddDate(0, 0, day+1).Add(-time.Microsecond)
		}
		events[i] = event.Event{
			ID: uuid.New(), OccurredAt: at.UnixMicro(), UserID: string(rune('a' + r.IntN(26))), Type: string(rune('A' + r.IntN(5))),
		}
		if r.IntN(2) == 0 {
			events[i].Properties = `{"n": 1.50, "ключ": "🙂"}`
		}
	}
	return events
}
