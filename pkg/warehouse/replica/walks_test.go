package replica

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/platform/postgres/pgtest"
	"eventanalytics/pkg/warehouse"
	"eventanalytics/pkg/warehouse/segment"
	"eventanalytics/pkg/warehouse/walk"
)

// walked returns how many events a view has, -1 without one.
func walked(t *testing.T, view *walk.View) int {
	t.Helper()
	if view == nil {
		return -1
	}
	var n atomic.Int64
	require.NoError(t, view.Walk(t.Context(), walk.AllTime, func() walk.Visitor {
		return func(u *walk.User) error { n.Add(int64(len(u.Events))); return nil }
	}))
	return int(n.Load())
}

// followed is a replica's newest snapshot, after it has looked at all files.
func followed(t *testing.T, r *Reader) *Snapshot {
	t.Helper()
	require.NoError(t, r.refresh(t.Context()))
	s, err := r.Current()
	require.NoError(t, err)
	newInspector(r).look(t.Context(), s)
	return s
}

// damageUsers flips a bit, and returns what brings the file back.
func damageUsers(t *testing.T, cfg warehouse.Config, s segment.Segment) (restore func()) {
	t.Helper()
	path := filepath.Join(cfg.Dir, s.UsersPath())
	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	bad := append([]byte{}, whole...)
	bad[len(bad)/2] ^= 1
	replace := func(content []byte) {
		require.NoError(t, os.WriteFile(path+".new", content, 0o600))
		require.NoError(t, os.Rename(path+".new", path))
	}
	replace(bad)
	return func() { replace(whole) }
}

func TestReplicasFollowUsers(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t)
	pool := pgtest.New(t)
	random := rand.New(rand.NewPCG(1, 1))
	r := newReader(t, cfg, pool)
	require.Zero(t, walked(t, followed(t, r).Walk(1)), "a project without events has an empty one")
	list(t, pool, write(t, cfg, random, 30, 2), 1)
	first := followed(t, r)
	require.Equal(t, 30, walked(t, first.Walk(1)))
	require.Same(t, first.Walk(1), first.Walk(1))
	list(t, pool, writeOf(t, cfg, random, 2, 5, 2), 2)
	second := followed(t, r)
	require.Same(t, first.Walk(1), second.Walk(1), "another project's segments change nothing")
	more := write(t, cfg, random, 40, 2)
	list(t, pool, more, 3)
	third := followed(t, r)
	require.Equal(t, 70, walked(t, third.Walk(1)))
	require.Equal(t, 30, walked(t, second.Walk(1)), "a snapshot does not change")
	require.Zero(t, third.WithoutWalk())
	require.Len(t, r.walks.open, 3)

	_, err := pool.Exec(t.Context(), "UPDATE analytics.segments SET replaced_at = now() WHERE path = $1", more.Path)
	require.NoError(t, err)
	move(t, pool, "version = version + 1")
	require.Equal(t, 30, walked(t, followed(t, r).Walk(1)))
	require.Len(t, r.walks.open, 2, "files of segments that are gone are closed")
}

// What is damaged is never answered from, and made again when nothing else will do.
func TestDamagedUsersAreMadeAgain(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t)
	pool := pgtest.New(t)
	random := rand.New(rand.NewPCG(1, 1))
	bad := write(t, cfg, random, 40, 2)
	list(t, pool, write(t, cfg, random, 30, 2), 1)
	list(t, pool, bad, 2)
	r := newReader(t, cfg, pool)
	s := followed(t, r)
	require.Equal(t, 70, walked(t, s.Walk(1)))
	require.Zero(t, r.Quarantined())

	restore := damageUsers(t, cfg, bad)
	require.Nil(t, s.Walk(1), "while it is open, too")
	require.Equal(t, 1, r.Quarantined())
	require.Equal(t, 1, s.WithoutWalk())
	require.Zero(t, r.MadeBytes())
	made, err := s.OpenWalk(t.Context(), 1)
	require.NoError(t, err)
	require.Equal(t, 70, walked(t, made))
	require.Equal(t, bad.Users.Bytes, r.MadeBytes())
	again, err := s.OpenWalk(t.Context(), 1)
	require.NoError(t, err)
	require.Same(t, made, again)
	require.Nil(t, s.Walk(1), "others can answer")

	restore()
	require.Equal(t, 70, walked(t, s.Walk(1)))
	followed(t, r)
	require.Zero(t, r.MadeBytes())
	require.Zero(t, r.Quarantined())

	// One that is written to while it is mapped, as walks of that view would not tell. Others
	// in its place, and none, are not: the view still has what was there.
	view := s.Walk(1)
	require.NoError(t, view.Unchanged())
	path := filepath.Join(cfg.Dir, bad.UsersPath())
	require.NoError(t, os.Rename(path, path+".old"))
	require.NoError(t, view.Unchanged())
	require.NoError(t, os.Rename(path+".old", path))
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, content, 0o600))
	require.ErrorIs(t, view.Unchanged(), walk.ErrFormat)
	require.NoError(t, s.Walk(1).Unchanged(), "it is the same, and was opened again")

	// One that is cut short while it is mapped.
	require.NoError(t, os.Truncate(filepath.Join(cfg.Dir, bad.UsersPath()), 10))
	require.Nil(t, s.Walk(1))
}

func TestUsersAreMadeAgainWithinTheirMemory(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t)
	pool := pgtest.New(t)
	random := rand.New(rand.NewPCG(1, 1))
	one, two := write(t, cfg, random, 40, 2), writeOf(t, cfg, random, 2, 40, 2)
	list(t, pool, one, 1)
	list(t, pool, two, 2)
	cfg.UsersBytes = one.Users.Bytes + two.Users.Bytes - 1
	r := newReader(t, cfg, pool)
	s := followed(t, r)
	restore := damageUsers(t, cfg, one)
	damageUsers(t, cfg, two)
	_, err := s.OpenWalk(t.Context(), 1)
	require.NoError(t, err)
	_, err = s.OpenWalk(t.Context(), 2)
	require.ErrorIs(t, err, segment.ErrQuarantined)
	require.ErrorContains(t, err, "in memory it would take")
	require.LessOrEqual(t, r.MadeBytes(), r.MadeBudget())

	restore() // what was made instead is no longer needed
	require.NotNil(t, s.Walk(1))
	followed(t, r)
	view, err := s.OpenWalk(t.Context(), 2)
	require.NoError(t, err)
	require.Equal(t, 40, walked(t, view))
}

// Segments of a worker that wrote no events by user.
func TestUsersThatAreNotThereYet(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t)
	pool := pgtest.New(t)
	old := write(t, cfg, rand.New(rand.NewPCG(1, 1)), 40, 2)
	users := old.Users
	old.Users = nil
	list(t, pool, old, 1)
	r := newReader(t, cfg, pool)
	s := followed(t, r)
	require.Nil(t, s.Walk(1))
	require.Zero(t, r.Quarantined(), "that is no damage")
	view, err := s.OpenWalk(t.Context(), 1)
	require.NoError(t, err)
	require.Equal(t, 40, walked(t, view))
	cfg.UsersBytes = 0
	_, err = followed(t, newReader(t, cfg, pool)).OpenWalk(t.Context(), 1)
	require.ErrorIs(t, err, segment.ErrOutdated)

	_, err = pool.Exec(t.Context(), "UPDATE analytics.segments SET users_bytes = $1, users_sha256 = $2", users.Bytes, users.SHA256[:])
	require.NoError(t, err)
	move(t, pool, "version = version + 1")
	require.Equal(t, 40, walked(t, followed(t, r).Walk(1)))
	require.Zero(t, r.MadeBytes())
}

// A question does not wait for files that take long to check.
func TestMuchIsCheckedInTheBackground(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t)
	pool := pgtest.New(t)
	list(t, pool, write(t, cfg, rand.New(rand.NewPCG(1, 1)), 40, 2), 1)
	r := newReader(t, cfg, pool)
	r.walks.atOnce = 1
	require.NoError(t, r.refresh(t.Context()))
	s, err := r.Current()
	require.NoError(t, err)
	require.Nil(t, s.Walk(1))
	require.Empty(t, r.walks.open, "it was not looked at")
	require.Equal(t, 1, s.WithoutWalk())
	require.Equal(t, 40, walked(t, followed(t, r).Walk(1)))
}
