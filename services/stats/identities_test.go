package stats

import (
	"context"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/event"
	"eventanalytics/pkg/identity"
	"eventanalytics/pkg/identity/links"
	"eventanalytics/pkg/warehouse/manifest"
)

// claim has ids of a project linked, or links taken back, as the sync worker does.
func (a *api) claim(t *testing.T, project int64, kind identity.Kind, from, to string) {
	t.Helper()
	a.position.XID += 10
	keys := func(_ context.Context, _ int64, ids []string) ([]uint32, error) {
		events := make([]event.Event, len(ids))
		for i, id := range ids {
			events[i].UserID = id
		}
		return keysOf(events), nil
	}
	require.NoError(t, pgx.BeginFunc(t.Context(), a.pool, func(tx pgx.Tx) error {
		exec := func(sql string, args ...any) {
			_, err := tx.Exec(t.Context(), sql, args...)
			require.NoError(t, err)
		}
		require.NoError(t, links.Append(t.Context(), tx, []links.Claim{{Claim: identity.Claim{Kind: kind, From: from, To: to, MadeBy: "api"}, Project: project}}))
		exec("UPDATE analytics.identity_claims SET xid = $1::text::xid8 WHERE incarnation IS NULL", fmt.Sprint(a.position.XID))
		claims, _, err := links.Pending(t.Context(), tx, a.position.XID+1, 10)
		require.NoError(t, err)
		batch, err := links.NewBatch(t.Context(), claims, keys)
		require.NoError(t, err)
		_, err = batch.Apply(t.Context(), tx, 1)
		require.NoError(t, err)
		exec("UPDATE analytics.sync_state SET version = version + 1, xid = $1::text::xid8", fmt.Sprint(a.position.XID))
		exec("UPDATE analytics.project_versions SET version = (SELECT version FROM analytics.sync_state) WHERE project_id = $1", project)
		return manifest.Notify(t.Context(), tx)
	}))
	a.visible(t)
}

// What is one user depends on the links up to a position, or on none.
func TestIdentity(t *testing.T) {
	t.Parallel()
	a := newAPI(t).run(t)
	a.publish(t, 1, august()...)
	a.publish(t, 2, august()...)
	a.visible(t)
	const dau = "/api/stats/dau?from=2025-08-04&to=2025-08-04"
	token := func() string { return a.tokens.Encode(1, a.position) }
	asked := func(more string) (users float64, tag string, linked any) {
		r := a.get(t, 1, dau+more)
		answer := r.ok(t)
		return answer["data"].([]any)[0].(map[string]any)["dau"].(float64), r.Header.Get("ETag"), answer["meta"].(map[string]any)["identity_position"]
	}
	before := token()
	users, unlinked, linked := asked("")
	require.EqualValues(t, 2, users)
	require.Nil(t, linked)

	a.claim(t, 1, identity.Link, "bob", "ann")
	after := token()
	users, persons, linked := asked("")
	require.EqualValues(t, 1, users)
	require.Equal(t, after, linked)
	require.NotEqual(t, unlinked, persons)
	users, raw, linked := asked("&identity=raw")
	require.EqualValues(t, 2, users)
	require.Nil(t, linked)
	require.NotEqual(t, persons, raw)
	for range 2 { // the second time from memory
		users, _, linked = asked("&as_of=" + before)
		require.EqualValues(t, 2, users)
		require.Equal(t, before, linked)
	}
	users, tag, _ := asked("&as_of=" + after)
	require.EqualValues(t, 1, users)
	require.Equal(t, persons, tag, "the same answer")
	require.EqualValues(t, 2, a.get(t, 2, dau).ok(t)["data"].([]any)[0].(map[string]any)["dau"], "another project's users are not linked")

	const restated, changes = "/api/identity/restated?from=2025-08-01&to=2025-08-31&since=", "/api/identity/changes?since="
	require.Equal(t, []any{map[string]any{"date": "2025-08-04", "dau_before": 2.0, "dau_after": 1.0}}, a.get(t, 1, restated+before).ok(t)["data"])
	require.Empty(t, a.get(t, 1, restated+after).ok(t)["data"])
	require.Equal(t, []any{map[string]any{
		"position": after, "change": "linked", "from": "bob", "to": "ann", "made_by": "api", "days": []any{"2025-08-04"},
		"first_seen_before": "2025-08-04T00:00:00Z", "first_seen_after": "2025-08-04T00:00:00Z",
	}}, a.get(t, 1, changes+before).ok(t)["data"])

	a.claim(t, 1, identity.Unlink, "bob", "ann")
	users, _, _ = asked("")
	require.EqualValues(t, 2, users)
	users, _, _ = asked("&as_of=" + after)
	require.EqualValues(t, 1, users)
	require.Len(t, a.get(t, 1, changes+before).ok(t)["data"], 2)
	require.Len(t, a.get(t, 1, changes+before+"&until="+after).ok(t)["data"], 1)
	require.Len(t, a.get(t, 1, changes+before+"&limit=1").ok(t)["data"], 1)
	require.Empty(t, a.get(t, 1, restated+before).ok(t)["data"])
	require.Len(t, a.get(t, 1, restated+before+"&until="+after).ok(t)["data"], 1)

	foreign := a.tokens.Encode(2, a.position)
	for path, refused := range map[string]string{
		dau + "&as_of=x":                     "422 /problems/invalid-position as_of",
		dau + "&as_of=" + foreign:            "422 /problems/invalid-position as_of",
		dau + "&identity=raw&as_of=" + after: "422 /problems/invalid-parameter as_of",
		dau + "&identity=both":               "422 /problems/invalid-parameter identity",
		restated + "x":                       "422 /problems/invalid-position since",
		restated + after + "&until=x":        "422 /problems/invalid-position until",
		restated + after + "&identity=raw":   "422 /problems/invalid-parameter identity",
		restated + after + "&as_of=" + after: "422 /problems/invalid-parameter as_of",
		changes + foreign:                    "422 /problems/invalid-position since",
		"/api/identity/changes":              "422 /problems/invalid-parameter since",
	} {
		require.Equal(t, refused, a.get(t, 1, path).refused(t), path)
	}
}
