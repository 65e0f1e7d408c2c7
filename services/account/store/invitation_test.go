package store_test

import (
	"errors"
	"fmt"
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

// Nobody becomes a member without being asked.
func TestInvitations(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	s := newSessions(t, pool, cheap, time.Now)
	ctx := t.Context()
	ann, bob, eve := user(t, s, "ann"), user(t, s, "bob"), user(t, s, "eve")
	shop, err := s.CreateProject(ctx, ann.ID, "Shop")
	require.NoError(t, err)
	received := func(u store.User) []store.ReceivedInvitation {
		t.Helper()
		got, err := s.ReceivedInvitations(ctx, u.ID)
		require.NoError(t, err)
		return got
	}
	invite := func(role auth.Role) {
		t.Helper()
		m, err := s.SetMember(ctx, shop.ID, ann.ID, "Bob", role)
		require.NoError(t, err)
		require.Equal(t, store.StatusInvited, m.Status)
		require.Equal(t, bob.ID, m.UserID)
		require.Equal(t, role, m.Role)
	}
	accept := func(u store.User) error {
		_, err := s.AcceptInvitation(ctx, shop.ID, u.ID)
		return err
	}

	require.Empty(t, received(bob))
	invite(auth.RoleViewer)
	invite(auth.RoleEditor)
	require.Len(t, received(bob), 1, "the second takes the place of the first")
	got := received(bob)[0]
	require.Equal(t, store.ReceivedInvitation{ProjectID: shop.ID, ProjectName: "Shop", Role: auth.RoleEditor, InvitedBy: "ann",
		CreatedAt: got.CreatedAt, ExpiresAt: got.CreatedAt.Add(30 * 24 * time.Hour)}, got)
	open, err := s.Invitations(ctx, shop.ID, ann.ID)
	require.NoError(t, err)
	require.Equal(t, []store.Invitation{{UserID: bob.ID, Username: "bob", Role: auth.RoleEditor, InvitedBy: "ann",
		CreatedAt: got.CreatedAt, ExpiresAt: got.ExpiresAt}}, open)

	// Before the answer nothing has changed, and nobody else can give it.
	require.Equal(t, map[string]auth.Role{"ann": auth.RoleOwner}, roles(t, pool, shop.ID))
	_, err = s.Members(ctx, shop.ID, bob.ID)
	requireRefusal(t, err, refusal.NotFound, "not-found")
	requireRefusal(t, accept(eve), refusal.NotFound, "not-found")
	requireRefusal(t, s.DeclineInvitation(ctx, shop.ID, eve.ID), refusal.NotFound, "not-found")
	requireRefusal(t, s.RemoveMember(ctx, shop.ID, ann.ID, bob.ID, false), refusal.NotFound, "not-found")

	require.NoError(t, s.DeclineInvitation(ctx, shop.ID, bob.ID))
	requireRefusal(t, accept(bob), refusal.NotFound, "not-found")
	invite(auth.RoleEditor)
	require.NoError(t, s.WithdrawInvitation(ctx, shop.ID, ann.ID, bob.ID))
	requireRefusal(t, s.WithdrawInvitation(ctx, shop.ID, ann.ID, bob.ID), refusal.NotFound, "not-found")
	requireRefusal(t, accept(bob), refusal.NotFound, "not-found")

	invite(auth.RoleEditor)
	joined, err := s.AcceptInvitation(ctx, shop.ID, bob.ID)
	require.NoError(t, err)
	require.Equal(t, store.Project{ID: shop.ID, Name: "Shop", Role: auth.RoleEditor, CreatedAt: joined.CreatedAt, Timezone: "UTC", WeekStart: "monday"}, joined)
	requireRefusal(t, accept(bob), refusal.NotFound, "not-found")
	require.Equal(t, map[string]auth.Role{"ann": auth.RoleOwner, "bob": auth.RoleEditor}, roles(t, pool, shop.ID))

	// It is worth nothing once the one who asked is no owner, or is disabled, or after
	// 30 days.
	_, err = s.SetMember(ctx, shop.ID, ann.ID, "bob", auth.RoleOwner)
	require.NoError(t, err)
	_, err = s.SetMember(ctx, shop.ID, bob.ID, "eve", auth.RoleOwner)
	require.NoError(t, err)
	require.Len(t, received(eve), 1)
	require.NoError(t, s.RemoveMember(ctx, shop.ID, ann.ID, bob.ID, false))
	require.Empty(t, received(eve))
	requireRefusal(t, accept(eve), refusal.NotFound, "not-found")
	_, err = s.SetMember(ctx, shop.ID, ann.ID, "eve", auth.RoleViewer)
	require.NoError(t, err)
	require.Equal(t, "ann", received(eve)[0].InvitedBy)
	disable := func(is bool) {
		_, err = pool.Exec(ctx, `UPDATE analytics.users SET disabled = $2 WHERE id = $1`, ann.ID, is)
		require.NoError(t, err)
	}
	disable(true)
	require.Empty(t, received(eve))
	requireRefusal(t, accept(eve), refusal.NotFound, "not-found")
	disable(false)
	require.Len(t, received(eve), 1)
	_, err = pool.Exec(ctx, `UPDATE analytics.invitations SET created_at = created_at - interval '30 days'`)
	require.NoError(t, err)
	require.Empty(t, received(eve))
	requireRefusal(t, accept(eve), refusal.NotFound, "not-found")
}

func TestInvitationsAreBounded(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	s := newSessions(t, pool, cheap, time.Now)
	ctx := t.Context()
	ann, bob := user(t, s, "ann"), user(t, s, "bob")
	// Many users and projects at once; each project has an owner of its own.
	_, err := pool.Exec(ctx, `
		WITH u AS (INSERT INTO analytics.users (username, username_key, password_hash) SELECT 'u' || n, 'u' || n, '' FROM generate_series(1, 120) AS n RETURNING id, username)
		INSERT INTO analytics.projects (name) SELECT username FROM u`)
	require.NoError(t, err)
	_, err = pool.Exec(ctx, `
		INSERT INTO analytics.members (project_id, user_id, role)
		SELECT p.id, u.id, 'owner' FROM analytics.projects AS p JOIN analytics.users AS u ON u.username = p.name ON CONFLICT DO NOTHING`)
	require.NoError(t, err)
	owner := func(n int) (project, user int64) {
		require.NoError(t, pool.QueryRow(ctx, `
			SELECT p.id, u.id FROM analytics.projects AS p JOIN analytics.users AS u ON u.username = p.name WHERE u.username = $1`,
			fmt.Sprint("u", n)).Scan(&project, &user))
		return project, user
	}
	invite := func(project, by int64, name string) error {
		_, err := s.SetMember(ctx, project, by, name, auth.RoleViewer)
		return err
	}

	// Of a project.
	for n := range 100 {
		require.NoError(t, invite(ann.ProjectID, ann.ID, fmt.Sprint("u", n+1)))
	}
	requireRefusal(t, invite(ann.ProjectID, ann.ID, "u101"), refusal.Conflict, "too-many-invitations")
	require.NoError(t, invite(ann.ProjectID, ann.ID, "u100"), "one of them again")
	_, u1 := owner(1)
	require.NoError(t, s.WithdrawInvitation(ctx, ann.ProjectID, ann.ID, u1))
	require.NoError(t, invite(ann.ProjectID, ann.ID, "u101"))

	// Of a user, by one owner.
	for n := range 6 {
		p, err := s.CreateProject(ctx, ann.ID, fmt.Sprint("p", n))
		require.NoError(t, err)
		err = invite(p.ID, ann.ID, "bob")
		if n < 5 {
			require.NoError(t, err)
		} else {
			requireRefusal(t, err, refusal.Conflict, "too-many-invitations")
		}
	}
	// Of a user, at once.
	var made, refused atomic.Int64
	var wg sync.WaitGroup
	for n := range 60 {
		project, by := owner(n + 1)
		wg.Go(func() {
			var r *refusal.Error
			switch err := invite(project, by, "bob"); {
			case err == nil:
				made.Add(1)
			case errors.As(err, &r) && r.Code == "too-many-invitations":
				refused.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	wg.Wait()
	require.EqualValues(t, 45, made.Load())
	require.EqualValues(t, 15, refused.Load())
	got, err := s.ReceivedInvitations(ctx, bob.ID)
	require.NoError(t, err)
	require.Len(t, got, 50)
}

// One answer to an invitation counts, and nobody joins who was refused.
func TestAnswersAtOnce(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	s := newSessions(t, pool, cheap, time.Now)
	ctx := t.Context()
	ann, bob, eve := user(t, s, "ann"), user(t, s, "bob"), user(t, s, "eve")
	accept := func(p int64) error { _, err := s.AcceptInvitation(ctx, p, eve.ID); return err }
	for name, c := range map[string]struct {
		other func(p int64) error
		// both says whether both can succeed; joined, whether eve is a member then,
		// and alone, when only other succeeded.
		both, joined, alone bool
	}{
		"accept twice": {accept, false, true, true},
		"decline":      {func(p int64) error { return s.DeclineInvitation(ctx, p, eve.ID) }, false, false, false},
		"withdraw":     {func(p int64) error { return s.WithdrawInvitation(ctx, p, ann.ID, eve.ID) }, false, false, false},
		"remove":       {func(p int64) error { return s.RemoveMember(ctx, p, ann.ID, eve.ID, false) }, true, false, false},
		"remove who asked": {func(p int64) error {
			return s.RemoveMember(ctx, p, bob.ID, ann.ID, false)
		}, true, true, false},
		"hand over": {func(p int64) error { _, err := s.Transfer(ctx, p, ann.ID, "bob"); return err }, true, true, false},
	} {
		for range 5 {
			p, err := s.CreateProject(ctx, ann.ID, name)
			require.NoError(t, err)
			join(t, s, p.ID, ann.ID, bob, auth.RoleOwner)
			_, err = s.SetMember(ctx, p.ID, ann.ID, "eve", auth.RoleViewer)
			require.NoError(t, err)
			var accepted, other error
			var wg sync.WaitGroup
			wg.Go(func() { accepted = accept(p.ID) })
			wg.Go(func() { other = c.other(p.ID) })
			wg.Wait()
			want := accepted == nil
			if other == nil {
				want = c.alone
				if accepted == nil {
					want = c.joined
				}
			}
			require.True(t, accepted == nil || other == nil, name)
			require.True(t, c.both || accepted != nil || other != nil, "%s: both succeeded", name)
			_, is := roles(t, pool, p.ID)["eve"]
			require.Equal(t, want, is, "%s: %v, %v", name, accepted, other)
			for _, err := range []error{accepted, other} {
				var r *refusal.Error
				require.True(t, err == nil || errors.As(err, &r), "%s: %v", name, err)
			}
		}
	}
}
