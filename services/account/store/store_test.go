package store_test

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alexedwards/argon2id"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/auth"
	passwords "eventanalytics/pkg/auth/password"
	"eventanalytics/pkg/platform/postgres/pgtest"
	"eventanalytics/pkg/refusal"
	"eventanalytics/services/account/store"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

const (
	password = "seven green lamps"
	home     = "192.0.2.1" // where users log in
)

// cheap parameters keep the tests fast.
var cheap = argon2id.Params{Memory: 64, Iterations: 1, Parallelism: 1, SaltLength: 16, KeyLength: 32}

func newSessions(t *testing.T, pool *pgxpool.Pool, params argon2id.Params, now func() time.Time) *store.Sessions {
	t.Helper()
	hasher, err := passwords.NewHasher(params)
	require.NoError(t, err)
	const secret = "0123456789abcdef0123456789abcdef"
	tokens, err := auth.NewTokens(secret, now)
	require.NoError(t, err)
	s, err := store.NewSessions(store.SessionConfig{RefreshTokenLifetime: 24 * time.Hour, RefreshGrace: 10 * time.Second, KnownAddressLifetime: 48 * time.Hour},
		store.New(pool, hasher, ""), secret, tokens, now)
	require.NoError(t, err)
	return s
}

func user(t *testing.T, s *store.Sessions, name string) store.User {
	t.Helper()
	u, err := s.CreateUser(t.Context(), store.NewUser{Username: name, Password: password})
	require.NoError(t, err)
	return u
}

// requireRefusal checks the kind and code of a refusal, and returns its field.
func requireRefusal(t *testing.T, err error, kind refusal.Kind, code string) (field string) {
	t.Helper()
	var r *refusal.Error
	require.ErrorAs(t, err, &r)
	require.Equal(t, kind, r.Kind)
	require.Equal(t, code, r.Code)
	return r.Field
}

func TestCreateUser(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	s := newSessions(t, pool, cheap, time.Now)
	u, err := s.CreateUser(t.Context(), store.NewUser{Username: "Ann", Password: password, Email: "ann@example.com", FullName: "Ann Example"})
	require.NoError(t, err)
	require.Equal(t, "Ann", u.Username)
	require.Equal(t, "ann@example.com", *u.Email)
	require.Equal(t, "Ann Example", *u.FullName)
	require.False(t, u.Disabled)
	again, err := s.User(t.Context(), u.ID)
	require.NoError(t, err)
	require.Equal(t, u, again)

	projects, err := s.Projects(t.Context(), u.ID)
	require.NoError(t, err)
	require.Len(t, projects, 1)
	require.Equal(t, u.ProjectID, projects[0].ID)
	require.True(t, projects[0].Home)
	require.Equal(t, auth.RoleOwner, projects[0].Role)

	var hash string
	require.NoError(t, pool.QueryRow(t.Context(), `SELECT password_hash FROM analytics.users`).Scan(&hash))
	require.True(t, strings.HasPrefix(hash, "$argon2id$"), "the password is stored as a hash")
}

func TestUserNames(t *testing.T) {
	t.Parallel()
	s := newSessions(t, pgtest.New(t), cheap, time.Now)
	user(t, s, "Straße")
	user(t, s, "tel")
	for name, c := range map[string]struct {
		username string
		kind     refusal.Kind
		code     string
	}{
		"empty":              {"", refusal.Invalid, "invalid-field"},
		"blank":              {"  ", refusal.Invalid, "invalid-field"},
		"151 characters":     {strings.Repeat("é", 151), refusal.Invalid, "invalid-field"},
		"150 characters":     {strings.Repeat("é", 150), 0, ""},
		"NUL":                {"a\x00b", refusal.Invalid, "invalid-character"},
		"line break":         {"a\nb", refusal.Invalid, "invalid-character"},
		"C1 control":         {"a\u0085b", refusal.Invalid, "invalid-character"},
		"turned direction":   {"a\u202Eb", refusal.Invalid, "invalid-character"},
		"bad UTF-8":          {"a\xffb", refusal.Invalid, "invalid-character"},
		"taken, other case":  {"STRASSE", refusal.Conflict, "username-taken"},
		"taken, full width":  {"ｓtrasse", refusal.Conflict, "username-taken"},
		"taken, with spaces": {" straße ", refusal.Conflict, "username-taken"},
		"taken, as a sign":   {"℡", refusal.Conflict, "username-taken"},
		"markup":             {`<b>'; DROP TABLE users;--`, 0, ""},
		"right to left":      {"מרים", 0, ""},
		"long skeletons":     {strings.Repeat("ﷺ", 150), 0, ""},
		"of all kinds":       {strings.Repeat("ﷺﷻﷲﷱﷶﷰﷵ", 18), 0, ""},
		"zero width":         {"an\u200bn", refusal.Invalid, "invalid-character"},
		"soft hyphen":        {"an\u00adn", refusal.Invalid, "invalid-character"},
		"Hangul filler":      {"\u3164", refusal.Invalid, "invalid-character"},
		"blank Braille":      {"\u2800", refusal.Invalid, "invalid-character"},
		"mixed scripts":      {"аdmin", refusal.Invalid, "mixed-scripts"},
		"looks like another": {"teI", refusal.Conflict, "username-taken"},
	} {
		t.Run(name, func(t *testing.T) {
			u, err := s.CreateUser(t.Context(), store.NewUser{Username: c.username, Password: password})
			if c.code == "" {
				require.NoError(t, err)
				require.Equal(t, c.username, u.Username)
				return
			}
			if field := requireRefusal(t, err, c.kind, c.code); c.kind == refusal.Invalid {
				require.Equal(t, "username", field)
			}
		})
	}
	for field, n := range map[string]store.NewUser{
		"password":  {Username: "x", Password: "short"},
		"email":     {Username: "x", Password: password, Email: "Ann <ann@example.com>"},
		"full_name": {Username: "x", Password: password, FullName: "a\u202eb"},
	} {
		_, err := s.CreateUser(t.Context(), n)
		var r *refusal.Error
		require.ErrorAs(t, err, &r)
		require.Equal(t, refusal.Invalid, r.Kind)
		require.Equal(t, field, r.Field)
	}
}

func TestLogin(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	s := newSessions(t, pool, cheap, time.Now)
	u := user(t, s, "Ann")
	for _, name := range []string{"Ann", "ANN", " ann", "ａnn"} {
		g, err := s.Login(t.Context(), store.Attempt{Username: name, Password: password, Network: home})
		require.NoError(t, err, name)
		require.Equal(t, "bearer", g.TokenType)
		require.Equal(t, 900, g.ExpiresIn)
		require.NotEmpty(t, g.AccessToken)
		require.NotEmpty(t, g.RefreshToken)
	}
	for name, c := range map[string][2]string{
		"wrong password":  {"ann", "seven green lamp"},
		"unknown user":    {"bob", password},
		"no password":     {"ann", ""},
		"NUL in the name": {"ann\x00", password},
		"bad UTF-8":       {"ann\xff", password},
		"endless name":    {strings.Repeat("a", 50_000), password},
	} {
		_, err := s.Login(t.Context(), store.Attempt{Username: c[0], Password: c[1], Network: home})
		require.ErrorIs(t, err, store.ErrCredentials, name)
	}
	var stored int
	require.NoError(t, pool.QueryRow(t.Context(), `SELECT count(*) FROM analytics.refresh_tokens WHERE length(hash) = 32`).Scan(&stored))
	require.Equal(t, 4, stored, "refresh tokens are stored as hashes, one a login")

	_, err := pool.Exec(t.Context(), `UPDATE analytics.users SET disabled = true WHERE id = $1`, u.ID)
	require.NoError(t, err)
	_, err = s.Login(t.Context(), store.Attempt{Username: "ann", Password: password, Network: home})
	require.ErrorIs(t, err, store.ErrCredentials)
}

// New parameters reach a hash when its owner logs in, also from many places at
// once.
func TestLoginReplacesOutdatedHashes(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	user(t, newSessions(t, pool, cheap, time.Now), "ann")
	stronger := cheap
	stronger.Memory = 128
	s := newSessions(t, pool, stronger, time.Now)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if _, err := s.Login(t.Context(), store.Attempt{Username: "ann", Password: password, Network: home}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	var hash string
	require.NoError(t, pool.QueryRow(t.Context(), `SELECT password_hash FROM analytics.users`).Scan(&hash))
	require.Contains(t, hash, "m=128,")
	_, err := s.Login(t.Context(), store.Attempt{Username: "ann", Password: password, Network: home})
	require.NoError(t, err)
}

func TestChangePassword(t *testing.T) {
	t.Parallel()
	s := newSessions(t, pgtest.New(t), cheap, time.Now)
	u := user(t, s, "ann")
	g, err := s.Login(t.Context(), store.Attempt{Username: "ann", Password: password, Network: home})
	require.NoError(t, err)
	const family = "00000000-0000-0000-0000-000000000000" // of no login: all end
	require.ErrorIs(t, s.ChangePassword(t.Context(), u.ID, family, home, "wrong", "another good one"), store.ErrCredentials)
	requireRefusal(t, s.ChangePassword(t.Context(), u.ID, family, home, password, "12345678"), refusal.Invalid, "too-common")
	_, err = s.Refresh(t.Context(), g.RefreshToken)
	require.NoError(t, err, "nothing has changed yet")

	g, err = s.Login(t.Context(), store.Attempt{Username: "ann", Password: password, Network: home})
	require.NoError(t, err)
	require.NoError(t, s.ChangePassword(t.Context(), u.ID, family, home, password, "another good one"))
	_, err = s.Refresh(t.Context(), g.RefreshToken)
	require.ErrorIs(t, err, store.ErrRefresh)
	_, err = s.Login(t.Context(), store.Attempt{Username: "ann", Password: password, Network: home})
	require.ErrorIs(t, err, store.ErrCredentials)
	_, err = s.Login(t.Context(), store.Attempt{Username: "ann", Password: "another good one", Network: home})
	require.NoError(t, err)
}

// No login with the old password outlives the change, however they interleave.
func TestChangePasswordAgainstLogins(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	s := newSessions(t, pool, cheap, time.Now)
	u := user(t, s, "ann")
	old := password
	for range 10 {
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				if _, err := s.Login(t.Context(), store.Attempt{Username: "ann", Password: old, Network: home}); err != nil && !errors.Is(err, store.ErrCredentials) {
					t.Error(err)
				}
			})
		}
		next := old + "!"
		wg.Go(func() {
			if err := s.ChangePassword(t.Context(), u.ID, "00000000-0000-0000-0000-000000000000", home, old, next); err != nil {
				t.Error(err)
			}
		})
		wg.Wait()
		var live int
		require.NoError(t, pool.QueryRow(t.Context(), `SELECT count(*) FROM analytics.token_families WHERE revoked_at IS NULL`).Scan(&live))
		require.Zero(t, live)
		old = next
	}
}

func TestKeys(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	s := newSessions(t, pool, cheap, time.Now)
	ctx := t.Context()
	ann, bob := user(t, s, "ann"), user(t, s, "bob")
	k, err := s.CreateKey(ctx, ann.ProjectID, ann.ID, "web shop", auth.ScopeIngest)
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(k.Key, k.Prefix))
	require.Equal(t, auth.ScopeIngest, k.Scope)
	var hash []byte
	require.NoError(t, pool.QueryRow(ctx, `SELECT hash FROM analytics.api_keys`).Scan(&hash))
	require.Equal(t, auth.HashCredential(k.Key), hash)
	_, err = s.CreateKey(ctx, ann.ProjectID, ann.ID, "a\nb", auth.ScopeIngest)
	requireRefusal(t, err, refusal.Invalid, "invalid-character")

	requireRefusal(t, s.RevokeKey(ctx, bob.ProjectID, bob.ID, k.ID), refusal.NotFound, "not-found")
	require.NoError(t, s.RevokeKey(ctx, ann.ProjectID, ann.ID, k.ID))
	keys, err := s.Keys(ctx, ann.ProjectID, ann.ID)
	require.NoError(t, err)
	require.Len(t, keys, 1)
	require.NotNil(t, keys[0].RevokedAt)
	revoked := *keys[0].RevokedAt
	require.NoError(t, s.RevokeKey(ctx, ann.ProjectID, ann.ID, k.ID), "again changes nothing")
	keys, err = s.Keys(ctx, ann.ProjectID, ann.ID)
	require.NoError(t, err)
	require.Equal(t, revoked, *keys[0].RevokedAt)
}

func TestAwayPostgresIs503(t *testing.T) {
	t.Parallel()
	pool, err := pgxpool.New(t.Context(), "postgres://nobody@127.0.0.1:1/none?connect_timeout=1")
	require.NoError(t, err)
	defer pool.Close()
	s := newSessions(t, pool, cheap, time.Now)
	_, err = s.CreateUser(t.Context(), store.NewUser{Username: "ann", Password: password})
	requireRefusal(t, err, refusal.Unavailable, "unavailable")
	_, err = s.Login(t.Context(), store.Attempt{Username: "ann", Password: password, Network: home})
	requireRefusal(t, err, refusal.Unavailable, "unavailable")
	_, err = s.Refresh(t.Context(), "er_x")
	requireRefusal(t, err, refusal.Unavailable, "unavailable")
	_, err = s.Members(t.Context(), 1, 1)
	requireRefusal(t, err, refusal.Unavailable, "unavailable")
}
