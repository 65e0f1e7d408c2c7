package store_test

import (
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/platform/postgres/pgtest"
	"eventanalytics/services/account/store"
)

// hands is a clock that a test sets.
type hands struct{ at atomic.Pointer[time.Time] }

func (h *hands) now() time.Time { return *h.at.Load() }

func (h *hands) set(at time.Time) { h.at.Store(&at) }

func newHands() *hands {
	h := &hands{}
	h.set(time.Now())
	return h
}

func (h *hands) advance(d time.Duration) { h.set(h.now().Add(d)) }

func TestRefreshRotates(t *testing.T) {
	t.Parallel()
	clock := newHands()
	start := clock.now()
	pool := pgtest.New(t)
	s := newSessions(t, pool, cheap, clock.now)
	user(t, s, "ann")
	first, err := s.Login(t.Context(), store.Attempt{Username: "ann", Password: password, Network: home})
	require.NoError(t, err)
	second, err := s.Refresh(t.Context(), first.RefreshToken)
	require.NoError(t, err)
	require.NotEqual(t, first.RefreshToken, second.RefreshToken)
	require.Len(t, second.RefreshToken, len(first.RefreshToken))
	other, err := s.Login(t.Context(), store.Attempt{Username: "ann", Password: password, Network: home})
	require.NoError(t, err)

	clock.advance(10 * time.Second)
	_, err = s.Refresh(t.Context(), first.RefreshToken)
	require.ErrorIs(t, err, store.ErrRefresh, "it was used before")
	_, err = s.Refresh(t.Context(), second.RefreshToken)
	require.ErrorIs(t, err, store.ErrRefresh, "the family is dead")
	other, err = s.Refresh(t.Context(), other.RefreshToken)
	require.NoError(t, err, "another login is another family")

	for _, token := range []string{"", "er_", first.AccessToken, strings.ToUpper(other.RefreshToken), "a\x00b\xff"} {
		_, err = s.Refresh(t.Context(), token)
		require.ErrorIs(t, err, store.ErrRefresh)
	}

	clock.set(start.Add(24*time.Hour + 10*time.Second))
	_, err = s.Refresh(t.Context(), other.RefreshToken)
	require.ErrorIs(t, err, store.ErrRefresh, "it expired")
	_, err = s.Login(t.Context(), store.Attempt{Username: "ann", Password: password, Network: home})
	require.NoError(t, err)
	var families int
	require.NoError(t, pool.QueryRow(t.Context(), `SELECT count(*) FROM analytics.token_families`).Scan(&families))
	require.Equal(t, 1, families, "a login clears away what is past use")
}

// Another use of a token within the grace period gets the same pair.
func TestRefreshAgain(t *testing.T) {
	t.Parallel()
	clock := newHands()
	pool := pgtest.New(t)
	s := newSessions(t, pool, cheap, clock.now)
	user(t, s, "ann")
	first, err := s.Login(t.Context(), store.Attempt{Username: "ann", Password: password, Network: home})
	require.NoError(t, err)
	second, err := s.Refresh(t.Context(), first.RefreshToken)
	require.NoError(t, err)

	clock.advance(9 * time.Second)
	again, err := s.Refresh(t.Context(), first.RefreshToken)
	require.NoError(t, err, "a lost answer")
	require.Equal(t, second.RefreshToken, again.RefreshToken)
	require.Equal(t, second.AccessToken, again.AccessToken)
	require.Equal(t, second.ExpiresIn-9, again.ExpiresIn)
	var rows, readable int
	require.NoError(t, pool.QueryRow(t.Context(), `SELECT count(*), count(*) FILTER (WHERE hash = convert_to($1, 'UTF8')) FROM analytics.refresh_tokens`,
		second.RefreshToken).Scan(&rows, &readable))
	require.Equal(t, 2, rows)
	require.Zero(t, readable)

	third, err := s.Refresh(t.Context(), second.RefreshToken)
	require.NoError(t, err, "the login lives")
	_, err = s.Refresh(t.Context(), second.RefreshToken)
	require.NoError(t, err, "each token has a grace period of its own")

	// One two generations old does not, even within the grace period: whoever holds
	// its successor has used it.
	_, err = s.Refresh(t.Context(), first.RefreshToken)
	require.ErrorIs(t, err, store.ErrRefresh)
	_, err = s.Refresh(t.Context(), third.RefreshToken)
	require.ErrorIs(t, err, store.ErrRefresh, "the family is dead")
	_, err = s.Refresh(t.Context(), second.RefreshToken)
	require.ErrorIs(t, err, store.ErrRefresh, "nothing revives it")
}

// Of many uses at once all get one pair, and the login lives.
func TestRefreshAtOnce(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	s := newSessions(t, pool, cheap, time.Now)
	user(t, s, "ann")
	g, err := s.Login(t.Context(), store.Attempt{Username: "ann", Password: password, Network: home})
	require.NoError(t, err)
	for range 5 { // generations
		grants := make([]store.Grant, 16)
		var wg sync.WaitGroup
		for i := range grants {
			wg.Go(func() {
				got, err := s.Refresh(t.Context(), g.RefreshToken)
				if err != nil {
					t.Error(err)
				}
				grants[i] = got
			})
		}
		wg.Wait()
		for _, got := range grants {
			require.Equal(t, grants[0].RefreshToken, got.RefreshToken)
			require.Equal(t, grants[0].AccessToken, got.AccessToken)
		}
		g = grants[0]
	}
	var unused, live int
	require.NoError(t, pool.QueryRow(t.Context(), `
		SELECT count(*) FILTER (WHERE r.used_at IS NULL), count(DISTINCT f.id)
		FROM analytics.refresh_tokens AS r JOIN analytics.token_families AS f ON f.id = r.family_id
		WHERE f.revoked_at IS NULL`).Scan(&unused, &live))
	require.Equal(t, 1, unused)
	require.Equal(t, 1, live)
}

func TestRefreshGraceIsBounded(t *testing.T) {
	t.Parallel()
	for _, grace := range []time.Duration{-time.Second, time.Hour} {
		c := store.SessionConfig{RefreshTokenLifetime: time.Hour, RefreshGrace: grace}
		require.ErrorContains(t, c.Validate(), "REFRESH_GRACE")
	}
	c := store.SessionConfig{RefreshTokenLifetime: time.Hour}
	require.NoError(t, c.Validate())
}
