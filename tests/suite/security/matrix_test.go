package security

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"eventanalytics/tests/harness/stack"
)

// right is what an operation asks of its caller.
type right string

const (
	anyone  right = "anyone"  // even without a credential
	visitor right = "visitor" // a user, or nobody at all
	account right = "account" // a user; it acts on no project
	read    right = "read"    // of the request's project: a member of any role, a read key
	post    right = "post"    // of the request's project: an owner or editor, an ingest key
	member  right = "member"  // of the project in the path
	edit    right = "edit"    // of the project in the path: an owner or editor
	manage  right = "manage"  // of the project in the path: an owner
	bySQL   right = "sql"     // of the request's project: an owner, an sql key
	link    right = "link"    // the secret of a share, of whichever project
)

// standing of a caller in the project that the callers belong to.
type standing string

const (
	none     standing = "none" // no credential
	dead     standing = "dead" // one that is worth nothing
	readKey  standing = "read key"
	postKey  standing = "ingest key"
	pageKey  standing = "browser key"
	sqlKey   standing = "sql key"
	viewer   standing = "viewer"
	editor   standing = "editor"
	owner    standing = "owner"
	stranger standing = "stranger" // a user, no member
	holder   standing = "holder"   // of the secret of a share
)

// holders of the rights on a project.
var holders = map[right][]standing{
	read:   {readKey, viewer, editor, owner},
	post:   {postKey, editor, owner},
	member: {viewer, editor, owner},
	edit:   {editor, owner},
	manage: {owner},
	bySQL:  {sqlKey, owner},
}

// expected is the status of a request on the callers' own project, or on another.
func expected(needs right, s standing, own bool, success int) int {
	switch {
	case needs == anyone, needs == link && s == holder:
		return success
	case needs == link, s == holder:
		return http.StatusUnauthorized
	case s == none && needs == visitor:
		return success
	case s == none || s == dead:
		return http.StatusUnauthorized
	case (s == readKey || s == postKey || s == pageKey || s == sqlKey) && needs != read && needs != post && needs != bySQL:
		return http.StatusForbidden // for users, whatever the project
	case needs == account || needs == visitor:
		return success
	case !own || s == stranger:
		return http.StatusNotFound // that it exists is none of their business
	case slices.Contains(holders[needs], s):
		return success
	}
	return http.StatusForbidden
}

// operation is who may ask it, and how.
type operation struct {
	needs right
	query string
	body  func(t *testing.T, p *place, c *actor) string
	shows bool // the answer has texts of the project
	ends  bool // the caller's login: each asks with another
	// refused is the status for callers who have the right, where what they ask cannot
	// be done: it is the owner's own project, or they are not invited.
	refused int
}

// operations has an entry for each operation of the OpenAPI document.
var operations = map[string]operation{
	"register": {needs: anyone, body: func(*testing.T, *place, *actor) string {
		return object("username", "made-"+uuid.NewString(), "password", keep("a password", "pass "+uuid.NewString()))
	}},
	"token": {needs: anyone, body: func(_ *testing.T, p *place, _ *actor) string {
		return object("username", p.owner.username, "password", p.owner.password)
	}},
	"refresh": {needs: anyone, body: func(t *testing.T, p *place, _ *actor) string {
		return object("refresh_token", p.owner.login(t, "for a refresh").refresh)
	}},

	"log-in-browser": {needs: anyone, ends: true, body: func(_ *testing.T, p *place, _ *actor) string {
		return object("username", p.owner.username, "password", p.owner.password)
	}},
	"session":         {needs: visitor},
	"log-out-browser": {needs: anyone, ends: true},
	"list-sessions":   {needs: account},
	"end-session":     {needs: account, refused: 404},
	"end-sessions":    {needs: account, ends: true},

	"me":              {needs: account},
	"list-projects":   {needs: account},
	"create-project":  {needs: account, body: fixed(`{"name": "another"}`)},
	"logout":          {needs: account, ends: true},
	"change-password": {needs: account, ends: true, body: newPassword},

	"update-project": {needs: manage, body: fixed(`{"week_start": "sunday", "lake": true}`)},
	"list-members":   {needs: member, shows: true},
	"set-member":     {needs: manage, shows: true, body: spareViewer},
	"remove-member":  {needs: manage},

	"transfer-project":     {needs: manage, body: spareName, refused: 409},
	"list-invitations":     {needs: manage, shows: true},
	"withdraw-invitation":  {needs: manage},
	"received-invitations": {needs: account},
	"accept-invitation":    {needs: account, refused: 404},
	"decline-invitation":   {needs: account, refused: 404},

	"list-invites":  {needs: manage, shows: true},
	"create-invite": {needs: manage, body: fixed(`{"role": "viewer"}`)},
	"revoke-invite": {needs: manage},
	"accept-invite": {needs: account, body: fixed(`{"secret": "ei_of-nothing"}`), refused: 422},

	"list-keys":  {needs: manage, shows: true},
	"create-key": {needs: manage, body: fixed(`{"name": "another", "scope": "read"}`)},
	"revoke-key": {needs: manage},

	"list-cohorts":     {needs: member, shows: true},
	"cohort":           {needs: member, shows: true},
	"cohort-users":     {needs: member, shows: true},
	"set-cohort":       {needs: edit, body: fixed(`{"users": ["1"]}`)},
	"set-cohort-users": {needs: edit, body: fixed("1"), refused: 415}, // it is no CSV
	"delete-cohort":    {needs: edit},
	"freeze-cohort":    {needs: edit, body: func(*testing.T, *place, *actor) string { return object("to", uuid.NewString()) }},

	"list-boards":  {needs: member, shows: true},
	"create-board": {needs: edit, body: fixed(`{"name": "another", "tiles": []}`)},
	"board":        {needs: member, shows: true},
	"set-board":    {needs: edit, shows: true, body: func(_ *testing.T, p *place, _ *actor) string { return p.boardBody() }},
	"delete-board": {needs: edit},

	"list-shares":  {needs: edit, shows: true},
	"create-share": {needs: edit, body: fixed("{}")},
	"update-share": {needs: edit, body: fixed(`{"version": 1}`)},
	"delete-share": {needs: edit},
	"share":        {needs: link, shows: true},
	"share-tile":   {needs: link, shows: true},

	"list-annotations":  {needs: member, shows: true},
	"create-annotation": {needs: edit, body: fixed(`{"at": "2025-08-01", "text": "another"}`)},
	"update-annotation": {needs: edit, shows: true, body: fixed(`{"at": "2025-08-02"}`)},
	"delete-annotation": {needs: edit},

	"post-events": {needs: post, body: func(_ *testing.T, p *place, _ *actor) string { return event(uuid.NewString(), p.mark) }},

	"rejected-events":        {needs: read},
	"replay-rejected-events": {needs: post},

	"list-links": {needs: read, shows: true},
	"link-ids": {needs: post, body: func(*testing.T, *place, *actor) string {
		return object("from", uuid.NewString(), "to", uuid.NewString())
	}},
	"unlink-ids": {needs: post},

	"identity-changes":      {needs: read, query: "since={position}"},
	"identity-changes-post": {needs: read, body: since("")},
	"restated":              {needs: read, query: period + "&since={position}"},
	"restated-post":         {needs: read, body: since(`"from": "` + day + `", "to": "` + day + `", `)},

	"dau":                  {needs: read, query: period},
	"dau-post":             {needs: read, body: fixed(periodBody)},
	"active-users":         {needs: read, query: period},
	"active-users-post":    {needs: read, body: fixed(periodBody)},
	"retention":            {needs: read, query: "start_date=" + day},
	"retention-post":       {needs: read, body: fixed(`{"start_date": "` + day + `"}`)},
	"events":               {needs: read, shows: true, query: period + "&interval=day&by=event_type"},
	"events-post":          {needs: read, shows: true, body: fixed(`{"from": "` + day + `", "to": "` + day + `", "interval": "day", "by": "event_type"}`)},
	"top-events":           {needs: read, shows: true, query: period},
	"top-events-post":      {needs: read, shows: true, body: fixed(periodBody)},
	"properties":           {needs: read, query: period},
	"properties-post":      {needs: read, body: fixed(periodBody)},
	"property-values":      {needs: read, shows: true, query: period + "&property=event_type"},
	"property-values-post": {needs: read, shows: true, body: fixed(`{"from": "` + day + `", "to": "` + day + `", "property": "event_type"}`)},
	"trends":               {needs: read, shows: true, query: period + "&series=*&breakdown=event_type"},
	"trends-post":          {needs: read, shows: true, body: fixed(`{"from": "` + day + `", "to": "` + day + `", "series": ["*"], "breakdown": ["event_type"]}`)},
	"lifecycle":            {needs: read, query: period},
	"lifecycle-post":       {needs: read, body: fixed(periodBody)},
	"stickiness":           {needs: read, query: period},
	"sessions":             {needs: read, query: period},
	"sessions-post":        {needs: read, body: fixed(periodBody)},
	"paths":                {needs: read, query: period},
	"paths-post":           {needs: read, body: fixed(periodBody)},
	"stickiness-post":      {needs: read, body: fixed(periodBody)},
	"profiles":             {needs: read, shows: true},
	"profiles-post":        {needs: read, shows: true, body: fixed(`{}`)},
	"profile":              {needs: read, shows: true},
	"timeline":             {needs: read, shows: true},
	"funnels":              {needs: read, shows: true, query: period + "&steps=*&steps=*&breakdown=event_type"},
	"funnels-post":         {needs: read, shows: true, body: fixed(`{"from": "` + day + `", "to": "` + day + `", "steps": ["*", "*"], "breakdown": ["event_type"]}`)},
	"event-types":          {needs: read, shows: true},
	"event-types-post":     {needs: read, shows: true, body: fixed(`{}`)},
	"latest-events":        {needs: read, shows: true},
	"latest-events-post":   {needs: read, shows: true, body: fixed(`{}`)},
	"event":                {needs: read, shows: true},
	"usage":                {needs: read},
	"group":                {needs: read, shows: true},
	"stream-events":        {needs: read, query: "for=20ms"},
	"sql":                  {needs: bySQL, shows: true, body: fixed(`{"sql": "SELECT event_type, user_id, properties FROM events"}`)},
}

const (
	period     = "from=" + day + "&to=" + day
	periodBody = `{"from": "` + day + `", "to": "` + day + `"}`
)

func fixed(body string) func(*testing.T, *place, *actor) string {
	return func(*testing.T, *place, *actor) string { return body }
}

// aliases are routes of the original service, which the document leaves out.
var aliases = map[string]route{
	"POST /register":           {"POST", "/register", "register", 201},
	"POST /api/stats/register": {"POST", "/api/stats/register", "register", 201},
	"POST /token":              {"POST", "/token", "token", 200},
	"POST /api/stats/token":    {"POST", "/api/stats/token", "token", 200},
	"GET /api/stats/users/me":  {"GET", "/api/stats/users/me", "me", 200},
}

// route of the gateway.
type route struct {
	method, path, operation string
	success                 int // status
}

// documented are the routes of the OpenAPI document, by "METHOD /path", except for those
// of vendors' SDKs, which have callers and answers of their own: TestSDKRoutes.
func documented(t *testing.T) map[string]route {
	t.Helper()
	var document struct {
		Paths map[string]map[string]struct {
			OperationID string `json:"operationId"`
			Tags        []string
			Responses   map[string]json.RawMessage
		}
	}
	root, err := stack.Root()
	require.NoError(t, err)
	text, err := os.ReadFile(filepath.Join(root, "pkg", "platform", "openapi", "openapi.json"))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &document))
	routes := map[string]route{}
	for path, methods := range document.Paths {
		for method, o := range methods {
			if slices.Contains(o.Tags, "SDKs") {
				continue
			}
			r := route{method: strings.ToUpper(method), path: path, operation: o.OperationID}
			for status := range o.Responses {
				if n, _ := strconv.Atoi(status); n < 300 && (r.success == 0 || n < r.success) {
					r.success = n // of several the one that does it at once
				}
			}
			routes[r.method+" "+path] = r
		}
	}
	return routes
}

// actor is a caller of the matrix.
type actor struct {
	*caller
	standing standing
	user     *user // nil for who is none
}

// actors are all kinds of callers there are, of the project of p.
func actors(t *testing.T, p *place) []*actor {
	t.Helper()
	member := func(s standing) *actor {
		u := register(t, string(s))
		p.owner.setMember(t, u, string(s))
		return &actor{u.caller, s, u}
	}
	key := func(s standing, scope string) *actor {
		secret, _ := p.owner.newKey(t, scope)
		return &actor{bearing(string(s), secret), s, nil}
	}
	revoked, id := p.owner.newKey(t, "read")
	p.owner.revoke(t, id)
	forger := newForger(t, p.owner)
	signed := strings.Split(forger.sign(nil, nil), ".")
	foreign := register(t, "stranger")
	return []*actor{
		{nobody, none, nil},
		{browsing("a cookie of nothing", sessionPrefix+strings.Repeat("a", 52)), none, nil},
		{bearing("a forged token", signed[0]+"."+signed[1]+"."+strings.Repeat("A", 43)), dead, nil},
		{bearing("an expired token", forger.sign(nil, claims{"exp": time.Now().Add(-time.Hour).Unix()})), dead, nil},
		{bearing("a refresh token", p.owner.login(t, "of a refresh token").refresh), dead, nil},
		{bearing("a revoked key", revoked), dead, nil},
		{bearing("an unknown key", revoked[:len(revoked)-1]+"a"), dead, nil},
		{sharing(p), holder, nil}, {bearing("the secret of a share as a token", p.secret), dead, nil},
		key(readKey, "read"), key(postKey, "ingest"), key(pageKey, "browser"), key(sqlKey, "sql"),
		{p.owner.browser(t, "the owner's browser"), owner, p.owner},
		member(viewer), member(editor), {p.owner.caller, owner, p.owner},
		{foreign.caller, stranger, foreign},
	}
}

// TestMatrix asks every route as every kind of caller, about the callers' project
// and about another's.
func TestMatrix(t *testing.T) {
	t.Parallel()
	own, other := newPlace(t, "own"), newPlace(t, "other")
	before := other.state(t)
	routes := documented(t)
	maps.Copy(routes, aliases)
	all := actors(t, own)
	used := map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(routes)) {
		r := routes[name]
		o, known := operations[r.operation]
		require.True(t, known, "who may ask %s? Say it in operations", name)
		require.NotZero(t, r.success, name)
		used[r.operation] = true
		for _, c := range all {
			for _, p := range []*place{own, other} {
				if o.ends && c.user != nil {
					u := register(t, "to be ended")
					c = &actor{u.caller, c.standing, u}
				}
				switch { // each asks about the same
				case p != own:
				case r.operation == "remove-member":
					own.owner.setMember(t, own.spare, "viewer")
				case r.operation == "revoke-invite":
					own.setInvite(t)
				case r.operation == "withdraw-invitation":
					own.owner.invite(t, own.guest, "viewer")
				case r.operation == "delete-cohort":
					own.setCohort(t)
				case r.operation == "unlink-ids":
					own.setLink(t)
				case r.operation == "delete-board" || r.operation == "delete-share":
					own.setBoard(t)
				case r.operation == "delete-annotation":
					own.setNote(t)
				}
				success := r.success
				if o.refused != 0 {
					success = o.refused
				}
				a := p.request(t, r, c)
				what := fmt.Sprintf("%s (%s) asks %s about %s: %s", c.name, c.standing, name, p.mark, a)
				require.Equal(t, expected(o.needs, c.standing, p == own, success), a.status, what)
				require.NotContains(t, string(a.body), other.mark, what)
				if o.shows && a.status == r.success {
					require.Contains(t, string(a.body), own.mark, what)
				}
			}
		}
	}
	for name := range operations {
		require.True(t, used[name], "%s is no operation any more", name)
	}
	require.Equal(t, before, other.state(t), "another project was changed")
}

// TestForeignIDs names what belongs to another project while acting on the own
// one.
func TestForeignIDs(t *testing.T) {
	t.Parallel()
	own, other := newPlace(t, "own"), newPlace(t, "other")
	before := other.state(t)
	id := func(n int64) string { return strconv.FormatInt(n, 10) }
	for _, r := range []struct {
		method, where, body string
		status              int
	}{
		{"DELETE", projectPath(own.owner.project, "keys", id(other.key)), "", 404},
		{"GET", projectPath(own.owner.project, "boards", id(other.board)), "", 404},
		{"PUT", projectPath(own.owner.project, "boards", id(other.board)), own.boardBody(), 404},
		{"DELETE", projectPath(own.owner.project, "boards", id(other.board)), "", 404},
		{"GET", projectPath(own.owner.project, "boards", id(other.board), "shares"), "", 404},
		{"POST", projectPath(own.owner.project, "boards", id(other.board), "shares"), "{}", 404},
		{"PATCH", projectPath(own.owner.project, "boards", id(own.board), "shares", id(other.share)), object("version", 1), 404},
		{"DELETE", projectPath(own.owner.project, "boards", id(own.board), "shares", id(other.share)), "", 404},
		{"DELETE", projectPath(own.owner.project, "boards", id(other.board), "shares", id(other.share)), "", 404},
		{"DELETE", gateway + "/api/identity/links/" + other.link, "", 404},
		{"PATCH", projectPath(own.owner.project, "annotations", id(other.note)), object("text", "x"), 404},
		{"DELETE", projectPath(own.owner.project, "annotations", id(other.note)), "", 404},
		{"DELETE", projectPath(own.owner.project, "members", id(other.owner.id)), "", 404},
		{"DELETE", projectPath(own.owner.project, "members", id(other.spare.id)), "", 404},
		{"DELETE", projectPath(own.owner.project, "invitations", id(other.guest.id)), "", 404},
		{"DELETE", projectPath(own.owner.project, "invites", id(other.invite)), "", 404},
		{"POST", projectPath(own.owner.project, "transfer"), object("username", other.spare.username), 409},
		{"POST", fmt.Sprintf("%s/api/invitations/%d/accept", gateway, other.owner.project), "", 404},
		{"DELETE", fmt.Sprintf("%s/api/invitations/%d", gateway, other.owner.project), "", 404},
		{"GET", gateway + "/api/stats/events/" + other.event, "", 404},
		{"POST", gateway + "/api/sql", object("sql", "SELECT 1", "min_position", other.position), 422},
		{"POST", gateway + "/api/sql", object("sql", "SELECT 1", "project", other.owner.project), 422},
		{"POST", gateway + "/api/sql", object("sql", "FROM cohort('x')", "project_id", other.owner.project), 422},
		{"POST", gateway + "/api/sql?project=" + id(other.owner.project), object("sql", "SELECT 1"), 404},
		{"GET", gateway + "/api/stats/event-types?min_position=" + other.position, "", 422},
		{"POST", gateway + "/api/stats/event-types", object("min_position", other.position), 422},
		{"GET", gateway + "/api/stats/event-types?project=" + id(other.owner.project), "", 404},
		{"POST", gateway + "/api/stats/event-types?project=" + id(other.owner.project), "{}", 404},
		{"POST", gateway + "/api/events?project=" + id(other.owner.project), event(uuid.NewString(), own.mark), 404},
		{"GET", gateway + "/api/projects?project=" + id(other.owner.project), "", 422},
		// Nothing but X-Project, project and the path chooses a project.
		{"GET", gateway + "/api/stats/event-types?project_id=" + id(other.owner.project), "", 422},
		{"GET", gateway + "/api/stats/event-types?X-Project=" + id(other.owner.project), "", 422},
		{"POST", gateway + "/api/stats/event-types", object("project_id", other.owner.project), 422},
		{"POST", gateway + "/api/stats/event-types", object("project", other.owner.project), 422},
		{"POST", projectPath(own.owner.project, "keys"), object("name", "x", "scope", "read", "project_id", other.owner.project), 422},
		{"POST", projectPath(own.owner.project, "members"), object("username", own.spare.username, "role", "viewer", "project_id", other.owner.project), 422},
		{"POST", gateway + "/api/projects", object("name", "x", "id", other.owner.project), 422},
		{"POST", gateway + "/api/projects", object("name", "x", "home_of", other.owner.id), 422},
		{"POST", gateway + "/api/events", strings.Replace(event(uuid.NewString(), own.mark), "{", `{"project_id": `+id(other.owner.project)+", ", 1), 422},
	} {
		a := own.owner.ask(t, r.method, r.where, r.body)
		require.Equal(t, r.status, a.status, "%s %s %s: %s", r.method, r.where, r.body, a)
		require.NotContains(t, string(a.body), other.mark)
	}
	// The same id in two projects is two events.
	own.owner.visible(t, other.event, own.mark)
	a := own.owner.ask(t, "GET", gateway+"/api/stats/events/"+other.event, "").is(t, 200)
	require.Contains(t, string(a.body), own.mark)
	require.NotContains(t, string(a.body), other.mark)
	require.Equal(t, before, other.state(t), "another project was changed")
}
