package auth_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/alexedwards/argon2id"
	"github.com/danielgtaylor/huma/v2"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"eventanalytics/pkg/account"
	"eventanalytics/pkg/auth"
	"eventanalytics/pkg/platform/postgres/pgtest"
	"eventanalytics/pkg/platform/server"
)

const secret = auth.Secret("0123456789abcdef0123456789abcdef")

// world is a service with one operation for each scope, and its accounts.
type world struct {
	*account.Sessions
	pool     *pgxpool.Pool
	handler  http.Handler
	registry *prometheus.Registry
	tokens   *auth.Tokens
}

func newWorld(t *testing.T, cfg auth.Config, pool *pgxpool.Pool, now func() time.Time) *world {
	t.Helper()
	hasher, err := auth.NewHasher(argon2id.Params{Memory: 64, Iterations: 1, Parallelism: 1, SaltLength: 16, KeyLength: 32})
	require.NoError(t, err)
	tokens, err := auth.NewTokens(secret, now)
	require.NoError(t, err)
	registry := prometheus.NewRegistry()
	srv, err := server.New(server.Config{}, zap.NewNop(), registry)
	require.NoError(t, err)
	srv.API.UseMiddleware(auth.Middleware(auth.NewAuthenticator(cfg, pool, tokens, registry, now)))
	type output struct{ Body auth.Principal }
	for _, scope := range []auth.Scope{auth.ScopeIngest, auth.ScopeRead, auth.ScopeAccount} {
		huma.Register(srv.API, auth.Secured(huma.Operation{OperationID: string(scope), Method: http.MethodGet, Path: "/" + string(scope)}, scope),
			func(ctx context.Context, _ *struct{}) (*output, error) {
				p := auth.From(ctx)
				r := server.RequestFrom(ctx)
				if r.UserID != p.UserID || r.ProjectID != p.ProjectID {
					t.Errorf("the access log will not know the caller: %+v", r)
				}
				return &output{Body: p}, nil
			})
	}
	huma.Register(srv.API, huma.Operation{OperationID: "open", Method: http.MethodGet, Path: "/open"},
		func(ctx context.Context, _ *struct{}) (*struct{}, error) {
			if _, ok := auth.Caller(ctx); ok {
				t.Error("an open operation has a caller")
			}
			return nil, nil
		})
	store := account.NewStore(pool, hasher)
	return &world{
		Sessions: account.NewSessions(account.SessionConfig{RefreshTokenLifetime: 24 * time.Hour}, store, tokens, now),
		pool:     pool, handler: srv.Handler(), registry: registry, tokens: tokens,
	}
}

func defaults(t *testing.T) *world {
	t.Helper()
	return newWorld(t, auth.Config{CacheFor: 0, HonourFor: 15 * time.Minute}, pgtest.New(t), time.Now)
}

const password = "seven green lamps"

// login makes a user and logs in.
func (w *world) login(t *testing.T, name string) (account.User, account.Grant) {
	t.Helper()
	u, err := w.CreateUser(t.Context(), account.NewUser{Username: name, Password: password})
	require.NoError(t, err)
	g, err := w.Login(t.Context(), name, password)
	require.NoError(t, err)
	return u, g
}

// get sends headers, "Name: value" each, and returns status, answer and caller.
func (w *world) get(t *testing.T, path string, headers ...string) (*httptest.ResponseRecorder, auth.Principal) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil)
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
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
	u, g := w.login(t, "ann")
	key, err := w.CreateKey(t.Context(), u.ProjectID, u.ID, "k", auth.ScopeRead)
	require.NoError(t, err)

	for name, c := range map[string]struct {
		path    string
		headers []string
		status  int
	}{
		"open":                     {"/open", nil, 204},
		"open with a bad token":    {"/open", []string{"Authorization: Bearer x"}, 204},
		"nothing":                  {"/read", nil, 401},
		"token":                    {"/read", []string{"Authorization: Bearer " + g.AccessToken}, 200},
		"scheme in capitals":       {"/read", []string{"Authorization: BEARER " + g.AccessToken}, 200},
		"key as bearer":            {"/read", []string{"Authorization: Bearer " + key.Key}, 200},
		"key as X-API-Key":         {"/read", []string{"X-API-Key: " + key.Key}, 200},
		"token as X-API-Key":       {"/read", []string{"X-API-Key: " + g.AccessToken}, 401},
		"refresh token":            {"/read", []string{"Authorization: Bearer " + g.RefreshToken}, 401},
		"refresh as X-API-Key":     {"/read", []string{"X-API-Key: " + g.RefreshToken}, 401},
		"unknown key":              {"/read", []string{"X-API-Key: ea_" + strings.Repeat("a", 52)}, 401},
		"key in other case":        {"/read", []string{"X-API-Key: " + strings.ToUpper(key.Key)}, 401},
		"key in the URL":           {"/read?api_key=" + key.Key, nil, 401},
		"token in the URL":         {"/read?access_token=" + g.AccessToken, nil, 401},
		"basic":                    {"/read", []string{"Authorization: Basic YW5uOnNldmVu"}, 401},
		"no scheme":                {"/read", []string{"Authorization: " + g.AccessToken}, 401},
		"bearer of nothing":        {"/read", []string{"Authorization: Bearer "}, 401},
		"10,000 dots":              {"/read", []string{"Authorization: Bearer " + strings.Repeat(".", 10_000)}, 401},
		"both":                     {"/read", []string{"Authorization: Bearer " + key.Key, "X-API-Key: " + key.Key}, 400},
		"two Authorizations":       {"/read", []string{"Authorization: Bearer " + g.AccessToken, "Authorization: Bearer " + g.AccessToken}, 400},
		"two keys":                 {"/read", []string{"X-API-Key: " + key.Key, "X-API-Key: " + key.Key}, 400},
		"project is no number":     {"/read", []string{"Authorization: Bearer " + g.AccessToken, "X-Project: home"}, 422},
		"two projects":             {"/read", []string{"Authorization: Bearer " + g.AccessToken, "X-Project: " + id(u.ProjectID), "X-Project: 2"}, 422},
		"key names its project":    {"/read", []string{"X-API-Key: " + key.Key, "X-Project: " + id(u.ProjectID)}, 200},
		"key names another":        {"/read", []string{"X-API-Key: " + key.Key, "X-Project: " + id(u.ProjectID+1)}, 404},
		"user names no project":    {"/read", []string{"Authorization: Bearer " + g.AccessToken, "X-Project: 999999"}, 404},
		"account names no project": {"/account", []string{"Authorization: Bearer " + g.AccessToken, "X-Project: 999999"}, 404},
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
	owner, g := w.login(t, "owner")
	callers := map[string][]string{"owner": {"Authorization: Bearer " + g.AccessToken}}
	for _, role := range []auth.Role{auth.RoleEditor, auth.RoleViewer} {
		_, g := w.login(t, string(role))
		_, err := w.SetMember(t.Context(), owner.ProjectID, owner.ID, string(role), role)
		require.NoError(t, err)
		callers[string(role)] = []string{"Authorization: Bearer " + g.AccessToken, "X-Project: " + id(owner.ProjectID)}
	}
	for _, scope := range []auth.Scope{auth.ScopeIngest, auth.ScopeRead} {
		key, err := w.CreateKey(t.Context(), owner.ProjectID, owner.ID, "k", scope)
		require.NoError(t, err)
		callers["key "+string(scope)] = []string{"X-API-Key: " + key.Key}
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
				require.Equal(t, owner.ProjectID, p.ProjectID, "%s %s", caller, path)
			}
		}
	}
}

func TestProjectsAreIsolated(t *testing.T) {
	t.Parallel()
	w := defaults(t)
	ann, annGrant := w.login(t, "ann")
	bob, bobGrant := w.login(t, "bob")
	annToken, bobToken := "Authorization: Bearer "+annGrant.AccessToken, "Authorization: Bearer "+bobGrant.AccessToken

	_, p := w.get(t, "/read", bobToken)
	require.Equal(t, bob.ProjectID, p.ProjectID, "by default the user's own project")
	require.Equal(t, bob.ID, p.UserID)
	foreign, _ := w.get(t, "/read", bobToken, "X-Project: "+id(ann.ProjectID))
	missing, _ := w.get(t, "/read", bobToken, "X-Project: 123456789")
	require.Equal(t, 404, foreign.Code)
	require.Equal(t, withoutInstance(t, missing), withoutInstance(t, foreign), "nothing tells a foreign project from a missing one")

	_, err := w.SetMember(t.Context(), ann.ProjectID, ann.ID, "bob", auth.RoleViewer)
	require.NoError(t, err)
	answer, p := w.get(t, "/read", bobToken, "X-Project: "+id(ann.ProjectID))
	require.Equal(t, 200, answer.Code)
	require.Equal(t, ann.ProjectID, p.ProjectID)
	require.NoError(t, w.RemoveMember(t.Context(), ann.ProjectID, ann.ID, bob.ID))
	answer, _ = w.get(t, "/read", bobToken, "X-Project: "+id(ann.ProjectID))
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

func TestWhatEndsALogin(t *testing.T) {
	t.Parallel()
	w := defaults(t)
	status := func(g account.Grant) int {
		answer, _ := w.get(t, "/read", "Authorization: Bearer "+g.AccessToken)
		return answer.Code
	}
	for name, end := range map[string]func(u account.User, g account.Grant) error{
		"logout": func(_ account.User, g account.Grant) error {
			_, family, err := w.tokens.Parse(g.AccessToken)
			require.NoError(t, err)
			return w.Logout(t.Context(), family)
		},
		"disabling": func(u account.User, _ account.Grant) error {
			_, err := w.pool.Exec(t.Context(), `UPDATE analytics.users SET disabled = true WHERE id = $1`, u.ID)
			return err
		},
		"tokens_valid_from": func(u account.User, _ account.Grant) error {
			_, err := w.pool.Exec(t.Context(), `UPDATE analytics.users SET tokens_valid_from = now() WHERE id = $1`, u.ID)
			return err
		},
		"a refresh token used twice": func(_ account.User, g account.Grant) error {
			_, err := w.Refresh(t.Context(), g.RefreshToken)
			require.NoError(t, err)
			_, err = w.Refresh(t.Context(), g.RefreshToken)
			require.ErrorIs(t, err, account.ErrRefresh)
			return nil
		},
	} {
		u, g := w.login(t, name)
		require.Equal(t, 200, status(g), name)
		require.NoError(t, end(u, g), name)
		require.Equal(t, 401, status(g), name)
	}

	// A change of the password ends all logins but the one it was made in.
	u, g := w.login(t, "changer")
	other, err := w.Login(t.Context(), "changer", password)
	require.NoError(t, err)
	_, family, err := w.tokens.Parse(g.AccessToken)
	require.NoError(t, err)
	require.NoError(t, w.ChangePassword(t.Context(), u.ID, family, password, "another good one"))
	require.Equal(t, 200, status(g))
	require.Equal(t, 401, status(other))

	// A key stops working when it is revoked.
	key, err := w.CreateKey(t.Context(), u.ProjectID, u.ID, "k", auth.ScopeRead)
	require.NoError(t, err)
	answer, _ := w.get(t, "/read", "X-API-Key: "+key.Key)
	require.Equal(t, 200, answer.Code)
	require.NoError(t, w.RevokeKey(t.Context(), u.ProjectID, u.ID, key.ID))
	answer, _ = w.get(t, "/read", "X-API-Key: "+key.Key)
	require.Equal(t, 401, answer.Code)
}
