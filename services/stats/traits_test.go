package stats

import (
	"encoding/json"
	"net/url"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/event"
	"eventanalytics/pkg/traits"
	"eventanalytics/pkg/traits/traitlog"
)

// said has operations change properties, as ingest and the worker do.
func (a *api) said(t *testing.T, project int64, kind traits.Kind, groupType, id string, steps ...traits.Step) {
	t.Helper()
	require.NoError(t, pgx.BeginFunc(t.Context(), a.pool, func(tx pgx.Tx) error {
		change := traits.Change{Subject: traits.Subject{Kind: kind, Type: groupType, ID: id}, Steps: steps}
		return traitlog.Append(t.Context(), tx, []traitlog.Entry{{Change: change, Project: project}})
	}))
	require.NoError(t, pgx.BeginFunc(t.Context(), a.pool, func(tx pgx.Tx) error {
		due, _, err := traitlog.Pending(t.Context(), tx, 1<<40, 100)
		require.NoError(t, err)
		_, err = due.Apply(t.Context(), tx, 1)
		return err
	}))
}

func step(do traits.Do, name, value string) traits.Step {
	return traits.Step{Do: do, Name: name, Value: json.RawMessage(value)}
}

// What operations say counts more than events do, of users and in questions; what they never
// said comes from events.
func TestTraits(t *testing.T) {
	t.Parallel()
	a := newAPI(t).run(t)
	for n, user := range []string{"ann", "bob", "eve"} {
		a.publish(t, 1, event.Event{ID: id(byte(n)), OccurredAt: at("2025-08-04T12:00:00Z"), UserID: user, Type: "login",
			Properties: `{"plan":"free","country":"UA","old":1,"$groups":{"company":["x","acme"],"team":7}}`})
	}
	a.said(t, 1, traits.User, "", "ann", step(traits.Set, "plan", `"pro"`), step(traits.Set, "old", "2"), step(traits.Unset, "old", ""))
	a.said(t, 1, traits.Member, "", "ann", step(traits.Set, "company", string(traits.Key("umbrella"))))
	a.said(t, 1, traits.User, "", "bob", step(traits.Set, "plan", `"max"`), step(traits.Unset, "plan", ""))
	a.said(t, 2, traits.User, "", "eve", step(traits.Set, "plan", `"pro"`))
	a.visible(t)

	one := func(user string) map[string]any {
		return a.get(t, 1, "/api/stats/profiles/"+user+"?to=2025-08-31").ok(t)["data"].([]any)[0].(map[string]any)
	}
	groups := map[string]any{"company": "acme", "team": "7"}
	sent := map[string]any{"company": []any{"x", "acme"}, "team": 7.0}
	require.Equal(t, map[string]any{"plan": "pro", "country": "UA", "$groups": sent}, one("ann")["properties"])
	require.Equal(t, map[string]any{"company": "umbrella", "team": "7"}, one("ann")["groups"])
	require.Equal(t, map[string]any{"country": "UA", "old": 1.0, "$groups": sent}, one("bob")["properties"])
	require.Equal(t, groups, one("eve")["groups"])

	users := func(filter string) (ids []any) {
		for _, row := range a.get(t, 1, "/api/stats/profiles?to=2025-08-31&sort=user_id&filter="+url.QueryEscape(filter)).ok(t)["data"].([]any) {
			ids = append(ids, row.(map[string]any)["user_id"])
		}
		return ids
	}
	require.Equal(t, []any{"ann"}, users("user.plan=pro"))
	require.Equal(t, []any{"eve"}, users("user.plan=free"))
	require.Equal(t, []any{"bob"}, users("user.plan:missing"))
	require.Equal(t, []any{"ann", "bob", "eve"}, users("first.plan=free"))
}

func TestGroups(t *testing.T) {
	t.Parallel()
	a := newAPI(t).run(t)
	a.visible(t)
	a.said(t, 1, traits.Group, "company", "a/c?ü", step(traits.Set, "seats", "3"), step(traits.Set, "plan", `"x"`), step(traits.Unset, "plan", ""))
	a.said(t, 1, traits.Member, "", "ann", step(traits.Set, "team", string(traits.Key(`"7"`))))
	require.Equal(t, map[string]any{"type": "company", "key": "a/c?ü", "properties": map[string]any{"seats": 3.0}}, a.get(t, 1, "/api/groups/company/"+url.PathEscape("a/c?ü")).ok(t))
	require.Equal(t, map[string]any{"type": "team", "key": `"7"`, "properties": map[string]any{}}, a.get(t, 1, "/api/groups/team/"+url.PathEscape(`"7"`)).ok(t))
	for _, path := range []string{"/api/groups/company/b", "/api/groups/team/7", "/api/groups/team/" + url.PathEscape("a/c?ü")} {
		require.Equal(t, "404 /problems/not-found ", a.get(t, 1, path).refused(t), path)
	}
	require.Equal(t, "404 /problems/not-found ", a.get(t, 2, "/api/groups/company/"+url.PathEscape("a/c?ü")).refused(t), "another project's")
	require.Equal(t, "422 /problems/unknown-parameter x", a.get(t, 1, "/api/groups/company/b?x=1").refused(t))
}
