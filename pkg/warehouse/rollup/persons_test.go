package rollup

import (
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/warehouse/persons"
)

// links moves some of the users of facts, also to roots that have no event.
func (g generator) links(all facts) map[uint32]uint32 {
	users := all.users()
	if len(users) > 0 {
		users = append(users, users[len(users)-1]+uint32(1+g.IntN(200)))
	}
	roots, isRoot := map[uint32]uint32{}, map[uint32]bool{}
	for range g.IntN(1 + len(users)) {
		key, root := users[g.IntN(len(users))], users[g.IntN(len(users))]
		if _, moved := roots[root]; moved || isRoot[key] || key == root {
			continue
		}
		roots[key], isRoot[root] = root, true
	}
	return roots
}

// folded are facts of persons.
func (all facts) folded(roots map[uint32]uint32) facts {
	of := slices.Clone(all)
	for i := range of {
		if root, moved := roots[of[i].user]; moved {
			of[i].user = root
		}
	}
	return of
}

// TestPersons compares views with persons with facts in which each user is a person, while
// links come and go, files are loaded and merged, and what is known is taken over.
func TestPersons(t *testing.T) {
	t.Parallel()
	g := seeded(t)
	for range 40 {
		all := g.facts(2 + g.IntN(400))
		n := 1 + g.IntN(len(all)-1)
		loaded := all[:n]
		files := []*File{read(t, build(t, loaded))}
		var sent, view *View
		var known []*File
		roots := map[uint32]uint32{}
		for round := range 6 {
			sent, known = follow(t, sent, known, files), slices.Clone(files)
			m := persons.New(roots)
			view = sent.WithPersonsAfter(view, m)
			require.Same(t, sent, view.WithPersons(nil))
			for range 6 {
				check(t, g, view, loaded.folded(roots))
				check(t, g, sent, loaded)
			}
			other := g.links(all)
			check(t, g, view.WithPersons(persons.New(other)), loaded.folded(other)) // as of another position
			require.Same(t, view, sent.WithPersonsAfter(view, m))
			if round == 2 {
				loaded = all
				files = append(files, read(t, build(t, all[n:])))
			} else if g.IntN(2) == 0 {
				files = compact(t, g, files)
			}
			switch g.IntN(3) {
			case 0:
				roots = g.links(all)
			case 1: // one more, or one less
				for key := range roots {
					delete(roots, key)
					break
				}
			}
		}
	}
}

// TestDaysWithoutLinkedUsersAreKnown: a link costs the numbers of the days on which one of
// its two ids was there, and no others.
func TestDaysWithoutLinkedUsersAreKnown(t *testing.T) {
	t.Parallel()
	file := read(t, build(t, facts{{0, "a", 1, ""}, {0, "a", 2, ""}, {dayMicros, "a", 1, ""}, {2 * dayMicros, "a", 3, ""}, {2 * dayMicros, "a", 4, ""}}))
	sent, err := NewView([]*File{file})
	require.NoError(t, err)
	first := sent.WithPersons(persons.New(map[uint32]uint32{2: 1}))
	require.NotSame(t, sent.days[0], first.days[0])
	require.Same(t, sent.days[1], first.days[1])
	require.Same(t, sent.days[2], first.days[2])
	second := sent.WithPersonsAfter(first, persons.New(map[uint32]uint32{2: 1, 4: 3}))
	require.Same(t, first.days[0], second.days[0])
	require.NotSame(t, first.days[2], second.days[2])
	third := sent.WithPersonsAfter(second, persons.New(map[uint32]uint32{4: 3}))
	require.Same(t, sent.days[0], third.days[0])
	require.Same(t, second.days[2], third.days[2])
}

// TestFoldedSetsAreGivenBack: what days keep of persons is bounded, and given back with
// them.
func TestFoldedSetsAreGivenBack(t *testing.T) { // alone: others keep sets, too
	none := func() bool { runtime.GC(); return allFolded.Load() == 0 }
	require.Eventually(t, none, 10*time.Second, time.Millisecond, "of views of tests before")
	view, err := NewView([]*File{read(t, build(t, facts{{0, "a", 1, ""}, {0, "a", 2, ""}}))})
	require.NoError(t, err)
	func() {
		with := view.WithPersons(persons.New(map[uint32]uint32{2: 1}))
		for range 3 {
			users, err := with.Scan(nil).Users(t.Context(), Always)
			require.NoError(t, err)
			require.Equal(t, []uint32{1}, users.ToArray())
		}
		require.Len(t, with.days[0].folded, 1)
		require.Positive(t, allFolded.Load())
		require.Less(t, allFolded.Load(), int64(2*foldedBytes))
	}()
	require.Eventually(t, none, 10*time.Second, time.Millisecond)

	allFolded.Add(maxAllFolded)
	defer allFolded.Add(-maxAllFolded)
	full := view.WithPersons(persons.New(map[uint32]uint32{2: 1}))
	n, err := full.Scan(nil).CountUsers(t.Context(), Always)
	require.NoError(t, err)
	require.EqualValues(t, 1, n)
	require.Empty(t, full.days[0].folded)
}

// linked are 100,000 links among the million users of world.
var linked = sync.OnceValue(func() *persons.Map {
	r := rand.New(rand.NewPCG(2, 2))
	roots := map[uint32]uint32{}
	for len(roots) < 100_000 {
		roots[uint32(r.IntN(500_000))*2+1] = uint32(r.IntN(500_000)) * 2
	}
	return persons.New(roots)
})

// BenchmarkPersons counts the users of each day of a month and the months that end with
// each, as ids were sent and as persons, of which nothing is remembered, or sets.
func BenchmarkPersons(b *testing.B) {
	sent, _ := world()
	month := func(view *View, fold bool) func(*testing.B) {
		return func(b *testing.B) {
			for b.Loop() {
				for _, d := range view.days {
					d.counts = nil
					if fold {
						allFolded.Add(-d.kept.folded.Swap(0))
						d.folded = nil
					}
				}
				require.NoError(b, eachDay(b, 0)(view.Scan(nil)))
				for day := range Quarter(benchDays) {
					if _, err := view.Scan(nil).CountUsers(b.Context(), Period{benchStart, benchStart + (day+1)*quartersOfDay}); err != nil {
						b.Fatal(err)
					}
				}
			}
		}
	}
	with := sent.WithPersons(linked())
	b.Run("sent", month(sent, false))
	b.Run("persons", month(with, false))
	b.Run("persons-first", month(with, true))
	b.Run("view", func(b *testing.B) {
		for b.Loop() {
			sent.WithPersons(linked())
		}
	})
	b.Logf("%d links take %d bytes", linked().Len(), linked().Bytes())
}
