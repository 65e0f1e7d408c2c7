package store_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/auth"
	"eventanalytics/pkg/platform/postgres/pgtest"
	"eventanalytics/pkg/refusal"
	"eventanalytics/services/account/store"
)

// What others see has nothing in it that they cannot see.
func TestNothingInvisible(t *testing.T) {
	t.Parallel()
	s := newSessions(t, pgtest.New(t), cheap, time.Now)
	ann := user(t, s, "ann")
	for _, c := range []string{"\u200b", "\u00ad", "\u3164", "\u2800", "\u202e", "\ufeff", "\U000e0041"} {
		text := "a" + c + "b"
		_, err := s.CreateUser(t.Context(), store.NewUser{Username: text, Password: password})
		require.Equal(t, "username", requireRefusal(t, err, refusal.Invalid, "invalid-character"))
		_, err = s.CreateUser(t.Context(), store.NewUser{Username: "x", Password: password, FullName: text})
		require.Equal(t, "full_name", requireRefusal(t, err, refusal.Invalid, "invalid-character"))
		_, err = s.CreateUser(t.Context(), store.NewUser{Username: "x", Password: password, Email: text + "@example.com"})
		var r *refusal.Error
		require.ErrorAs(t, err, &r)
		require.Equal(t, "email", r.Field)
		_, err = s.CreateProject(t.Context(), ann.ID, text)
		require.Equal(t, "name", requireRefusal(t, err, refusal.Invalid, "invalid-character"))
		_, err = s.CreateKey(t.Context(), ann.ProjectID, ann.ID, text, auth.ScopeRead)
		require.Equal(t, "name", requireRefusal(t, err, refusal.Invalid, "invalid-character"))
	}
	_, err := s.CreateProject(t.Context(), ann.ID, "  ")
	require.Equal(t, "name", requireRefusal(t, err, refusal.Invalid, "invalid-field"))
}

// Of names that look alike one is given away, however many ask at once.
func TestLookAlikesAtOnce(t *testing.T) {
	t.Parallel()
	s := newSessions(t, pgtest.New(t), cheap, time.Now)
	var made atomic.Int64
	var wg sync.WaitGroup
	for _, name := range []string{"paypal", "paypaI", "paypa1", "раураӏ", "PAYPAL", "ｐaypal"} {
		wg.Go(func() {
			_, err := s.CreateUser(t.Context(), store.NewUser{Username: name, Password: password})
			var r *refusal.Error
			switch {
			case err == nil:
				made.Add(1)
			case !errors.As(err, &r) || r.Code != "username-taken":
				t.Error(name, err)
			}
		})
	}
	wg.Wait()
	require.EqualValues(t, 1, made.Load())
}

// Users of earlier versions keep their names, whatever those look like, and new ones
// cannot look like them.
func TestEarlierNames(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	s := newSessions(t, pool, cheap, time.Now)
	user(t, s, "template")
	const insert = `
		INSERT INTO analytics.users (username, username_key, password_hash)
		SELECT $1, $2, password_hash FROM analytics.users WHERE username = 'template'`
	names := []string{"Sасоса", "Sacoca", "an\u200bn", "bob"}
	for n := range 600 { // more than one batch
		names = append(names, fmt.Sprint("member ", n))
	}
	for _, name := range names {
		_, err := pool.Exec(t.Context(), insert, name, strings.ToLower(name))
		require.NoError(t, err)
	}
	n, err := s.FillSkeletons(t.Context())
	require.NoError(t, err)
	require.Equal(t, len(names), n)
	n, err = s.FillSkeletons(t.Context())
	require.NoError(t, err)
	require.Zero(t, n)
	for _, name := range names[:4] {
		_, err := s.Login(t.Context(), store.Attempt{Username: name, Password: password, Network: home})
		require.NoError(t, err, "%+q", name)
	}
	for _, name := range []string{"SacocA", "Ьоb", "rnernber 7"} {
		_, err := s.CreateUser(t.Context(), store.NewUser{Username: name, Password: password})
		var r *refusal.Error
		require.ErrorAs(t, err, &r, name)
	}
	_, err = s.CreateUser(t.Context(), store.NewUser{Username: "rnernber 7", Password: password})
	requireRefusal(t, err, refusal.Conflict, "username-taken")
}

func TestPasswordIsNoName(t *testing.T) {
	t.Parallel()
	s := newSessions(t, pgtest.New(t), cheap, time.Now)
	_, err := s.CreateUser(t.Context(), store.NewUser{Username: "Ann Example", Password: "ANN example"})
	require.Equal(t, "password", requireRefusal(t, err, refusal.Invalid, "same-as-name"))
	_, err = s.CreateUser(t.Context(), store.NewUser{Username: "ann", Password: "ann@example.com", Email: "ann@example.com"})
	require.Equal(t, "password", requireRefusal(t, err, refusal.Invalid, "same-as-name"))
	_, err = s.CreateUser(t.Context(), store.NewUser{Username: "ann", Password: strings.Repeat("\x00", 8)})
	require.Equal(t, "password", requireRefusal(t, err, refusal.Invalid, "blank"))
	u, err := s.CreateUser(t.Context(), store.NewUser{Username: "Ann Example", Password: password, Email: "ann@example.com"})
	require.NoError(t, err)
	for _, same := range []string{"ann example", "Ann@Example.com"} {
		err = s.ChangePassword(t.Context(), u.ID, "00000000-0000-0000-0000-000000000000", home, password, same)
		require.Equal(t, "new_password", requireRefusal(t, err, refusal.Invalid, "same-as-name"))
	}
}
