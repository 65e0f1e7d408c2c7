package e2e

import (
	"encoding/json"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// seesNothing requires that a stranger sees no trace of another's project: the
// own one is empty, the other one is as if it did not exist. The owner's events
// are visible to the owner as of position.
func seesNothing(t *testing.T, stranger, owner *caller, position string) {
	t.Helper()
	id := latest(t, owner, position)[0]
	owner.Get(t, "/api/stats/events/"+id).Is(t, 200, "")

	month := []string{"from", "2025-07-31", "to", "2025-08-31"}
	foreign := stranger.With("X-Project", strconv.FormatInt(owner.Project, 10))
	for path, query := range map[string][]string{
		"/api/stats/dau":             month,
		"/api/stats/top-events":      month,
		"/api/stats/events":          append(month, "interval", "day"),
		"/api/stats/active-users":    append(month, "window", "7"),
		"/api/stats/retention":       {"start_date", "2025-07-31"},
		"/api/stats/event-types":     nil,
		"/api/stats/events/latest":   nil,
		"/api/stats/properties":      month,
		"/api/stats/property-values": append(month, "property", "event_type"),
		"/api/stats/profiles":        nil,
	} {
		var out struct{ Data []json.RawMessage }
		stranger.Get(t, path, query...).Is(t, 200, "").Decode(t, &out)
		require.Empty(t, out.Data, path)
		foreign.Get(t, path, query...).Is(t, 404, "not-found")
		stranger.Get(t, path, append([]string{"project", strconv.FormatInt(owner.Project, 10)}, query...)...).Is(t, 404, "not-found")
	}
	var has struct{ Events, Bytes, Users int64 }
	stranger.Get(t, "/api/stats/usage").Is(t, 200, "").Decode(t, &has)
	require.Zero(t, has)
	foreign.Get(t, "/api/stats/usage").Is(t, 404, "not-found")
	counts := object{"sql": "SELECT count(*) AS events FROM events"}
	require.JSONEq(t, `[{"events":0}]`, string(rowsBySQL(t, stranger, counts)))
	require.NotEqual(t, `[{"events":0}]`, string(rowsBySQL(t, owner, counts)))
	foreign.Post(t, "/api/sql", counts).Is(t, 404, "not-found")
	group := nameGroup(t, owner)
	owner.Get(t, "/api/groups/group/"+group).Is(t, 200, "")
	stranger.Get(t, "/api/groups/group/"+group).Is(t, 404, "not-found")
	stranger.Get(t, "/api/stats/events/"+id).Is(t, 404, "not-found")
	stranger.Get(t, "/api/stats/event-types", "min_position", position).Is(t, 422, "")
	foreign.Send(t, event(newID())).Is(t, 404, "not-found")
}

// rowsBySQL asks by SQL.
func rowsBySQL(t *testing.T, c *caller, body object) json.RawMessage {
	t.Helper()
	var answer struct{ Data json.RawMessage }
	c.Post(t, "/api/sql", body).Is(t, 200, "").Decode(t, &answer)
	return answer.Data
}
