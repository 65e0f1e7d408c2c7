package security

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestCookieEnds ends a browser's login while it is used everywhere.
func TestCookieEnds(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(t *testing.T, u *user, c *caller){
		"logged out": func(t *testing.T, _ *user, c *caller) {
			c.ask(t, "DELETE", accounts[0].url+"/api/auth/session", "").is(t, 204)
		},
		"logged in again": func(t *testing.T, u *user, c *caller) { u.logInBrowser(t, c, gateway).is(t, 204) },
		"ended from the list": func(t *testing.T, u *user, c *caller) {
			var logins struct{ Data []struct{ ID string } }
			c.ask(t, "GET", gateway+"/api/auth/sessions", "").is(t, 200).decode(t, &logins)
			u.ask(t, "DELETE", accounts[1].url+"/api/auth/sessions/"+logins.Data[0].ID, "").is(t, 204)
		},
		"all ended": func(t *testing.T, u *user, _ *caller) {
			u.ask(t, "DELETE", gateway+"/api/auth/sessions", "").is(t, 204)
		},
		"password changed elsewhere": func(t *testing.T, u *user, _ *caller) {
			u.ask(t, "POST", accounts[1].url+"/api/auth/password", newPassword(t, &place{owner: u}, &actor{user: u})).is(t, 204)
		},
		"user disabled": func(t *testing.T, u *user, _ *caller) {
			_, err := db.Exec(t.Context(), `UPDATE analytics.users SET disabled = true WHERE id = $1`, u.id)
			require.NoError(t, err)
			u.logInBrowser(t, nobody, gateway).is(t, 401)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			u := register(t, "browsing")
			c := u.browser(t, "a browser")
			for _, where := range everywhere() {
				require.Less(t, c.enter(t, where), 300, where)
			}
			end(t, u, c)
			endsWithin5s(t, c.enter)
		})
	}
}

// TestOtherOrigins: what a browser sends for a page of another origin is refused by each
// service and changes nothing, even if the cookie comes with it.
func TestOtherOrigins(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "attacked")
	c := p.owner.browser(t, "an attacked browser")
	before := p.state(t)
	project := projectPath(p.owner.project)
	requests := []struct{ method, where, body string }{
		{"POST", gateway + "/api/projects", `{"name": "x"}`},
		{"PATCH", project, `{"name": "x"}`},
		{"POST", project + "/keys", `{"name": "x", "scope": "read"}`},
		{"POST", project + "/members", object("username", p.spare.username, "role", "owner")},
		{"DELETE", gateway + "/api/auth/session", ""},
		{"DELETE", gateway + "/api/auth/sessions", ""},
		{"POST", gateway + "/api/auth/logout", ""},
		{"POST", gateway + "/api/auth/session", object("username", p.owner.username, "password", p.owner.password)},
	}
	for i := range accounts {
		requests = append(requests, struct{ method, where, body string }{"POST", ingest[i].url + eventsPath, event(uuid.NewString(), "planted")},
			struct{ method, where, body string }{"POST", stats[i].url + typesPath, `{}`})
	}
	for _, from := range []http.Header{
		{"Sec-Fetch-Site": {"cross-site"}, "Origin": {"https://evil.example"}},
		{"Sec-Fetch-Site": {"same-site"}},
		{"Origin": {"https://evil.example"}},
		{"Origin": {"null"}},
	} {
		page := c
		for name, values := range from {
			page = page.with(name, values[0])
		}
		for _, r := range requests {
			a := page.ask(t, r.method, r.where, r.body)
			require.Equal(t, 403, a.status, "%s %s from %v: %s", r.method, r.where, from, a)
			require.Empty(t, a.cookies())
			require.Empty(t, a.header.Get("Access-Control-Allow-Credentials"))
		}
		a := page.ask(t, "GET", gateway+"/api/auth/session", "").is(t, 200)
		require.Empty(t, a.header.Get("Access-Control-Allow-Origin"), "no other page can read it")
	}
	require.Equal(t, before, p.state(t))
	own := c.with("Origin", gateway)
	own.ask(t, "POST", gateway+typesPath, `{}`).is(t, 200)
	own.with("Sec-Fetch-Site", "same-origin").ask(t, "POST", gateway+"/api/projects", `{"name": "x"}`).is(t, 201)
}

// TestFixation plants cookies in a browser before its user logs in.
func TestFixation(t *testing.T) {
	t.Parallel()
	u, eve := register(t, "fixed"), register(t, "eve")
	for name, planted := range map[string]*caller{
		"invented":   browsing("an invented cookie", sessionPrefix+strings.Repeat("b", 52)),
		"of another": eve.browser(t, "eve's browser"),
	} {
		cookies := u.logInBrowser(t, planted, gateway).is(t, 204).cookies()
		require.Len(t, cookies, 1, name)
		require.NotContains(t, planted.header.Get("Cookie"), cookies[0].Value, name)
		require.True(t, cookies[0].HttpOnly)
		require.Equal(t, http.SameSiteStrictMode, cookies[0].SameSite)
		for _, where := range everywhere() { // it is none of the user's, and eve's was ended
			if a := planted.with("X-Project", fmt.Sprint(u.project)).enter(t, where); name == "invented" {
				require.Equal(t, 401, a, where)
			} else {
				require.Contains(t, []int{401, 404}, a, where) // eve's may be cached
			}
		}
	}
}

// TestCookieOverTLS: over TLS the plain name counts for nothing, and only the gateway
// says what is over TLS.
func TestCookieOverTLS(t *testing.T) {
	t.Parallel()
	u := register(t, "over TLS")
	claims := nobody.with("X-Forwarded-Proto", "https")
	require.Equal(t, "ea_session", u.logInBrowser(t, claims, gateway).is(t, 204).cookies()[0].Name, "nginx replaces what clients claim")
	set := u.logInBrowser(t, claims, accounts[0].url).is(t, 204).cookies()[0]
	require.Equal(t, "__Host-ea_session", set.Name)
	require.True(t, set.Secure)
	require.Empty(t, set.Domain)
	require.Equal(t, "/", set.Path)
	for _, where := range everywhere() {
		if strings.HasPrefix(where, gateway) {
			continue
		}
		require.Less(t, claims.with("Cookie", set.Name+"="+set.Value).enter(t, where), 300)
		require.Equal(t, 401, claims.with("Cookie", "ea_session="+set.Value).enter(t, where))
		require.Equal(t, 401, nobody.with("Cookie", set.Name+"="+set.Value).enter(t, where))
	}
}

// TestCookieBesideCredentials: another credential counts alone, wherever it comes from.
func TestCookieBesideCredentials(t *testing.T) {
	t.Parallel()
	u, other := register(t, "of a cookie"), register(t, "of a token")
	c := u.browser(t, "a browser")
	secret, _ := u.newKey(t, "read")
	for _, base := range []string{gateway, accounts[0].url, accounts[1].url} {
		var me struct{ ID int64 }
		both := c.with("Authorization", other.header.Get("Authorization"))
		both.ask(t, "GET", base+mePath, "").is(t, 200).decode(t, &me)
		require.Equal(t, other.id, me.ID)
		both.with("Sec-Fetch-Site", "cross-site").ask(t, "POST", base+"/api/projects", `{"name": "x"}`).is(t, 201)
		c.with("Authorization", "Bearer x").ask(t, "GET", base+mePath, "").is(t, 401)
		c.with("X-API-Key", secret).ask(t, "GET", base+mePath, "").is(t, 403)
		browsing("a key in a cookie", secret).ask(t, "GET", base+mePath, "").is(t, 401)
		bearing("a cookie as a token", strings.TrimPrefix(c.header.Get("Cookie"), "ea_session=")).ask(t, "GET", base+mePath, "").is(t, 401)
	}
}

// TestTwoTabs: one browser shows two projects at the same time. Each tab gets its own.
func TestTwoTabs(t *testing.T) {
	t.Parallel()
	one, two := newPlace(t, "one"), newPlace(t, "two")
	two.owner.setMember(t, one.owner, "viewer")
	c := one.owner.browser(t, "two tabs")
	var wg sync.WaitGroup
	for _, tab := range []struct{ own, other *place }{{one, two}, {two, one}} {
		for _, byHeader := range []bool{true, false} {
			wg.Go(func() {
				for range 20 {
					from, where := c, fmt.Sprintf("%s%s?project=%d", gateway, typesPath, tab.own.owner.project)
					if byHeader {
						from, where = c.on(tab.own.owner.project), gateway+typesPath
					}
					a, err := from.try(t, "GET", where, "")
					if !assert.NoError(t, err) || !assert.Equal(t, 200, a.status, "%s", a) {
						return
					}
					assert.Contains(t, string(a.body), tab.own.mark)
					assert.NotContains(t, string(a.body), tab.other.mark)
				}
			})
		}
	}
	wg.Wait()
	c.ask(t, "DELETE", gateway+"/api/auth/session", "").is(t, 204)
	untilRefused(t, []string{stats[0].url + typesPath, stats[1].url + typesPath}, 401, c.on(two.owner.project).enter)
}
