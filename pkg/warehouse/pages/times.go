package pages

import (
	"encoding/binary"
	"fmt"

	"github.com/parquet-go/parquet-go/encoding/delta"
	"github.com/parquet-go/parquet-go/format"
)

const timeColumn = "occurred_at"

// Times are written as differences (DELTA_BINARY_PACKED), in as many bits as those of
// their page need: the events of a page are of few days. Compressed, the times of a day in
// a random order take a quarter more, and longer to read.

// isTimes says whether the plain values of a column are written as differences.
func (l *leaf) isTimes() bool { return l.name == timeColumn && l.kind == format.Int64 }

// differences encodes plain times.
func differences(plain []byte) []byte {
	times := make([]int64, len(plain)/8)
	for i := range times {
		times[i] = int64(binary.LittleEndian.Uint64(plain[8*i:]))
	}
	var e delta.BinaryPackedEncoding
	packed, _ := e.EncodeInt64(nil, times) // it does not fail
	return packed
}

// sums are the plain times of a page of some rows, which may be in the memory of to.
func sums(packed []byte, rows int, to []byte) ([]byte, error) {
	// The decoder takes memory for as many as the page says there are.
	rest := packed
	var head [3]uint64 // values in a block, parts of a block, values
	for i := range head {
		value, n := binary.Uvarint(rest)
		if n <= 0 {
			return nil, badIf(true, "differences in %d bytes", len(packed))
		}
		head[i], rest = value, rest[n:]
	}
	if head[2] > uint64(rows) {
		return nil, badIf(true, "%d differences in a page of %d rows", head[2], rows)
	}
	var e delta.BinaryPackedEncoding
	times, err := e.DecodeInt64(make([]int64, 0, head[2]), packed)
	if err != nil {
		return nil, fmt.Errorf("%w: differences: %w", ErrDamaged, err)
	}
	to = to[:0]
	for _, t := range times {
		to = binary.LittleEndian.AppendUint64(to, uint64(t))
	}
	return to, nil
}
