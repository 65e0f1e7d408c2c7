package e2e

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/oracle"
	"eventanalytics/tests/harness/api"
	"eventanalytics/tests/harness/sample"
	"eventanalytics/tests/harness/stack"
)

// TestSample is the tour of the README on the repository's own sample.
func TestSample(t *testing.T) {
	onEach(t, func(t *testing.T, s *stack.Stack) { tour(t, s, "../../harness/sample") })
}

// TestExternalSample takes the same tour on a sample that is not the
// repository's to hand on: from SAMPLE_DIR or a folder beside the repository.
func TestExternalSample(t *testing.T) {
	dir := os.Getenv("SAMPLE_DIR")
	if dir == "" {
		dir = filepath.FromSlash("../../../../shared/data")
	}
	if _, err := os.Stat(filepath.Join(dir, "events_sample.csv")); err != nil {
		t.Logf("no external sample here (%v): nothing to check", err)
		return
	}
	onEach(t, func(t *testing.T, s *stack.Stack) {
		c, position := tour(t, s, dir)
		top := api.Rows[oracle.TypeCount](t, c, position, "/api/stats/top-events", "from", "2025-07-31", "to", "2025-08-31")
		require.Equal(t, []oracle.TypeCount{{Type: "app_open", Count: 1527}, {Type: "view_item", Count: 1229}, {Type: "message_sent", Count: 889}}, top[:3])
	})
}

func tour(t *testing.T, s *stack.Stack, dir string) (*caller, string) {
	t.Helper()
	body, err := os.ReadFile(filepath.Join(dir, "events_sample.json"))
	require.NoError(t, err)
	table, err := os.Open(filepath.Join(dir, "events_sample.csv"))
	require.NoError(t, err)
	defer table.Close()
	events, err := oracle.ReadCSV(table)
	require.NoError(t, err)
	require.Len(t, events, 5000)

	c := newUser(t, s.URL)
	first := c.Upload(t, string(body))
	require.Equal(t, 5000, first.Accepted)
	agree(t, c, first.Position, events)

	again := c.Upload(t, string(body))
	require.Equal(t, 5000, again.Duplicates)
	require.Empty(t, again.Errors)
	agree(t, c, again.Position, events)

	seesNothing(t, newUser(t, s.URL), c, again.Position)
	return c, again.Position
}

// TestHundredThousand posts what the default limits must take in one request.
func TestHundredThousand(t *testing.T) {
	events := sample.Generate(sample.Config{
		Seed: 100, Events: 100_000, Users: 20_000, Days: 30, From: time.Date(2025, 8, 1, 0, 0, 0, 0, time.UTC),
	})
	var body bytes.Buffer
	require.NoError(t, sample.WriteJSON(&body, events))
	expected := make([]oracle.Event, len(events))
	for i, e := range events {
		expected[i] = oracle.Event{UserID: strconv.Itoa(e.UserID), Type: e.Type, At: e.OccurredAt}
	}
	onEach(t, func(t *testing.T, s *stack.Stack) {
		c := newUser(t, s.URL)
		r := c.Upload(t, body.String())
		require.Equal(t, 100_000, r.Accepted)
		agree(t, c, r.Position, expected)
	})
}
