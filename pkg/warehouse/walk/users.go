package walk

import (
	"encoding/binary"
	"math"
	"sort"
)

// run is the events of a user in a file: at and the n-1 behind it. The user's key is the
// slot more than some base.
type run struct{ slot, at, n uint32 }

// block returns what is in the section of blocks.
func (f *File) block(i int) (key, offset, event uint32) {
	b := f.blocks[i*blockSize : (i+1)*blockSize]
	return binary.LittleEndian.Uint32(b), binary.LittleEndian.Uint32(b[4:]), binary.LittleEndian.Uint32(b[8:])
}

// appendRuns appends the runs of the users with keys in [from, to), of which from is the
// base.
func (f *File) appendRuns(runs []run, from, to uint32) []run {
	i := sort.Search(len(f.keys), func(i int) bool { return f.keys[i] > from })
	key, offset, at := f.block(max(i-1, 0))
	users := f.stream[offset:]
	for first := true; len(users) > 1; first = false {
		delta, n := uint32(users[0]), uint32(users[1])
		if delta|n < 0x80 { // as most are
			users = users[2:]
		} else {
			delta, n, users = readUser(users)
		}
		if n == 0 || uint64(at)+uint64(n) > uint64(f.events) {
			panic(errChanged)
		}
		if !first {
			key += delta
		}
		if key >= to {
			break
		}
		if key >= from {
			runs = append(runs, run{key - from, at, n})
		}
		at += n
	}
	return runs
}

// readUser reads what a user has in the section of users: no event where the bytes are not
// those that were checked.
func readUser(users []byte) (delta, n uint32, rest []byte) {
	d := decoder{rest: users}
	delta, n = uint32(d.uvarint(math.MaxUint32)), uint32(d.uvarint(math.MaxUint32))
	return delta, n, d.rest
}
