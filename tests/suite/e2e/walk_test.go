package e2e

import (
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/client"
	"eventanalytics/tests/harness/stack"
)

var walkSeed = flag.Uint64("walk", 0, "seed of the walk through the OpenAPI document; 0 takes another each time")

// TestWalk makes requests of the OpenAPI document alone: right ones, and ones
// with a single mistake, for each parameter and each member of a body. The client
// checks each answer against the document; each mistake must be refused, and
// nothing of it be stored.
func TestWalk(t *testing.T) {
	root, err := stack.Root()
	require.NoError(t, err)
	doc, err := openapi3.NewLoader().LoadFromFile(filepath.Join(root, "pkg", "platform", "openapi", "openapi.json"))
	require.NoError(t, err)
	seed := *walkSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("-walk=%d does the same again", seed)
	onEach(t, func(t *testing.T, s *stack.Stack) {
		held := openStore(t, s)
		other, stranger := newUser(t, s.URL), newUser(t, s.URL)
		for _, path := range doc.Paths.Keys() {
			operations := doc.Paths.Value(path).Operations()
			for _, method := range slices.Sorted(maps.Keys(operations)) {
				if slices.Contains(operations[method].Tags, "SDKs") {
					continue // they forgive: services/ingest tests them
				}
				t.Run(operations[method].OperationID, func(t *testing.T) {
					w := &walker{
						generator: generator{rand: rand.New(rand.NewPCG(seed, 0))},
						c:         newUser(t, s.URL), other: other, stranger: stranger, method: method, path: path, op: operations[method],
					}
					if slices.Contains([]string{"event", "profile", "timeline", "latest-events", "latest-events-post"}, w.op.OperationID) {
						w.event = newID()
						w.c.Upload(t, event(w.event))
						held.gained(t, 1)
					}
					if strings.HasPrefix(path, "/api/share") {
						_, _, secret := share(t, w.c)
						w.c = w.c.With("Authorization", "Share "+secret)
					}
					w.mistakes(t)
					w.credentials(t)
					held.gained(t, 0)
					held.gained(t, w.right(t))
					require.Greater(t, w.sent, 5) // fewest where there is neither parameter nor credential
				})
			}
		}
	})
}

// walker makes requests to one operation.
type walker struct {
	generator
	method, path string
	op           *openapi3.Operation
	c            *caller // whose project it is about
	other        *caller // may become a member of it
	stranger     *caller // knows nothing of it
	event        string  // id of one that is there
	sent         int     // requests
}

// asked is one request to the operation.
type asked struct {
	path   map[string]string
	query  url.Values
	header http.Header
	body   any // nil: none
}

// text of the body, and its type, when they are not those of body.
type override struct{ text, contentType string }

func (w *walker) send(t *testing.T, c *caller, r asked, o ...override) *answer {
	t.Helper()
	w.sent++
	path := w.path
	for name, value := range r.path {
		path = strings.ReplaceAll(path, "{"+name+"}", url.PathEscape(value))
	}
	if len(r.query) > 0 {
		path += "?" + r.query.Encode()
	}
	text, headers := "", []string{}
	if r.body != nil {
		text, headers = jsonText(t, r.body), append(headers, "Content-Type", "application/json")
	}
	if w.op.RequestBody != nil && r.body == nil {
		text, headers = "user_id\n1\n", append(headers, "Content-Type", "text/csv")
	}
	if len(o) > 0 {
		text, headers = o[0].text, []string{"Content-Type", o[0].contentType}
	}
	for name := range r.header {
		headers = append(headers, name, r.header.Get(name))
	}
	return c.Do(t, w.method, path, strings.NewReader(text), headers...)
}

// full is a right request with everything that may be in one.
func (w *walker) full(t *testing.T) asked {
	t.Helper()
	w.everything = true
	defer func() { w.everything = false }()
	return w.request(t)
}

// request is a right one.
func (w *walker) request(t *testing.T) asked {
	t.Helper()
	w.known = w.values(t)
	r := asked{path: map[string]string{}, query: url.Values{}, header: http.Header{}}
	for _, ref := range w.op.Parameters {
		p := ref.Value
		if !p.Required && !w.wanted(p.Name) {
			continue
		}
		value := w.value(p.Name, p.Schema.Value)
		switch p.In {
		case "path":
			r.path[p.Name] = plain(value)
		case "header":
			r.header.Set(p.Name, plain(value))
		default:
			r.query[p.Name] = plains(value)
		}
	}
	if schema := w.bodySchema(); schema != nil {
		r.body = w.value("", schema)
	}
	return r
}

func (w *walker) bodySchema() *openapi3.Schema {
	if w.op.RequestBody == nil {
		return nil
	}
	if content := w.op.RequestBody.Value.Content["application/json"]; content != nil {
		return content.Schema.Value
	}
	return nil // in CSV
}

// right sends right requests and returns how many events they made.
func (w *walker) right(t *testing.T) (events int) {
	t.Helper()
	for range 5 {
		r := w.request(t)
		a := w.send(t, w.c, r)
		require.Less(t, a.Status, 400, "%s: %s", w.describe(t, r), a.Body)
		if a.Status == http.StatusAccepted {
			var got client.Receipt
			a.Decode(t, &got)
			events += got.Accepted
		}
	}
	return events
}

func (w *walker) describe(t *testing.T, r asked) string {
	t.Helper()
	return fmt.Sprintf("%s %s path %v query %v header %v body %.2000s", w.method, w.path, r.path, r.query, r.header, jsonText(t, r.body))
}

// refused requires that a request is refused for what is wrong with it.
func (w *walker) refused(t *testing.T, mistake string, a *answer, r asked) {
	t.Helper()
	require.True(t, a.Status >= 400 && a.Status < 500 && a.Status != 429, "%s: %d %.400s\n%s", mistake, a.Status, a.Body, w.describe(t, r))
}

// mistakes sends requests with one mistake each.
func (w *walker) mistakes(t *testing.T) {
	t.Helper()
	for _, ref := range w.op.Parameters {
		p := ref.Value
		for _, wrong := range wrongTexts(p) {
			r := w.full(t)
			switch p.In {
			case "path":
				r.path[p.Name] = wrong[0]
			case "header":
				r.header.Set(p.Name, wrong[0])
			default:
				r.query[p.Name] = wrong
			}
			w.refused(t, fmt.Sprintf("%s %.60q", p.Name, wrong), w.send(t, w.c, r), r)
		}
	}
	r := w.full(t)
	r.query.Set("surplus", "1")
	w.refused(t, "unknown parameter", w.send(t, w.c, r), r)
	if w.bodySchema() != nil {
		w.badBodies(t)
	}
}

func (w *walker) badBodies(t *testing.T) {
	t.Helper()
	base := w.full(t)
	for _, m := range mutations(w.bodySchema(), base.body) {
		r := base
		r.body = m.value
		w.refused(t, m.what, w.send(t, w.c, r, override{jsonText(t, m.value), "application/json"}), r)
	}
	good := jsonText(t, base.body)
	for _, text := range []string{"", " ", good[:len(good)-1], good + good, good + "]", "\ufeff" + good, "\xff", strings.Repeat("[", 20_000)} {
		w.refused(t, fmt.Sprintf("body %.20q", text), w.send(t, w.c, base, override{text, "application/json"}), base)
	}
	for _, contentType := range []string{"text/plain", "application/xml", "multipart/form-data; boundary=x", "x"} {
		w.refused(t, contentType, w.send(t, w.c, base, override{good, contentType}), base)
	}
}

// credentials sends a right request without a credential, with one that is none
// and with ones that do not reach so far.
func (w *walker) credentials(t *testing.T) {
	t.Helper()
	if w.op.Security == nil {
		return
	}
	nobody := anonymous(t, w.c.URL())
	without := w.send(t, nobody, w.full(t))
	if optional := slices.ContainsFunc(*w.op.Security, func(r openapi3.SecurityRequirement) bool { return len(r) == 0 }); optional {
		require.Less(t, without.Status, 300, "%s", without)
	} else {
		without.Is(t, 401, "unauthorized")
	}
	for _, c := range []*caller{nobody.With("Authorization", "Bearer x"), nobody.With("Authorization", "Basic eDp5"), nobody.With("X-API-Key", "x")} {
		w.send(t, c, w.full(t)).Is(t, 401, "unauthorized")
	}
	if strings.HasPrefix(w.path, "/api/share") { // one secret, and no other credential
		w.send(t, w.stranger, w.full(t)).Is(t, 401, "unauthorized")
		w.send(t, nobody.With("Authorization", "Share eas_guess"), w.full(t)).Is(t, 401, "unauthorized")
		return
	}
	scopes := []string{"ingest", "read"}
	if keys := slices.ContainsFunc(*w.op.Security, func(r openapi3.SecurityRequirement) bool { _, ok := r["apiKey"]; return ok }); keys {
		scopes = slices.DeleteFunc(scopes, func(scope string) bool {
			return (scope == "ingest") == (slices.Contains([]string{"post-events", "replay-rejected-events", "link-ids", "unlink-ids"}, w.op.OperationID))
		})
	}
	for _, scope := range scopes {
		key, _ := w.c.Key(t, scope)
		r := w.full(t)
		r.header.Del("X-Project")
		w.send(t, nobody.With("X-API-Key", key), r).Is(t, 403, "")
	}
	r := w.full(t)
	if r.header.Get("X-Project") == "" && r.path["id"] == "" {
		return
	}
	w.send(t, w.stranger, r).Is(t, 404, "not-found")
}

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
