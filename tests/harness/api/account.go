package api

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/client"
	"eventanalytics/tests/harness/account"
)

// Password of the accounts that tests make.
const Password = account.Password

// NewUser registers an account with a random name and logs in.
func NewUser(t testing.TB, base string, through http.RoundTripper) *Caller {
	t.Helper()
	c := Anonymous(base, through)
	c.Username, c.Password = "user-"+uuid.NewString(), Password
	var user client.User
	c.Post(t, "/api/auth/register", Object{"username": c.Username, "password": c.Password}).Is(t, http.StatusCreated, "").Decode(t, &user)
	c.Project = user.Project
	c.Login(t)
	return c
}

// Login logs in; the token of an earlier login is no longer used.
func (c *Caller) Login(t testing.TB) {
	t.Helper()
	var tokens client.Tokens
	c.TryLogin(t, c.Username, c.Password).Is(t, http.StatusOK, "").Decode(t, &tokens)
	require.Equal(t, "bearer", tokens.Type)
	require.Positive(t, tokens.ExpiresIn)
	c.RefreshToken = tokens.Refresh
	c.Header.Set("Authorization", "Bearer "+tokens.Access)
}

// TryLogin logs in by the form of OAuth2, without any credential.
func (c *Caller) TryLogin(t testing.TB, username, password string) *Answer {
	t.Helper()
	form := url.Values{"username": {username}, "password": {password}}
	return c.With("Authorization", "").Do(t, http.MethodPost, "/api/auth/token", strings.NewReader(form.Encode()),
		"Content-Type", "application/x-www-form-urlencoded")
}

// Key makes an API key of the caller's own project.
func (c *Caller) Key(t testing.TB, scope string) (secret string, id int64) {
	t.Helper()
	var key client.Key
	c.Post(t, c.ProjectPath("keys"), Object{"name": "for a test", "scope": scope}).Is(t, http.StatusCreated, "").Decode(t, &key)
	require.NotEmpty(t, key.Secret)
	return key.Secret, key.ID
}

// Revoke ends an API key of the caller's own project.
func (c *Caller) Revoke(t testing.TB, id int64) {
	t.Helper()
	c.Do(t, http.MethodDelete, c.ProjectPath("keys", strconv.FormatInt(id, 10)), nil).Is(t, http.StatusNoContent, "")
}

// ProjectPath is a path below that of the caller's own project.
func (c *Caller) ProjectPath(elements ...string) string {
	return strings.Join(append([]string{"/api/projects", strconv.FormatInt(c.Project, 10)}, elements...), "/")
}
