package security

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

// TestOtherMethods asks every path in ways the document does not have.
func TestOtherMethods(t *testing.T) {
	t.Parallel()
	u := &actor{user: register(t, "of all methods")}
	u.caller, u.standing = u.user.caller, owner
	p := &place{owner: u.user, spare: u.user, guest: u.user, event: uuid.NewString(), mark: "unmarked", link: "1"}
	routes := documented(t)
	paths := map[string]bool{}
	for _, r := range routes {
		paths[r.path] = true
	}
	for path := range paths {
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"} {
			asked := method
			if method == "HEAD" { // is answered wherever GET is
				asked = "GET"
			}
			if _, known := routes[asked+" "+path]; known {
				continue
			}
			a := p.request(t, route{method: method, path: path}, u)
			if method == "OPTIONS" { // says which methods there are, and lets no other origin in
				require.Equal(t, 204, a.status, "%s: %s", path, a)
				require.Empty(t, a.header.Get("Access-Control-Allow-Origin"), path)
				require.Empty(t, a.body, path)
				continue
			}
			require.Contains(t, []int{404, 405}, a.status, "%s %s: %s", method, path, a)
		}
	}
}

// TestUndocumentedRoutes looks for what the gateway should not show.
func TestUndocumentedRoutes(t *testing.T) {
	t.Parallel()
	u := register(t, "curious")
	for _, path := range []string{
		"/metrics", "/metrics/", "//metrics", "/%6detrics", "/debug/pprof/", "/debug/vars", "/gateway/problem", "/gateway/ingest/readyz", "/gateway/account/readyz", "/gateway/none", "/gateway/events",
		"/admin", "/api", "/api/users", "/api/projects/1", "/.env", "/.git/config", "/docs/..%2f..%2fetc%2fpasswd", "/api/stats/..%2f..%2fmetrics",
	} {
		a := u.ask(t, "GET", gateway+path, "")
		require.Contains(t, []int{400, 404, 405}, a.status, "%s: %s", path, a)
		require.NotContains(t, string(a.body), "go_goroutines", path)
	}
}
