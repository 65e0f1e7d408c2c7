package security

import (
	"crypto/rand"
	"math"
	mathrand "math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"eventanalytics/tests/harness/stack"
)

// strict starts a replica of the account service whose limits are not shared with
// the others: they are kept in a database of Redis that only it uses.
func strict(t *testing.T, database int, env ...string) replica {
	t.Helper()
	redis := servers.RedisURL[:len(servers.RedisURL)-1] + strconv.Itoa(database)
	r, err := startReplica(t.Context(), "account", append([]string{"REDIS_URL=" + redis}, env...)...)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, r.Stop()) })
	return r
}

// claimed are headers in which clients say who they are, or who sent them.
var claimed = []string{"X-Forwarded-For", "X-Real-IP", "Forwarded", "X-Client-IP", "True-Client-IP", "CF-Connecting-IP", "X-Original-Forwarded-For"}

// spoofing returns a caller that claims to come from the n-th address.
func spoofing(n int) *caller {
	address := "203.0.113." + strconv.Itoa(n)
	c := nobody
	for _, name := range claimed {
		if name == "Forwarded" {
			c = c.with(name, "for="+address)
		} else {
			c = c.with(name, address)
		}
	}
	return c
}

// TestGuessing guesses the password of one account, through all replicas: from one
// address, from ever other ones, and from the user's own.
func TestGuessing(t *testing.T) {
	t.Parallel()
	u := register(t, "guessed") // through the gateway: from 127.0.0.1
	const (
		one = 5  // RATE_LIMIT_LOGIN_FAILURES
		all = 30 // RATE_LIMIT_LOGIN_FAILURES_ALL
	)
	guesses := 0
	// The replicas take 127.0.0.1 for a gateway, and believe it.
	guess := func(address int) *answer {
		guesses++
		body := object("username", u.username, "password", keep("a guess", rand.Text()))
		return spoofing(address).ask(t, "POST", accounts[guesses%2].url+"/api/auth/token", body).is(t, 401, 429)
	}
	refused := func(c *caller, base, name string) {
		t.Helper()
		a := c.ask(t, "POST", base+"/api/auth/token", object("username", name, "password", u.password)).is(t, 429)
		wait, err := strconv.Atoi(a.header.Get("Retry-After"))
		require.NoError(t, err)
		require.Positive(t, wait)
	}
	for range one {
		guess(1)
	}
	// Not even the right one is looked at, in whatever spelling of the name.
	for n, name := range []string{u.username, " " + u.username, "GUESSED" + u.username[len("guessed"):]} {
		refused(spoofing(1), accounts[n%2].url, name)
	}
	u.login(t, "not locked out by one address")

	checked := 0
	for n := range 2 * all {
		if guess(10+n).status == 401 {
			checked++
		}
	}
	require.LessOrEqual(t, checked, all, "many addresses do not make it quick")
	refused(spoofing(101), accounts[0].url, u.username)
	u.login(t, "not locked out by many addresses")

	// Nor do the headers of a client of the gateway make addresses of one.
	for n := range one {
		spoofing(110+n).ask(t, "POST", gateway+"/api/auth/token", object("username", u.username, "password", keep("a guess", rand.Text()))).is(t, 401)
	}
	refused(spoofing(120), gateway, u.username)
	// Logged-in users notice nothing, but their logins are no way to guess on.
	u.ask(t, "GET", gateway+"/api/auth/me", "").is(t, 200)
	u.ask(t, "POST", gateway+"/api/auth/password", object("old_password", "a guess", "new_password", "a new password of 1")).is(t, 429)
}

// TestAddresses tries many accounts and tokens from one address that claims to be
// another each time. The gateway knows better.
func TestAddresses(t *testing.T) {
	t.Parallel()
	r := strict(t, 1, "RATE_LIMIT_LOGIN=10/h burst 10", "RATE_LIMIT_REGISTER=10/h burst 10")
	p, base, err := startGateway(t.Context(), newDir(t), stack.Gateway{Account: []string{r.address()}, Ingest: []string{ingest[0].address()}, Stats: []string{stats[0].address()}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, p.Stop()) })
	for path, body := range map[string]string{
		"/api/auth/refresh":  object("refresh_token", "none"),
		"/api/auth/register": object("username", "", "password", ""),
	} {
		for n := range 11 {
			a := spoofing(n).ask(t, "POST", base+path, body)
			if n < 10 {
				require.Contains(t, []int{401, 422}, a.status, "%s: %s", path, a)
				continue
			}
			a.is(t, 429)
			require.NotEmpty(t, a.header.Get("Retry-After"))
		}
	}
	// All ways to log in share the limit.
	for _, path := range []string{"/api/auth/token", "/token", "/api/stats/token"} {
		spoofing(200).ask(t, "POST", base+path, object("username", "anybody", "password", "anything")).is(t, 429)
	}
}

// TestWithoutRedis guesses on a replica that cannot reach Redis: it keeps limits of
// its own, which are stricter.
func TestWithoutRedis(t *testing.T) {
	t.Parallel()
	r := strict(t, 0, "REDIS_URL=redis://127.0.0.1:1/0", "REDIS_TIMEOUT=50ms", "RATE_LIMIT_LOGIN=100/h burst 100")
	u := register(t, "unlimited")
	const half = 3 // of RATE_LIMIT_LOGIN_FAILURES, rounded up: other replicas do not know
	for range half {
		logIn(t, r.url, u.username, keep("a guess", rand.Text())).is(t, 401)
	}
	require.NotEmpty(t, logIn(t, r.url, u.username, u.password).is(t, 429).header.Get("Retry-After"))
	refused := false
	for range 51 {
		refused = refused || refreshAt(t, r, "none").status == 429
	}
	require.True(t, refused, "logins are also limited by address")
	// Everything else keeps working.
	u.ask(t, "GET", r.url+"/api/auth/me", "").is(t, 200)
	i, err := startReplica(t.Context(), "ingest", "REDIS_URL=redis://127.0.0.1:1/0")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, i.Stop()) })
	u.ask(t, "POST", i.url+"/api/events", event("5f0c6e1e-0000-4000-8000-000000000003", "without Redis")).is(t, 202)
}

// hashPauses is how many times as long as a hash the pause after it is
// (pkg/auth/password). Were it less here, every second login would wait for the one
// before it, always the same two of the four kinds, and look three times as long.
const hashPauses = 3

// TestWhoExists compares what a stranger learns from a refused login: the same
// answer after the same time, whether the account exists or not. It runs alone.
func TestWhoExists(t *testing.T) {
	r := strict(t, 2, "RATE_LIMIT_LOGIN_FAILURES=10000/s", "RATE_LIMIT_LOGIN_FAILURES_ALL=10000/s")
	known, disabled := register(t, "known"), register(t, "disabled")
	_, err := db.Exec(t.Context(), `UPDATE analytics.users SET disabled = true WHERE id = $1`, disabled.id)
	require.NoError(t, err)
	attempts := []struct{ what, username, password string }{
		{"wrong password", known.username, "wrong " + known.password[:20]},
		{"unknown user", "nobody-" + rand.Text(), known.password},
		{"disabled user", disabled.username, disabled.password},
		{"impossible name", "nobody\x07" + rand.Text(), known.password},
	}
	// The quickest of each kind is compared: other programs only make logins slower.
	// While those of one kind look slower they get more chances. Each round has an order of
	// its own: what comes with every fourth login, such as a collection of the memory that
	// hashes leave, would always slow the same kind.
	quickest := slices.Repeat([]time.Duration{math.MaxInt64}, len(attempts))
	fair := func() bool { return float64(slices.Max(quickest)) <= 1.5*float64(slices.Min(quickest)) }
	for n := 0; n < 15 || n < 150 && !fair(); n++ {
		for _, i := range mathrand.Perm(len(attempts)) {
			attempt := attempts[i]
			begun := time.Now()
			a := logIn(t, r.url, attempt.username, attempt.password)
			took := time.Since(begun)
			quickest[i] = min(quickest[i], took)
			a.is(t, 401)
			time.Sleep(hashPauses * took) // the pause after a hash is not the next one's
		}
	}
	for i, attempt := range attempts {
		t.Log(attempt.what, quickest[i])
	}
	require.True(t, fair(), "who exists can be told by the clock")

	var first *answer
	for _, attempt := range attempts {
		a := nobody.with("X-Request-Id", "the-same-id").ask(t, "POST", r.url+"/api/auth/token",
			object("username", attempt.username, "password", attempt.password)).is(t, 401)
		a.header.Del("Date")
		if first == nil {
			first = a
			continue
		}
		for _, name := range []string{"RateLimit-Reset", "RateLimit-Remaining"} { // they count
			a.header.Del(name)
			first.header.Del(name)
		}
		require.Equal(t, first, a, attempt.what)
	}
}
