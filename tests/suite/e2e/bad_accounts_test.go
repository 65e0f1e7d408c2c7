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
	{row: 30, name: "no credential", ask: func(t *testing.T, c *caller) {
		nobody := anonymous(t, c.URL())
		refused := nobody.Send(t, event(newID())).Is(t, 401, "unauthorized")
		require.Contains(t, refused.Header.Get("WWW-Authenticate"), "Bearer")
		nobody.Get(t, dau, days...).Is(t, 401, "unauthorized")
	}},
	{row: 30, name: "revoked key", ask: func(t *testing.T, c *caller) {
		revoked, id := c.Key(t, "ingest")
		c.Revoke(t, id)
		anonymous(t, c.URL()).With("X-API-Key", revoked).Send(t, event(newID())).Is(t, 401, "unauthorized")
	}},
	{row: 30, name: "key in use that is revoked", stored: 1, ask: func(t *testing.T, c *caller) {
		key, id := c.Key(t, "ingest")
		holder := anonymous(t, c.URL()).With("X-API-Key", key)
		one := event(newID())
		require.Equal(t, 1, holder.Upload(t, one).Accepted)
		c.Revoke(t, id)
		require.Eventually(t, func() bool { // keys are cached for 5 s
			return holder.Send(t, one).Status == 401
		}, 10*time.Second, 200*time.Millisecond)
	}},
	{row: 30, name: "key in the URL", ask: func(t *testing.T, c *caller) {
		key, _ := c.Key(t, "ingest")
		for _, name := range []string{"api_key", "X-API-Key", "access_token", "token"} {
			anonymous(t, c.URL()).Do(t, http.MethodPost, "/api/events?"+name+"="+key, strings.NewReader(event(newID()))).Is(t, 401, "unauthorized")
		}
	}},
	{row: 30, name: "two credentials", ask: func(t *testing.T, c *caller) {
		key, _ := c.Key(t, "ingest")
		nobody := anonymous(t, c.URL())
		nobody.With("X-API-Key", key, "Authorization", "Bearer "+key).Send(t, event(newID())).Is(t, 400, "ambiguous-credentials")
		for _, name := range []string{"Authorization", "X-Api-Key"} {
			twice := nobody.With()
			twice.Header[name] = []string{"Bearer " + key, "Bearer " + key}
			twice.Send(t, event(newID())).Is(t, 400, "") // nginx may answer first
		}
	}},
	{row: 30, name: "read-scoped key", ask: func(t *testing.T, c *caller) {
		key, _ := c.Key(t, "read")
		anonymous(t, c.URL()).With("X-API-Key", key).Send(t, event(newID())).Is(t, 403, "insufficient-scope")
	}},
	{row: 30, name: "ingest-scoped key", stored: 1, ask: func(t *testing.T, c *caller) {
		d := newUser(t, c.URL())
		ingest, _ := d.Key(t, "ingest")
		read, _ := d.Key(t, "read")
		nobody := anonymous(t, c.URL())
		nobody.With("X-API-Key", ingest).Get(t, dau, days...).Is(t, 403, "insufficient-scope")
		r := nobody.With("X-API-Key", ingest).Upload(t, event(newID()))
		require.Len(t, latest(t, nobody.With("Authorization", "Bearer "+read), r.Position), 1)
	}},
}

// days are the parameters of a question that is right.
var days = []string{"from", "2025-08-01", "to", "2025-08-31"}

// registration is of an account that may not be.
type registration struct {
	row    int
	name   string
	body   func(c *caller, name string) object // name is not taken; that of c is
	status int
	code   string
	field  string
}

func secretly(password string) func(*caller, string) object {
	return func(_ *caller, name string) object { return object{"username": name, "password": password} }
}

func called(username string) func(*caller, string) object {
	return func(_ *caller, name string) object {
		return object{"username": strings.ReplaceAll(username, "…", name), "password": password}
	}
}

func also(field string, value any) func(*caller, string) object {
	return func(_ *caller, name string) object {
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
	{38, "name in another case", func(c *caller, _ string) object {
		return object{"username": strings.ToUpper(c.Username), "password": password}
	}, 409, "username-taken", ""},
	{37, "password of spaces", secretly("         "), 422, "blank", "password"},
	{37, "password of NULs", secretly(strings.Repeat("\x00", 8)), 422, "blank", "password"},
	{37, "password equal to the name", func(_ *caller, name string) object {
		return object{"username": name, "password": strings.ToUpper(name)}
	}, 422, "same-as-name", "password"},
	{38, "name with a zero-width space", called("a\u200b…"), 422, "invalid-character", "username"},
	{38, "name with a soft hyphen", called("a\u00ad…"), 422, "invalid-character", "username"},
	{38, "name of a Hangul filler", called("\u3164"), 422, "invalid-character", "username"},
	{38, "name of blank Braille", called("\u2800"), 422, "invalid-character", "username"},
	{38, "name of Latin and Cyrillic letters", called("аdmin…"), 422, "mixed-scripts", "username"},
	{38, "name that looks like another", func(c *caller, _ string) object {
		return object{"username": strings.Replace(c.Username, "-", "‐", 1), "password": password}
	}, 409, "username-taken", ""},
	{38, "full name with a direction override", also("full_name", "a\u202eb"), 422, "invalid-character", "full_name"},
	{42, "with a role", also("role", "admin"), 422, "unknown-field", "role"},
	{42, "with an id", also("id", 1), 422, "unknown-field", "id"},
	{42, "disabled", also("disabled", false), 422, "unknown-field", "disabled"},
}

func (r registration) ask(t *testing.T, c *caller) {
	name := "other-" + newID()
	nobody := anonymous(t, c.URL())
	p := nobody.Post(t, "/api/auth/register", r.body(c, name)).Is(t, r.status, r.code).Problem(t)
	if r.field != "" {
		require.Equal(t, r.field, p.Fields[0].Field)
	}
	// The name is still free.
	nobody.Post(t, "/api/auth/register", object{"username": name, "password": password}).Is(t, 201, "")
}

// oddLogins guess passwords and use tokens twice.
var oddLogins = []badInput{
	{row: 35, name: "another address each time", ask: func(t *testing.T, c *caller) {
		d := newUser(t, c.URL())
		guess(t, func(n int) *answer {
			address := fmt.Sprintf("203.0.113.%d", n)
			return d.With("X-Forwarded-For", address, "X-Real-IP", address, "Forwarded", "for="+address).TryLogin(t, d.Username, "wrong")
		})
	}},
	{row: 36, name: "unknown user and wrong password", ask: func(t *testing.T, c *caller) {
		d := newUser(t, c.URL())
		wrong, unknown := d.TryLogin(t, d.Username, "wrong"), d.TryLogin(t, "nobody-"+newID(), "wrong")
		wrong.Is(t, 401, "invalid-credentials")
		require.Equal(t, "Bearer", wrong.Header.Get("WWW-Authenticate"))
		a, b := wrong.Problem(t), unknown.Is(t, 401, "").Problem(t)
		a.Instance, b.Instance, a.Header, b.Header = "", "", nil, nil
		require.Equal(t, a, b)

		// The quickest of each kind, in turns, and more of them while they differ:
		// other programs may slow the machine down. A login without a hash would
		// always take a tenth of the time.
		known, unheard := time.Duration(math.MaxInt64), time.Duration(math.MaxInt64)
		for n := 0; n < 4 || n < 60 && (known > 3*unheard || unheard > 3*known); n++ {
			if n%4 == 0 { // the fifth failure within a minute is the last
				d = newUser(t, c.URL())
			}
			known = min(known, timed(func() { d.TryLogin(t, d.Username, "wrong").Is(t, 401, "") }))
			unheard = min(unheard, timed(func() { d.TryLogin(t, "nobody-"+newID(), "wrong").Is(t, 401, "") }))
		}
		require.Less(t, known, 3*unheard)
		require.Less(t, unheard, 3*known)
	}},
	{row: 39, name: "sixth failed login in a minute", ask: func(t *testing.T, c *caller) {
		d := newUser(t, c.URL())
		sixth := guess(t, func(int) *answer { return d.TryLogin(t, d.Username, "wrong") })
		require.NotEmpty(t, sixth.Header.Get("Retry-After"))
		require.Eventually(t, func() bool { // not even looked at; but one more may be allowed by now
			right := d.TryLogin(t, d.Username, d.Password)
			if right.Status == 200 {
				guess(t, func(int) *answer { return d.TryLogin(t, d.Username, "wrong") })
				return false
			}
			right.Is(t, 429, "rate-limited")
			return true
		}, time.Minute, time.Millisecond)
	}},
	{row: 41, name: "refresh token used again", ask: func(t *testing.T, c *caller) {
		d := newUser(t, c.URL())
		first := d.RefreshToken
		type tokens struct {
			Access  string `json:"access_token"`
			Refresh string `json:"refresh_token"`
		}
		var pair, again, next tokens
		refresh := func(token string) *answer { return d.Post(t, "/api/auth/refresh", object{"refresh_token": token}) }
		refresh(first).Is(t, 200, "").Decode(t, &pair)
		refresh(first).Is(t, 200, "").Decode(t, &again)
		require.Equal(t, pair, again, "within seconds: two tabs, or a lost answer")
		refresh(pair.Refresh).Is(t, 200, "").Decode(t, &next)
		refresh(first).Is(t, 401, "invalid-refresh-token")
		refresh(next.Refresh).Is(t, 401, "invalid-refresh-token")
		require.Eventually(t, func() bool {
			return d.With("Authorization", "Bearer "+next.Access).Get(t, "/api/auth/me").Status == 401
		}, 10*time.Second, 200*time.Millisecond)
	}},
}

// guess asks with a wrong password until it is refused for having done so too often,
// and returns that answer: five times are allowed, and one more every 12 s that the
// machine takes for it.
func guess(t *testing.T, ask func(n int) *answer) *answer {
	t.Helper()
	begun := time.Now()
	for n := 0; ; n++ {
		a := ask(n)
		if n >= 5 && a.Status == 429 {
			return a.Is(t, 429, "rate-limited")
		}
		a.Is(t, 401, "invalid-credentials")
		require.Less(t, n, 5+int(time.Since(begun)/(12*time.Second)), "guesses are not limited")
	}
}

func timed(f func()) time.Duration {
	start := time.Now()
	f()
	return time.Since(start)
}

// TestAliases uses the paths of the original service.
func TestAliases(t *testing.T) {
	onEach(t, func(t *testing.T, s *stack.Stack) {
		nobody := anonymous(t, s.URL)
		for _, path := range []string{"/register", "/api/stats/register"} {
			nobody.Post(t, path, object{"username": "alias-" + newID(), "password": password}).Is(t, 201, "")
		}
		c := newUser(t, s.URL)
		for _, path := range []string{"/token", "/api/stats/token"} {
			form := url.Values{"username": {c.Username}, "password": {c.Password}}
			nobody.Do(t, http.MethodPost, path, strings.NewReader(form.Encode()), "Content-Type", "application/x-www-form-urlencoded").Is(t, 200, "")
		}
		require.JSONEq(t, string(c.Get(t, "/api/auth/me").Is(t, 200, "").Body), string(c.Get(t, "/api/stats/users/me").Is(t, 200, "").Body))
	})
}
