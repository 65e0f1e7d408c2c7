package persons_test

import (
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/RoaringBitmap/roaring/v2"
	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/warehouse/persons"
)

// random moves some of n keys. Roots may lie above all moved keys, and moved ones above all
// roots.
func random(r *rand.Rand, n int) map[uint32]uint32 {
	roots := map[uint32]uint32{}
	for range r.IntN(n) {
		key, root := uint32(r.IntN(n)), uint32(r.IntN(n))
		if r.IntN(3) == 0 {
			root = uint32(n / 2) // a person with many keys
		}
		if _, moved := roots[root]; moved || key == root || slices.Contains(slices.Collect(maps.Values(roots)), key) {
			continue
		}
		roots[key] = root
	}
	return roots
}

func naiveRoot(roots map[uint32]uint32, key uint32) uint32 {
	if root, moved := roots[key]; moved {
		return root
	}
	return key
}

func TestMapIsTheRootsItWasMadeOf(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		n := 2 + r.IntN(300)
		roots := random(r, n)
		m := persons.New(roots)
		require.Equal(t, len(roots), m.Len())
		require.Equal(t, len(roots) == 0, m == nil)
		members, highest := map[uint32][]uint32{}, uint64(0)
		for key := range uint32(n + 100) {
			require.Equal(t, naiveRoot(roots, key), m.Root(key))
			_, moved := roots[key]
			require.Equal(t, moved, m.Moved(key))
			if moved {
				members[roots[key]] = append(members[roots[key]], key)
				highest = max(highest, uint64(max(key, roots[key]))+1)
			}
		}
		for key := range uint32(n) {
			require.Equal(t, members[key], m.Members(key))
			require.Equal(t, len(members[key]) > 0, m.IsRoot(key))
		}
		require.Equal(t, highest, m.Keys())
		require.Equal(t, slices.Sorted(maps.Keys(members)), m.Roots())
		require.Equal(t, roots, collected(m))
	}
}

func collected(m *persons.Map) map[uint32]uint32 {
	all := map[uint32]uint32{}
	last := -1
	for key, root := range m.All() {
		if int(key) <= last {
			panic("not ascending")
		}
		all[key], last = root, int(key)
	}
	return all
}

func TestFoldReplacesEachKeyByItsRoot(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 300 {
		n := 2 + r.IntN(400)
		roots := random(r, n)
		m := persons.New(roots)
		keys, want := roaring.New(), roaring.New()
		dense := make([]uint64, (uint64(n)+m.Keys())/64+1)
		for range r.IntN(2 * n) {
			key := uint32(r.IntN(n))
			keys.Add(key)
			want.Add(naiveRoot(roots, key))
			dense[key/64] |= 1 << (key % 64)
		}
		before := keys.Clone()
		require.True(t, want.Equals(m.Fold(keys)))
		require.Equal(t, want.GetCardinality(), m.Count(keys))
		require.True(t, before.Equals(keys), "the argument stays the same")
		m.FoldBits(dense)
		require.Equal(t, want.ToArray(), roaring.FromDense(dense, true).ToArray())
	}
}

func TestVersionsTellMapsApart(t *testing.T) {
	one, same, other := persons.New(map[uint32]uint32{1: 2, 3: 4}), persons.New(map[uint32]uint32{3: 4, 1: 2}), persons.New(map[uint32]uint32{1: 4, 3: 2})
	require.Equal(t, one.Version(), same.Version())
	require.NotEqual(t, one.Version(), other.Version())
	require.Empty(t, persons.New(nil).Version())
	require.Equal(t, []uint32{1, 3}, one.Changed(other).ToArray())
	require.True(t, one.Changed(same).IsEmpty())
	require.Equal(t, []uint32{1, 3}, one.Changed(nil).ToArray())
	require.Equal(t, []uint32{3}, persons.New(map[uint32]uint32{1: 2}).Changed(one).ToArray())
}

func TestBytesGrowWithKeys(t *testing.T) {
	roots := map[uint32]uint32{}
	for key := range uint32(100_000) {
		roots[2*key+1] = 2 * key
	}
	m := persons.New(roots)
	require.InDelta(t, 16*len(roots), m.Bytes(), 4*float64(len(roots)))
	require.Zero(t, (*persons.Map)(nil).Bytes())
}

// BenchmarkFold folds a day of 60,000 users, of whom one in ten moved, into persons.
func BenchmarkFold(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 1))
	roots := map[uint32]uint32{}
	for len(roots) < 100_000 {
		roots[uint32(r.IntN(500_000))*2+1] = uint32(r.IntN(500_000)) * 2
	}
	m := persons.New(roots)
	keys := roaring.New()
	for range 60_000 {
		keys.Add(uint32(r.IntN(1_000_000)))
	}
	b.Run("set", func(b *testing.B) {
		for b.Loop() {
			m.Fold(keys)
		}
	})
	b.Run("new", func(b *testing.B) {
		for b.Loop() {
			persons.New(roots)
		}
	})
}
