package duckdb

import (
	"encoding/csv"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/event"
	"eventanalytics/pkg/warehouse/segment"
)

func TestExport(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t)
	b, db := newBuilder(t, cfg), newDB(t, cfg)
	r := rand.New(rand.NewPCG(2, 2))
	events := append(someEvents(r, 300, 4), someEvents(r, 20, 4)...)
	events[0].UserID, events[0].Properties = `say "hi", Ünï`, `{"a": "x,\"y\"\n"}`
	s := snapshot(write(t, b, events[:300]...), write(t, b, events[300:]...))
	var none time.Time
	out := t.TempDir()

	file := filepath.Join(out, "all.csv")
	n, err := Export(t.Context(), cfg, segment.NewFolder(cfg.Dir), s, 1, none, none, file)
	require.NoError(t, err)
	require.EqualValues(t, 320, n)
	f, err := os.Open(file)
	require.NoError(t, err)
	defer f.Close()
	records, err := csv.NewReader(f).ReadAll()
	require.NoError(t, err)
	require.Equal(t, []string{"event_id", "occurred_at", "user_id", "event_type", "properties_json"}, records[0])
	byID := map[string]event.Event{}
	for _, e := range events {
		byID[e.ID.String()] = e
	}
	for _, record := range records[1:] {
		e := byID[record[0]]
		at, err := time.Parse(time.RFC3339Nano, record[1])
		require.NoError(t, err)
		require.Equal(t, e.OccurredAt, at.UnixMicro())
		require.Equal(t, []string{e.UserID, e.Type, e.Properties}, record[2:])
		delete(byID, record[0])
	}
	require.Empty(t, byID)

	day := time.Date(2025, 2, 21, 0, 0, 0, 0, time.UTC)
	n, err = Export(t.Context(), cfg, segment.NewFolder(cfg.Dir), s, 1, day, day.AddDate(0, 0, 1), filepath.Join(out, "day.parquet"))
	require.NoError(t, err)
	want, err := count(t, db, s, Query{Project: 1, From: day, To: day.AddDate(0, 0, 1), SQL: "SELECT count(*) FROM {{events}}"})
	require.NoError(t, err)
	require.EqualValues(t, want, n)
	n, err = Export(t.Context(), cfg, segment.NewFolder(cfg.Dir), s, 2, none, none, filepath.Join(out, "other.csv"))
	require.NoError(t, err)
	require.Zero(t, n, "another project's events are not there")

	_, err = Export(t.Context(), cfg, segment.NewFolder(cfg.Dir), s, 1, none, none, file)
	require.ErrorIs(t, err, os.ErrExist)
	_, err = Export(t.Context(), cfg, segment.NewFolder(cfg.Dir), s, 1, none, none, filepath.Join(out, "all.json"))
	require.Error(t, err)
	flip(t, cfg, s.Segments(1, none, none)[0])
	_, err = Export(t.Context(), cfg, segment.NewFolder(cfg.Dir), s, 1, none, none, filepath.Join(out, "damaged.csv"))
	require.ErrorIs(t, err, segment.ErrQuarantined)
	left, err := os.ReadDir(out)
	require.NoError(t, err)
	require.Len(t, left, 3, "nothing half made is left")
}
