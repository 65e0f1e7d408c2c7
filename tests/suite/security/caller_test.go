package security

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"eventanalytics/tests/harness/api"
)

// answer is a response, read to its end.
type answer struct {
	status int
	header http.Header
	body   []byte
}

func (a *answer) String() string { return fmt.Sprintf("%d %.500s", a.status, a.body) }

func (a *answer) is(t *testing.T, oneOf ...int) *answer {
	t.Helper()
	require.Contains(t, oneOf, a.status, "%s", a)
	return a
}

func (a *answer) decode(t *testing.T, into any) {
	t.Helper()
	require.NoError(t, json.Unmarshal(a.body, into), "%s", a)
}

// Opaque credentials begin with these; 256 random bits in base32 follow.
const (
	keyPrefix     = "ea_"
	refreshPrefix = "er_"
	sessionPrefix = "es_"
	sharePrefix   = "eas_"
	invitePrefix  = "ei_"
)

// caller is who sends requests, by the headers that say so.
type caller struct {
	name   string
	header http.Header
}

var nobody = &caller{name: "anonymous", header: http.Header{}}

// bearing returns a caller with a credential, which is kept out of the logs.
func bearing(name, credential string) *caller {
	keep("the credential of "+name, credential)
	return &caller{name: name, header: http.Header{"Authorization": {"Bearer " + credential}}}
}

// browsing returns a caller with a session cookie, as browsers without TLS have it.
func browsing(name, cookie string) *caller {
	keep("the cookie of "+name, cookie)
	return &caller{name: name, header: http.Header{"Cookie": {"ea_session=" + cookie}}}
}

// sharing returns a caller with the secret of a share of a place.
func sharing(p *place) *caller {
	return &caller{name: "the secret of a share", header: http.Header{"Authorization": {"Share " + p.secret}}}
}

// with returns the same caller with one more header.
func (c *caller) with(name, value string) *caller {
	other := &caller{name: c.name, header: c.header.Clone()}
	other.header.Set(name, value)
	return other
}

// on returns the same caller acting on a project.
func (c *caller) on(project int64) *caller {
	return c.with("X-Project", strconv.FormatInt(project, 10))
}

// ask sends a request. A body is JSON unless the caller says otherwise.
func (c *caller) ask(t *testing.T, method, where, body string) *answer {
	t.Helper()
	a, err := c.try(t, method, where, body)
	require.NoError(t, err)
	return a
}

// status is ask for other goroutines than the test's own; 0 says that no answer
// came, which fails the test.
func (c *caller) status(t *testing.T, method, where, body string) int {
	t.Helper()
	a, err := c.try(t, method, where, body)
	if !assert.NoError(t, err) {
		return 0
	}
	return a.status
}

// try is ask without a verdict, for any goroutine.
func (c *caller) try(t *testing.T, method, where, body string) (*answer, error) {
	u, err := url.Parse(where)
	if err != nil {
		return nil, err
	}
	from := api.Anonymous(u.Scheme+"://"+u.Host, nil)
	if from.Header = c.header.Clone(); body != "" && from.Header.Get("Content-Type") == "" {
		from.Header.Set("Content-Type", "application/json")
	}
	got, err := from.Try(t.Context(), method, u.RequestURI(), strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	a := &answer{got.Status, got.Header, got.Body}
	a.keep()
	return a, nil
}

// keep keeps the credentials that an answer hands out.
func (a *answer) keep() {
	var given struct {
		Access  string `json:"access_token"`
		Refresh string `json:"refresh_token"`
		Key     string `json:"key"`
		Secret  string `json:"secret"`
	}
	_ = json.Unmarshal(a.body, &given) // most answers give none
	keep("an access token", given.Access)
	keep("a refresh token", given.Refresh)
	if strings.HasPrefix(given.Key, keyPrefix) { // groups have keys as well
		keep("an API key", given.Key)
	}
	keep("the secret of a link", given.Secret)
	for _, c := range a.cookies() {
		keep("a cookie", c.Value)
	}
}

func (a *answer) cookies() []*http.Cookie { return (&http.Response{Header: a.header}).Cookies() }

// user has an account.
type user struct {
	*caller
	username, password string
	id, project        int64
	refresh            string
}

// register makes an account and logs in.
func register(t *testing.T, name string) *user {
	t.Helper()
	u := &user{username: name + "-" + uuid.NewString(), password: keep("a password", "pass "+uuid.NewString())}
	var made struct {
		ID      int64 `json:"id"`
		Project int64 `json:"project_id"`
	}
	nobody.ask(t, "POST", gateway+"/api/auth/register", object("username", u.username, "password", u.password)).is(t, 201).decode(t, &made)
	u.id, u.project = made.ID, made.Project
	return u.login(t, name)
}

// login returns the same user in another login.
func (u *user) login(t *testing.T, name string) *user {
	t.Helper()
	var tokens tokenPair
	logIn(t, gateway, u.username, u.password).is(t, 200).decode(t, &tokens)
	other := *u
	other.caller, other.refresh = bearing(name, tokens.Access), tokens.Refresh
	return &other
}

// browser logs the user in, in a browser.
func (u *user) browser(t *testing.T, name string) *caller {
	t.Helper()
	cookies := u.logInBrowser(t, nobody, gateway).is(t, 204).cookies()
	require.Len(t, cookies, 1)
	return browsing(name, cookies[0].Value)
}

func (u *user) logInBrowser(t *testing.T, from *caller, base string) *answer {
	t.Helper()
	return from.ask(t, "POST", base+"/api/auth/session", object("username", u.username, "password", u.password))
}

type tokenPair struct {
	Access  string `json:"access_token"`
	Refresh string `json:"refresh_token"`
}

func logIn(t *testing.T, base, username, password string) *answer {
	t.Helper()
	return nobody.ask(t, "POST", base+"/api/auth/token", object("username", username, "password", password))
}

// newKey makes an API key of the user's own project.
func (u *user) newKey(t *testing.T, scope string) (secret string, id int64) {
	t.Helper()
	var key struct {
		ID  int64
		Key string
	}
	u.ask(t, "POST", projectPath(u.project, "keys"), object("name", u.username+"'s key", "scope", scope)).is(t, 201).decode(t, &key)
	return key.Key, key.ID
}

func (u *user) revoke(t *testing.T, id int64) {
	t.Helper()
	u.ask(t, "DELETE", projectPath(u.project, "keys", strconv.FormatInt(id, 10)), "").is(t, 204)
}

// setMember gives another user, who accepts an invitation if need be, a role in the
// user's own project.
func (u *user) setMember(t *testing.T, other *user, role string) {
	t.Helper()
	if u.invite(t, other, role).status == 202 {
		other.ask(t, "POST", fmt.Sprintf("%s/api/invitations/%d/accept", gateway, u.project), "").is(t, 200)
	}
}

func (u *user) invite(t *testing.T, other *user, role string) *answer {
	t.Helper()
	return u.ask(t, "POST", projectPath(u.project, "members"), object("username", other.username, "role", role)).is(t, 200, 202)
}

func projectPath(project int64, elements ...string) string {
	where, _ := url.JoinPath(gateway+"/api/projects/"+strconv.FormatInt(project, 10), elements...) // it is well-formed
	return where
}

// object is JSON of names and values.
func object(pairs ...any) string {
	members := map[string]any{}
	for pair := range slices.Chunk(pairs, 2) {
		members[pair[0].(string)] = pair[1]
	}
	text, err := json.Marshal(members)
	if err != nil {
		panic(err) // they are strings and numbers
	}
	return string(text)
}

const day = "2025-08-01"

// event is one whose every text holds mark.
func event(id, mark string) string {
	return object("event_id", id, "occurred_at", day+"T12:00:00Z", "user_id", "user "+mark, "event_type", "type "+mark,
		"properties", map[string]string{"note": "note " + mark})
}

// visible posts an event and waits until it counts.
func (u *user) visible(t *testing.T, id, mark string) (position string) {
	t.Helper()
	var receipt struct{ Position string }
	u.ask(t, "POST", gateway+"/api/events", event(id, mark)).is(t, 202).decode(t, &receipt)
	u.counted(t, receipt.Position)
	return receipt.Position
}

// counted waits until each replica of stats includes position: the gateway may send the
// next request to any of them.
func (u *user) counted(t *testing.T, position string) {
	t.Helper()
	for _, r := range stats {
		u.ask(t, "GET", r.url+"/api/stats/event-types?wait=30s&min_position="+url.QueryEscape(position), "").is(t, 200)
	}
}
