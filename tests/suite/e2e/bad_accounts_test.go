package e2e

import (
	"fmt"
	"math"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"eventanalytics/tests/harness/stack"
)

// oddCredentials are requests without, with foreign and with dead credentials.
var oddCredentials = []badInput{
	{row: 30, name: "no credential", ask: func(t *testing.T, c *client) {
		nobody := anonymous(t, c.base)
		refused := nobody.send(t, event(newID())).is(t, 401, "unauthorized")
		require.Contains(t, refused.header.Get("WWW-Authenticate"), "Bearer")
		nobody.get(t, dau, days...).is(t, 401, "unauthorized")
	}},
	{row: 30, name: "revoked key", ask: func(t *testing.T, c *client) {
		revoked, id := c.key(t, "ingest")
		c.do(t, http.MethodDelete, fmt.Sprintf("/api/projects/%d/keys/%d", c.projectID, id), nil).is(t, 204, "")
		anonymous(t, c.base).with("X-API-Key", revoked).send(t, event(newID())).is(t, 401, "unauthorized")
	}},
	{row: 30, name: "key in use that is revoked", stored: 1, ask: func(t *testing.T, c *client) {
		key, id := c.key(t, "ingest")
		holder := anonymous(t, c.base).with("X-API-Key", key)
		one := event(newID())
		require.Equal(t, 1, holder.upload(t, one).Accepted)
		c.do(t, http.MethodDelete, fmt.Sprintf("/api/projects/%d/keys/%d", c.projectID, id), nil).is(t, 204, "")
		require.Eventually(t, func() bool { // keys are cached for 5 s
			return holder.send(t, one).status == 401
		}, 10*time.Second, 200*time.Millisecond)
	}},
	{row: 30, name: "key in the URL", ask: func(t *testing.T, c *client) {
		key, _ := c.key(t, "ingest")
		for _, name := range []string{"api_key", "X-API-Key", "access_token", "token"} {
			anonymous(t, c.base).do(t, http.MethodPost, "/api/events?"+name+"="+key, strings.NewReader(event(newID()))).is(t, 401, "unauthorized")
		}
	}},
	{row: 30, name: "two credentials", ask: func(t *testing.T, c *client) {
		key, _ := c.key(t, "ingest")
		nobody := anonymous(t, c.base)
		nobody.with("X-API-Key", key, "Authorization", "Bearer "+key).send(t, event(newID())).is(t, 400, "ambiguous-credentials")
		for _, name := range []string{"Authorization", "X-Api-Key"} {
			twice := nobody.with()
			twice.header[name] = []string{"Bearer " + key, "Bearer " + key}
			twice.send(t, event(newID())).is(t, 400, "") // nginx may be the one who says so
		}
	}},
	{row: 30, name: "read-scoped key", ask: func(t *testing.T, c *client) {
		key, _ := c.key(t, "read")
		anonymous(t, c.base).with("X-API-Key", key).send(t, event(newID())).is(t, 403, "insufficient-scope")
	}},
	{row: 30, name: "ingest-scoped key", stored: 1, ask: func(t *testing.T, c *client) {
		d := newUser(t, c.base)
		ingest, _ := d.key(t, "ingest")
		read, _ := d.key(t, "read")
		nobody := anonymous(t, c.base)
		nobody.with("X-API-Key", ingest).get(t, dau, days...).is(t, 403, "insufficient-scope")
		r := nobody.with("X-API-Key", ingest).upload(t, event(newID()))
		require.Len(t, latest(t, nobody.with("Authorization", "Bearer "+read), r.Position), 1)
	}},
}

// days are the parameters of a question that is right.
var days = []string{"from", "2025-08-01", "to", "2025-08-31"}

// key makes an API key of the caller's project.
func (c *client) key(t *testing.T, scope string) (secret string, id int64) {
	t.Helper()
	var key struct {
		ID  int64
		Key string
	}
	path := fmt.Sprintf("/api/projects/%d/keys", c.projectID)
	c.post(t, path, object{"name": "for a test", "scope": scope}).is(t, 201, "").decode(t, &key)
	require.NotEmpty(t, key.Key)
	return key.Key, key.ID
}

// registration is of an account that may not be.
type registration struct {
	row    int
	name   string
	body   func(c *client, name string) object // name is not taken; that of c is
	status int
	code   string
	field  string
}

func secretly(password string) func(*client, string) object {
	return func(_ *client, name string) object { return object{"username": name, "password": password} }
}

func called(username string) func(*client, string) object {
	return func(_ *client, name string) object {
		return object{"username": strings.ReplaceAll(username, "…", name), "password": password}
	}
}

func also(field string, value any) func(*client, string) object {
	return func(_ *client, name string) object {
		return object{"username": name, "password": password, field: value}
	}
}

var registrations = []registration{
	{37, "password of 7 bytes", secretly("1234567"), 422, "invalid-field", "password"},
	{37, "password of 257 bytes", secretly(strings.Repeat("p", 257)), 422, "invalid-field", "password"},
	{37, "password of 1 MiB", secretly(strings.Repeat("p", 1<<20)), 413, "request-entity-too-large", ""},
	{37, "one of the commonest passwords", secretly("password123"), 422, "too-common", "password"},
	{38, "name empty", called(""), 422, "invalid-field", "username"},
	{38, "name of 151 characters", called(strings.Repeat("n", 151)), 422, "invalid-field", "username"},
	{38, "name with a control character", called("a\x07…"), 422, "invalid-character", "username"},
	{38, "name in another case", func(c *client, _ string) object {
		return object{"username": strings.ToUpper(c.username), "password": password}
	}, 409, "username-taken", ""},
	{42, "with a role", also("role", "admin"), 422, "unknown-field", "role"},
	{42, "with an id", also("id", 1), 422, "unknown-field", "id"},
	{42, "disabled", also("disabled", false), 422, "unknown-field", "disabled"},
}

func (r registration) ask(t *testing.T, c *client) {
	name := "other-" + newID()
	nobody := anonymous(t, c.base)
	p := nobody.post(t, "/api/auth/register", r.body(c, name)).is(t, r.status, r.code).problem(t)
	if r.field != "" {
		require.Equal(t, r.field, p.Errors[0].Field)
	}
	// The name is still free.
	nobody.post(t, "/api/auth/register", object{"username": name, "password": password}).is(t, 201, "")
}

// oddLogins guess passwords and use tokens twice.
var oddLogins = []badInput{
	{row: 35, name: "another address each time", ask: func(t *testing.T, c *client) {
		d := newUser(t, c.base)
		for i := range 6 {
			address := fmt.Sprintf("203.0.113.%d", i)
			a := d.with("X-Forwarded-For", address, "X-Real-IP", address, "Forwarded", "for="+address).tryLogin(t, d.username, "wrong")
			if i < 5 {
				a.is(t, 401, "")
			} else {
				a.is(t, 429, "rate-limited")
			}
		}
	}},
	{row: 36, name: "unknown user and wrong password", ask: func(t *testing.T, c *client) {
		d := newUser(t, c.base)
		wrong, unknown := d.tryLogin(t, d.username, "wrong"), d.tryLogin(t, "nobody-"+newID(), "wrong")
		wrong.is(t, 401, "invalid-credentials")
		require.Equal(t, "Bearer", wrong.header.Get("WWW-Authenticate"))
		a, b := wrong.problem(t), unknown.is(t, 401, "").problem(t)
		a.Instance, b.Instance = "", ""
		require.Equal(t, a, b)

		// The quickest of some, as others use the machine too: a hash that is
		// left out would make a tenth of it.
		known := quickest(func() { d.tryLogin(t, d.username, "wrong").is(t, 401, "") })
		unheard := quickest(func() { d.tryLogin(t, "nobody-"+newID(), "wrong").is(t, 401, "") })
		require.Less(t, known, 3*unheard)
		require.Less(t, unheard, 3*known)
	}},
	{row: 39, name: "sixth failed login in a minute", ask: func(t *testing.T, c *client) {
		d := newUser(t, c.base)
		for range 5 {
			d.tryLogin(t, d.username, "wrong").is(t, 401, "invalid-credentials")
		}
		sixth := d.tryLogin(t, d.username, "wrong").is(t, 429, "rate-limited")
		require.NotEmpty(t, sixth.header.Get("Retry-After"))
		d.tryLogin(t, d.username, d.password).is(t, 429, "rate-limited") // not even looked at
	}},
	{row: 41, name: "refresh token used twice", ask: func(t *testing.T, c *client) {
		d := newUser(t, c.base)
		first := d.refreshToken
		var pair struct {
			Access  string `json:"access_token"`
			Refresh string `json:"refresh_token"`
		}
		refresh := func(token string) *answer { return d.post(t, "/api/auth/refresh", object{"refresh_token": token}) }
		refresh(first).is(t, 200, "").decode(t, &pair)
		refresh(first).is(t, 401, "invalid-refresh-token")
		refresh(pair.Refresh).is(t, 401, "invalid-refresh-token")
		require.Eventually(t, func() bool {
			return d.with("Authorization", "Bearer "+pair.Access).get(t, "/api/auth/me").status == 401
		}, 10*time.Second, 200*time.Millisecond)
	}},
}

// quickest is the least time of four.
func quickest(f func()) time.Duration {
	least := time.Duration(math.MaxInt64)
	for range 4 {
		start := time.Now()
		f()
		least = min(least, time.Since(start))
	}
	return least
}

func (c *client) tryLogin(t *testing.T, username, password string) *answer {
	t.Helper()
	form := url.Values{"username": {username}, "password": {password}}
	return c.with("Authorization", "").do(t, http.MethodPost, "/api/auth/token", strings.NewReader(form.Encode()),
		"Content-Type", "application/x-www-form-urlencoded")
}

// TestAliases uses the paths of the original service.
func TestAliases(t *testing.T) {
	onEach(t, func(t *testing.T, s *stack.Stack) {
		nobody := anonymous(t, s.URL)
		for _, path := range []string{"/register", "/api/stats/register"} {
			nobody.post(t, path, object{"username": "alias-" + newID(), "password": password}).is(t, 201, "")
		}
		c := newUser(t, s.URL)
		for _, path := range []string{"/token", "/api/stats/token"} {
			form := url.Values{"username": {c.username}, "password": {c.password}}
			nobody.do(t, http.MethodPost, path, strings.NewReader(form.Encode()), "Content-Type", "application/x-www-form-urlencoded").is(t, 200, "")
		}
		require.JSONEq(t, string(c.get(t, "/api/auth/me").is(t, 200, "").body), string(c.get(t, "/api/stats/users/me").is(t, 200, "").body))
	})
}
