package pages

import (
	"encoding/binary"
	"iter"
)

// run is some numbers of Parquet's hybrid of runs and packed bits, which levels and
// indexes of dictionaries are encoded in.
type run struct {
	count  int
	value  uint32 // each of them, unless they are packed
	packed []byte // of some bits each, the lowest first
}

// runs goes through encoded numbers of some bits, up to what is damaged.
func runs(data []byte, bits int) iter.Seq[run] {
	return func(yield func(run) bool) {
		for len(data) > 0 {
			header, n := binary.Uvarint(data)
			if n <= 0 || header>>1 > maxRows {
				return
			}
			data = data[n:]
			r := run{count: int(header >> 1)}
			if header&1 == 1 {
				size := min(r.count*bits, len(data)) // the last may be cut short
				r.packed, data = data[:size], data[size:]
				r.count *= 8
			} else {
				size := (bits + 7) / 8
				if size > len(data) {
					return
				}
				for i, b := range data[:size] {
					r.value |= uint32(b) << (8 * i)
				}
				data = data[size:]
			}
			if !yield(r) {
				return
			}
		}
	}
}

// at returns a number of a run; ok is false where it is cut short.
func (r *run) at(i, bits int) (value uint32, ok bool) {
	if r.packed == nil {
		return r.value, true
	}
	from := i * bits
	if from+bits > 8*len(r.packed) {
		return 0, false
	}
	for bit := range bits {
		at := from + bit
		value |= uint32(r.packed[at/8]>>(at%8)&1) << bit
	}
	return value, true
}

// numberAt returns the n-th of encoded numbers.
func numberAt(data []byte, bits, n int) (uint32, bool) {
	if bits == 0 { // there is one value
		return 0, true
	}
	for r := range runs(data, bits) {
		if n < r.count {
			return r.at(n, bits)
		}
		n -= r.count
	}
	return 0, false
}

// levelsOf returns so many encoded levels, of one bit.
func levelsOf(data []byte, n int) ([]byte, bool) {
	levels := make([]byte, 0, n)
	for r := range runs(data, 1) {
		for i := range min(r.count, n-len(levels)) {
			level, ok := r.at(i, 1)
			if !ok {
				return nil, false
			}
			levels = append(levels, byte(level))
		}
	}
	return levels, len(levels) == n
}
