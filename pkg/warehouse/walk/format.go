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
//	names: 1 and how many there are, then the names of all properties; or 0 if it is not known
//	columns: how many, then of each: its key, how many values, length of their JSON
//
// Then the sections, one after the other:
//
//	blocks   for each blockUsers users, 4 bytes each: the key of the first, where it is
//	         in the users' section, and which event is its first
//	users    of each: its key less the one before, its events; as variable-length integers
//	times    of each event: occurred_at less first, in units
//	types    its event type
//	rows     its row in the Parquet file
//	columns  of each: for each event the code of its value, 0 for none; for each other
//	         code, 4 bytes, where its value ends in the JSON; the JSON of all values
//	padding  8 bytes
//
// Events are in the order of user, occurred_at, event_type and event_id. Times, types,
// rows and codes take as many whole bytes as the highest of them that there could be,
// lowest first. Integers of several bytes have the lowest first.
//
// The unit is in microseconds: clients whose clocks have milliseconds send whole ones, of
// which a month has less than 2^32.
const (
	magic      = "EAUSER01"
	headerSize = len(magic) + 8
	blockUsers = 256
	blockSize  = 12
	padding    = 8
)

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

// maxColumnBytes bounds the values of a column in a file: ids, of which each event has
// another, would make it large for nothing.
func maxColumnBytes(events int) int { return 4<<10 + 4*events }

// widthOf is the number of bytes that numbers take of which highest is the highest.
func widthOf(highest uint64) int { return max(1, (bits.Len64(highest)+7)/8) }

// packed are numbers of some bytes each. There are at least padding bytes behind the last
// one's first, so that each can be read as one of 8 bytes.
type packed struct {
	data  []byte
	width int
	mask  uint64
}

func newPacked(data []byte, width int) packed {
	return packed{data, width, math.MaxUint64 >> (64 - 8*width)}
}

func (p packed) at(i int) uint64 { return binary.LittleEndian.Uint64(p.data[i*p.width:]) & p.mask }

// put writes a number; those behind it must be written later.
func (p packed) put(i int, n uint64) { binary.LittleEndian.PutUint64(p.data[i*p.width:], n) }
