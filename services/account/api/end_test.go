package api

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"
)

// What ends a login ends its access tokens as well.
func TestWhatEndsALogin(t *testing.T) {
	t.Parallel()
	s := open(t)
	status := func(token string) int { return s.get("/api/auth/me", token).Code }
	for name, end := range map[string]func(id string, login answer){
		"logout": func(_ string, login answer) {
			require.Equal(t, 204, s.post("/api/auth/logout", login.text("access_token"), nil).Code)
		},
		"disabling": func(id string, _ answer) {
			s.exec(`UPDATE analytics.users SET disabled = true WHERE id = $1::bigint`, id)
		},
		"tokens_valid_from": func(id string, _ answer) {
			s.exec(`UPDATE analytics.users SET tokens_valid_from = now() WHERE id = $1::bigint`, id)
		},
		"a refresh token used again": func(_ string, login answer) {
			refresh := func(token string) answer {
				return s.post("/token", "", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}})
			}
			first := login.text("refresh_token")
			second := refresh(first).text("refresh_token")
			require.Equal(t, second, refresh(first).text("refresh_token"), "at once: two tabs")
			require.Equal(t, 200, refresh(second).Code)
			refresh(first).problem(401, "invalid-refresh-token", "")
		},
	} {
		id, _, _ := s.user(name)
		login := s.post("/api/auth/token", "", credentials(name, password))
		require.Equal(t, 200, status(login.text("access_token")), name)
		end(id, login)
		require.Equal(t, 401, status(login.text("access_token")), name)
	}

	// A change of the password ends all logins except the one it was made in.
	_, project, token := s.user("changer")
	other := s.post("/api/auth/token", "", credentials("changer", password)).text("access_token")
	require.Equal(t, 204, s.post("/api/auth/password", token, `{"old_password": "`+password+`", "new_password": "another good one"}`).Code)
	require.Equal(t, 200, status(token))
	require.Equal(t, 401, status(other))

	// A key stops working when it is revoked. It has no scope here: 403 says that
	// it is known.
	key := s.post("/api/projects/"+project+"/keys", token, `{"name": "k", "scope": "read"}`)
	require.Equal(t, 403, status(key.text("key")))
	require.Equal(t, 204, s.do(http.MethodDelete, "/api/projects/"+project+"/keys/"+key.text("id"), token, nil).Code)
	require.Equal(t, 401, status(key.text("key")))
}
