package walk_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/warehouse/persons"
	"eventanalytics/pkg/warehouse/walk"
	"eventanalytics/pkg/warehouse/walk/walktest"
)

// randomLinks move some of the users of segments, also to roots that have no event.
func randomLinks(r *rand.Rand, segments [][]walk.Source) map[uint32]uint32 {
	var users []uint32
	for _, events := range segments {
		for _, e := range events {
			users = append(users, e.User)
		}
	}
	for range 1 + len(users)/20 {
		users = append(users, uint32(r.IntN(500_000)))
	}
	roots, isRoot := map[uint32]uint32{}, map[uint32]bool{}
	for range r.IntN(len(users)) {
		key, root := users[r.IntN(len(users))], users[r.IntN(len(users))]
		if r.IntN(4) == 0 {
			root = 7 // has many events
		}
		if _, moved := roots[root]; moved || isRoot[key] || key == root {
			continue
		}
		roots[key], isRoot[root] = root, true
	}
	return roots
}

// folded are the events of persons.
func folded(segments [][]walk.Source, roots map[uint32]uint32) [][]walk.Source {
	var all [][]walk.Source
	for _, events := range segments {
		events = slices.Clone(events)
		for i := range events {
			if root, moved := roots[events[i].User]; moved {
				events[i].User = root
			}
		}
		all = append(all, events)
	}
	return all
}

// TestPersonsAreASort compares walks, blocks and ends with a sort of events in which each
// user is a person.
func TestPersonsAreASort(t *testing.T) {
	t.Parallel()
	for seed := range uint64(80) {
		r := rand.New(rand.NewPCG(seed, 11))
		segments := randomSegments(r)
		sent := walk.NewView(filesOf(t, segments))
		roots := randomLinks(r, segments)
		v := sent.WithPersons(persons.New(roots))
		as := folded(segments, roots)
		p, wanted := requireSort(t, seed, r, v, as)

		var got []visited
		require.NoError(t, v.WalkBlocks(t.Context(), p, func() walk.BlockVisitor { return &collector{t: t, v: v, all: &got} }, walk.OfTypes(wanted)))
		require.Equal(t, sorted(walked(t, v, p, walk.OfTypes(wanted))), sorted(got), "seed %d", seed)
		requireEnds(t, v, as, r)
		require.Equal(t, naive(segments, func(walk.Source) bool { return true }), walked(t, v.WithPersons(nil), walk.AllTime), "seed %d", seed)
	}
}

// requireEnds compares the first and last events that persons have with a sort.
func requireEnds(t *testing.T, v *walk.View, as [][]walk.Source, r *rand.Rand) {
	t.Helper()
	some := uint32(1 + r.IntN(4)) // one event in so many has it
	for _, first := range []bool{false, true} {
		want := map[uint32]visited{}
		for _, e := range naive(as, func(walk.Source) bool { return true }) {
			if _, known := want[e.user]; (e.row+e.file)%some == 0 && (!first || !known) {
				want[e.user] = e
			}
		}
		got := map[uint32]visited{}
		var mu sync.Mutex
		rowOf := func(e *walk.Event) uint32 { return v.Files()[e.File].Row(e.At) }
		has := func(e *walk.Event) bool { return (rowOf(e)+e.File)%some == 0 }
		require.NoError(t, v.Ends(t.Context(), walk.AllTime, first, has, func(user uint32, e *walk.Event) {
			mu.Lock()
			defer mu.Unlock()
			got[user] = visited{user, e.Us, want[user].kind, e.File, rowOf(e)}
		}))
		require.Equal(t, want, got)
	}
}

// Persons of many keys, of which each has events in each file; one has more events than a
// batch holds.
func TestPersonsOfManyKeys(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 12))
	segments := make([][]walk.Source, 3)
	for i := range 200_000 {
		e := walk.Source{User: uint32(r.IntN(30_000)), Us: int64(r.IntN(20_000)) * 1000, Type: []string{"a", "b"}[r.IntN(2)], ID: randomID(r)}
		segments[i%3] = append(segments[i%3], e)
	}
	roots := map[uint32]uint32{}
	for key := range uint32(30_000) {
		switch {
		case key < 15_000 && key != 9_000:
			roots[key] = 9_000
		case key%7 > 0:
			roots[key] = key / 7 * 7
			if roots[key] < 15_000 {
				roots[key] = 9_000
			}
		}
	}
	v := walk.NewView(filesOf(t, segments)).WithPersons(persons.New(roots))
	as := folded(segments, roots)
	require.True(t, slices.Equal(naive(as, func(walk.Source) bool { return true }), walked(t, v, walk.AllTime)))
	none := func() walk.Visitor { return func(*walk.User) error { return nil } }
	most := 0
	for _, events := range as {
		for _, e := range events {
			if e.User == 9_000 {
				most++
			}
		}
	}
	require.NoError(t, v.Walk(t.Context(), walk.AllTime, none, walk.AtMost(most)))
	require.ErrorIs(t, v.Walk(t.Context(), walk.AllTime, none, walk.AtMost(most-1)), walk.ErrTooMany)
}

// What views remember of moved keys is bounded, and given back with them; without room for
// it walks are as right.
func TestRoomForMovedKeys(t *testing.T) { // alone: others remember, too
	r := rand.New(rand.NewPCG(1, 14))
	none := func() bool { runtime.GC(); return walk.AllMoved() == 0 }
	require.Eventually(t, none, 10*time.Second, time.Millisecond, "of views of tests before")
	func() {
		for range 10 {
			segments := randomSegments(r)
			roots := randomLinks(r, segments)
			sent, as := walk.NewView(filesOf(t, segments)), folded(segments, roots)
			want := naive(as, func(walk.Source) bool { return true })
			remembers := sent.WithPersons(persons.New(roots))
			require.Equal(t, want, walked(t, remembers, walk.AllTime))
			require.True(t, len(roots) == 0 || walk.AllMoved() > 0)

			empty := walk.FillMoved()
			full := walk.AllMoved()
			v := sent.WithPersons(persons.New(roots))
			require.Equal(t, want, walked(t, v, walk.AllTime))
			requireEnds(t, v, as, r)
			require.LessOrEqual(t, walk.AllMoved(), full)
			empty()
			runtime.KeepAlive(remembers)
		}
	}()
	require.Eventually(t, none, 10*time.Second, time.Millisecond)
}

// Ids are read where two keys of a person have events of one time and type, and not where
// one key has: a file has those in their order.
func TestIDsAreReadWhereKeysMeet(t *testing.T) {
	t.Parallel()
	event := func(user uint32, us int64, id byte) walk.Source {
		return walk.Source{User: user, Us: us, Type: "a", ID: uuid.UUID{id}}
	}
	for _, c := range []struct {
		name   string
		events []walk.Source
		roots  map[uint32]uint32
		rows   int
	}{
		{"two of one key", []walk.Source{event(1, 5, 2), event(1, 5, 1), event(2, 4, 9)}, map[uint32]uint32{2: 1}, 0},
		{"neighbours in the file, the second moved", []walk.Source{event(1, 5, 2), event(2, 5, 1)}, map[uint32]uint32{2: 1}, 2},
		{"neighbours in the file, the first moved", []walk.Source{event(1, 5, 2), event(2, 5, 1)}, map[uint32]uint32{1: 2}, 2},
		{"neighbours in the file, both moved", []walk.Source{event(1, 5, 2), event(2, 5, 1)}, map[uint32]uint32{1: 9, 2: 9}, 2},
		{"others between them", []walk.Source{event(1, 5, 2), event(2, 5, 7), event(3, 5, 1)}, map[uint32]uint32{3: 1}, 2},
		{"of two keys and two of one", []walk.Source{event(1, 5, 2), event(2, 5, 3), event(2, 5, 1)}, map[uint32]uint32{2: 1}, 3},
		{"of two types", []walk.Source{event(1, 5, 2), {User: 2, Us: 5, Type: "b", ID: uuid.UUID{1}}}, map[uint32]uint32{2: 1}, 0},
	} {
		f := walktest.File(t, c.events...)
		ids, rows := f.IDs, 0
		f.IDs = func(of []uint32) ([]uuid.UUID, error) {
			rows += len(of)
			return ids(of)
		}
		v := walk.NewView([]*walk.File{f}).WithPersons(persons.New(c.roots))
		want := naive(folded([][]walk.Source{c.events}, c.roots), func(walk.Source) bool { return true })
		require.Equal(t, want, walked(t, v, walk.AllTime), c.name)
		require.Equal(t, c.rows, rows, c.name)
	}
}

// What is known of files is taken over when others come, and not when persons change.
func TestPersonsAfterOthers(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 13))
	for range 20 {
		segments := append(randomSegments(r), randomSegments(r)...)
		files := filesOf(t, segments)
		var v *walk.View
		roots := randomLinks(r, segments)
		for range 5 {
			n := 1 + r.IntN(len(files))
			sent := walk.NewView(files[:n])
			v = sent.WithPersonsAfter(v, persons.New(roots))
			require.Same(t, v, sent.WithPersonsAfter(v, persons.New(roots)))
			want := naive(folded(segments[:n], roots), func(walk.Source) bool { return true })
			require.Equal(t, want, walked(t, v, walk.AllTime))
			if r.IntN(2) == 0 {
				roots = randomLinks(r, segments)
			}
		}
	}
}

// BenchmarkPersons walks over the users of thirtyDays as ids were sent, and as persons of
// which one in ten has a second key.
func BenchmarkPersons(b *testing.B) {
	sent := thirtyDays(b)
	r := rand.New(rand.NewPCG(2, 2))
	roots := map[uint32]uint32{}
	for len(roots) < 10_000 {
		roots[uint32(r.IntN(50_000))*2+1] = uint32(r.IntN(50_000)) * 2
	}
	m := persons.New(roots)
	with := sent.WithPersons(m)
	for _, bench := range []struct {
		name string
		view func() *walk.View
	}{
		{"sent", func() *walk.View { return sent }},
		{"persons", func() *walk.View { return with }},
		{"persons-first", func() *walk.View { return sent.WithPersons(m) }},
	} {
		b.Run(bench.name, func(b *testing.B) {
			least := time.Duration(math.MaxInt64)
			for b.Loop() {
				before := cpu(b)
				var n atomic.Int64
				err := bench.view().Walk(b.Context(), walk.AllTime, func() walk.Visitor {
					return func(u *walk.User) error {
						n.Add(int64(len(u.Events)))
						return nil
					}
				})
				require.NoError(b, err)
				require.EqualValues(b, 813_000, n.Load(), fmt.Sprint(bench.name))
				least = min(least, cpu(b)-before)
			}
			b.ReportMetric(float64(least)/1e6, "least-cpu-ms/op")
		})
	}
}
