package authhttp_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/auth"
	"eventanalytics/pkg/auth/authtest"
)

// get sends headers, "Name: value" each, and returns status, answer and caller.
func (w *world) get(t *testing.T, path string, headers ...string) (*httptest.ResponseRecorder, auth.Principal) {
	t.Helper()
	return w.do(t, http.MethodGet, path, headers...)
}

func (w *world) do(t *testing.T, method, path string, headers ...string) (*httptest.ResponseRecorder, auth.Principal) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, path, nil)
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		if name == "Host" {
			r.Host = value
		}
		r.Header.Add(name, value)
	}
	answer := httptest.NewRecorder()
	w.handler.ServeHTTP(answer, r)
	var p auth.Principal
	if answer.Code == http.StatusOK {
		require.NoError(t, json.Unmarshal(answer.Body.Bytes(), &p))
	}
	return answer, p
}

func id(n int64) string { return strconv.FormatInt(n, 10) }

func TestCredentialForms(t *testing.T) {
	t.Parallel()
	w := defaults(t)
	u := w.login(t, "ann")
	key := authtest.Key(t, w.pool, u, auth.ScopeRead)
	refresh, _ := auth.NewCredential(auth.RefreshPrefix)

	for name, c := range map[string]struct {
		path    string
		headers []string
		status  int
	}{
		"open":                     {"/open", nil, 204},
		"open with a bad token":    {"/open", []string{"Authorization: Bearer x"}, 204},
		"nothing":                  {"/read", nil, 401},
		"token":                    {"/read", []string{"Authorization: Bearer " + u.Token}, 200},
		"scheme in capitals":       {"/read", []string{"Authorization: BEARER " + u.Token}, 200},
		"key as bearer":            {"/read", []string{"Authorization: Bearer " + key}, 200},
		"key as X-API-Key":         {"/read", []string{"X-API-Key: " + key}, 200},
		"token as X-API-Key":       {"/read", []string{"X-API-Key: " + u.Token}, 401},
		"refresh token":            {"/read", []string{"Authorization: Bearer " + refresh}, 401},
		"refresh as X-API-Key":     {"/read", []string{"X-API-Key: " + refresh}, 401},
		"unknown key":              {"/read", []string{"X-API-Key: ea_" + strings.Repeat("a", 52)}, 401},
		"key in other case":        {"/read", []string{"X-API-Key: " + strings.ToUpper(key)}, 401},
		"key in the URL":           {"/read?api_key=" + key, nil, 401},
		"token in the URL":         {"/read?access_token=" + u.Token, nil, 401},
		"basic":                    {"/read", []string{"Authorization: Basic YW5uOnNldmVu"}, 401},
		"no scheme":                {"/read", []string{"Authorization: " + u.Token}, 401},
		"bearer of nothing":        {"/read", []string{"Authorization: Bearer "}, 401},
		"10,000 dots":              {"/read", []string{"Authorization: Bearer " + strings.Repeat(".", 10_000)}, 401},
		"both":                     {"/read", []string{"Authorization: Bearer " + key, "X-API-Key: " + key}, 400},
		"two Authorizations":       {"/read", []string{"Authorization: Bearer " + u.Token, "Authorization: Bearer " + u.Token}, 400},
		"two keys":                 {"/read", []string{"X-API-Key: " + key, "X-API-Key: " + key}, 400},
		"project is no number":     {"/read", []string{"Authorization: Bearer " + u.Token, "X-Project: home"}, 422},
		"two projects":             {"/read", []string{"Authorization: Bearer " + u.Token, "X-Project: " + id(u.Project), "X-Project: 2"}, 422},
		"key names its project":    {"/read", []string{"X-API-Key: " + key, "X-Project: " + id(u.Project)}, 200},
		"key names another":        {"/read", []string{"X-API-Key: " + key, "X-Project: " + id(u.Project+1)}, 404},
		"user names no project":    {"/read", []string{"Authorization: Bearer " + u.Token, "X-Project: 999999"}, 404},
		"account names no project": {"/account", []string{"Authorization: Bearer " + u.Token, "X-Project: 999999"}, 404},
		"project in the URL":       {"/read?project=" + id(u.Project), []string{"Authorization: Bearer " + u.Token}, 200},
		"both the same":            {"/read?project=" + id(u.Project), []string{"Authorization: Bearer " + u.Token, "X-Project: " + id(u.Project)}, 200},
		"URL against header":       {"/read?project=" + id(u.Project), []string{"Authorization: Bearer " + u.Token, "X-Project: " + id(u.Project+1)}, 422},
		"URL against its header":   {"/read?project=" + id(u.Project+1), []string{"Authorization: Bearer " + u.Token, "X-Project: " + id(u.Project)}, 422},
		"URL names no project":     {"/read?project=999999", []string{"Authorization: Bearer " + u.Token}, 404},
		"URL names a word":         {"/read?project=home", []string{"Authorization: Bearer " + u.Token}, 422},
		"URL names nothing":        {"/read?project=", []string{"Authorization: Bearer " + u.Token}, 422},
		"URL names two":            {"/read?project=1&project=1", []string{"Authorization: Bearer " + u.Token}, 422},
		"URL of a key":             {"/read?project=" + id(u.Project), []string{"X-API-Key: " + key}, 200},
		"URL of a key's other":     {"/read?project=" + id(u.Project+1), []string{"X-API-Key: " + key}, 404},
		"URL and nobody":           {"/read?project=" + id(u.Project), nil, 401},
		"account takes no project": {"/account?project=" + id(u.Project), []string{"Authorization: Bearer " + u.Token}, 422},
	} {
		t.Run(name, func(t *testing.T) {
			answer, _ := w.get(t, c.path, c.headers...)
			require.Equal(t, c.status, answer.Code, answer.Body)
			if c.status >= 400 {
				require.Equal(t, "application/problem+json", answer.Header().Get("Content-Type"))
			}
			if c.status == 401 {
				require.Equal(t, "Bearer", answer.Header().Get("WWW-Authenticate"))
			}
		})
	}
}

// Each role and key scope against each scope an operation can ask for.
func TestScopesAndRoles(t *testing.T) {
	t.Parallel()
	w := defaults(t)
	owner := w.login(t, "owner")
	callers := map[string][]string{"owner": {"Authorization: Bearer " + owner.Token}}
	for _, role := range []auth.Role{auth.RoleEditor, auth.RoleViewer} {
		u := w.login(t, string(role))
		w.addMember(t, owner.Project, u.ID, role)
		callers[string(role)] = []string{"Authorization: Bearer " + u.Token, "X-Project: " + id(owner.Project)}
	}
	for _, scope := range []auth.Scope{auth.ScopeIngest, auth.ScopeRead} {
		callers["key "+string(scope)] = []string{"X-API-Key: " + authtest.Key(t, w.pool, owner, scope)}
	}
	byURL := func(path string, headers []string) (string, []string) {
		if path == "/account" || len(headers) < 2 {
			return path, headers
		}
		return path + "?project=" + id(owner.Project), headers[:1]
	}
	for caller, want := range map[string]struct{ ingest, read, account int }{
		"owner":      {200, 200, 200},
		"editor":     {200, 200, 200},
		"viewer":     {403, 200, 200},
		"key ingest": {200, 403, 403},
		"key read":   {403, 200, 403},
	} {
		for path, status := range map[string]int{"/ingest": want.ingest, "/read": want.read, "/account": want.account} {
			answer, p := w.get(t, path, callers[caller]...)
			require.Equal(t, status, answer.Code, "%s %s: %s", caller, path, answer.Body)
			if status == 200 {
				require.Equal(t, owner.Project, p.ProjectID, "%s %s", caller, path)
			}
			path, headers := byURL(path, callers[caller])
			answer, p = w.get(t, path, headers...)
			require.Equal(t, status, answer.Code, "%s %s: %s", caller, path, answer.Body)
			if status == 200 {
				require.Equal(t, owner.Project, p.ProjectID, "%s %s", caller, path)
			}
		}
	}
}

// TestWeekStart: callers bring the day that weeks of the project begin on.
func TestWeekStart(t *testing.T) {
	t.Parallel()
	w := defaults(t)
	ann, bob := w.login(t, "ann"), w.login(t, "bob")
	w.addMember(t, ann.Project, bob.ID, auth.RoleViewer)
	_, err := w.pool.Exec(t.Context(), "UPDATE analytics.projects SET week_start = 'sunday' WHERE id = $1", ann.Project)
	require.NoError(t, err)
	for _, c := range []struct {
		headers []string
		want    string
	}{
		{[]string{"Authorization: Bearer " + ann.Token}, "sunday"},
		{[]string{"Authorization: Bearer " + bob.Token, "X-Project: " + id(ann.Project)}, "sunday"},
		{[]string{"X-API-Key: " + authtest.Key(t, w.pool, ann, auth.ScopeRead)}, "sunday"},
		{[]string{"Authorization: Bearer " + bob.Token}, "monday"},
	} {
		answer, p := w.get(t, "/read", c.headers...)
		require.Equal(t, 200, answer.Code, answer.Body)
		require.Equal(t, c.want, p.WeekStart)
	}
}

func TestProjectsAreIsolated(t *testing.T) {
	t.Parallel()
	w := defaults(t)
	ann, bob := w.login(t, "ann"), w.login(t, "bob")
	annToken, bobToken := "Authorization: Bearer "+ann.Token, "Authorization: Bearer "+bob.Token

	_, p := w.get(t, "/read", bobToken)
	require.Equal(t, bob.Project, p.ProjectID, "by default the user's own project")
	require.Equal(t, bob.ID, p.UserID)
	foreign, _ := w.get(t, "/read", bobToken, "X-Project: "+id(ann.Project))
	missing, _ := w.get(t, "/read", bobToken, "X-Project: 123456789")
	require.Equal(t, 404, foreign.Code)
	require.Equal(t, withoutInstance(t, missing), withoutInstance(t, foreign), "nothing tells a foreign project from a missing one")

	w.addMember(t, ann.Project, bob.ID, auth.RoleViewer)
	answer, p := w.get(t, "/read", bobToken, "X-Project: "+id(ann.Project))
	require.Equal(t, 200, answer.Code)
	require.Equal(t, ann.Project, p.ProjectID)
	answer, p = w.get(t, "/read?project="+id(ann.Project), bobToken)
	require.Equal(t, 200, answer.Code)
	require.Equal(t, ann.Project, p.ProjectID)
	w.exec(t, `DELETE FROM analytics.members WHERE project_id = $1 AND user_id = $2`, ann.Project, bob.ID)
	answer, _ = w.get(t, "/read", bobToken, "X-Project: "+id(ann.Project))
	require.Equal(t, 404, answer.Code)
	answer, _ = w.get(t, "/read?project="+id(ann.Project), bobToken)
	require.Equal(t, 404, answer.Code)
	answer, _ = w.get(t, "/read", annToken)
	require.Equal(t, 200, answer.Code)
}

func withoutInstance(t *testing.T, answer *httptest.ResponseRecorder) map[string]any {
	t.Helper()
	var body map[string]any
	require.NoError(t, json.Unmarshal(answer.Body.Bytes(), &body))
	delete(body, "instance")
	return body
}

// What the account service writes ends a login or a key for every service.
func TestEndedCredentials(t *testing.T) {
	t.Parallel()
	w := defaults(t)
	for name, end := range map[string]string{
		"logged out":         `UPDATE analytics.token_families SET revoked_at = now() WHERE user_id = $1`,
		"disabled":           `UPDATE analytics.users SET disabled = true WHERE id = $1`,
		"valid from now on":  `UPDATE analytics.users SET tokens_valid_from = now() WHERE id = $1`,
		"login cleared away": `DELETE FROM analytics.token_families WHERE user_id = $1`,
	} {
		u := w.login(t, name)
		answer, _ := w.get(t, "/read", "Authorization: Bearer "+u.Token)
		require.Equal(t, 200, answer.Code, name)
		w.exec(t, end, u.ID)
		answer, _ = w.get(t, "/read", "Authorization: Bearer "+u.Token)
		require.Equal(t, 401, answer.Code, name)
	}
	u := w.login(t, "owner of a key")
	key := "X-API-Key: " + authtest.Key(t, w.pool, u, auth.ScopeRead)
	answer, _ := w.get(t, "/read", key)
	require.Equal(t, 200, answer.Code)
	w.exec(t, revokeKeysSQL, u.Project)
	answer, _ = w.get(t, "/read", key)
	require.Equal(t, 401, answer.Code)
}
