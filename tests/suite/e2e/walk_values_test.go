package e2e

import (
	"fmt"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/client"
)

// values are those that must be of something that is there, by name.
func (w *walker) values(t *testing.T) object {
	t.Helper()
	project := float64(w.c.Project)
	v := object{
		"id": project, "X-Project": project, "project": project, "event_id": newID(), "Idempotency-Key": newID(), "occurred_at": "2025-08-01T10:00:00Z",
		"from": "2025-08-01", "start_date": "2025-08-01", "to": "2025-08-31", "end_date": "2025-08-31", "wait": "1s",
		"timezone": w.oneOf("UTC", "Asia/Kathmandu", "America/St_Johns"),
		"segment":  w.oneOf("event_type:view", "properties.a exists", "user_id!=1"),
		"filter":   w.oneOf("event_type:view", "properties.a:has(x)", "time.hour>=5"),
		"series":   "view", "breakdown": "properties.a", "formula": "2 * A", "unit": "user_id", "property": "properties.a",
		"gap": "45min", "within": w.oneOf("session", "2d"), "node": w.oneOf("event_type", "properties.a"), "start": "view", "end": "buy",
		"measure": w.oneOf("users", "sum(properties.a)"), "compare": w.oneOf("previous", "1mo"),
		"username": w.c.Username, "password": password, "email": "ann@example.com", "grant_type": "password", "refresh_token": w.c.RefreshToken,
	}
	if strings.HasPrefix(w.path, "/api/stats/") { // with raw ids, no link counts up to a position
		v["identity"], v["as_of"] = "persons", w.position(t)
	}
	switch w.op.OperationID {
	case "register":
		v["username"] = "walker-" + newID()
		_, v["invite"] = inviteLink(t, w.other)
	case "set-member":
		v["username"], v["role"] = w.other.Username, w.oneOf("editor", "viewer")
	case "withdraw-invitation":
		v["user_id"] = float64(invite(t, w.c, w.c.Project, w.other))
	case "accept-invitation", "decline-invitation":
		invite(t, w.other, w.other.Project, w.c)
		v["id"] = float64(w.other.Project)
	case "revoke-invite":
		v["invite"], _ = inviteLink(t, w.c)
	case "accept-invite":
		_, v["secret"] = inviteLink(t, newUser(t, w.c.URL()))
	case "remove-member":
		v["user_id"] = float64(join(t, w.c, w.c.Project, w.other))
	case "transfer-project": // each time another one, and not the user's own
		var shop client.Project
		w.c.Post(t, "/api/projects", object{"name": "Shop"}).Is(t, 201, "").Decode(t, &shop)
		join(t, w.c, shop.ID, w.other)
		v["id"], v["username"] = float64(shop.ID), w.other.Username
	case "link-ids":
		v["from"], v["to"] = newID(), newID()
	case "unlink-ids":
		v["link"] = linkIDs(t, w.c)
	case "list-links":
		v["after"] = "7"
	case "rejected-events":
		v["after"] = "2025-08-01T10:00:00Z," + newID()
	case "revoke-key":
		_, id := w.c.Key(t, "read")
		v["key_id"] = float64(id)
	case "end-session":
		v["id"] = anotherLogin(t, w.c)
	case "change-password", "logout", "refresh", "log-out-browser", "end-sessions": // they end the login
		w.c.Login(t)
		v["refresh_token"], v["old_password"], v["new_password"] = w.c.RefreshToken, password, password
	case "identity-changes", "identity-changes-post", "restated", "restated-post":
		position := w.position(t)
		v["identity"], v["since"], v["until"], w.without = "persons", position, position, []string{"as_of"} // until is the same
	case "retention", "retention-post": // brackets are in the place of windows
		v["mode"], v["returning_filter"] = w.oneOf("on", "after"), "event_type:view"
	case "trends", "trends-post": // some parameters exclude one another
		v["interval"], v["cumulative"] = w.oneOf("day", "week", "month"), false
	case "funnels", "funnels-post":
		v["steps"], v["window"], v["attribution"], v["interval"] = `["view", "*"]`, "3d", "last", w.oneOf("all", "day", "month")
		if w.op.OperationID == "funnels-post" {
			v["steps"] = []any{"view", "*"}
		}
		// times have no buckets, and in any order no step is before another
		v["exclude"], v["view"], v["order"] = "view", "steps", w.oneOf("ordered", "strict")
	case "sessions", "sessions-post":
		v["interval"] = w.oneOf("all", "day", "week", "month")
	case "cohort", "cohort-users", "set-cohort", "set-cohort-users", "delete-cohort":
		v["name"], v["filter"] = "walked", w.oneOf("user.a=1", "first_seen:exists")
		a := w.c.Do(t, http.MethodPut, fmt.Sprintf("/api/projects/%d/cohorts/walked", w.c.Project), strings.NewReader(`{"users": ["1"]}`), "Content-Type", "application/json")
		require.Less(t, a.Status, 300, "%s", a)
		v["If-Match"] = a.Header.Get("ETag")
	case "board", "set-board", "delete-board":
		a := w.c.Post(t, fmt.Sprintf("/api/projects/%d/boards", w.c.Project), object{"name": "Walked", "tiles": []any{}}).Is(t, 201, "")
		v["board"], v["If-Match"] = madeID(t, a), a.Header.Get("ETag")
		v["tiles"] = aTile
	case "list-shares", "create-share", "update-share", "delete-share":
		v["board"], v["share"], _ = share(t, w.c)
		v["version"] = 1.0
	case "share-tile":
		v["tile"] = "t1"
	case "create-board":
		v["tiles"] = aTile
	case "create-key": // others have no origins
		v["scope"], v["origins"] = "browser", []any{"https://shop.example"}
	case "create-annotation", "list-annotations":
		v["at"] = w.oneOf("2025-08-01", "2025-08-01T10:00:00+03:00")
	case "update-annotation", "delete-annotation":
		a := w.c.Post(t, fmt.Sprintf("/api/projects/%d/annotations", w.c.Project), object{"at": "2025-08-01", "text": "Walked"}).Is(t, 201, "")
		v["annotation"], v["at"] = madeID(t, a), "2025-08-02"
	case "freeze-cohort":
		v["name"], v["as_of"], v["to"] = "walked", w.oneOf("today", "2025-08-31"), newID()
		a := w.c.Do(t, http.MethodPut, fmt.Sprintf("/api/projects/%d/cohorts/walked", w.c.Project), strings.NewReader(`{"filter": {"did": "view"}}`), "Content-Type", "application/json")
		require.Less(t, a.Status, 300, "%s", a)
	case "event":
		v["event_id"] = w.event
	case "latest-events", "latest-events-post":
		v["before"] = w.event
	case "stream-events": // as they arrive, no more than what is in events is known
		v["after"] = w.position(t)
		v["Last-Event-ID"] = v["after"]
		v["for"], v["filter"] = "20ms", w.oneOf("event_type:view", "properties.a:has(x)")
	case "profiles", "profiles-post": // a cursor is of an order
		v["sort"], v["after"], v["fields"] = "events", "ZXZlbnRzIDcgYW5u", w.oneOf("user.a", "first.a")
	case "profile":
		v["user_id"], v["to"] = "1", w.oneOf("today", "2025-08-31")
	case "group":
		v["type"], v["key"] = "group", nameGroup(t, w.c)
	case "sql":
		v["sql"], v["params"] = "SELECT event_type, count(*) AS events FROM events GROUP BY ALL", []any{}
	case "timeline":
		v["user_id"], v["after"], v["segment"], v["filter"] = "1", w.event, "user_id=1", "event_type:view"
	}
	return v
}

// position of the data.
func (w *walker) position(t *testing.T) string {
	t.Helper()
	var now struct{ Meta struct{ Position string } }
	w.c.Get(t, "/api/stats/event-types").Is(t, 200, "").Decode(t, &now)
	return now.Meta.Position
}

// nameGroup has an SDK name a group, waits until it is there, and returns its key.
func nameGroup(t *testing.T, c *caller) string {
	t.Helper()
	key, id := c.Key(t, "ingest")
	group := newID()
	named := c.With("Authorization", "Bearer "+key).Post(t, "/v1/group", object{"messageId": newID(), "userId": "1", "groupId": group}).Is(t, 200, "")
	c.Visible(t, named.Header.Get("X-Position"), "/api/stats/event-types")
	c.Revoke(t, id)
	return group
}

// linkIDs links two ids, waits until the link counts, and returns its number.
func linkIDs(t *testing.T, c *caller) float64 {
	t.Helper()
	var made struct{ Position string }
	from := newID()
	c.Post(t, "/api/identity/links", object{"from": from, "to": newID()}).Is(t, 202, "").Decode(t, &made)
	c.Visible(t, made.Position, "/api/stats/event-types")
	var all struct{ Data []struct{ ID string } }
	c.Get(t, "/api/identity/links?id="+from).Is(t, 200, "").Decode(t, &all)
	require.Len(t, all.Data, 1)
	id, err := strconv.ParseFloat(all.Data[0].ID, 64)
	require.NoError(t, err)
	return id
}

// aTile is one of a board.
var aTile = object{
	"id": "t1", "kind": "line", "title": "Users", "size": object{"width": 6.0, "height": 2.0},
	"question": object{"route": "/api/stats/trends", "params": object{"series": []any{"*"}}},
}

// share makes a board and a share of it, and returns their ids and the secret.
func share(t *testing.T, c *caller) (board, id float64, secret string) {
	t.Helper()
	tile := maps.Clone(aTile)
	tile["question"] = object{"route": "/api/stats/event-types", "params": object{}}
	board = madeID(t, c.Post(t, c.ProjectPath("boards"), object{"name": "Shared", "tiles": []any{tile}}).Is(t, 201, ""))
	var made struct {
		ID     float64
		Secret string
	}
	c.Post(t, c.ProjectPath("boards", fmt.Sprint(board), "shares"), object{}).Is(t, 201, "").Decode(t, &made)
	return board, made.ID, made.Secret
}

func madeID(t *testing.T, a *answer) float64 {
	t.Helper()
	var made struct{ ID float64 }
	a.Decode(t, &made)
	return made.ID
}

// anotherLogin logs the caller in once more and returns the id of that login.
func anotherLogin(t *testing.T, c *caller) string {
	t.Helper()
	anonymous(t, c.URL()).Post(t, "/api/auth/session", object{"username": c.Username, "password": password}).Is(t, 204, "")
	var logins struct{ Data []struct{ ID, Kind string } }
	c.Get(t, "/api/auth/sessions").Is(t, 200, "").Decode(t, &logins)
	for _, login := range logins.Data {
		if login.Kind == "browser" {
			return login.ID
		}
	}
	t.Fatal("the login of a browser is not listed")
	return ""
}

// invite leaves an open invitation to a project of the owner, also to somebody who was
// a member, and returns the id of who is invited.
func invite(t *testing.T, owner *caller, project int64, who *caller) (user int64) {
	t.Helper()
	members := fmt.Sprintf("/api/projects/%d/members", project)
	for {
		var member struct {
			ID int64 `json:"user_id"`
		}
		a := owner.Post(t, members, object{"username": who.Username, "role": "viewer"}).Decode(t, &member)
		if a.Status == http.StatusAccepted {
			return member.ID
		}
		a.Is(t, http.StatusOK, "")
		owner.Do(t, http.MethodDelete, fmt.Sprintf("%s/%d", members, member.ID), nil).Is(t, http.StatusNoContent, "")
	}
}

// inviteLink makes an invite to the owner's project, and returns its id and secret.
func inviteLink(t *testing.T, owner *caller) (id float64, secret string) {
	t.Helper()
	var made struct {
		ID     float64
		Secret string
	}
	owner.Post(t, owner.ProjectPath("invites"), object{"role": "viewer"}).Is(t, 201, "").Decode(t, &made)
	return made.ID, made.Secret
}

// join is invite with the invitation accepted.
func join(t *testing.T, owner *caller, project int64, who *caller) (user int64) {
	t.Helper()
	user = invite(t, owner, project, who)
	who.Do(t, http.MethodPost, fmt.Sprintf("/api/invitations/%d/accept", project), nil).Is(t, http.StatusOK, "")
	return user
}
