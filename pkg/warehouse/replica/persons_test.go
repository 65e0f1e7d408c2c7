package replica

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/outbox"
	"eventanalytics/pkg/warehouse/manifest"
	"eventanalytics/pkg/warehouse/persons"
	"eventanalytics/pkg/warehouse/rollup"
	"eventanalytics/pkg/warehouse/segment"
	"eventanalytics/pkg/warehouse/walk"
)

// users are the keys of users that a snapshot's views of project 1 have, which must be the
// same in both.
func users(t *testing.T, s *Snapshot) []uint32 {
	t.Helper()
	summed, err := s.RollUp(1).Scan(nil).Users(t.Context(), rollup.Always)
	require.NoError(t, err)
	view, err := s.OpenWalk(t.Context(), 1)
	require.NoError(t, err)
	require.Same(t, view, s.Walk(1))
	found := map[uint32]bool{}
	require.NoError(t, view.Ends(t.Context(), walk.AllTime, true, func(*walk.Event) bool { return true }, func(user uint32, _ *walk.Event) { found[user] = true }))
	require.Len(t, found, int(summed.GetCardinality()))
	for user := range found {
		require.True(t, summed.Contains(user))
	}
	return summed.ToArray()
}

func TestSnapshotsWithPersons(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t)
	random := rand.New(rand.NewPCG(1, 1))
	files := segment.NewIntegrity(segment.NewFolder(cfg.Dir))
	first := write(t, cfg, random, 500, 3) // of 26 users
	sent := manifest.NewSnapshot(1, outbox.Position{}, time.Time{}, []segment.Segment{first}, nil)
	m := persons.New(map[uint32]uint32{1: 0, 3: 2, 25: 100})
	s, err := NewSnapshot(t.Context(), sent.WithPersons(map[int64]*persons.Map{1: m}), files)
	require.NoError(t, err)
	all := users(t, s)
	require.Len(t, all, 24)
	require.Contains(t, all, uint32(100))
	require.NotContains(t, all, uint32(25))
	require.Same(t, s.RollUp(1), s.RollUp(1))
	require.Same(t, s.Walk(1), s.Walk(1))

	require.Len(t, users(t, s.WithPersons(nil)), 26, "as ids were sent")
	require.Len(t, users(t, s.WithPersons(map[int64]*persons.Map{1: persons.New(map[uint32]uint32{1: 0})})), 25, "as of an earlier position")
	require.Len(t, users(t, s), 24, "the snapshot did not change")

	// The next version of a reader has the same people, and another when links come.
	again := newSnapshot(s.Snapshot, s.rollUps, s.walks, s.people)
	require.Same(t, s.RollUp(1), again.RollUp(1))
	require.Same(t, s.Walk(1), again.Walk(1))
	linked := newSnapshot(sent.WithPersons(map[int64]*persons.Map{1: persons.New(map[uint32]uint32{1: 0, 3: 2, 25: 100, 5: 4}), 2: m}), s.rollUps, s.walks, again.people)
	require.Len(t, users(t, linked), 23)
	require.Len(t, users(t, again), 24)
}
