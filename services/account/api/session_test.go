package api

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// cookie returns the session cookie that an answer sets.
func (a answer) cookie() *http.Cookie {
	a.t.Helper()
	cookies := (&http.Response{Header: a.Header()}).Cookies()
	require.Len(a.t, cookies, 1)
	return cookies[0]
}

// browse sends a request as a browser does that has a cookie.
func (s *service) browse(method, path string, c *http.Cookie, body any, headers ...string) answer {
	s.t.Helper()
	return s.do(method, path, "", body, append(headers, "Cookie: "+c.Name+"="+c.Value)...)
}

// logIn logs a browser in.
func (s *service) logIn(name string, headers ...string) *http.Cookie {
	s.t.Helper()
	a := s.post("/api/auth/session", "", credentials(name, password), headers...)
	require.Equal(s.t, 204, a.Code, a.Body)
	require.Equal(s.t, "no-store", a.Header().Get("Cache-Control"))
	return a.cookie()
}

// A browser's way: nobody, logged in, logged out.
func TestBrowserRoad(t *testing.T) {
	t.Parallel()
	s := open(t)
	id, project, token := s.user("ann")
	none := s.get("/api/auth/session", "")
	require.Equal(t, 200, none.Code, none.Body)
	require.NotContains(t, none.Body.String(), `"user"`)
	require.Equal(t, []any{}, none.member("projects"))
	require.Equal(t, "open", none.text("registration"))
	require.NotEmpty(t, none.text("version"))

	c := s.logIn("Ann")
	require.Equal(t, "ea_session", c.Name)
	require.True(t, c.HttpOnly)
	require.False(t, c.Secure)
	require.Equal(t, http.SameSiteStrictMode, c.SameSite)
	require.Equal(t, "/", c.Path)
	require.Empty(t, c.Domain)
	for _, a := range []answer{s.browse("GET", "/api/auth/session", c, nil), s.get("/api/auth/session", token)} {
		require.Equal(t, 200, a.Code, a.Body)
		require.Equal(t, id, a.text("user.id"))
		require.Equal(t, project, a.text("projects.0.id"))
		require.Equal(t, "no-store", a.Header().Get("Cache-Control"))
	}
	require.Equal(t, 201, s.browse("POST", "/api/projects", c, `{"name": "x"}`).Code)

	gone := s.browse("DELETE", "/api/auth/session", c, nil)
	require.Equal(t, 204, gone.Code, gone.Body)
	require.Equal(t, -1, gone.cookie().MaxAge)
	require.Equal(t, c.Name, gone.cookie().Name)
	s.browse("GET", "/api/projects", c, nil).problem(401, "unauthorized", "")
	require.NotContains(t, s.browse("GET", "/api/auth/session", c, nil).Body.String(), `"user"`)
	require.Equal(t, 204, s.browse("DELETE", "/api/auth/session", c, nil).Code, "twice is no error")
	require.Equal(t, 200, s.get("/api/auth/me", token).Code, "another login goes on")
}

// Over TLS the cookie has the name that only the host itself can set.
func TestCookieOverTLS(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.user("ann")
	gateway := []string{"Remote: 10.1.2.3", "X-Forwarded-Proto: https"}
	c := s.logIn("ann", gateway...)
	require.Equal(t, "__Host-ea_session", c.Name)
	require.True(t, c.Secure)
	require.Equal(t, 200, s.browse("GET", "/api/projects", c, nil, gateway...).Code)
	s.browse("GET", "/api/projects", c, nil).problem(401, "unauthorized", "")
	s.browse("GET", "/api/projects", &http.Cookie{Name: "ea_session", Value: c.Value}, nil, gateway...).problem(401, "unauthorized", "")
	require.Equal(t, "ea_session", s.logIn("ann", "Remote: 192.0.2.9", "X-Forwarded-Proto: https").Name, "only the gateway is believed")
}

// TestBrowserLoginRefuses: as other logins, and never for a page of another origin.
func TestBrowserLoginRefuses(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.user("ann")
	login := func(body any, headers ...string) answer { return s.post("/api/auth/session", "", body, headers...) }
	login(credentials("ann", "wrong")).problem(401, "invalid-credentials", "")
	login(credentials("bob", password)).problem(401, "invalid-credentials", "")
	login(credentials("", password)).problem(422, "invalid-field", "username")
	login(`{"username": "ann"}`).problem(422, "missing-field", "password")
	login(`{"username": "ann", "password": "x", "remember": true}`).problem(422, "unknown-field", "remember")
	login("{").problem(400, "malformed-request", "")
	login(credentials("ann", password), "Sec-Fetch-Site: cross-site").problem(403, "cross-origin", "")
	login(credentials("ann", password), "Origin: http://evil.example").problem(403, "cross-origin", "")
	form := url.Values{"username": {"ann"}, "password": {password}}
	login(form).problem(415, "unsupported-media-type", "")
	c := s.logIn("ann")
	s.browse("DELETE", "/api/auth/session", c, nil, "Sec-Fetch-Site: cross-site").problem(403, "cross-origin", "")
	s.browse("POST", "/api/projects", c, `{"name": "x"}`, "Sec-Fetch-Site: same-site").problem(403, "cross-origin", "")
	require.Equal(t, 200, s.browse("GET", "/api/projects", c, nil).Code, "it was not logged out")
	for range 12 {
		login(credentials("ann", "wrong"), "Remote: 198.51.100.7")
	}
	login(credentials("ann", password), "Remote: 198.51.100.7").problem(429, "rate-limited", "")
	s.post("/api/auth/token", "", credentials("ann", password), "Remote: 198.51.100.7").problem(429, "rate-limited", "")
}

// TestNoFixation: a login never takes a value that the browser brought, and ends the
// login that it had.
func TestNoFixation(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.user("ann")
	s.user("eve")
	planted := s.logIn("eve")
	a := s.browse("POST", "/api/auth/session", planted, credentials("ann", password))
	require.Equal(t, 204, a.Code, a.Body)
	require.NotEqual(t, planted.Value, a.cookie().Value)
	require.Equal(t, "ann", s.browse("GET", "/api/auth/me", a.cookie(), nil).text("username"))
	s.browse("GET", "/api/auth/me", planted, nil).problem(401, "unauthorized", "")

	invented := &http.Cookie{Name: "ea_session", Value: "es_" + strings.Repeat("a", 52)}
	a = s.browse("POST", "/api/auth/session", invented, credentials("ann", password))
	require.NotEqual(t, invented.Value, a.cookie().Value)
	s.browse("GET", "/api/auth/me", invented, nil).problem(401, "unauthorized", "")
}

// TestLogins lists them and ends them: one, the others, all.
func TestLogins(t *testing.T) {
	t.Parallel()
	s := open(t)
	_, _, token := s.user("ann")
	_, _, stranger := s.user("bob")
	here, phone, third := s.logIn("ann", "User-Agent: Here/1\u200b.0"), s.logIn("ann", "User-Agent: Phone/2.0"), s.logIn("ann")
	l := s.browse("GET", "/api/auth/sessions", here, nil)
	require.Equal(t, 200, l.Code, l.Body)
	logins := l.member("data").([]any)
	require.Len(t, logins, 4)
	require.Equal(t, "Here/1.0", l.text("data.0.agent"))
	kinds := map[any]int{}
	for i, login := range logins {
		row := login.(map[string]any)
		require.Equal(t, i == 0, row["current"], "the current one is first")
		require.NotEmpty(t, row["last_used_at"])
		kinds[row["kind"]]++
	}
	require.Equal(t, map[any]int{"browser": 3, "token": 1}, kinds)
	require.Equal(t, "token", s.get("/api/auth/sessions", token).text("data.0.kind"))

	of := s.browse("GET", "/api/auth/sessions", phone, nil).text("data.0.id")
	s.do("DELETE", "/api/auth/sessions/"+of, stranger, nil).problem(404, "not-found", "")
	require.Equal(t, 204, s.browse("DELETE", "/api/auth/sessions/"+of, here, nil).Code)
	s.browse("DELETE", "/api/auth/sessions/"+of, here, nil).problem(404, "not-found", "")
	s.browse("DELETE", "/api/auth/sessions/x", here, nil).problem(422, "invalid-parameter", "id")
	s.browse("DELETE", "/api/auth/sessions/urn:uuid:"+of, here, nil).problem(404, "not-found", "")
	s.browse("GET", "/api/auth/me", phone, nil).problem(401, "unauthorized", "")

	s.browse("DELETE", "/api/auth/sessions?others=maybe", here, nil).problem(422, "invalid-parameter", "others")
	require.Equal(t, 204, s.browse("DELETE", "/api/auth/sessions?others=true", here, nil).Code)
	s.browse("GET", "/api/auth/me", third, nil).problem(401, "unauthorized", "")
	s.get("/api/auth/me", token).problem(401, "unauthorized", "")
	require.Len(t, s.browse("GET", "/api/auth/sessions", here, nil).member("data"), 1)
	require.Equal(t, 204, s.browse("DELETE", "/api/auth/sessions", here, nil).Code)
	s.browse("GET", "/api/auth/me", here, nil).problem(401, "unauthorized", "")
	require.Equal(t, 200, s.get("/api/auth/me", stranger).Code, "another user's logins go on")
}

// TestPasswordEndsBrowsers: but for the one that changes it.
func TestPasswordEndsBrowsers(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.user("ann")
	here, there := s.logIn("ann"), s.logIn("ann")
	require.Equal(t, 204, s.browse("POST", "/api/auth/password", here, fmt.Sprintf(`{"old_password": %q, "new_password": "eight red lamps"}`, password)).Code)
	require.Equal(t, 200, s.browse("GET", "/api/auth/me", here, nil).Code)
	s.browse("GET", "/api/auth/me", there, nil).problem(401, "unauthorized", "")
}

// TestLoginsAreBounded: of too many browsers the one not used for the longest time is
// logged out. Logins that are over are forgotten, and tokens do not end browsers.
func TestLoginsAreBounded(t *testing.T) {
	t.Parallel()
	s := open(t)
	id, _, _ := s.user("ann")
	first, second := s.logIn("ann"), s.logIn("ann")
	s.exec(`UPDATE analytics.web_sessions SET last_used_at = last_used_at - interval '1 day'`)
	s.exec(`UPDATE analytics.web_sessions SET last_used_at = last_used_at - interval '1 day'
WHERE family_id = (SELECT id FROM analytics.token_families WHERE user_id = $1 ORDER BY created_at DESC LIMIT 1)`, id)
	s.exec(`WITH f AS (
    INSERT INTO analytics.token_families (user_id) SELECT $1::bigint FROM generate_series(1, 48) RETURNING id
)
INSERT INTO analytics.web_sessions (hash, family_id, expires_at, last_used_at)
SELECT sha256(id::text::bytea), id, now() + interval '1 day', now() FROM f`, id)
	count := func() (n int) {
		require.NoError(t, s.pool.QueryRow(t.Context(), `SELECT count(*) FROM analytics.web_sessions`).Scan(&n))
		return n
	}
	require.Equal(t, 50, count())
	require.Equal(t, 200, s.post("/api/auth/token", "", credentials("ann", password)).Code)
	require.Equal(t, 50, count())
	s.logIn("ann")
	require.Equal(t, 50, count())
	s.browse("GET", "/api/auth/me", second, nil).problem(401, "unauthorized", "")
	require.Equal(t, 200, s.browse("GET", "/api/auth/me", first, nil).Code)

	s.exec(`UPDATE analytics.web_sessions SET expires_at = now()`)
	s.logIn("ann")
	require.Equal(t, 1, count())
}
