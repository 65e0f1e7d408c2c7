package store_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/auth"
	"eventanalytics/pkg/platform/postgres/pgtest"
	"eventanalytics/pkg/refusal"
	"eventanalytics/services/account/store"
)

// join invites a user, who accepts.
func join(t *testing.T, s *store.Sessions, project, owner int64, u store.User, role auth.Role) {
	t.Helper()
	m, err := s.SetMember(t.Context(), project, owner, u.Username, role)
	require.NoError(t, err)
	require.Equal(t, store.StatusInvited, m.Status)
	_, err = s.AcceptInvitation(t.Context(), project, u.ID)
	require.NoError(t, err)
}

// roles of a project's members, by name.
func roles(t *testing.T, pool *pgxpool.Pool, project int64) map[string]auth.Role {
	t.Helper()
	rows, err := pool.Query(t.Context(), `
		SELECT u.username, m.role FROM analytics.members AS m JOIN analytics.users AS u ON u.id = m.user_id WHERE m.project_id = $1`, project)
	require.NoError(t, err)
	defer rows.Close()
	found := map[string]auth.Role{}
	for rows.Next() {
		var name string
		var role auth.Role
		require.NoError(t, rows.Scan(&name, &role))
		found[name] = role
	}
	require.NoError(t, rows.Err())
	return found
}

func TestMembers(t *testing.T) {
	t.Parallel()
	s := newSessions(t, pgtest.New(t), cheap, time.Now)
	ctx := t.Context()
	ann, bob, eve := user(t, s, "ann"), user(t, s, "bob"), user(t, s, "eve")
	shop, err := s.CreateProject(ctx, ann.ID, "Shop")
	require.NoError(t, err)
	require.False(t, shop.Home)

	join(t, s, shop.ID, ann.ID, bob, auth.RoleViewer)
	members, err := s.Members(ctx, shop.ID, bob.ID)
	require.NoError(t, err)
	require.Len(t, members, 2)

	// Only owners manage; a user who is no member sees nothing.
	manage := func(project int64, u store.User, kind refusal.Kind, code string) {
		t.Helper()
		_, err = s.SetMember(ctx, project, u.ID, u.Username, auth.RoleOwner)
		requireRefusal(t, err, kind, code)
		requireRefusal(t, s.RemoveMember(ctx, project, u.ID, ann.ID, false), kind, code)
		_, err = s.Transfer(ctx, project, u.ID, u.Username)
		requireRefusal(t, err, kind, code)
		_, err = s.Invitations(ctx, project, u.ID)
		requireRefusal(t, err, kind, code)
		requireRefusal(t, s.WithdrawInvitation(ctx, project, u.ID, eve.ID), kind, code)
		_, err = s.Keys(ctx, project, u.ID)
		requireRefusal(t, err, kind, code)
		_, err = s.CreateKey(ctx, project, u.ID, "k", auth.ScopeRead)
		requireRefusal(t, err, kind, code)
		requireRefusal(t, s.RevokeKey(ctx, project, u.ID, 1), kind, code)
	}
	for _, role := range []auth.Role{auth.RoleViewer, auth.RoleEditor} {
		m, err := s.SetMember(ctx, shop.ID, ann.ID, "BOB", role)
		require.NoError(t, err)
		require.Equal(t, store.StatusMember, m.Status, "the role of a member changes at once")
		require.Equal(t, bob.ID, m.UserID)
		require.Equal(t, "bob", m.Username)
		require.Equal(t, role, m.Role)
		manage(shop.ID, bob, refusal.Forbidden, "not-owner")
		requireRefusal(t, s.RemoveMember(ctx, shop.ID, bob.ID, bob.ID, true), refusal.Forbidden, "not-owner")
	}
	for _, project := range []int64{shop.ID, 999_999} {
		_, err = s.Members(ctx, project, eve.ID)
		requireRefusal(t, err, refusal.NotFound, "not-found")
		requireRefusal(t, s.RemoveMember(ctx, project, eve.ID, eve.ID, false), refusal.NotFound, "not-found")
		manage(project, eve, refusal.NotFound, "not-found")
	}

	// The last owner stays.
	requireRefusal(t, s.RemoveMember(ctx, shop.ID, ann.ID, ann.ID, false), refusal.Conflict, "last-owner")
	_, err = s.SetMember(ctx, shop.ID, ann.ID, "ann", auth.RoleEditor)
	requireRefusal(t, err, refusal.Conflict, "last-owner")
	_, err = s.SetMember(ctx, shop.ID, ann.ID, "bob", auth.RoleOwner)
	require.NoError(t, err)
	require.NoError(t, s.RemoveMember(ctx, shop.ID, ann.ID, ann.ID, false))
	_, err = s.Members(ctx, shop.ID, ann.ID)
	requireRefusal(t, err, refusal.NotFound, "not-found")

	// A user's own project stays the user's, whoever else owns it.
	join(t, s, ann.ProjectID, ann.ID, bob, auth.RoleOwner)
	requireRefusal(t, s.RemoveMember(ctx, ann.ProjectID, bob.ID, ann.ID, false), refusal.Conflict, "home-project")
	requireRefusal(t, s.RemoveMember(ctx, ann.ProjectID, ann.ID, ann.ID, false), refusal.Conflict, "home-project")
	_, err = s.SetMember(ctx, ann.ProjectID, bob.ID, "ann", auth.RoleViewer)
	requireRefusal(t, err, refusal.Conflict, "home-project")

	_, err = s.SetMember(ctx, ann.ProjectID, ann.ID, "nobody", auth.RoleViewer)
	requireRefusal(t, err, refusal.Invalid, "unknown-user")
	_, err = s.SetMember(ctx, ann.ProjectID, ann.ID, "a\x00", auth.RoleViewer)
	requireRefusal(t, err, refusal.Invalid, "unknown-user")
	requireRefusal(t, s.RemoveMember(ctx, ann.ProjectID, ann.ID, eve.ID, false), refusal.NotFound, "not-found")
}

// Members leave of their own accord, whatever their role; the API keys that they made
// go on working until somebody decides otherwise.
func TestLeaving(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	s := newSessions(t, pool, cheap, time.Now)
	ctx := t.Context()
	ann, bob, eve := user(t, s, "ann"), user(t, s, "bob"), user(t, s, "eve")
	shop, err := s.CreateProject(ctx, ann.ID, "Shop")
	require.NoError(t, err)
	for _, role := range []auth.Role{auth.RoleViewer, auth.RoleEditor, auth.RoleOwner} {
		join(t, s, shop.ID, ann.ID, eve, role)
		require.NoError(t, s.RemoveMember(ctx, shop.ID, eve.ID, eve.ID, false))
		_, err = s.Members(ctx, shop.ID, eve.ID)
		requireRefusal(t, err, refusal.NotFound, "not-found")
	}

	live := func() (creators []string) {
		keys, err := s.Keys(ctx, shop.ID, ann.ID)
		require.NoError(t, err)
		for _, k := range keys {
			if k.RevokedAt == nil {
				creators = append(creators, fmt.Sprint(k.Creator, " ", k.CreatedBy))
			}
		}
		return creators
	}
	named := func(u store.User) string { return fmt.Sprint(u.Username, " ", u.ID) }
	key := func(u store.User) store.NewAPIKey {
		k, err := s.CreateKey(ctx, shop.ID, u.ID, "a key", auth.ScopeRead)
		require.NoError(t, err)
		require.Equal(t, u.ID, k.CreatedBy)
		require.Equal(t, u.Username, k.Creator)
		return k
	}
	join(t, s, shop.ID, ann.ID, bob, auth.RoleOwner)
	key(ann)
	first := key(bob)
	key(bob)
	require.NoError(t, s.RemoveMember(ctx, shop.ID, ann.ID, bob.ID, false))
	require.Equal(t, []string{named(ann), named(bob), named(bob)}, live(), "listed with who made them")
	require.NoError(t, s.RevokeKey(ctx, shop.ID, ann.ID, first.ID), "as any other")
	require.Equal(t, []string{named(ann), named(bob)}, live())

	join(t, s, shop.ID, ann.ID, bob, auth.RoleViewer)
	_, err = s.CreateKey(ctx, bob.ProjectID, bob.ID, "of another project", auth.ScopeRead)
	require.NoError(t, err)
	require.NoError(t, s.RemoveMember(ctx, shop.ID, ann.ID, bob.ID, true))
	require.Equal(t, []string{named(ann)}, live())
	others, err := s.Keys(ctx, bob.ProjectID, bob.ID)
	require.NoError(t, err)
	require.Len(t, others, 1)
	require.Nil(t, others[0].RevokedAt, "of a project that the user stays in")

	// An owner who leaves may take their own keys along.
	join(t, s, shop.ID, ann.ID, bob, auth.RoleOwner)
	key(bob)
	require.NoError(t, s.RemoveMember(ctx, shop.ID, bob.ID, bob.ID, true))
	require.Equal(t, []string{named(ann)}, live())
}

func TestTransfer(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	s := newSessions(t, pool, cheap, time.Now)
	ctx := t.Context()
	ann, bob, eve := user(t, s, "ann"), user(t, s, "bob"), user(t, s, "eve")
	shop, err := s.CreateProject(ctx, ann.ID, "Shop")
	require.NoError(t, err)
	for _, name := range []string{"eve", "nobody", "a\x00"} { // who exists is not told
		_, err = s.Transfer(ctx, shop.ID, ann.ID, name)
		require.Equal(t, "username", requireRefusal(t, err, refusal.Invalid, "not-a-member"))
	}
	_, err = s.SetMember(ctx, shop.ID, ann.ID, "eve", auth.RoleViewer)
	require.NoError(t, err)
	_, err = s.Transfer(ctx, shop.ID, ann.ID, "eve")
	requireRefusal(t, err, refusal.Invalid, "not-a-member") // only invited
	_, err = s.Transfer(ctx, shop.ID, ann.ID, "ann")
	requireRefusal(t, err, refusal.Invalid, "invalid-field")
	require.Equal(t, map[string]auth.Role{"ann": auth.RoleOwner}, roles(t, pool, shop.ID))

	join(t, s, shop.ID, ann.ID, bob, auth.RoleViewer)
	m, err := s.Transfer(ctx, shop.ID, ann.ID, "BOB")
	require.NoError(t, err)
	require.Equal(t, bob.ID, m.UserID)
	require.Equal(t, auth.RoleOwner, m.Role)
	require.Equal(t, map[string]auth.Role{"ann": auth.RoleEditor, "bob": auth.RoleOwner}, roles(t, pool, shop.ID))
	_, err = s.Transfer(ctx, shop.ID, ann.ID, "bob")
	requireRefusal(t, err, refusal.Forbidden, "not-owner")
	_, err = s.AcceptInvitation(ctx, shop.ID, eve.ID)
	requireRefusal(t, err, refusal.NotFound, "not-found") // of ann, who owns nothing now

	join(t, s, ann.ProjectID, ann.ID, bob, auth.RoleViewer)
	_, err = s.Transfer(ctx, ann.ProjectID, ann.ID, "bob")
	requireRefusal(t, err, refusal.Conflict, "home-project")
}

// Whatever owners do to each other at once, an owner remains, and only what succeeded
// has happened.
func TestOwnersAtOnce(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	s := newSessions(t, pool, cheap, time.Now)
	ctx := t.Context()
	ann, bob := user(t, s, "ann"), user(t, s, "bob")
	remove := func(by, user store.User) func(int64) error {
		return func(p int64) error { return s.RemoveMember(ctx, p, by.ID, user.ID, false) }
	}
	transfer := func(by, to store.User) func(int64) error {
		return func(p int64) error { _, err := s.Transfer(ctx, p, by.ID, to.Username); return err }
	}
	demote := func(by, user store.User) func(int64) error {
		return func(p int64) error {
			_, err := s.SetMember(ctx, p, by.ID, user.Username, auth.RoleViewer)
			return err
		}
	}
	for name, pair := range map[string][2]func(int64) error{
		"remove each other":         {remove(ann, bob), remove(bob, ann)},
		"leave":                     {remove(ann, ann), remove(bob, bob)},
		"leave and remove":          {remove(ann, ann), remove(ann, bob)},
		"hand over to each other":   {transfer(ann, bob), transfer(bob, ann)},
		"hand over and leave":       {transfer(ann, bob), remove(bob, bob)},
		"hand over and be removed":  {transfer(ann, bob), remove(bob, ann)},
		"demote each other":         {demote(ann, bob), demote(bob, ann)},
		"demote and hand over":      {demote(ann, bob), transfer(bob, ann)},
		"demote oneself, both":      {demote(ann, ann), demote(bob, bob)},
		"hand over twice":           {transfer(ann, bob), transfer(ann, bob)},
		"hand over and demote self": {transfer(ann, bob), demote(bob, bob)},
	} {
		for range 4 {
			p, err := s.CreateProject(ctx, ann.ID, name)
			require.NoError(t, err)
			join(t, s, p.ID, ann.ID, bob, auth.RoleOwner)
			var wg sync.WaitGroup
			for _, act := range pair {
				wg.Go(func() {
					var refused *refusal.Error
					if err := act(p.ID); err != nil && !errors.As(err, &refused) {
						t.Error(name, err)
					}
				})
			}
			wg.Wait()
			owners := 0
			for _, role := range roles(t, pool, p.ID) {
				if role == auth.RoleOwner {
					owners++
				}
			}
			require.Positive(t, owners, name)
		}
	}
}

// What is listed in one piece is bounded.
func TestCountsAreBounded(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	s := newSessions(t, pool, cheap, time.Now)
	ctx := t.Context()
	ann := user(t, s, "ann")
	user(t, s, "bob")
	exec := func(sql string, args ...any) {
		t.Helper()
		_, err := pool.Exec(ctx, sql, args...)
		require.NoError(t, err)
	}

	exec(`
		INSERT INTO analytics.api_keys (project_id, name, scope, prefix, hash, created_by)
		SELECT $1, 'k', 'read', '', sha256(n::text::bytea), $2 FROM generate_series(1, 199) AS n`, ann.ProjectID, ann.ID)
	last, err := s.CreateKey(ctx, ann.ProjectID, ann.ID, "the last", auth.ScopeRead)
	require.NoError(t, err)
	_, err = s.CreateKey(ctx, ann.ProjectID, ann.ID, "one too many", auth.ScopeRead)
	requireRefusal(t, err, refusal.Conflict, "too-many-keys")
	exec(`UPDATE analytics.api_keys SET revoked_at = now() - interval '1 hour' WHERE id <> $1`, last.ID)
	for range 3 {
		k, err := s.CreateKey(ctx, ann.ProjectID, ann.ID, "in and out", auth.ScopeRead)
		require.NoError(t, err)
		require.NoError(t, s.RevokeKey(ctx, ann.ProjectID, ann.ID, k.ID))
	}
	_, err = s.CreateKey(ctx, ann.ProjectID, ann.ID, "a new one", auth.ScopeRead)
	require.NoError(t, err)
	keys, err := s.Keys(ctx, ann.ProjectID, ann.ID)
	require.NoError(t, err)
	require.Len(t, keys, 200+2)

	exec(`
		WITH p AS (INSERT INTO analytics.projects (name) SELECT 'p' FROM generate_series(1, 998) RETURNING id)
		INSERT INTO analytics.members (project_id, user_id, role) SELECT id, $1, 'owner' FROM p`, ann.ID)
	_, err = s.CreateProject(ctx, ann.ID, "the last")
	require.NoError(t, err)
	_, err = s.CreateProject(ctx, ann.ID, "one too many")
	requireRefusal(t, err, refusal.Conflict, "too-many-projects")

	exec(`
		WITH u AS (INSERT INTO analytics.users (username, username_key, password_hash) SELECT 'u' || n, 'u' || n, '' FROM generate_series(1, 999) AS n RETURNING id)
		INSERT INTO analytics.members (project_id, user_id, role) SELECT $1, id, 'viewer' FROM u`, ann.ProjectID)
	_, err = s.SetMember(ctx, ann.ProjectID, ann.ID, "bob", auth.RoleViewer)
	requireRefusal(t, err, refusal.Conflict, "project-full")
}
