package stats

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestUsage: what a project has is the sum of its files, and nothing of another's.
func TestUsage(t *testing.T) {
	t.Parallel()
	a := newAPI(t).run(t)
	none := a.get(t, 1, "/api/stats/usage").ok(t)
	require.Equal(t, 0.0, none["events"])
	require.Equal(t, 0.0, none["bytes"])
	require.Nil(t, none["first_event_at"])
	all := august()
	a.publish(t, 1, all[1:3]...)
	a.publish(t, 1, all[0], all[4])
	a.publish(t, 2, all[3])
	a.visible(t)
	_, err := a.pool.Exec(t.Context(), `INSERT INTO analytics.project_names (project_id, event_types, properties) VALUES (1, 2, 3)
		ON CONFLICT (project_id) DO UPDATE SET event_types = 2, properties = 3`)
	require.NoError(t, err)
	u := a.get(t, 1, "/api/stats/usage").ok(t)
	require.Equal(t, 4.0, u["events"])
	require.Equal(t, 2.0, u["segments"])
	require.Equal(t, "2025-08-04T00:00:00Z", u["first_event_at"])
	require.Equal(t, "2025-08-12T12:00:00Z", u["last_event_at"])
	require.Equal(t, 2.0, u["event_types"])
	require.Equal(t, 3.0, u["properties"])
	require.Positive(t, u["users"])
	var events, rollUps, users float64
	require.NoError(t, a.pool.QueryRow(t.Context(), `SELECT sum(bytes), sum(rollup_bytes), sum(users_bytes) FROM analytics.segments WHERE project_id = 1`).Scan(&events, &rollUps, &users))
	require.Positive(t, users)
	require.Equal(t, []any{events, rollUps, users, events + rollUps + users}, []any{u["event_bytes"], u["rollup_bytes"], u["by_user_bytes"], u["bytes"]})

	_, err = a.pool.Exec(t.Context(), `UPDATE analytics.project_names SET counted = false WHERE project_id = 1`)
	require.NoError(t, err)
	require.Nil(t, a.get(t, 1, "/api/stats/usage").ok(t)["event_types"])
	require.Equal(t, "422 /problems/unknown-parameter from", a.get(t, 1, "/api/stats/usage?from=2025-08-01").refused(t))
}
