package security

import (
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	promise  = 5 * time.Second // after it nothing that ended works
	patience = time.Minute     // for a few more requests on a busy machine
	beat     = 50 * time.Millisecond
)

// endsWithin5s asks every replica again and again, as a thief would do: each must
// refuse when the promise is up, and go on refusing. ask runs in goroutines.
func endsWithin5s(t *testing.T, ask func(t *testing.T, where string) int) {
	t.Helper()
	untilRefused(t, everywhere(), 401, ask)
}

func untilRefused(t *testing.T, where []string, refusal int, ask func(t *testing.T, where string) int) {
	t.Helper()
	start := time.Now()
	var wg sync.WaitGroup
	for _, where := range where {
		// Its replicas take turns, and need not have noticed at the same time.
		viaGateway := strings.HasPrefix(where, gateway)
		wg.Go(func() {
			refused := 0
			for time.Since(start) < promise+patience {
				begun := time.Since(start)
				status := ask(t, where)
				if status != refusal {
					if !assert.LessOrEqual(t, begun, promise, "%s still lets it in (%d)", where, status) ||
						!viaGateway && !assert.Zero(t, refused, "%s let it in again (%d)", where, status) {
						return
					}
				} else if refused++; refused >= 5 && (!viaGateway || begun > promise) {
					return
				}
				time.Sleep(beat)
			}
			assert.Fail(t, "never refused for good", "%s", where)
		})
	}
	wg.Wait()
}

// TestRevocation ends what lets callers in, while they use it everywhere.
func TestRevocation(t *testing.T) {
	t.Parallel()
	// An ingest key shows what it is worth at ingest alone, a read key at stats.
	keys := func(scope, path, body string, replicas []replica) (name string, test func(t *testing.T)) {
		return scope + " key", func(t *testing.T) {
			t.Parallel()
			u := register(t, "keeper")
			secret, id := u.newKey(t, scope)
			c := bearing("an API key", secret)
			where := []string{gateway + path}
			for _, r := range replicas {
				where = append(where, r.url+path)
			}
			method := "GET"
			if body != "" {
				method = "POST"
			}
			ask := func(t *testing.T, where string) int { return c.status(t, method, where, body) }
			for _, where := range where {
				require.Less(t, ask(t, where), 300, where)
			}
			u.revoke(t, id)
			untilRefused(t, where, 401, ask)
			for _, where := range where { // also in its other form
				require.Equal(t, 401, nobody.with("X-API-Key", secret).ask(t, method, where, body).status)
			}
		}
	}
	t.Run(keys("ingest", "/api/events", event("5f0c6e1e-0000-4000-8000-000000000001", "of a key"), ingest))
	t.Run(keys("read", "/api/stats/event-types", "", stats))
	// One statement of a project runs at a time: one that is busy has been let in.
	t.Run(keys("sql", "/api/sql", object("sql", "SELECT 1 AS x"), stats))

	for name, end := range map[string]func(t *testing.T, u *user){
		"logout": func(t *testing.T, u *user) { u.ask(t, "POST", accounts[0].url+"/api/auth/logout", "").is(t, 204) },
		"password changed elsewhere": func(t *testing.T, u *user) {
			body := object("old_password", u.password, "new_password", keep("a password", "another "+u.username))
			u.login(t, "elsewhere").ask(t, "POST", accounts[1].url+"/api/auth/password", body).is(t, 204)
		},
		"user disabled": func(t *testing.T, u *user) {
			_, err := db.Exec(t.Context(), `UPDATE analytics.users SET disabled = true WHERE id = $1`, u.id)
			require.NoError(t, err)
			require.Equal(t, 401, logIn(t, gateway, u.username, u.password).status)
			refreshAt(t, accounts[0], u.refresh).is(t, 401)
		},
		"all tokens ended": func(t *testing.T, u *user) {
			_, err := db.Exec(t.Context(), `UPDATE analytics.users SET tokens_valid_from = now() WHERE id = $1`, u.id)
			require.NoError(t, err)
			refreshAt(t, accounts[1], u.refresh).is(t, 401)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			u := register(t, "ended")
			for _, where := range everywhere() {
				require.Less(t, u.enter(t, where), 300, where)
			}
			end(t, u)
			endsWithin5s(t, u.enter)
		})
	}
}

// TestRevokedShare ends a share while somebody looks at it, by each of its ends.
func TestRevokedShare(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(t *testing.T, p *place){
		"revoked": func(t *testing.T, p *place) {
			p.owner.ask(t, "DELETE", projectPath(p.owner.project, "boards", strconv.FormatInt(p.board, 10), "shares", strconv.FormatInt(p.share, 10)), "").is(t, 204)
		},
		"board deleted": func(t *testing.T, p *place) {
			p.owner.ask(t, "DELETE", projectPath(p.owner.project, "boards", strconv.FormatInt(p.board, 10)), "").is(t, 204)
		},
		"expired": func(t *testing.T, p *place) {
			_, err := db.Exec(t.Context(), `UPDATE analytics.shares SET expires_at = now() WHERE id = $1`, p.share)
			require.NoError(t, err)
		},
		"member removed with what they made": func(t *testing.T, p *place) {
			maker, keeper := p.owner, register(t, "keeper")
			maker.setMember(t, keeper, "owner")
			_, err := db.Exec(t.Context(), `UPDATE analytics.projects SET home_of = NULL WHERE id = $1`, maker.project)
			require.NoError(t, err)
			keeper.ask(t, "DELETE", projectPath(maker.project, "members", strconv.FormatInt(maker.id, 10))+"?revoke_keys=true", "").is(t, 204)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := &place{owner: register(t, "sharer"), mark: "shared"}
			p.setBoard(t)
			p.secret = p.shareBoard(t)
			c := sharing(p)
			for _, path := range []string{"/api/share", "/api/share/tiles/t1"} {
				require.Equal(t, 200, c.ask(t, "GET", gateway+path, "").status)
			}
			end(t, p)
			where := []string{gateway + "/api/share/tiles/t1"}
			for _, r := range stats {
				where = append(where, r.url+"/api/share/tiles/t1")
			}
			untilRefused(t, where, 401, func(t *testing.T, where string) int { return c.status(t, "GET", where, "") })
			guess := nobody.with("Authorization", "Share eas_"+strings.Repeat("a", 26)).with("X-Request-Id", "the-same-each-time").ask(t, "GET", gateway+"/api/share", "")
			require.Equal(t, guess.String(), c.with("X-Request-Id", "the-same-each-time").ask(t, "GET", gateway+"/api/share", "").String())
		})
	}
}

// TestMembership takes rights from a member.
func TestMembership(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name          string
		end           func(t *testing.T, owner, member *user)
		path          string
		replicas      []replica
		body          string
		before, after int // statuses
	}{
		{
			name: "removed", replicas: stats, path: "/api/stats/event-types", before: 200, after: 404,
			end: func(t *testing.T, owner, member *user) {
				owner.ask(t, "DELETE", projectPath(owner.project, "members", strconv.FormatInt(member.id, 10)), "").is(t, 204)
			},
		},
		{
			name: "made a viewer", replicas: ingest, path: "/api/events", before: 202, after: 403,
			body: event("5f0c6e1e-0000-4000-8000-000000000002", "of a member"),
			end:  func(t *testing.T, owner, member *user) { owner.setMember(t, member, "viewer") },
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			owner, member := register(t, "owner"), register(t, "member")
			owner.setMember(t, member, "editor")
			c, method := member.on(owner.project), "GET"
			if test.body != "" {
				method = "POST"
			}
			ask := func(t *testing.T, where string) int { return c.status(t, method, where, test.body) }
			where := []string{gateway + test.path}
			for _, r := range test.replicas {
				where = append(where, r.url+test.path)
			}
			for _, where := range where {
				require.Equal(t, test.before, ask(t, where))
			}
			test.end(t, owner, member)
			untilRefused(t, where, test.after, ask)
			member.ask(t, "GET", projectPath(owner.project, "keys"), "").is(t, test.after)
		})
	}
}
