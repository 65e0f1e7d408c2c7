package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

func invited(name, secret string) string {
	b, err := json.Marshal(map[string]string{"username": name, "password": password, "invite": secret})
	if err != nil {
		panic(err)
	}
	return string(b)
}

func accepting(secret string) string { return `{"secret": "` + secret + `"}` }

// TestInvites: an owner's link makes whoever has it a member, once.
func TestInvites(t *testing.T) {
	t.Parallel()
	s := open(t)
	_, project, ann := s.user("ann")
	_, _, bob := s.user("bob")
	_, _, eve := s.user("eve")
	path := "/api/projects/" + project + "/invites"
	made := s.do(http.MethodPost, path, ann, `{"role": "editor", "days": 3}`)
	require.Equal(t, 201, made.Code, made.Body)
	require.Equal(t, "no-store", made.Header().Get("Cache-Control"))
	secret := made.text("secret")
	require.Regexp(t, `^ei_[a-z2-7]{52}$`, secret)
	listed := s.get(path, ann)
	require.Equal(t, "editor", listed.text("data.0.role"))
	require.Equal(t, "ann", listed.text("data.0.invited_by"))
	require.NotContains(t, listed.Body.String(), "ei_")
	var kept bool
	require.NoError(t, s.pool.QueryRow(t.Context(), `SELECT bool_or(i::text LIKE '%ei_%') FROM analytics.invites AS i`).Scan(&kept))
	require.False(t, kept, "only the hash is kept")

	for _, method := range []string{http.MethodGet, http.MethodPost} {
		s.do(method, path, bob, `{"role": "viewer"}`).problem(404, "not-found", "")
	}
	s.do(http.MethodPost, "/api/invites/accept", ann, accepting(secret)).problem(409, "already-member", "")
	joined := s.do(http.MethodPost, "/api/invites/accept", bob, accepting(secret))
	require.Equal(t, 200, joined.Code, joined.Body)
	require.Equal(t, project, joined.text("id"))
	require.Equal(t, "editor", joined.text("role"))
	s.do(http.MethodPost, "/api/invites/accept", eve, accepting(secret)).problem(422, "invalid-invite", "secret")
	s.do(http.MethodPost, path, bob, `{"role": "viewer"}`).problem(403, "not-owner", "")
	require.Equal(t, `{"data":[]}`, strings.TrimSpace(s.get(path, ann).Body.String()), "it was used")

	made = s.do(http.MethodPost, path, ann, `{"role": "viewer"}`)
	one := path + "/" + made.text("id")
	s.do(http.MethodDelete, one, bob, nil).problem(403, "not-owner", "")
	require.Equal(t, 204, s.do(http.MethodDelete, one, ann, nil).Code)
	s.do(http.MethodDelete, one, ann, nil).problem(404, "not-found", "")
	s.do(http.MethodPost, "/api/invites/accept", eve, accepting(made.text("secret"))).problem(422, "invalid-invite", "secret")

	made = s.do(http.MethodPost, path, ann, `{"role": "viewer"}`)
	_, err := s.pool.Exec(t.Context(), `UPDATE analytics.invites SET expires_at = now()`)
	require.NoError(t, err)
	s.do(http.MethodPost, "/api/invites/accept", eve, accepting(made.text("secret"))).problem(422, "invalid-invite", "secret")
	for body, field := range map[string]string{`{}`: "role", `{"role": "god"}`: "role", `{"role": "viewer", "days": 31}`: "days", `{"role": "viewer", "days": 0}`: "days"} {
		answer := s.do(http.MethodPost, path, ann, body)
		require.Equal(t, 422, answer.Code, body)
		require.Equal(t, field, answer.text("errors.0.field"), body)
	}
}

// TestInviteOfAFormerOwner: an owner who is none any more leaves no way in.
func TestInviteOfAFormerOwner(t *testing.T) {
	t.Parallel()
	s := open(t)
	_, project, ann := s.user("ann")
	bobID, _, bob := s.user("bob")
	_, _, eve := s.user("eve")
	path := "/api/projects/" + project + "/invites"
	secret := s.do(http.MethodPost, path, ann, `{"role": "owner"}`).text("secret")
	require.Equal(t, 200, s.do(http.MethodPost, "/api/invites/accept", bob, accepting(secret)).Code)
	secret = s.do(http.MethodPost, path, bob, `{"role": "viewer"}`).text("secret")
	require.Equal(t, 204, s.do(http.MethodDelete, fmt.Sprintf("/api/projects/%s/members/%v", project, bobID), ann, nil).Code)
	require.Equal(t, `{"data":[]}`, strings.TrimSpace(s.get(path, ann).Body.String()))
	s.do(http.MethodPost, "/api/invites/accept", eve, accepting(secret)).problem(422, "invalid-invite", "secret")
}

// TestSignUpByInvite: also where registration is closed, once, and of several at the same
// time one alone.
func TestSignUpByInvite(t *testing.T) {
	t.Parallel()
	s := newService(t, Config{Registration: "closed"}, wideLimits)
	require.Equal(t, 201, s.post("/api/auth/register", "", registration("ann", s.sessions.SetupToken())).Code)
	ann := s.post("/api/auth/token", "", credentials("ann", password)).text("access_token")
	project := s.get("/api/auth/me", ann).text("project_id")
	s.post("/api/auth/register", "", invited("eve", "ei_"+strings.Repeat("a", 52))).problem(422, "invalid-invite", "invite")
	s.post("/api/auth/register", "", registration("eve", "x")).problem(403, "registration-closed", "")
	secret := s.do(http.MethodPost, "/api/projects/"+project+"/invites", ann, `{"role": "viewer"}`).text("secret")
	s.post("/api/auth/register", "", invited("ann", secret)).problem(409, "username-taken", "")
	statuses := make([]int, 6)
	var wg sync.WaitGroup
	for i := range statuses {
		wg.Go(func() {
			statuses[i] = s.post("/api/auth/register", "", invited("guest"+strings.Repeat("x", i), secret)).Code
		})
	}
	wg.Wait()
	made := 0
	for _, status := range statuses {
		if status == 201 {
			made++
		} else {
			require.Equal(t, 422, status)
		}
	}
	require.Equal(t, 1, made)
	members := s.get("/api/projects/"+project+"/members", ann)
	require.Equal(t, "viewer", members.text("data.1.role"))
	var users int
	require.NoError(t, s.pool.QueryRow(t.Context(), `SELECT count(*) FROM analytics.users`).Scan(&users))
	require.Equal(t, 2, users, "who is refused leaves no account behind")
}

// TestBogusInvitesTellNoNames: only whoever has an invite that is open learns which names are
// taken.
func TestBogusInvitesTellNoNames(t *testing.T) {
	t.Parallel()
	s := newService(t, Config{Registration: "closed"}, wideLimits)
	require.Equal(t, 201, s.post("/api/auth/register", "", registration("ann", s.sessions.SetupToken())).Code)
	ann := s.post("/api/auth/token", "", credentials("ann", password)).text("access_token")
	project := s.get("/api/auth/me", ann).text("project_id")
	expired := s.do(http.MethodPost, "/api/projects/"+project+"/invites", ann, `{"role": "viewer"}`).text("secret")
	_, err := s.pool.Exec(t.Context(), `UPDATE analytics.invites SET expires_at = now()`)
	require.NoError(t, err)
	for _, secret := range []string{"ei_" + strings.Repeat("a", 52), expired, "x"} {
		// The last name is none, which is seen before a password is hashed.
		for _, name := range []string{"ann", "eve", "e\u200bve"} {
			s.post("/api/auth/register", "", invited(name, secret)).problem(422, "invalid-invite", "invite")
		}
	}
}

// TestInvitesAreBounded in number, and by the members of a project.
func TestInvitesAreBounded(t *testing.T) {
	t.Parallel()
	s := open(t)
	_, project, ann := s.user("ann")
	_, _, bob := s.user("bob")
	_, _, eve := s.user("eve")
	path := "/api/projects/" + project + "/invites"
	secret := s.do(http.MethodPost, path, ann, `{"role": "viewer"}`).text("secret")
	_, err := s.pool.Exec(t.Context(), `INSERT INTO analytics.invites (project_id, hash, role, invited_by, expires_at)
		SELECT project_id, sha256(n::text::bytea), 'viewer', user_id, now() + interval '1 day' FROM analytics.members, generate_series(1, 99) AS n WHERE project_id = $1::bigint`, project)
	require.NoError(t, err)
	s.do(http.MethodPost, path, ann, `{"role": "viewer"}`).problem(409, "too-many-invites", "")
	_, err = s.pool.Exec(t.Context(), `WITH u AS (INSERT INTO analytics.users (username, username_key, password_hash) SELECT 'm' || n, 'm' || n, '' FROM generate_series(1, 999) AS n RETURNING id)
		INSERT INTO analytics.members (project_id, user_id, role) SELECT $1::bigint, id, 'viewer' FROM u`, project)
	require.NoError(t, err)
	s.do(http.MethodPost, "/api/invites/accept", bob, accepting(secret)).problem(409, "project-full", "")
	remove := func(users int) {
		_, err := s.pool.Exec(t.Context(), `DELETE FROM analytics.members WHERE user_id IN (SELECT user_id FROM analytics.members WHERE project_id = $1::bigint AND role = 'viewer' LIMIT $2)`, project, users)
		require.NoError(t, err)
	}
	inviteUser := func(name string) {
		require.Equal(t, 202, s.do(http.MethodPost, "/api/projects/"+project+"/members", ann, `{"username": "`+name+`", "role": "editor"}`).Code)
	}
	// Whoever was invited has a place already; a place that another was promised is taken.
	remove(1)
	inviteUser("eve")
	s.do(http.MethodPost, "/api/invites/accept", bob, accepting(secret)).problem(409, "project-full", "")
	require.Equal(t, 200, s.do(http.MethodPost, "/api/invites/accept", eve, accepting(secret)).Code)
	var open int
	require.NoError(t, s.pool.QueryRow(t.Context(), `SELECT count(*) FROM analytics.invitations`).Scan(&open))
	require.Zero(t, open, "the user's own invitation has come to its end")
}
