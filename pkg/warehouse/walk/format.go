package walk

import (
	"encoding/binary"
	"math"
	"math/bits"
)

// A file has a header: magic, and the length of the index in 8 bytes. Then the index, in
// variable-length integers, and texts with their length before them:
//
//	project, events, users, first occurred_at, last less first, unit
//	length of the users' section
//	types: how many, then their names by code points
//	rows: what they are counted from (base), and the highest of these numbers
//	names: 1 and how many there are, then the names of all properties; or 0 if it is not known
//	marks: how many
//	columns: how many, then of each: its key, its form, which marks, how many codes and
//	values there are, and the length of the values
//
// Then the sections, one after the other:
//
//	blocks   for each blockUsers users, 4 bytes each: the key of the first, where it is
//	         in the users' section, and which event is its first
//	users    of each: its key less the one before, its events; as variable-length integers
//	times    of each event: occurred_at less first, in units
//	types    its event type
//	bases    4 bytes each: the lowest row of each day, or of each day and type
//	rows     of each event: its row in the Parquet file, less its base
//	marks    sets of events
//	columns  of each: its codes; where each dictionaryBlock values begin; its values
//	padding  8 bytes
//
// Events are in the order of user, occurred_at, event_type and event_id. Times, types,
// rows and codes take as many bits as the highest of them that there could be; the first
// are in the lowest bits of a byte. Integers of several bytes have the lowest first.
//
// The unit is in microseconds: clients whose clocks have milliseconds send whole ones, of
// which a month has less than 2^32.
//
// The rows of a Parquet file are in the order of day, type, user and time, so that a row
// is not far from the lowest of its day and type: of a million events in a month, 13 bits
// where the row itself has 20. Nothing relies on that order.
const (
	magic      = "EAUSER02"
	headerSize = len(magic) + 8
	blockUsers = 256
	blockSize  = 12
	padding    = 8
)

// firstMagic is that of the first version, which took as many whole bytes for each number.
const firstMagic = "EAUSER01"

// units are those that times are kept in, where all of a file are multiples.
var units = [...]int64{1_000_000, 1_000}

// Bounds on what a file knows of properties, beside those of the events' number.
const (
	maxCode       = math.MaxUint16
	maxColumns    = 64
	maxKeyBytes   = 256
	maxValueBytes = 1024
	maxNamesBytes = 64 << 10
)

// maxColumnBytes bounds the values of a column, in a file of some events: ids, of which
// nearly each event has another, would take more than all the rest. A small file may have
// a few thousand paths, and a large one a byte an event.
func maxColumnBytes(events int) int { return 64<<10 + events }

// bitsFor is the number of bits that numbers take of which highest is the highest. It is
// never 0, or a few bytes could claim to be millions of events.
func bitsFor(highest uint64) int {
	if n := bits.Len64(highest); n <= 57 {
		return max(1, n)
	}
	return 64 // others may lie in 9 bytes
}

// packed are numbers of some bits each. There are at least padding bytes behind the last
// one, so that each can be read from 8 bytes.
type packed struct {
	data []byte
	bits int
	mask uint64
}

func newPacked(data []byte, bits int) packed {
	return packed{data, bits, math.MaxUint64 >> (64 - bits)}
}

func (p packed) at(i int) uint64 {
	bit := i * p.bits
	return binary.LittleEndian.Uint64(p.data[bit>>3:]) >> (bit & 7) & p.mask
}

// read reads the numbers at some indexes: where each is one more than that before it, as
// many at a time as there are in 8 bytes.
func read[T uint32 | int64](p packed, at []uint32, to []T) {
	atOnce := 57 / p.bits // from any bit of a byte on
	if atOnce < 2 || len(at) < atOnce || !isRange(at) {
		for i, at := range at {
			to[i] = T(p.at(int(at)))
		}
		return
	}
	for bit := int(at[0]) * p.bits; len(to) > 0; bit += atOnce * p.bits {
		word := binary.LittleEndian.Uint64(p.data[bit>>3:]) >> (bit & 7)
		some := to[:min(atOnce, len(to))]
		for i := range some {
			some[i] = T(word & p.mask)
			word >>= p.bits & 63
		}
		to = to[len(some):]
	}
}

// isRange says whether each of some numbers is one more than that before it.
func isRange(numbers []uint32) bool {
	for i, n := range numbers {
		if n != numbers[0]+uint32(i) {
			return false
		}
	}
	return true
}

// packedSize is how many bytes numbers take.
func packedSize(n, bits int) int { return (n*bits + 7) / 8 }

// pack returns n numbers, of which highest is the highest, as a section.
func pack(n int, highest uint64, number func(i int) uint64) []byte {
	width := bitsFor(highest)
	size := packedSize(n, width)
	data := make([]byte, size+padding)
	for i := range n {
		bit := i * width
		to := data[bit>>3 : bit>>3+8]
		binary.LittleEndian.PutUint64(to, binary.LittleEndian.Uint64(to)|number(i)<<(bit&7))
	}
	return data[:size]
}
