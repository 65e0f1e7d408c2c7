package security

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

// place is a project and what a request can name of it.
type place struct {
	owner    *user
	mark     string // in all its texts
	event    string
	position string
	key      int64 // id of an API key
	board    int64
	share    int64  // of the board
	secret   string // of a share of another board
	note     int64  // id of an annotation
	link     string // id of a link between ids
	invite   int64  // id
	spare    *user  // a viewer
	guest    *user  // is invited
}

func newPlace(t *testing.T, name string) *place {
	t.Helper()
	mark := name + "-" + uuid.NewString()
	p := &place{owner: register(t, mark), mark: mark, event: uuid.NewString(), spare: register(t, "spare-"+mark), guest: register(t, "guest-"+mark)}
	p.position = p.owner.visible(t, p.event, mark)
	_, p.key = p.owner.newKey(t, "read")
	p.owner.setMember(t, p.spare, "viewer")
	p.owner.invite(t, p.guest, "viewer")
	p.setInvite(t)
	p.setCohort(t)
	p.setBoard(t)
	p.secret = p.shareBoard(t)
	p.setBoard(t)
	p.setNote(t)
	p.setLink(t)
	p.setGroup(t)
	return p
}

// setInvite makes another invite.
func (p *place) setInvite(t *testing.T) {
	t.Helper()
	var made struct{ ID int64 }
	p.owner.ask(t, "POST", projectPath(p.owner.project, "invites"), `{"role": "viewer"}`).is(t, 201).decode(t, &made)
	p.invite = made.ID
}

const cohortName = "marked"

// setCohort makes a cohort, or makes it again.
func (p *place) setCohort(t *testing.T) {
	t.Helper()
	a := p.owner.ask(t, "PUT", projectPath(p.owner.project, "cohorts", cohortName), `{"description": "`+p.mark+`", "users": ["`+p.mark+`"]}`)
	require.Less(t, a.status, 300, a)
}

func (p *place) boardBody() string {
	return `{"name": "` + p.mark + `", "tiles": [{"id": "t1", "kind": "table", "size": {"width": 6, "height": 2}, "question": {"route": "/api/stats/event-types", "params": {}}}]}`
}

// setBoard makes another board, and a share of it.
func (p *place) setBoard(t *testing.T) {
	t.Helper()
	var made struct{ ID int64 }
	p.owner.ask(t, "POST", projectPath(p.owner.project, "boards"), p.boardBody()).is(t, 201).decode(t, &made)
	p.board = made.ID
	p.shareBoard(t)
}

// shareBoard shares the board once more, and returns the secret.
func (p *place) shareBoard(t *testing.T) (secret string) {
	t.Helper()
	var made struct {
		ID     int64
		Secret string
	}
	p.owner.ask(t, "POST", projectPath(p.owner.project, "boards", strconv.FormatInt(p.board, 10), "shares"), "{}").is(t, 201).decode(t, &made)
	p.share = made.ID
	return made.Secret
}

// setNote makes another annotation.
func (p *place) setNote(t *testing.T) {
	t.Helper()
	var made struct{ ID int64 }
	p.owner.ask(t, "POST", projectPath(p.owner.project, "annotations"), object("at", day, "text", p.mark)).is(t, 201).decode(t, &made)
	p.note = made.ID
}

// setLink makes another link between ids, and waits until it counts.
func (p *place) setLink(t *testing.T) {
	t.Helper()
	var made struct{ Position string }
	from := "device-" + uuid.NewString()
	p.owner.ask(t, "POST", gateway+"/api/identity/links", object("from", from, "to", "user "+p.mark)).is(t, 202).decode(t, &made)
	p.owner.counted(t, made.Position)
	var all struct{ Data []struct{ ID string } }
	p.owner.ask(t, "GET", gateway+"/api/identity/links?id="+from, "").is(t, 200).decode(t, &all)
	require.Len(t, all.Data, 1)
	p.link = all.Data[0].ID
}

// since is a body with the place's position as since.
func since(others string) func(*testing.T, *place, *actor) string {
	return func(_ *testing.T, p *place, _ *actor) string { return "{" + others + `"since": "` + p.position + `"}` }
}

// setGroup has an SDK tell of a group whose key is the mark.
func (p *place) setGroup(t *testing.T) {
	t.Helper()
	key, id := p.owner.newKey(t, "ingest")
	a := bearing("an SDK", key).ask(t, "POST", gateway+"/v1/group", object("messageId", uuid.NewString(), "userId", "user "+p.mark, "groupId", p.mark)).is(t, 200)
	p.owner.counted(t, a.header.Get("X-Position"))
	p.owner.revoke(t, id)
}

func spareName(_ *testing.T, p *place, _ *actor) string { return object("username", p.spare.username) }

func spareViewer(_ *testing.T, p *place, _ *actor) string {
	return object("username", p.spare.username, "role", "viewer")
}

func newPassword(_ *testing.T, p *place, c *actor) string {
	old := p.owner.password
	if c.user != nil {
		old = c.user.password
	}
	return object("old_password", old, "new_password", keep("a password", "pass "+uuid.NewString()))
}

const eventsSQL = `SELECT count(*) FROM analytics.event_ids WHERE project_id = $1`

// state is all that a request could have changed.
func (p *place) state(t *testing.T) string {
	t.Helper()
	var all strings.Builder
	for _, where := range []string{projectPath(p.owner.project, "members"), projectPath(p.owner.project, "keys"), projectPath(p.owner.project, "invitations"), projectPath(p.owner.project, "invites"), projectPath(p.owner.project, "cohorts"), projectPath(p.owner.project, "boards"), projectPath(p.owner.project, "boards", strconv.FormatInt(p.board, 10), "shares"), projectPath(p.owner.project, "annotations"), gateway + "/api/identity/links", gateway + "/api/projects"} {
		all.Write(p.owner.ask(t, "GET", where, "").is(t, 200).body)
	}
	var events int
	require.NoError(t, db.QueryRow(t.Context(), eventsSQL, p.owner.project).Scan(&events))
	fmt.Fprintln(&all, events, "events")
	return all.String()
}

// request asks a route about the project of p.
func (p *place) request(t *testing.T, r route, c *actor) *answer {
	t.Helper()
	o, subject := operations[r.operation], p.spare
	if r.operation == "withdraw-invitation" {
		subject = p.guest
	}
	userID := strconv.FormatInt(subject.id, 10)
	if r.operation == "profile" || r.operation == "timeline" {
		userID = url.PathEscape("user " + p.mark)
	}
	query := o.query
	from := c.caller
	switch { // both ways of naming the project
	case o.needs != read && o.needs != post && o.needs != bySQL:
	case r.method == http.MethodGet:
		query = strings.TrimSuffix("project="+strconv.FormatInt(p.owner.project, 10)+"&"+query, "&")
	default:
		from = from.on(p.owner.project)
	}
	id := strconv.FormatInt(p.owner.project, 10)
	if r.operation == "end-session" {
		id = uuid.NewString()
	}
	where := gateway + strings.NewReplacer(
		"{id}", id,
		"{key_id}", strconv.FormatInt(p.key, 10),
		"{name}", cohortName,
		"{board}", strconv.FormatInt(p.board, 10),
		"{invite}", strconv.FormatInt(p.invite, 10),
		"{share}", strconv.FormatInt(p.share, 10),
		"{tile}", "t1",
		"{annotation}", strconv.FormatInt(p.note, 10),
		"{link}", p.link,
		"{type}", "group",
		"{key}", url.PathEscape(p.mark),
		"{user_id}", userID,
		"{event_id}", p.event,
	).Replace(r.path)
	if query != "" {
		where += "?" + strings.ReplaceAll(query, "{position}", p.position)
	}
	body := ""
	if o.body != nil {
		body = o.body(t, p, c)
	}
	return from.ask(t, r.method, where, body)
}
