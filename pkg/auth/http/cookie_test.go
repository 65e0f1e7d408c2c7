package authhttp_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/auth"
	"eventanalytics/pkg/auth/authtest"
	authhttp "eventanalytics/pkg/auth/http"
	"eventanalytics/pkg/platform/postgres/pgtest"
)

const (
	plain  = "Cookie: ea_session="
	secure = "Cookie: __Host-ea_session="
	tls    = "X-Forwarded-Proto: https" // the requests of these tests come from 192.0.2.1, which is trusted
)

// TestCookieForms: which cookies of which requests count.
func TestCookieForms(t *testing.T) {
	t.Parallel()
	w := defaults(t)
	u, other := w.login(t, "ann"), w.login(t, "bob")
	cookie := authtest.Browser(t, w.pool, u)
	key := authtest.Key(t, w.pool, u, auth.ScopeRead)
	token := "Authorization: Bearer " + other.Token
	unknown, _ := auth.NewCredential(auth.SessionPrefix)
	for name, c := range map[string]struct {
		headers []string
		status  int
		user    int64
	}{
		"cookie":                      {[]string{plain + cookie}, 200, u.ID},
		"among others":                {[]string{"Cookie: a=b; ea_session=" + cookie + "; c=d"}, 200, u.ID},
		"over TLS":                    {[]string{secure + cookie, tls}, 200, u.ID},
		"plain name over TLS":         {[]string{plain + cookie, tls}, 401, 0},
		"name of TLS without it":      {[]string{secure + cookie}, 401, 0},
		"two of the name":             {[]string{plain + cookie, plain + unknown}, 401, 0},
		"the same twice":              {[]string{plain + cookie, plain + cookie}, 401, 0},
		"empty":                       {[]string{plain}, 401, 0},
		"unknown":                     {[]string{plain + unknown}, 401, 0},
		"in capitals":                 {[]string{plain + strings.ToUpper(cookie)}, 401, 0},
		"access token in it":          {[]string{plain + u.Token}, 401, 0},
		"API key in it":               {[]string{plain + key}, 401, 0},
		"its value as a token":        {[]string{"Authorization: Bearer " + cookie}, 401, 0},
		"its value as a key":          {[]string{"X-API-Key: " + cookie}, 401, 0},
		"beside a token":              {[]string{plain + cookie, token}, 200, other.ID},
		"beside a bad token":          {[]string{plain + cookie, "Authorization: Bearer x"}, 401, 0},
		"beside another scheme":       {[]string{plain + cookie, "Authorization: Basic x"}, 401, 0},
		"beside a bad key":            {[]string{plain + cookie, "X-API-Key: x"}, 401, 0},
		"on another's project":        {[]string{plain + cookie, "X-Project: " + id(other.Project)}, 404, 0},
		"on its own, by its id":       {[]string{plain + cookie, "X-Project: " + id(u.Project)}, 200, u.ID},
		"another site asks to read":   {[]string{plain + cookie, "Sec-Fetch-Site: cross-site"}, 200, u.ID},
		"nothing, and a project":      {[]string{"X-Project: x"}, 401, 0},
		"a cookie, and a bad project": {[]string{plain + cookie, "X-Project: x"}, 422, 0},
	} {
		t.Run(name, func(t *testing.T) {
			answer, p := w.get(t, "/read", c.headers...)
			require.Equal(t, c.status, answer.Code, answer.Body)
			require.Equal(t, c.user, p.UserID)
			require.Contains(t, answer.Header().Values("Vary"), "Cookie")
		})
	}
}

// TestCookieOfOtherOrigins: only pages of the service's own origin can act by a cookie.
// Callers with a credential of their own can from anywhere.
func TestCookieOfOtherOrigins(t *testing.T) {
	t.Parallel()
	w := defaults(t)
	u := w.login(t, "ann")
	cookie, token := plain+authtest.Browser(t, w.pool, u), "Authorization: Bearer "+u.Token
	for name, c := range map[string]struct {
		headers                      []string
		byCookie, byToken, byNothing int
	}{
		"no browser":       {nil, 200, 200, 200},
		"same origin":      {[]string{"Sec-Fetch-Site: same-origin", "Origin: http://here.example"}, 200, 200, 200},
		"typed by hand":    {[]string{"Sec-Fetch-Site: none"}, 200, 200, 200},
		"other site":       {[]string{"Sec-Fetch-Site: cross-site", "Origin: http://evil.example"}, 403, 200, 403},
		"subdomain":        {[]string{"Sec-Fetch-Site: same-site", "Origin: http://blog.here.example"}, 403, 200, 403},
		"older browser":    {[]string{"Origin: http://here.example"}, 200, 200, 200},
		"older, elsewhere": {[]string{"Origin: http://evil.example"}, 403, 200, 403},
		"other port":       {[]string{"Origin: http://here.example:81"}, 403, 200, 403},
		"sandboxed frame":  {[]string{"Origin: null"}, 403, 200, 403},
	} {
		t.Run(name, func(t *testing.T) {
			headers := append([]string{"Host: here.example"}, c.headers...)
			answer, _ := w.do(t, "POST", "/read", append(headers, cookie)...)
			require.Equal(t, c.byCookie, answer.Code, answer.Body)
			answer, _ = w.do(t, "POST", "/read", append(headers, token)...)
			require.Equal(t, c.byToken, answer.Code, answer.Body)
			answer, _ = w.do(t, "POST", "/optional", headers...)
			require.Equal(t, c.byNothing, answer.Code, answer.Body)
		})
	}
}

// TestOptionalCaller: a cookie that is over is none, any other credential must hold.
func TestOptionalCaller(t *testing.T) {
	t.Parallel()
	w := defaults(t)
	u := w.login(t, "ann")
	unknown, _ := auth.NewCredential(auth.SessionPrefix)
	for header, want := range map[string]struct {
		status int
		user   int64
	}{
		"Accept: */*":                          {200, 0},
		plain + authtest.Browser(t, w.pool, u): {200, u.ID},
		plain + unknown:                        {200, 0},
		"Authorization: Bearer " + u.Token:     {200, u.ID},
		"Authorization: Bearer x":              {401, 0},
		"X-API-Key: " + authtest.Key(t, w.pool, u, auth.ScopeRead): {403, 0},
	} {
		answer, p := w.do(t, "POST", "/optional", header)
		require.Equal(t, want.status, answer.Code, "%s: %s", header, answer.Body)
		require.Equal(t, want.user, p.UserID, header)
	}
}

// TestEndedCookies: what the account service writes ends a browser's login for every
// service.
func TestEndedCookies(t *testing.T) {
	t.Parallel()
	w := defaults(t)
	for name, end := range map[string]string{
		"logged out":         `UPDATE analytics.token_families SET revoked_at = now() WHERE user_id = $1`,
		"disabled":           `UPDATE analytics.users SET disabled = true WHERE id = $1`,
		"valid from now on":  `UPDATE analytics.users SET tokens_valid_from = now() WHERE id = $1`,
		"cleared away":       `DELETE FROM analytics.token_families WHERE user_id = $1`,
		"unused for a month": `UPDATE analytics.web_sessions SET last_used_at = now() - interval '30 days' WHERE family_id IN (SELECT id FROM analytics.token_families WHERE user_id = $1)`,
		"older than 90 days": `UPDATE analytics.web_sessions SET expires_at = now() WHERE family_id IN (SELECT id FROM analytics.token_families WHERE user_id = $1)`,
	} {
		u := w.login(t, name)
		cookie := plain + authtest.Browser(t, w.pool, u)
		answer, _ := w.get(t, "/read", cookie)
		require.Equal(t, 200, answer.Code, name)
		w.exec(t, end, u.ID)
		answer, _ = w.get(t, "/read", cookie)
		require.Equal(t, 401, answer.Code, name)
	}
}

// TestCookieExpiresFromMemory: a login that was read expires on time while Postgres is
// not asked again.
func TestCookieExpiresFromMemory(t *testing.T) {
	t.Parallel()
	var c clock
	c.nanos.Store(time.Now().UnixNano())
	w := newWorld(t, auth.Config{CacheFor: 100 * 24 * time.Hour, HonourFor: 100 * 24 * time.Hour}, pgtest.New(t), c.now)
	u := w.login(t, "ann")
	cookie := plain + authtest.Browser(t, w.pool, u)
	read := func() int {
		answer, _ := w.get(t, "/read", cookie)
		return answer.Code
	}
	require.Equal(t, 200, read())
	for range 3 { // each use is worth 30 days
		c.add(30*24*time.Hour - 2*time.Hour)
		require.Equal(t, 200, read())
	}
	c.add(6*time.Hour - time.Minute)
	require.Equal(t, 200, read())
	c.add(2 * time.Minute)
	require.Equal(t, 401, read(), "90 days are over")
	idle := plain + authtest.Browser(t, w.pool, w.login(t, "bob"))
	c.nanos.Store(time.Now().UnixNano())
	answer, _ := w.get(t, "/read", idle)
	require.Equal(t, 200, answer.Code)
	c.add(30*24*time.Hour + time.Second)
	answer, _ = w.get(t, "/read", idle)
	require.Equal(t, 401, answer.Code, "it was not used for 30 days")
}

// TestUsesAreNoted: the use of keys and cookies is written, once an hour.
func TestUsesAreNoted(t *testing.T) {
	t.Parallel()
	w := defaults(t)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- w.who.Run(ctx) }()
	u := w.login(t, "ann")
	cookie, key := plain+authtest.Browser(t, w.pool, u), "X-API-Key: "+authtest.Key(t, w.pool, u, auth.ScopeRead)
	w.exec(t, `UPDATE analytics.web_sessions SET last_used_at = now() - interval '2 hours'`)
	used := func() (seen struct{ key, cookie *time.Time }) {
		err := w.pool.QueryRow(t.Context(), `SELECT (SELECT last_used_at FROM analytics.api_keys), (SELECT last_used_at FROM analytics.web_sessions)`).Scan(&seen.key, &seen.cookie)
		require.NoError(t, err)
		return seen
	}
	require.Nil(t, used().key)
	ask := func() {
		for _, header := range []string{cookie, key} {
			answer, _ := w.get(t, "/read", header)
			require.Equal(t, 200, answer.Code)
		}
	}
	ask()
	fresh := func(at *time.Time) bool { return at != nil && time.Since(*at) < time.Minute }
	require.Eventually(t, func() bool { return fresh(used().key) && fresh(used().cookie) }, time.Minute, 10*time.Millisecond)
	first := used()
	ask()
	w.exec(t, `UPDATE analytics.api_keys SET last_used_at = last_used_at - interval '50 minutes'`)
	ask()
	require.Equal(t, *first.cookie, *used().cookie)
	w.exec(t, `UPDATE analytics.web_sessions SET last_used_at = last_used_at - interval '2 hours'`)
	ask()
	stop()
	require.NoError(t, <-done)
	require.True(t, fresh(used().cookie), "what was noted is written at the stop")
	require.Equal(t, first.key.Add(-50*time.Minute), *used().key, "it is not an hour ago")
}

func TestSessionCookie(t *testing.T) {
	t.Parallel()
	require.Equal(t, "__Host-ea_session=x; Path=/; Max-Age=7776000; HttpOnly; Secure; SameSite=Strict", authhttp.SessionCookie("x", true).String())
	require.Equal(t, "ea_session=x; Path=/; Max-Age=7776000; HttpOnly; SameSite=Strict", authhttp.SessionCookie("x", false).String())
	require.Equal(t, "ea_session=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict", authhttp.SessionCookie("", false).String())
}
