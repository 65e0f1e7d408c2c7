package ratelimit

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"eventanalytics/pkg/platform/problem"
	"eventanalytics/pkg/platform/server"
)

var errWrong = errors.New("wrong password")

// plenty is a limit that a test does not reach.
var plenty = Limit{1000, time.Second, 1000}

func stranger(context.Context) (bool, error) { return false, nil }

func friend(context.Context) (bool, error) { return true, nil }

// from runs f as a request from an address.
func from(t *testing.T, address string, f func(ctx context.Context)) {
	t.Helper()
	srv, err := server.New(server.Config{}, zap.NewNop(), prometheus.NewRegistry())
	require.NoError(t, err)
	huma.Register(srv.API, huma.Operation{OperationID: "f", Method: http.MethodGet, Path: "/"},
		func(ctx context.Context, _ *struct{}) (*struct{}, error) { f(ctx); return nil, nil })
	require.Equal(t, 204, get(srv.Handler(), "/", address, nil).Code)
}

// attempt returns whether the password was checked at all.
func attempt(t *testing.T, l *Limiter, address string, login Login, outcome error) bool {
	t.Helper()
	checked := false
	login.Failed = errWrong
	var err error
	from(t, address, func(ctx context.Context) {
		err = l.Attempt(ctx, login, func() error { checked = true; return outcome })
	})
	if checked {
		require.Equal(t, outcome, err)
		return true
	}
	var p *problem.Error
	require.ErrorAs(t, err, &p)
	require.Equal(t, 429, p.Status)
	require.Equal(t, "rate-limited", p.Code())
	require.Positive(t, p.RetryAfter)
	require.LessOrEqual(t, p.RetryAfter, 20*time.Second) // 12 s through Redis
	return false
}

func TestFailedLogins(t *testing.T) {
	t.Parallel()
	cfg := Config{LoginFailures: Limit{5, time.Minute, 5}, AllLoginFailures: Limit{10, time.Minute, 8}}
	for name, c := range map[string]struct {
		url        string
		limit, all int
	}{
		"redis":   {newDatabase(), 5, 8},
		"process": {"unix:///nobody.sock", 3, 4}, // stricter: replicas do not know of each other
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLimiter(t, cfg, c.url, slow)
			account := Login{Account: t.Name(), Known: stranger}
			for range 20 {
				require.True(t, attempt(t, l, own(1), account, nil), "a success does not count")
				require.True(t, attempt(t, l, own(1), account, errors.New("Postgres is away")), "nor does what is not the caller's fault")
			}
			for range c.limit {
				require.True(t, attempt(t, l, own(1), account, errWrong))
			}
			require.False(t, attempt(t, l, own(1), account, errWrong))
			require.False(t, attempt(t, l, own(1), account, nil), "the right password does not help now")
			require.True(t, attempt(t, l, own(1), Login{Account: account.Account + "2", Known: stranger}, errWrong), "another account is another matter")

			// The owner, elsewhere, is not locked out.
			require.True(t, attempt(t, l, own(2), account, nil))
			// An attacker with many addresses is, and with them every stranger.
			for n := range c.all - c.limit {
				require.True(t, attempt(t, l, own(10+n), account, errWrong))
			}
			require.False(t, attempt(t, l, own(3), account, nil))
			// But not an address that logged in lately, which has its own failures.
			account.Known = friend
			require.True(t, attempt(t, l, own(2), account, nil))
			for range c.limit {
				require.True(t, attempt(t, l, own(2), account, errWrong))
			}
			require.False(t, attempt(t, l, own(2), account, errWrong), "nor may it guess")
			require.EqualValues(t, 4, count(t, l.refused))
		})
	}
}

// A customer with IPv6 has a /64 to guess from.
func TestFailedLoginsOfANetwork(t *testing.T) {
	t.Parallel()
	l := newLimiter(t, Config{LoginFailures: Limit{5, time.Minute, 5}, AllLoginFailures: plenty}, newDatabase(), slow)
	account := Login{Account: t.Name(), Known: stranger}
	for n := range 5 {
		require.True(t, attempt(t, l, "[2001:db8:0:1::"+strconv.Itoa(n)+"]:4711", account, errWrong))
	}
	require.False(t, attempt(t, l, "[2001:db8:0:1:ffff::]:4711", account, nil))
	require.True(t, attempt(t, l, "[2001:db8:0:2::]:4711", account, nil))
}

// What prevents the look-up of a known address is told, and nothing is checked.
func TestUnknownWhetherKnown(t *testing.T) {
	t.Parallel()
	l := newLimiter(t, Config{LoginFailures: plenty, AllLoginFailures: Limit{1, time.Hour, 1}}, newDatabase(), slow)
	away := errors.New("Postgres is away")
	login := Login{Account: t.Name(), Failed: errWrong, Known: func(context.Context) (bool, error) { return false, away }}
	verify := func() error { return errWrong }
	require.ErrorIs(t, l.Attempt(t.Context(), login, verify), errWrong)
	require.ErrorIs(t, l.Attempt(t.Context(), login, verify), away)
	require.Empty(t, l.accounts.locks)
}

// Guesses at the same time are not admitted together before they are counted, from
// one address or from many; right passwords at the same time are all admitted.
func TestLoginsAtOnce(t *testing.T) {
	t.Parallel()
	l := newLimiter(t, Config{LoginFailures: Limit{5, time.Minute, 5}, AllLoginFailures: Limit{10, time.Minute, 8}}, newDatabase(), slow)
	var guesses, spread atomic.Int64
	var wg sync.WaitGroup
	login := func(account string) Login {
		return Login{Account: t.Name() + account, Known: stranger, Failed: errWrong}
	}
	guess := func(ctx context.Context, account string, counted *atomic.Int64) {
		_ = l.Attempt(ctx, login(account), func() error {
			counted.Add(1)
			return errWrong
		})
	}
	for n := range 40 {
		wg.Go(func() { guess(t.Context(), "", &guesses) })
		wg.Go(func() {
			from(t, own(n), func(ctx context.Context) { guess(ctx, "3", &spread) })
		})
		wg.Go(func() {
			if err := l.Attempt(t.Context(), login("2"), func() error { return nil }); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	require.EqualValues(t, 5, guesses.Load())
	require.EqualValues(t, 8, spread.Load())
	require.Empty(t, l.accounts.locks, "nothing is left of the attempts that waited")
	require.Empty(t, l.logins.locks)
}
