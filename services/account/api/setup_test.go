package api

import (
	"encoding/json"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

func registration(name, token string) string {
	b, err := json.Marshal(map[string]string{"username": name, "password": password, "setup_token": token})
	if err != nil {
		panic(err)
	}
	return string(b)
}

// TestSetup: where registration is closed, the first user registers with the setup token,
// one alone, and nobody after.
func TestSetup(t *testing.T) {
	t.Parallel()
	s := newService(t, Config{Registration: "closed"}, wideLimits)
	state := s.get("/api/auth/session", "")
	require.Equal(t, true, state.member("setup"))
	require.Equal(t, "closed", state.member("registration"))
	token := s.sessions.SetupToken()
	require.Len(t, token, 64)
	require.NotContains(t, state.Body.String(), token)
	for _, wrong := range []string{"", "x", token[1:], strings.ToUpper(token) + " ", token + "0"} {
		s.post("/api/auth/register", "", registration("ann", wrong)).problem(403, "setup-token", "")
	}
	s.post("/api/auth/register", "", registration("", token)).problem(422, "invalid-field", "username")

	statuses := make([]int, 8)
	var wg sync.WaitGroup
	for i := range statuses {
		wg.Go(func() {
			statuses[i] = s.post("/api/auth/register", "", registration("user"+strings.Repeat("x", i), token)).Code
		})
	}
	wg.Wait()
	made := 0
	for _, status := range statuses {
		if status == 201 {
			made++
		} else {
			require.Equal(t, 403, status)
		}
	}
	require.Equal(t, 1, made)
	require.Equal(t, false, s.get("/api/auth/session", "").member("setup"))
	s.post("/api/auth/register", "", registration("eve", token)).problem(403, "registration-closed", "")
}

// TestSetupWhileOpen: anyone may register, the first without a token.
func TestSetupWhileOpen(t *testing.T) {
	t.Parallel()
	s := open(t)
	require.Equal(t, true, s.get("/api/auth/session", "").member("setup"))
	s.user("ann")
	require.Equal(t, false, s.get("/api/auth/session", "").member("setup"))
	require.Equal(t, 201, s.post("/api/auth/register", "", registration("bob", "x")).Code)
}

// TestProjectTimezone: the zone that people look at a project in.
func TestProjectTimezone(t *testing.T) {
	t.Parallel()
	s := open(t)
	_, project, token := s.user("ann")
	require.Equal(t, "UTC", s.get("/api/projects", token).text("data.0.timezone"))
	change := func(body string) answer { return s.do("PATCH", "/api/projects/"+project, token, body) }
	for _, wrong := range []string{"Local", "+03:00", "Mars/Phobos", "europe/kyiv", "../UTC", "UTC "} {
		change(`{"timezone": "`+wrong+`"}`).problem(422, "invalid-field", "timezone")
	}
	change(`{"timezone": ""}`).problem(422, "invalid-field", "timezone")
	change(`{"timezone": 3}`).problem(422, "invalid-field", "timezone")
	a := change(`{"timezone": "Asia/Kathmandu"}`)
	require.Equal(t, 200, a.Code, a.Body)
	require.Equal(t, "Asia/Kathmandu", a.text("timezone"))
	a = change(`{"name": "Shop", "week_start": "sunday"}`)
	require.Equal(t, []string{"Shop", "Asia/Kathmandu", "sunday"}, []string{a.text("name"), a.text("timezone"), a.text("week_start")})
	require.Equal(t, "Asia/Kathmandu", s.get("/api/auth/session", token).text("projects.0.timezone"))
	require.Equal(t, "UTC", s.post("/api/projects", token, `{"name": "x"}`).text("timezone"))
}

// TestKeysLastUse is shown once it was noted.
func TestKeysLastUse(t *testing.T) {
	t.Parallel()
	s := open(t)
	_, project, token := s.user("ann")
	path := "/api/projects/" + project + "/keys"
	require.Nil(t, s.post(path, token, `{"name": "x", "scope": "read"}`).member("last_used_at"))
	s.exec(`UPDATE analytics.api_keys SET last_used_at = '2025-08-01T10:00:00Z'`)
	require.Equal(t, "2025-08-01T10:00:00Z", s.get(path, token).text("data.0.last_used_at"))
}
