package exactness

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"eventanalytics/tests/harness/api"
)

const (
	ledgerSQL = `SELECT event_id FROM analytics.event_ids WHERE project_id = $1`
	outboxSQL = `
SELECT event_id, occurred_at, user_id, event_type, coalesce(properties, '')
FROM analytics.outbox_events WHERE project_id = $1`
)

// outbox returns what is stored for the caller; an event that is there twice
// fails the test.
func (c *caller) outbox(t *testing.T) map[uuid.UUID]fact {
	t.Helper()
	rows, err := db.Query(t.Context(), outboxSQL, c.Project)
	require.NoError(t, err)
	stored := map[uuid.UUID]fact{}
	var f fact
	_, err = pgx.ForEachRow(rows, []any{&f.ID, &f.At, &f.User, &f.Type, &f.Props}, func() error {
		if _, twice := stored[f.ID]; twice {
			return fmt.Errorf("%s is in the outbox twice", f.ID)
		}
		f.At = f.At.UTC()
		stored[f.ID] = f
		return nil
	})
	require.NoError(t, err)
	return stored
}

// ledger returns the ids that are known.
func (c *caller) ledger(t *testing.T) map[uuid.UUID]bool {
	t.Helper()
	rows, err := db.Query(t.Context(), ledgerSQL, c.Project)
	require.NoError(t, err)
	ids := map[uuid.UUID]bool{}
	var id uuid.UUID
	_, err = pgx.ForEachRow(rows, []any{&id}, func() error {
		ids[id] = true
		return nil
	})
	require.NoError(t, err)
	return ids
}

// holds requires that exactly want is stored for the caller, each event once and
// as it was sent: in the ledger, in the outbox and in the warehouse.
func (c *caller) holds(t *testing.T, want []fact) {
	t.Helper()
	facts := make(map[uuid.UUID]fact, len(want))
	for _, f := range want {
		facts[f.ID] = f
	}
	stored := c.outbox(t)
	wrong := 0
	for id, f := range facts {
		if got, ok := stored[id]; !ok || got != f {
			if wrong++; wrong <= 3 {
				t.Errorf("stored: %v %+v\nsent: %+v", ok, got, f)
			}
		}
	}
	for id, f := range stored {
		if _, ok := facts[id]; !ok {
			if wrong++; wrong <= 3 {
				t.Errorf("stored, but never sent validly: %+v", f)
			}
		}
	}
	require.Zero(t, wrong, "events that are not in the outbox as they were sent")
	ids := c.ledger(t)
	require.True(t, maps.EqualFunc(ids, facts, func(bool, fact) bool { return true }),
		"ids in the ledger: %d, stored: %d", len(ids), len(facts))
	c.shows(t, want)
}

// shows requires that statistics count exactly the events of want, and that the
// warehouse has some of them as they were sent.
func (c *caller) shows(t *testing.T, want []fact) {
	t.Helper()
	// The position of a duplicate is that of the newest row in the outbox.
	a, err := c.mustPost(t.Context(), gateway, jsonUpload(want[:1]), 1)
	require.NoError(t, err)
	require.Equal(t, 1, a.Duplicates)

	totals := api.Rows[struct{ Events, Users int }](t, c.Caller, a.Position, "/api/stats/events", "from", "2025-08-01", "to", "2025-08-31", "interval", "month")
	require.Len(t, totals, 1)
	require.Equal(t, len(want), totals[0].Events, "events in the warehouse")
	require.Equal(t, len(want), totals[0].Users, "users in the warehouse, one of each event")

	type row struct {
		ID    uuid.UUID       `json:"event_id"`
		At    time.Time       `json:"occurred_at"`
		User  string          `json:"user_id"`
		Type  string          `json:"event_type"`
		Props json.RawMessage `json:"properties"`
	}
	for f := range slices.Chunk(want, len(want)/10+1) {
		one := api.Rows[row](t, c.Caller, a.Position, "/api/stats/events/"+f[0].ID.String())
		require.Len(t, one, 1)
		got, sent := one[0], f[0]
		require.Equal(t, fact{sent.ID, sent.At, sent.User, sent.Type, compact(t, sent.Props)},
			fact{got.ID, got.At.UTC(), got.User, got.Type, compact(t, string(got.Props))})
	}
}

// compact leaves out the white space, as answers do, and calls absent properties
// null.
func compact(t *testing.T, text string) string {
	t.Helper()
	if text == "" {
		return "null"
	}
	var b bytes.Buffer
	require.NoError(t, json.Compact(&b, []byte(text)))
	return b.String()
}
