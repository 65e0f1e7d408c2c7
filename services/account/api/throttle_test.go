package api

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/platform/ratelimit"
)

// Failed logins are throttled by account and address, whatever address they claim
// to be from; guessing through the change of the password counts as well.
func TestLoginsAreThrottled(t *testing.T) {
	t.Parallel()
	s := open(t)
	_, _, token := s.user("ann")
	s.user("bob")
	spoofed := func(i int) string { return fmt.Sprintf("X-Forwarded-For: 198.51.100.%d", i) }
	for i := range 4 {
		s.post("/api/auth/token", "", credentials("ANN", "guess"), spoofed(i)).problem(401, "invalid-credentials", "")
		require.Equal(t, 200, s.post("/api/auth/token", "", credentials("bob", password)).Code, "a success does not count")
	}
	s.post("/api/auth/password", token, `{"old_password": "guess", "new_password": "another good one"}`).problem(401, "invalid-credentials", "")
	for i, body := range []string{credentials("ann", "guess"), credentials(" Ann", password)} {
		a := s.post("/api/auth/token", "", body, spoofed(100+i))
		a.problem(429, "rate-limited", "")
		require.NotEmpty(t, a.Header().Get("Retry-After"))
		require.Equal(t, []string{"0"}, a.Header().Values("RateLimit-Remaining"))
	}
	s.post("/api/auth/password", token, `{"old_password": "seven green lamps", "new_password": "another good one"}`).problem(429, "rate-limited", "")
	require.Equal(t, 200, s.post("/api/auth/token", "", credentials("bob", password)).Code, "another account is not blocked")
}

// Nobody locks out an account by guessing: not an address that logged in to it
// lately, and no other either until the guesses come from many addresses. Where there
// is no account, nothing differs.
func TestNobodyIsLockedOut(t *testing.T) {
	t.Parallel()
	s := open(t)
	_, _, token := s.user("ann") // from an address of her own
	from := func(i int) []string {
		return []string{"Remote: 10.0.0.1", fmt.Sprint("X-Forwarded-For: 203.0.113.", i)}
	}
	guess := func(name string, i int) answer {
		return s.post("/api/auth/token", "", credentials(name, "a guess"), from(i)...)
	}
	log := map[string][]string{} // what the guesser sees
	for _, name := range []string{"ann", "nobody"} {
		note := func(a answer) {
			log[name] = append(log[name], fmt.Sprint(a.Code, a.text("type"), a.Header().Get("RateLimit-Remaining")))
		}
		for range 6 {
			note(guess(name, 1))
		}
		guess(name, 1).problem(429, "rate-limited", "")
		if name == "ann" {
			require.Equal(t, 200, s.post("/api/auth/token", "", credentials("ann", password), from(100)...).Code, "a new address of hers")
		}
		for i := range 7 { // the limit is halved without Redis
			note(guess(name, 10+i))
		}
		a := s.post("/api/auth/token", "", credentials(name, password), from(20)...)
		a.problem(429, "rate-limited", "")
		require.NotEmpty(t, a.Header().Get("Retry-After"))
	}
	require.Equal(t, log["nobody"], log["ann"])

	for _, headers := range [][]string{nil, from(100)} {
		require.Equal(t, 200, s.post("/api/auth/token", "", credentials("ann", password), headers...).Code)
	}
	require.Equal(t, 204, s.post("/api/auth/password", token, `{"old_password": "seven green lamps", "new_password": "another good one"}`).Code)
}

func TestAddressesAreThrottled(t *testing.T) {
	t.Parallel()
	limits := wideLimits
	limits.Register = ratelimit.Limit{Rate: 1, Period: time.Hour, Burst: 2}
	limits.Login = ratelimit.Limit{Rate: 1, Period: time.Hour, Burst: 4} // halved without Redis
	s := newService(t, Config{Registration: "open"}, limits)
	for i := range 2 {
		require.Equal(t, 201, s.post("/register", "", credentials(fmt.Sprint("user", i), password), fmt.Sprint("X-Forwarded-For: 198.51.100.", i)).Code)
		s.post("/token", "", credentials(fmt.Sprint("nobody", i), "guess"), fmt.Sprint("X-Forwarded-For: 198.51.100.", i)).problem(401, "invalid-credentials", "")
	}
	s.post("/api/auth/register", "", credentials("user3", password), "X-Forwarded-For: 198.51.100.9").problem(429, "rate-limited", "")
	a := s.post("/api/auth/token", "", credentials("user0", password), "X-Forwarded-For: 198.51.100.9")
	a.problem(429, "rate-limited", "")
	require.NotEmpty(t, a.Header().Get("Retry-After"))
	require.Equal(t, "0", a.Header().Get("RateLimit-Remaining"))
}
