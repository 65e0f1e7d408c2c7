package sample_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"os"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"eventanalytics/tests/harness/sample"
)

func TestCommittedFilesAreWhatTheGeneratorMakes(t *testing.T) {
	t.Parallel()
	events := sample.Generate(sample.August())

	var asJSON, asCSV bytes.Buffer
	require.NoError(t, sample.WriteJSON(&asJSON, events))
	require.NoError(t, sample.WriteCSV(&asCSV, events))

	for name, made := range map[string][]byte{"events_sample.json": asJSON.Bytes(), "events_sample.csv": asCSV.Bytes()} {
		committed, err := os.ReadFile(name)
		require.NoError(t, err)
		require.True(t, bytes.Equal(committed, made), "%s is stale: run make generate", name)
	}
}

func TestShapeOfTheSample(t *testing.T) {
	t.Parallel()
	cfg := sample.August()
	events := sample.Generate(cfg)
	require.Len(t, events, 5000)

	ids, users, types := map[uuid.UUID]bool{}, map[int]int{}, map[string]int{}
	for _, e := range events {
		ids[e.ID] = true
		users[e.UserID]++
		types[e.Type]++
		require.EqualValues(t, 4, e.ID.Version())
		require.False(t, e.OccurredAt.Before(cfg.From))
		require.True(t, e.OccurredAt.Before(cfg.From.AddDate(0, 0, cfg.Days)))
	}
	require.Len(t, ids, 5000)
	require.InDelta(t, 580, len(users), 20)
	require.Greater(t, users[1], 800, "user 1 is by far the busiest")
	require.Len(t, types, 7)
	require.Greater(t, types["app_open"], types["view_item"])
	require.Greater(t, types["view_item"], types["message_sent"])
	require.Greater(t, types["message_sent"], types["add_to_cart"])
}

func TestBothFilesHoldTheSameEvents(t *testing.T) {
	t.Parallel()
	var asJSON, asCSV bytes.Buffer
	cfg := sample.Config{Seed: 1, Events: 50, Users: 9, From: time.Date(2024, 2, 28, 0, 0, 0, 0, time.UTC), Days: 2}
	require.NoError(t, sample.WriteJSON(&asJSON, sample.Generate(cfg)))
	require.NoError(t, sample.WriteCSV(&asCSV, sample.Generate(cfg)))

	var events []struct {
		ID         string          `json:"event_id"`
		OccurredAt string          `json:"occurred_at"`
		UserID     json.Number     `json:"user_id"`
		Type       string          `json:"event_type"`
		Properties json.RawMessage `json:"properties_json"`
	}
	require.NoError(t, json.Unmarshal(asJSON.Bytes(), &events))
	rows, err := csv.NewReader(&asCSV).ReadAll()
	require.NoError(t, err)
	require.Equal(t, sample.Header, rows[0])
	require.Len(t, events, 50)
	for i, e := range events {
		require.Equal(t, []string{e.ID, e.OccurredAt, e.UserID.String(), e.Type, string(e.Properties)}, rows[i+1])
	}
}

func TestAnEmptySampleIsAnEmptyArray(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	require.NoError(t, sample.WriteJSON(&out, nil))
	require.JSONEq(t, `[]`, out.String())
}
