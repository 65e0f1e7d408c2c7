package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"
	"github.com/stretchr/testify/require"
)

// The road of a newcomer: register, log in, see oneself, refresh, log out.
func TestRoad(t *testing.T) {
	t.Parallel()
	s := open(t)
	u := s.post("/api/auth/register", "", `{"username": "Ann", "password": "seven green lamps", "email": null, "full_name": "Ann Example"}`)
	require.Equal(t, 201, u.Code, u.Body)
	require.JSONEq(t, fmt.Sprintf(`{"id": %s, "username": "Ann", "email": null, "full_name": "Ann Example", "disabled": false, "project_id": %s}`,
		u.text("id"), u.text("project_id")), u.Body.String())

	g := s.post("/api/auth/token", "", url.Values{"grant_type": {"password"}, "username": {"ann"}, "password": {password}, "scope": {""}, "client_id": {"x"}, "client_secret": {"y"}, "device": {"z"}})
	require.Equal(t, 200, g.Code, g.Body)
	require.Equal(t, "bearer", g.text("token_type"))
	require.Equal(t, "900", g.text("expires_in"))
	require.Equal(t, "no-store", g.Header().Get("Cache-Control"))
	require.NotEmpty(t, g.Header().Get("RateLimit-Remaining"))

	me := s.get("/api/auth/me", g.text("access_token"))
	require.Equal(t, 200, me.Code)
	require.JSONEq(t, u.Body.String(), me.Body.String())

	second := s.post("/api/auth/refresh", "", `{"refresh_token": "`+g.text("refresh_token")+`"}`)
	require.Equal(t, 200, second.Code, second.Body)
	third := s.post("/api/auth/token", "", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {second.text("refresh_token")}})
	require.Equal(t, 200, third.Code, third.Body)

	require.Equal(t, 204, s.post("/api/auth/logout", third.text("access_token"), nil).Code)
	s.get("/api/auth/me", third.text("access_token")).problem(401, "unauthorized", "")
	s.post("/api/auth/refresh", "", `{"refresh_token": "`+third.text("refresh_token")+`"}`).problem(401, "invalid-refresh-token", "")
}

// The paths of the original service do the same and are not in the document.
func TestAliases(t *testing.T) {
	t.Parallel()
	s := open(t)
	for i, path := range []string{"/register", "/api/stats/register"} {
		require.Equal(t, 201, s.post(path, "", credentials(fmt.Sprint("user", i), password)).Code)
	}
	for _, path := range []string{"/token", "/api/stats/token"} {
		g := s.post(path, "", url.Values{"username": {"user0"}, "password": {password}})
		require.Equal(t, 200, g.Code)
		require.Equal(t, "user0", s.get("/api/stats/users/me", g.text("access_token")).text("username"))
	}
	paths := s.api.OpenAPI().Paths
	for _, path := range []string{"/register", "/api/stats/register", "/token", "/api/stats/token", "/api/stats/users/me"} {
		require.NotContains(t, paths, path)
	}
	for _, path := range []string{
		"/api/auth/register", "/api/auth/token", "/api/auth/refresh", "/api/auth/logout", "/api/auth/password", "/api/auth/me",
		"/api/projects", "/api/projects/{id}/members", "/api/projects/{id}/members/{user_id}", "/api/projects/{id}/keys", "/api/projects/{id}/keys/{key_id}",
	} {
		require.Contains(t, paths, path)
	}
	content := paths["/api/auth/token"].Post.RequestBody.Content
	require.Contains(t, content, "application/x-www-form-urlencoded")
	require.Contains(t, content, "application/json")
}

func TestRegisterRefuses(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.user("taken")
	for name, c := range map[string]struct {
		body   string
		status int
		code   string
		field  string
	}{
		"no body":                 {"", 400, "malformed-request", ""},
		"no JSON":                 {"{", 400, "malformed-request", ""},
		"two members of a name":   {`{"username": "a", "username": "b", "password": "seven green lamps"}`, 400, "malformed-request", ""},
		"an array":                {"[]", 422, "invalid-field", "body"},
		"no username":             {`{"password": "seven green lamps"}`, 422, "missing-field", "username"},
		"username is a number":    {`{"username": 1, "password": "seven green lamps"}`, 422, "invalid-field", "username"},
		"empty username":          {credentials("", password), 422, "invalid-field", "username"},
		"151 characters":          {credentials(strings.Repeat("é", 151), password), 422, "invalid-field", "username"},
		"control characters":      {credentials("a\x07b", password), 422, "invalid-character", "username"},
		"taken in another case":   {credentials("TAKEN", password), 409, "username-taken", ""},
		"7 bytes":                 {credentials("x", "abcdefg"), 422, "invalid-field", "password"},
		"257 bytes":               {credentials("x", strings.Repeat("a", 257)), 422, "invalid-field", "password"},
		"1 MiB":                   {credentials("x", strings.Repeat("a", 1<<20)), 413, "request-entity-too-large", ""},
		"among the commonest":     {credentials("x", "Password123"), 422, "too-common", "password"},
		"no e-mail":               {`{"username": "x", "password": "seven green lamps", "email": "x"}`, 422, "invalid-field", "email"},
		"role":                    {`{"username": "x", "password": "seven green lamps", "role": "owner"}`, 422, "unknown-field", "role"},
		"id":                      {`{"username": "x", "password": "seven green lamps", "id": 1}`, 422, "unknown-field", "id"},
		"disabled":                {`{"username": "x", "password": "seven green lamps", "disabled": false}`, 422, "unknown-field", "disabled"},
		"username in other case":  {`{"Username": "x", "password": "seven green lamps"}`, 422, "invalid-field", ""},
		"bad UTF-8":               {"{\"username\": \"a\xff\", \"password\": \"seven green lamps\"}", 400, "malformed-request", ""},
		"trailing data":           {credentials("x", password) + "{}", 400, "malformed-request", ""},
		"password in capitals":    {credentials("x", "QWERTYUIOP"), 422, "too-common", "password"},
		"lone surrogate":          {`{"username": "\ud800", "password": "seven green lamps"}`, 400, "malformed-request", ""},
		"NUL in the username":     {`{"username": "a\u0000", "password": "seven green lamps"}`, 422, "invalid-character", "username"},
		"control in the fullname": {`{"username": "x", "password": "seven green lamps", "full_name": "\u0000"}`, 422, "invalid-character", "full_name"},
	} {
		t.Run(name, func(t *testing.T) {
			a := s.post("/api/auth/register", "", c.body)
			a.t = t
			a.problem(c.status, c.code, c.field)
			require.NotContains(t, a.Body.String(), "seven green", "no answer repeats a password")
		})
	}
	s.post("/api/auth/register", "", url.Values{"username": {"x"}, "password": {password}}).problem(415, "unsupported-media-type", "")
	s.post("/api/auth/register?admin=1", "", credentials("x", password)).problem(422, "unknown-parameter", "admin")
	require.Equal(t, 405, s.do(http.MethodPut, "/api/auth/register", "", credentials("x", password)).Code)

	var users int
	require.NoError(t, s.pool.QueryRow(t.Context(), `SELECT count(*) FROM analytics.users`).Scan(&users))
	require.Equal(t, 1, users, "nothing of what was refused is stored")
}

func TestClosedRegistration(t *testing.T) {
	t.Parallel()
	s := newService(t, Config{Registration: "closed"}, wideLimits)
	for _, path := range []string{"/api/auth/register", "/register", "/api/stats/register"} {
		s.post(path, "", credentials("ann", password)).problem(403, "setup-token", "")
	}
	require.Error(t, (&Config{Registration: "maybe"}).Validate())
	require.NoError(t, (&Config{Registration: "closed"}).Validate())
}

func TestTokenRefuses(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.user("ann")
	unknown := s.post("/api/auth/token", "", credentials("bob", password))
	wrong := s.post("/api/auth/token", "", credentials("ann", "seven red lamps"))
	require.Equal(t, unknown.Header().Get("WWW-Authenticate"), "Bearer")
	unknown.problem(401, "invalid-credentials", "")
	wrong.problem(401, "invalid-credentials", "")
	for _, member := range []string{"type", "title", "status", "detail"} {
		require.Equal(t, unknown.member(member), wrong.member(member), "an answer must not tell who has an account")
	}
	require.Equal(t, len(unknown.Header()), len(wrong.Header()))

	for name, c := range map[string]struct {
		body   any
		status int
		code   string
		field  string
	}{
		"no body":            {"", 400, "malformed-request", ""},
		"no JSON":            {"{", 400, "malformed-json", ""},
		"a repeated member":  {`{"username": "ann", "username": "bob"}`, 400, "malformed-json", ""},
		"an array":           {"[]", 422, "invalid-field", "body"},
		"no username":        {url.Values{"password": {password}}, 422, "missing-field", "username"},
		"no password":        {url.Values{"username": {"ann"}}, 422, "missing-field", "password"},
		"no refresh token":   {url.Values{"grant_type": {"refresh_token"}}, 422, "missing-field", "refresh_token"},
		"another grant type": {url.Values{"grant_type": {"client_credentials"}}, 422, "invalid-field", "grant_type"},
		"unknown member":     {`{"username": "ann", "password": "seven green lamps", "role": "owner"}`, 422, "unknown-field", "role"},
		"a number":           {`{"username": "ann", "password": 12345678}`, 422, "invalid-field", "password"},
		"a repeated field":   {url.Values{"username": {"ann", "ann"}, "password": {password}}, 400, "malformed-form", ""},
		"bad UTF-8":          {url.Values{"username": {"ann\xff"}, "password": {password}}, 400, "malformed-form", ""},
		"1 MiB":              {url.Values{"username": {"ann"}, "password": {strings.Repeat("a", 1<<20)}}, 413, "request-entity-too-large", ""},
		"NUL":                {url.Values{"username": {"ann\x00"}, "password": {password}}, 401, "invalid-credentials", ""},
	} {
		t.Run(name, func(t *testing.T) {
			a := s.post("/api/auth/token", "", c.body)
			a.t = t
			a.problem(c.status, c.code, c.field)
		})
	}
	s.post("/api/auth/token", "", "x", "Content-Type: text/plain").problem(415, "unsupported-media-type", "")
	s.post("/api/auth/token", "", "%zz", "Content-Type: application/x-www-form-urlencoded").problem(400, "malformed-form", "")
	s.post("/api/auth/refresh", "", `{"refresh_token": "er_nothing"}`).problem(401, "invalid-refresh-token", "")
}

// What was used once and comes again ends the login, its access token included.
func TestRefreshReuse(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.user("ann")
	first := s.post("/api/auth/token", "", credentials("ann", password))
	refresh := func(a answer) answer {
		return s.post("/api/auth/refresh", "", `{"refresh_token": "`+a.text("refresh_token")+`"}`)
	}
	second := refresh(first)
	require.Equal(t, 200, second.Code)
	require.Equal(t, 200, s.get("/api/auth/me", second.text("access_token")).Code)
	same := refresh(first)
	require.Equal(t, 200, same.Code)
	require.Equal(t, second.text("access_token"), same.text("access_token"), "another tab")
	third := refresh(second)
	require.Equal(t, 200, third.Code)
	again := refresh(first)
	again.problem(401, "invalid-refresh-token", "")
	require.Equal(t, "Bearer", again.Header().Get("WWW-Authenticate"))
	refresh(third).problem(401, "invalid-refresh-token", "")
	s.get("/api/auth/me", third.text("access_token")).problem(401, "unauthorized", "")
}

func TestPasswordChange(t *testing.T) {
	t.Parallel()
	s := open(t)
	_, _, token := s.user("ann")
	other := s.post("/api/auth/token", "", credentials("ann", password))
	change := func(old, next string) answer {
		return s.post("/api/auth/password", token, fmt.Sprintf(`{"old_password": %q, "new_password": %q}`, old, next))
	}
	change("not it at all", "another good one").problem(401, "invalid-credentials", "")
	change(password, "12345678").problem(422, "too-common", "new_password")
	change(password, "short").problem(422, "invalid-field", "new_password")
	s.post("/api/auth/password", "", `{"old_password": "a", "new_password": "b"}`).problem(401, "unauthorized", "")
	require.Equal(t, 204, change(password, "another good one").Code)
	s.post("/api/auth/token", "", credentials("ann", password)).problem(401, "invalid-credentials", "")
	require.Equal(t, 200, s.post("/api/auth/token", "", credentials("ann", "another good one")).Code)
	require.Equal(t, 200, s.get("/api/auth/me", token).Code, "the login it was made in stays valid")
	s.get("/api/auth/me", other.text("access_token")).problem(401, "unauthorized", "")
}

func TestProjectsMembersKeys(t *testing.T) {
	t.Parallel()
	s := open(t)
	annID, annHome, ann := s.user("ann")
	bobID, bobHome, bob := s.user("bob")

	shop := s.post("/api/projects", ann, `{"name": "Shop"}`)
	require.Equal(t, 201, shop.Code, shop.Body)
	require.Equal(t, "owner", shop.text("role"))
	members, keys := "/api/projects/"+shop.text("id")+"/members", "/api/projects/"+shop.text("id")+"/keys"
	projects := s.get("/api/projects", ann)
	require.Equal(t, 200, projects.Code)
	require.Equal(t, annHome, projects.text("data.0.id"))
	require.Equal(t, true, projects.member("data.0.home"))
	require.Equal(t, "Shop", projects.text("data.1.name"))

	// A user who is no member learns nothing.
	for _, a := range []answer{
		s.get(members, bob), s.post(members, bob, `{"username": "bob", "role": "owner"}`), s.do(http.MethodDelete, members+"/"+annID, bob, nil),
		s.get(keys, bob), s.post(keys, bob, `{"name": "k", "scope": "read"}`), s.do(http.MethodDelete, keys+"/1", bob, nil),
		s.get("/api/projects/999999/members", bob),
		s.get("/api/projects/"+shop.text("id")+"/invitations", bob), s.post("/api/projects/"+shop.text("id")+"/transfer", bob, `{"username": "bob"}`),
		s.do(http.MethodDelete, "/api/projects/"+shop.text("id")+"/invitations/"+annID, bob, nil),
		s.post("/api/invitations/"+shop.text("id")+"/accept", bob, nil), s.do(http.MethodDelete, "/api/invitations/"+shop.text("id"), bob, nil),
	} {
		a.problem(404, "not-found", "")
	}

	invited := s.post(members, ann, `{"username": "Bob", "role": "editor"}`)
	require.Equal(t, 202, invited.Code, invited.Body)
	require.Equal(t, "invited", invited.text("status"))
	require.Equal(t, bobID, invited.text("user_id"))
	require.Equal(t, "bob", s.get("/api/projects/"+shop.text("id")+"/invitations", ann).text("data.0.username"))
	require.Equal(t, "Shop", s.get("/api/invitations", bob).text("data.0.project_name"))
	s.get(members, bob).problem(404, "not-found", "")
	require.Equal(t, 204, s.do(http.MethodDelete, "/api/invitations/"+shop.text("id"), bob, nil).Code)
	require.Equal(t, 202, s.post(members, ann, `{"username": "Bob", "role": "editor"}`).Code)
	require.Equal(t, 204, s.do(http.MethodDelete, "/api/projects/"+shop.text("id")+"/invitations/"+bobID, ann, nil).Code)
	require.Equal(t, 202, s.post(members, ann, `{"username": "Bob", "role": "editor"}`).Code)
	accepted := s.post("/api/invitations/"+shop.text("id")+"/accept", bob, nil)
	require.Equal(t, 200, accepted.Code, accepted.Body)
	require.Equal(t, "editor", accepted.text("role"))
	require.JSONEq(t, `[]`, mustJSON(t, s.get("/api/invitations", bob).member("data")))
	changed := s.post(members, ann, `{"username": "Bob", "role": "viewer"}`)
	require.Equal(t, 200, changed.Code, changed.Body)
	require.Equal(t, "member", changed.text("status"))
	require.Equal(t, bobID, changed.text("user_id"))
	require.Equal(t, "viewer", s.get(members, bob).text("data.1.role"))
	s.post(members, bob, `{"username": "bob", "role": "owner"}`).problem(403, "not-owner", "")
	s.get(keys, bob).problem(403, "not-owner", "")
	s.post(members, ann, `{"username": "nobody", "role": "viewer"}`).problem(422, "unknown-user", "username")
	s.post(members, ann, `{"username": "bob", "role": "admin"}`).problem(422, "invalid-field", "role")
	s.do(http.MethodDelete, members+"/"+annID, ann, nil).problem(409, "last-owner", "")
	require.Equal(t, 204, s.do(http.MethodDelete, members+"/"+bobID, ann, nil).Code)
	s.do(http.MethodDelete, members+"/"+bobID, ann, nil).problem(404, "not-found", "")
	s.post(members, ann, `{"username": "bob", "role": "owner"}`)
	require.Equal(t, 200, s.post("/api/invitations/"+shop.text("id")+"/accept", bob, nil).Code)
	taken := s.post(keys, bob, `{"name": "bob's", "scope": "read"}`)
	require.Equal(t, bobID, taken.text("created_by"))
	s.do(http.MethodDelete, members+"/"+bobID+"?revoke_keys=maybe", bob, nil).problem(422, "invalid-parameter", "revoke_keys")
	require.Equal(t, 204, s.do(http.MethodDelete, members+"/"+bobID+"?revoke_keys=true", bob, nil).Code, "he leaves")
	require.NotNil(t, s.get(keys, ann).member("data.0.revoked_at"))
	require.Equal(t, "bob", s.get(keys, ann).text("data.0.created_by_username"))
	s.do(http.MethodDelete, members+"/x", ann, nil).problem(422, "invalid-parameter", "user_id")
	s.get("/api/projects/0/members", ann).problem(422, "invalid-parameter", "id")

	key := s.post(keys, ann, `{"name": "web", "scope": "ingest"}`)
	require.Equal(t, 201, key.Code, key.Body)
	require.Equal(t, "no-store", key.Header().Get("Cache-Control"))
	require.True(t, strings.HasPrefix(key.text("key"), "ea_"))
	s.post(keys, ann, `{"name": "web", "scope": "account"}`).problem(422, "invalid-field", "scope")
	s.post(keys, ann, `{"name": "", "scope": "read"}`).problem(422, "invalid-field", "name")
	listed := s.get(keys, ann)
	require.Equal(t, 200, listed.Code)
	require.NotContains(t, listed.Body.String(), key.text("key"), "the secret is shown once")
	require.Nil(t, listed.member("data.1.revoked_at"))

	// A key is not for accounts, and nobody revokes another project's.
	s.get("/api/auth/me", key.text("key")).problem(403, "insufficient-scope", "")
	s.get("/api/projects", key.text("key")).problem(403, "insufficient-scope", "")
	s.do(http.MethodDelete, "/api/projects/"+bobHome+"/keys/"+key.text("id"), bob, nil).problem(404, "not-found", "")
	require.Equal(t, 204, s.do(http.MethodDelete, keys+"/"+key.text("id"), ann, nil).Code)
	require.NotNil(t, s.get(keys, ann).member("data.1.revoked_at"))
	s.get("/api/auth/me", key.text("key")).problem(401, "unauthorized", "")

	empty := s.get("/api/projects/"+bobHome+"/keys", bob)
	require.JSONEq(t, `[]`, mustJSON(t, empty.member("data")))
}

// TestProjectSettings: owners rename a project and say what its weeks begin on; what
// they leave out stays.
func TestProjectSettings(t *testing.T) {
	t.Parallel()
	s := open(t)
	_, _, ann := s.user("ann")
	_, _, bob := s.user("bob")
	shop := s.post("/api/projects", ann, `{"name": "Shop"}`)
	require.Equal(t, "monday", shop.text("week_start"))
	path := "/api/projects/" + shop.text("id")
	change := func(token, body string) answer { return s.do(http.MethodPatch, path, token, body) }

	sunday := change(ann, `{"week_start": "sunday"}`)
	require.Equal(t, 200, sunday.Code, sunday.Body)
	require.Equal(t, "sunday", sunday.text("week_start"))
	require.Equal(t, "Shop", sunday.text("name"))
	require.Equal(t, "owner", sunday.text("role"))
	renamed := change(ann, `{"name": "Store"}`)
	require.Equal(t, "Store", renamed.text("name"))
	require.Equal(t, "sunday", renamed.text("week_start"))
	require.Equal(t, renamed.member("data"), change(ann, `{}`).member("data"))
	require.Equal(t, "sunday", s.get("/api/projects", ann).text("data.1.week_start"))

	require.Equal(t, false, shop.member("lake"))
	published := change(ann, `{"lake": true}`)
	require.Equal(t, true, published.member("lake"))
	require.Equal(t, "Store", published.text("name"))
	require.Equal(t, true, change(ann, `{"name": "Store"}`).member("lake"))
	require.Equal(t, true, s.get("/api/projects", ann).member("data.1.lake"))
	require.Equal(t, false, change(ann, `{"lake": false}`).member("lake"))
	change(ann, `{"lake": "yes"}`).problem(422, "invalid-field", "lake")

	change(ann, `{"week_start": "tuesday"}`).problem(422, "invalid-field", "week_start")
	change(ann, `{"name": ""}`).problem(422, "invalid-field", "name")
	change(ann, `{"name": "a\u202eb"}`).problem(422, "invalid-character", "name")
	change(bob, `{"name": "Bob's"}`).problem(404, "not-found", "")
	require.Equal(t, 202, s.post(path+"/members", ann, `{"username": "bob", "role": "editor"}`).Code)
	require.Equal(t, 200, s.post("/api/invitations/"+shop.text("id")+"/accept", bob, nil).Code)
	change(bob, `{"name": "Bob's"}`).problem(403, "not-owner", "")
}

func mustJSON(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	require.NoError(t, err)
	return string(b)
}

// Every operation says what it is, and once.
func TestDocument(t *testing.T) {
	t.Parallel()
	s := open(t)
	operations := 0
	for path, item := range s.api.OpenAPI().Paths {
		for _, op := range []*huma.Operation{item.Get, item.Post, item.Delete, item.Put} {
			if op == nil {
				continue
			}
			operations++
			require.NotEmpty(t, op.Summary, path)
			require.NotEmpty(t, op.OperationID, path)
			require.Len(t, op.Tags, 1, path)
			for _, status := range []string{"422", "429", "503"} {
				require.Contains(t, op.Responses, status, path)
			}
		}
	}
	require.NotZero(t, operations)
}
