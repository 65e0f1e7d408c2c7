package e2e

import (
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"eventanalytics/tests/stack"
)

// TestCredentials sends requests without, with foreign and with dead
// credentials.
func TestCredentials(t *testing.T) {
	onEach(t, func(t *testing.T, s *stack.Stack) {
		owner := newUser(t, s.URL)
		ingest, _ := owner.key(t, "ingest")
		read, _ := owner.key(t, "read")
		body := event(newID())
		query := []string{"from", "2025-08-01", "to", "2025-08-31"}
		nobody := anonymous(t, s.URL)

		refused := nobody.send(t, body).is(t, 401, "")
		require.Contains(t, refused.header.Get("WWW-Authenticate"), "Bearer")
		nobody.get(t, dau, query...).is(t, 401, "")
		nobody.do(t, http.MethodPost, "/api/events?api_key="+ingest, strings.NewReader(body)).is(t, 401, "")
		nobody.with("X-API-Key", read).send(t, body).is(t, 403, "")
		nobody.with("X-API-Key", ingest).get(t, dau, query...).is(t, 403, "")
		nobody.with("X-API-Key", ingest, "Authorization", "Bearer "+ingest).send(t, body).is(t, 400, "")
		twice := nobody.with()
		twice.header["Authorization"] = []string{"Bearer " + ingest, "Bearer " + ingest}
		twice.send(t, body).is(t, 400, "")

		r := nobody.with("X-API-Key", ingest).upload(t, body)
		require.Equal(t, 1, r.Accepted)
		require.Len(t, latest(t, nobody.with("Authorization", "Bearer "+read), r.Position), 1)

		revoked, id := owner.key(t, "ingest")
		owner.do(t, http.MethodDelete, fmt.Sprintf("/api/projects/%d/keys/%d", owner.projectID, id), nil)
		require.Eventually(t, func() bool { // keys are cached for 5 s
			return nobody.with("X-API-Key", revoked).send(t, body).status == 401
		}, 10*time.Second, 200*time.Millisecond)
	})
}

// key makes an API key of the caller's project.
func (c *client) key(t *testing.T, scope string) (secret string, id int64) {
	t.Helper()
	var key struct {
		ID  int64
		Key string
	}
	path := fmt.Sprintf("/api/projects/%d/keys", c.projectID)
	c.post(t, path, object{"name": "for a test", "scope": scope}).is(t, 201, "").decode(t, &key)
	require.NotEmpty(t, key.Key)
	return key.Key, key.ID
}

// TestForgedTokens presents access tokens that were changed.
func TestForgedTokens(t *testing.T) {
	onEach(t, func(t *testing.T, s *stack.Stack) {
		c := newUser(t, s.URL)
		real := strings.TrimPrefix(c.header.Get("Authorization"), "Bearer ")
		parts := strings.Split(real, ".")
		require.Len(t, parts, 3)
		b64 := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
		claims, err := base64.RawURLEncoding.DecodeString(parts[1])
		require.NoError(t, err)
		for name, token := range map[string]string{
			"alg none":          b64(`{"alg":"none","typ":"at+jwt"}`) + "." + parts[1] + ".",
			"kid elsewhere":     b64(`{"alg":"HS256","typ":"at+jwt","kid":"../../x"}`) + "." + parts[1] + "." + parts[2],
			"jku":               b64(`{"alg":"HS256","typ":"at+jwt","jku":"http://127.0.0.1/keys"}`) + "." + parts[1] + "." + parts[2],
			"other claims":      parts[0] + "." + b64(strings.Replace(string(claims), `"sub":"`, `"sub":"1`, 1)) + "." + parts[2],
			"no signature":      parts[0] + "." + parts[1] + ".",
			"refresh as access": c.refreshToken,
			"10,000 dots":       strings.Repeat(".", 7000),
			"nothing":           "x",
		} {
			c.with("Authorization", "Bearer "+token).get(t, "/api/auth/me").is(t, 401, "")
			a := c.with("Authorization", "Bearer "+token).get(t, dau, "from", "2025-08-01", "to", "2025-08-01")
			require.Equal(t, 401, a.status, name)
		}
		c.get(t, "/api/auth/me").is(t, 200, "")
	})
}

// TestRefusedAccounts registers accounts that may not be.
func TestRefusedAccounts(t *testing.T) {
	onEach(t, func(t *testing.T, s *stack.Stack) {
		c := newUser(t, s.URL)
		nobody := anonymous(t, s.URL)
		name := "other-" + newID()
		for _, r := range []struct {
			name   string
			body   object
			status int
			code   string
		}{
			{"password of 7 bytes", object{"username": name, "password": "1234567"}, 422, ""},
			{"password of 257 bytes", object{"username": name, "password": strings.Repeat("p", 257)}, 422, ""},
			{"password of 1 MiB", object{"username": name, "password": strings.Repeat("p", 1<<20)}, 413, ""},
			{"one of the commonest passwords", object{"username": name, "password": "password123"}, 422, ""},
			{"name empty", object{"username": "", "password": password}, 422, ""},
			{"name of 151 characters", object{"username": strings.Repeat("n", 151), "password": password}, 422, ""},
			{"name with a control character", object{"username": "a\x07" + name, "password": password}, 422, ""},
			{"name in another case", object{"username": strings.ToUpper(c.username), "password": password}, 409, ""},
			{"with a role", object{"username": name, "password": password, "role": "admin"}, 422, "unknown-field"},
			{"with an id", object{"username": name, "password": password, "id": 1}, 422, "unknown-field"},
			{"disabled", object{"username": name, "password": password, "disabled": false}, 422, "unknown-field"},
		} {
			t.Run(r.name, func(t *testing.T) {
				nobody.post(t, "/api/auth/register", r.body).is(t, r.status, r.code)
			})
		}
		// None of them took the name.
		nobody.post(t, "/api/auth/register", object{"username": name, "password": password}).is(t, 201, "")
	})
}

// TestLogins guesses passwords and uses tokens twice.
func TestLogins(t *testing.T) {
	onEach(t, func(t *testing.T, s *stack.Stack) {
		c := newUser(t, s.URL)

		// Who does not exist is told the same as who mistypes.
		wrong, unknown := c.tryLogin(t, c.username, "wrong"), c.tryLogin(t, "nobody-"+newID(), "wrong")
		wrong.is(t, 401, "")
		unknown.is(t, 401, "")
		require.Equal(t, "Bearer", wrong.header.Get("WWW-Authenticate"))
		a, b := wrong.problem(t), unknown.problem(t)
		a.Instance, b.Instance = "", ""
		require.Equal(t, a, b)

		for range 4 { // with the first: five
			c.tryLogin(t, c.username, "wrong").is(t, 401, "")
		}
		// The sixth is not even looked at, whatever address it claims to be from.
		sixth := c.with("X-Forwarded-For", "203.0.113.7").tryLogin(t, c.username, "wrong").is(t, 429, "")
		require.NotEmpty(t, sixth.header.Get("Retry-After"))

		// A refresh token works once; the second use ends the whole login.
		d := newUser(t, s.URL)
		first := d.refreshToken
		var pair struct {
			Access  string `json:"access_token"`
			Refresh string `json:"refresh_token"`
		}
		d.post(t, "/api/auth/refresh", object{"refresh_token": first}).is(t, 200, "").decode(t, &pair)
		d.post(t, "/api/auth/refresh", object{"refresh_token": first}).is(t, 401, "")
		d.post(t, "/api/auth/refresh", object{"refresh_token": pair.Refresh}).is(t, 401, "")
		require.Eventually(t, func() bool {
			return d.with("Authorization", "Bearer "+pair.Access).get(t, "/api/auth/me").status == 401
		}, 10*time.Second, 200*time.Millisecond)
	})
}

func (c *client) tryLogin(t *testing.T, username, password string) *answer {
	t.Helper()
	form := url.Values{"username": {username}, "password": {password}}
	return c.with("Authorization", "").do(t, http.MethodPost, "/api/auth/token", strings.NewReader(form.Encode()),
		"Content-Type", "application/x-www-form-urlencoded")
}

// TestAliases uses the paths of the original service.
func TestAliases(t *testing.T) {
	onEach(t, func(t *testing.T, s *stack.Stack) {
		nobody := anonymous(t, s.URL)
		for _, path := range []string{"/register", "/api/stats/register"} {
			nobody.post(t, path, object{"username": "alias-" + newID(), "password": password}).is(t, 201, "")
		}
		c := newUser(t, s.URL)
		for _, path := range []string{"/token", "/api/stats/token"} {
			form := url.Values{"username": {c.username}, "password": {c.password}}
			nobody.do(t, http.MethodPost, path, strings.NewReader(form.Encode()), "Content-Type", "application/x-www-form-urlencoded").is(t, 200, "")
		}
		require.JSONEq(t, string(c.get(t, "/api/auth/me").is(t, 200, "").body), string(c.get(t, "/api/stats/users/me").is(t, 200, "").body))
	})
}

// TestMalformedRequests speaks to the gateway below HTTP's rules.
func TestMalformedRequests(t *testing.T) {
	onEach(t, func(t *testing.T, s *stack.Stack) {
		for request, status := range map[string]string{
			"GET /docs HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n":                                         "400",
			"GET / HTTP/1.1\r\n\r\n":                                                                   "400",
			"GET /a\x00b HTTP/1.1\r\nHost: x\r\n\r\n":                                                  "400",
			"GET /../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n":                                           "400",
			"POST /api/events HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n[]": "400",
			"POST /api/events HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: foo\r\n\r\n":                   "501",
			"GET / HTTP/9.9\r\nHost: x\r\n\r\n":                                                        "505",
			"TRACE /docs HTTP/1.1\r\nHost: x\r\n\r\n":                                                  "405",
			"GET /docs HTTP/1.1\r\nHost: x\r\nX-Long: " + strings.Repeat("x", 40<<10) + "\r\n\r\n":     "431",
		} {
			require.Contains(t, raw(t, s.URL, request), " "+status+" ", "%.60q", request)
		}
	})
}

// raw sends bytes and returns the status line of the answer.
func raw(t *testing.T, base, request string) string {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(base, "http://"))
	require.NoError(t, err)
	defer conn.Close()
	require.NoError(t, conn.SetDeadline(time.Now().Add(20*time.Second)))
	_, err = io.WriteString(conn, request)
	require.NoError(t, err)
	head := make([]byte, 64)
	n, err := io.ReadAtLeast(conn, head, len("HTTP/1.1 400 "))
	require.NoError(t, err)
	line, _, _ := strings.Cut(string(head[:n]), "\r\n")
	return line + " "
}
