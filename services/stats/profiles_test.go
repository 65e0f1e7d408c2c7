package stats

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/event"
)

// users are the ids of rows.
func users(rows any) (ids []string) {
	for _, row := range rows.([]any) {
		ids = append(ids, row.(map[string]any)["user_id"].(string))
	}
	return ids
}

func TestProfiles(t *testing.T) {
	t.Parallel()
	a := newAPI(t).run(t)
	a.publish(t, 1, append(august()[2:], event.Event{ID: id(6), OccurredAt: at("2025-08-12T12:00:00.25Z"), UserID: "a/b?", Type: "login", Properties: `{"plan": "pro", "n": 1.0}`})...)
	a.publish(t, 1, august()[:2]...)
	a.publish(t, 2, event.Event{ID: id(7), OccurredAt: at("2025-08-12T12:00:00Z"), UserID: "eve", Type: "login"})
	a.visible(t)

	all := a.get(t, 1, "/api/stats/profiles"+query("to", "2025-08-31", "fields", "user.country,first.price")).ok(t)
	rows := all["data"].([]any)
	require.Len(t, rows, 3)
	row := rows[1].(map[string]any)
	cursor := row["cursor"]
	require.NotEmpty(t, cursor)
	delete(row, "cursor")
	require.Equal(t, map[string]any{
		"user_id": "ann", "first_seen": "2025-08-04T00:00:00Z", "last_seen": "2025-08-12T12:00:00Z", "events": 3.0, "user.country": "UA", "first.price": "10.5",
	}, row)
	first := rows[0].(map[string]any)
	require.Equal(t, "2025-08-12T12:00:00.25Z", first["last_seen"])
	require.Nil(t, first["user.country"])
	require.Equal(t, map[string]any{"to": "2025-08-31", "fields": []any{"user.country", "first.price"}, "sort": "last_seen", "limit": 100.0, "timezone": "UTC"}, all["query"])

	list := func(parameters ...string) []string {
		return users(a.get(t, 1, "/api/stats/profiles"+query(parameters...)).ok(t)["data"])
	}
	require.Equal(t, []string{"a/b?", "ann", "bob"}, list())
	require.Equal(t, []string{"bob"}, list("after", cursor.(string)))
	require.Equal(t, []string{"a/b?", "bob", "ann"}, list("sort", "first_seen"))
	require.Equal(t, []string{"ann", "bob"}, list("sort", "events", "limit", "2"))
	require.Equal(t, []string{"ann"}, list("q", "AN"))
	require.Equal(t, []string{"bob", "ann"}, list("to", "2025-08-10"), "as of that day")
	require.Equal(t, []string{"bob"}, list("from", "2025-08-05", "to", "2025-08-10"))
	require.Equal(t, []string{"bob"}, list("filter", "user.country=PL"))
	require.Equal(t, []string{"ann", "bob"}, list("filter", "event_type:buy"))
	require.Equal(t, []string{"bob"}, list("filter", "event_type:buy", "from", "2025-08-05"))
	posted := a.post(t, 1, "/api/stats/profiles", `{"fields": "user.plan", "filter": "user.plan:exists", "to": "2025-08-31"}`).ok(t)
	require.Equal(t, []string{"a/b?"}, users(posted["data"]))
	require.Equal(t, "422 /problems/invalid-parameter after", a.get(t, 1, "/api/stats/profiles?sort=events&after="+cursor.(string)).refused(t))
	require.Equal(t, "422 /problems/invalid-parameter fields[1]", a.get(t, 1, "/api/stats/profiles?fields=user.a&fields=event_type").refused(t))

	one := a.get(t, 1, "/api/stats/profiles/bob?to=2025-08-05").ok(t)["data"].([]any)
	require.Equal(t, []any{map[string]any{
		"user_id": "bob", "first_seen": "2025-08-04T23:45:00Z", "last_seen": "2025-08-04T23:45:00Z", "events": 1.0, "properties": map[string]any{"country": "PL"}, "ids": []any{"bob"}, "groups": map[string]any{},
	}}, one)
	require.Equal(t, "404 /problems/not-found ", a.get(t, 1, "/api/stats/profiles/eve").refused(t), "a user of another project")
	require.Equal(t, "404 /problems/not-found ", a.get(t, 1, "/api/stats/profiles/ann?to=2025-08-01").refused(t))

	events := a.get(t, 1, "/api/stats/profiles/ann/events?limit=2").ok(t)["data"].([]any)
	require.Len(t, events, 2)
	require.Equal(t, id(5).String(), events[0].(map[string]any)["event_id"])
	rest := a.get(t, 1, "/api/stats/profiles/ann/events?after="+id(2).String()).ok(t)["data"].([]any)
	require.Len(t, rest, 1)
	require.Equal(t, id(1).String(), rest[0].(map[string]any)["event_id"])
	require.Equal(t, "422 /problems/invalid-parameter after", a.get(t, 1, "/api/stats/profiles/ann/events?after="+id(4).String()).refused(t))
	require.Empty(t, a.get(t, 1, "/api/stats/profiles/eve/events").ok(t)["data"])
}

// The id of a user in a path may have any characters.
func TestProfileOfAnyID(t *testing.T) {
	t.Parallel()
	a := newAPI(t).run(t)
	a.publish(t, 1, event.Event{ID: id(6), OccurredAt: at("2025-08-12T12:00:00Z"), UserID: "a/b? %2Fü", Type: "login"})
	a.visible(t)
	for path, status := range map[string]int{
		"/api/stats/profiles/a%2Fb%3F%20%252F%C3%BC":        http.StatusOK,
		"/api/stats/profiles/a%2Fb%3F%20%252F%C3%BC/events": http.StatusOK,
		"/api/stats/profiles/a%2Fb":                         http.StatusNotFound,
		"/api/stats/profiles/a%00b":                         http.StatusBadRequest, // before it is looked at
		"/api/stats/profiles/a%FFb/events":                  http.StatusBadRequest,
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, a.url+path, http.NoBody)
		require.NoError(t, err)
		req.Header.Set("Authorization", "Bearer "+a.keys[1])
		resp, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		defer resp.Body.Close()
		require.Equal(t, status, resp.StatusCode, path)
		if status == http.StatusOK {
			var answer struct {
				Data []struct {
					UserID string `json:"user_id"`
				}
			}
			require.NoError(t, json.NewDecoder(resp.Body).Decode(&answer))
			require.Equal(t, "a/b? %2Fü", answer.Data[0].UserID)
		}
	}
}
