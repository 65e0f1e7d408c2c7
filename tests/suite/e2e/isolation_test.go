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
func seesNothing(t *testing.T, stranger, owner *client, position string) {
	t.Helper()
	id := latest(t, owner, position)[0]
	owner.get(t, "/api/stats/events/"+id).is(t, 200, "")

	month := []string{"from", "2025-07-31", "to", "2025-08-31"}
	foreign := stranger.with("X-Project", strconv.FormatInt(owner.projectID, 10))
	for path, query := range map[string][]string{
		"/api/stats/dau":           month,
		"/api/stats/top-events":    month,
		"/api/stats/events":        append(month, "interval", "day"),
		"/api/stats/active-users":  append(month, "window", "7"),
		"/api/stats/retention":     {"start_date", "2025-07-31"},
		"/api/stats/event-types":   nil,
		"/api/stats/events/latest": nil,
	} {
		var out struct{ Data []json.RawMessage }
		stranger.get(t, path, query...).is(t, 200, "").decode(t, &out)
		require.Empty(t, out.Data, path)
		foreign.get(t, path, query...).is(t, 404, "not-found")
	}
	stranger.get(t, "/api/stats/events/"+id).is(t, 404, "not-found")
	stranger.get(t, "/api/stats/event-types", "min_position", position).is(t, 422, "")
	foreign.send(t, event(newID())).is(t, 404, "not-found")
}
