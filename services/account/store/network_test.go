package store_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/platform/postgres/pgtest"
	"eventanalytics/services/account/store"
)

func TestKnownNetworks(t *testing.T) {
	t.Parallel()
	clock := newHands()
	pool := pgtest.New(t)
	s := newSessions(t, pool, cheap, clock.now)
	ann := user(t, s, "ann")
	user(t, s, "bob")
	login := func(network string) {
		t.Helper()
		_, err := s.Login(t.Context(), store.Attempt{Username: "ann", Password: password, Network: network})
		require.NoError(t, err)
		clock.advance(time.Minute)
	}
	known := func(name, network string) bool {
		t.Helper()
		known, err := s.Known(t.Context(), name, network)
		require.NoError(t, err)
		return known
	}
	stored := func() (n int) {
		t.Helper()
		require.NoError(t, pool.QueryRow(t.Context(), `SELECT count(*) FROM analytics.login_networks`).Scan(&n))
		return n
	}

	require.False(t, known("ann", home))
	_, err := s.Login(t.Context(), store.Attempt{Username: "ann", Password: "wrong", Network: home})
	require.ErrorIs(t, err, store.ErrCredentials)
	require.False(t, known("ann", home), "it only tried")
	login(home)
	for _, name := range []string{"ann", "ANN", " ann"} {
		require.True(t, known(name, home), name)
	}
	require.False(t, known("ann", "192.0.2.2"))
	for _, name := range []string{"bob", "nobody", "ann\x00", "ann\xff", ""} {
		require.False(t, known(name, home), name)
	}

	// A bounded number, of which those used last stay.
	for n := range 10 {
		login(fmt.Sprint("198.51.100.", n))
		login(home)
	}
	require.Equal(t, 8, stored())
	require.True(t, known("ann", home))
	require.True(t, known("ann", "198.51.100.9"))
	require.True(t, known("ann", "198.51.100.3"))
	require.False(t, known("ann", "198.51.100.2"))

	// A new password is for the others to learn first.
	require.NoError(t, s.ChangePassword(t.Context(), ann.ID, "00000000-0000-0000-0000-000000000000", home, password, "another good one"))
	require.True(t, known("ann", home), "from where it was changed")
	require.False(t, known("ann", "198.51.100.9"))
	require.NoError(t, s.ChangePassword(t.Context(), ann.ID, "00000000-0000-0000-0000-000000000000", home, "another good one", password))

	clock.advance(48 * time.Hour)
	require.False(t, known("ann", home), "it was long ago")
	login("2001:db8:0:1::/64")
	require.Equal(t, 1, stored(), "a login clears away what is past use")
	require.True(t, known("ann", "2001:db8:0:1::/64"))
}

// Logins of one user from many places at once all succeed.
func TestLoginsFromManyPlaces(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	s := newSessions(t, pool, cheap, time.Now)
	user(t, s, "ann")
	for range 3 {
		var wg sync.WaitGroup
		for n := range 12 {
			wg.Go(func() {
				if _, err := s.Login(t.Context(), store.Attempt{Username: "ann", Password: password, Network: fmt.Sprint("198.51.100.", n)}); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
	}
	_, err := s.Login(t.Context(), store.Attempt{Username: "ann", Password: password, Network: home})
	require.NoError(t, err)
	var n int
	require.NoError(t, pool.QueryRow(t.Context(), `SELECT count(*) FROM analytics.login_networks`).Scan(&n))
	require.Equal(t, 8, n)
}
