package persons

import (
	"math/bits"
	"slices"

	"github.com/RoaringBitmap/roaring/v2"
)

// Fold returns the persons of a set of keys: each key is replaced by its root. The argument
// is not changed, and is the result where none of its keys moved: that must not be changed
// either.
func (m *Map) Fold(keys *roaring.Bitmap) *roaring.Bitmap {
	if m == nil || !keys.Intersects(m.moved) {
		return keys
	}
	folded := roaring.AndNot(keys, m.moved)
	folded.Or(roaring.BitmapOf(m.rootsOf(keys)...))
	return folded
}

// Count returns how many persons a set of keys is.
func (m *Map) Count(keys *roaring.Bitmap) uint64 {
	if m == nil || !keys.Intersects(m.moved) {
		return keys.GetCardinality()
	}
	roots := roaring.BitmapOf(m.rootsOf(keys)...)
	return keys.GetCardinality() - keys.AndCardinality(m.moved) + roots.GetCardinality() - keys.AndCardinality(roots)
}

// rootsOf returns the roots of those of some keys that moved, ascending, each once.
func (m *Map) rootsOf(keys *roaring.Bitmap) []uint32 {
	moved := roaring.And(keys, m.moved)
	roots := make([]uint32, 0, moved.GetCardinality())
	for all := moved.Iterator(); all.HasNext(); {
		roots = append(roots, m.Root(all.Next()))
	}
	slices.Sort(roots)
	return slices.Compact(roots)
}

// FoldBits folds a set that has a bit for each key, in place. It must have one for each of
// the Map's Keys.
func (m *Map) FoldBits(set []uint64) {
	if m == nil {
		return
	}
	for i, moved := range m.isMoved {
		for word := set[i] & moved; word != 0; word &= word - 1 {
			bit := word & -word
			set[i] &^= bit
			root := m.roots[int(m.before[i])+bits.OnesCount64(moved&(bit-1))]
			set[root/64] |= 1 << (root % 64)
		}
	}
}

// Changed returns the keys whose root in m is another than in n.
func (m *Map) Changed(n *Map) *roaring.Bitmap {
	changed := roaring.New()
	for key, root := range m.All() {
		if n.Root(key) != root {
			changed.Add(key)
		}
	}
	for key, root := range n.All() {
		if m.Root(key) != root {
			changed.Add(key)
		}
	}
	return changed
}
