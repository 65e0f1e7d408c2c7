// Package persons knows which user keys of a project belong to the person of another key.
// Events keep the user_id that they came with, and files the key of it: a key that was
// linked to another has moved to the root of that person, and whoever counts users counts
// roots. It knows neither where links come from nor who asks.
package persons

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"iter"
	"math/bits"
	"slices"

	"github.com/RoaringBitmap/roaring/v2"
)

// Map says which keys moved to which roots. It does not change: any number of goroutines
// may use it at the same time. A nil Map has no moved keys: each is a person of its own.
type Map struct {
	version string
	moved   *roaring.Bitmap
	// isMoved has a bit for each key up to the highest moved one, and before how many keys
	// moved below each of its words: to look a key up that did not move, as most did not,
	// takes one word. User keys are numbered from 0 in each project.
	isMoved []uint64
	before  []uint32
	roots   []uint32 // of the moved keys, in their order
	// members are the moved keys by root: those of persons[i] are from begins[i] on.
	persons []uint32 // roots, ascending
	isRoot  []uint64 // a bit for each key up to the highest root
	begins  []uint32
	members []uint32
}

// New makes the Map of moved keys and their roots, nil when there are none. A root must not
// have moved itself.
func New(roots map[uint32]uint32) *Map {
	if len(roots) == 0 {
		return nil
	}
	byKey, byRoot := make([]uint64, 0, len(roots)), make([]uint64, 0, len(roots))
	for key, root := range roots {
		byKey, byRoot = append(byKey, uint64(key)<<32|uint64(root)), append(byRoot, uint64(root)<<32|uint64(key))
	}
	slices.Sort(byKey)
	slices.Sort(byRoot)
	m := &Map{moved: roaring.New()}
	m.addKeys(byKey)
	m.addMembers(byRoot)
	return m
}

// addKeys fills in the roots of pairs of a key and its root, ascending.
func (m *Map) addKeys(pairs []uint64) {
	highest := pairs[len(pairs)-1] >> 32
	m.isMoved, m.before = make([]uint64, highest/64+1), make([]uint32, highest/64+1)
	m.roots = make([]uint32, len(pairs))
	keys, text := make([]uint32, len(pairs)), make([]byte, 0, 8*len(pairs))
	for i, pair := range pairs {
		keys[i], m.roots[i] = uint32(pair>>32), uint32(pair)
		m.isMoved[keys[i]/64] |= 1 << (keys[i] % 64)
		text = binary.LittleEndian.AppendUint64(text, pair)
	}
	m.moved.AddMany(keys)
	m.moved.RunOptimize()
	n := 0
	for i, word := range m.isMoved {
		m.before[i] = uint32(n)
		n += bits.OnesCount64(word)
	}
	sum := sha256.Sum256(text)
	m.version = hex.EncodeToString(sum[:16])
}

// addMembers fills in the members of pairs of a root and a key, ascending.
func (m *Map) addMembers(pairs []uint64) {
	m.members = make([]uint32, len(pairs))
	for i, pair := range pairs {
		root := uint32(pair >> 32)
		m.members[i] = uint32(pair)
		if n := len(m.persons); n == 0 || m.persons[n-1] != root {
			m.persons, m.begins = append(m.persons, root), append(m.begins, uint32(i))
		}
	}
	m.begins = append(m.begins, uint32(len(pairs)))
	m.isRoot = make([]uint64, m.persons[len(m.persons)-1]/64+1)
	for _, root := range m.persons {
		m.isRoot[root/64] |= 1 << (root % 64)
	}
}

// Version tells maps apart, on all replicas alike: two of one version have the same keys
// moved to the same roots. That of nil is "". Whatever is remembered of a project's users
// is remembered by it.
func (m *Map) Version() string {
	if m == nil {
		return ""
	}
	return m.version
}

// Len is the number of moved keys.
func (m *Map) Len() int {
	if m == nil {
		return 0
	}
	return len(m.roots)
}

// Bytes is about how much memory the Map takes.
func (m *Map) Bytes() int64 {
	if m == nil {
		return 0
	}
	words := 8*(len(m.isMoved)+len(m.isRoot)) + 4*len(m.before)
	keys := 4 * (len(m.roots) + len(m.persons) + len(m.begins) + len(m.members))
	return int64(words+keys) + int64(m.moved.GetSizeInBytes())
}

// Root returns the key of the person that a key belongs to: itself unless it moved.
func (m *Map) Root(key uint32) uint32 {
	if m == nil {
		return key
	}
	word := int(key / 64)
	if word >= len(m.isMoved) || m.isMoved[word]>>(key%64)&1 == 0 {
		return key
	}
	return m.roots[int(m.before[word])+bits.OnesCount64(m.isMoved[word]&(1<<(key%64)-1))]
}

// Moved says whether a key has a root other than itself.
func (m *Map) Moved(key uint32) bool {
	return m != nil && int(key/64) < len(m.isMoved) && m.isMoved[key/64]>>(key%64)&1 != 0
}

// IsRoot says whether other keys moved to a key.
func (m *Map) IsRoot(key uint32) bool {
	return m != nil && int(key/64) < len(m.isRoot) && m.isRoot[key/64]>>(key%64)&1 != 0
}

// All are the moved keys, ascending, with their roots.
func (m *Map) All() iter.Seq2[uint32, uint32] {
	return func(yield func(uint32, uint32) bool) {
		if m == nil {
			return
		}
		i := 0
		for keys := m.moved.Iterator(); keys.HasNext(); i++ {
			if !yield(keys.Next(), m.roots[i]) {
				return
			}
		}
	}
}

// MovedKeys are the moved keys. They must not be changed.
func (m *Map) MovedKeys() *roaring.Bitmap {
	if m == nil {
		return roaring.New()
	}
	return m.moved
}

// Members returns the keys that moved to a root, ascending; none for a key that is no root
// of others. They must not be changed.
func (m *Map) Members(root uint32) []uint32 {
	if m == nil {
		return nil
	}
	i, found := slices.BinarySearch(m.persons, root)
	if !found {
		return nil
	}
	return m.members[m.begins[i]:m.begins[i+1]:m.begins[i+1]]
}

// Roots are the keys that others moved to, ascending. They must not be changed.
func (m *Map) Roots() []uint32 {
	if m == nil {
		return nil
	}
	return m.persons
}

// Keys is one more than the highest key that moved or is the root of one: 0 for nil.
func (m *Map) Keys() uint64 {
	if m == nil {
		return 0
	}
	return uint64(max(m.moved.Maximum(), m.persons[len(m.persons)-1])) + 1
}
