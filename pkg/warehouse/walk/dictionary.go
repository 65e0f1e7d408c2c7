package walk

import (
	"encoding/binary"
	"slices"
)

// dictionaryBlock is how many values of a dictionary are read to find the last of them.
const dictionaryBlock = 16

// dictionary is the values of a column, in the order of their bytes. Each is how many
// bytes it begins with that the one before it has, how many others it has, and these; the
// first of each block begins with none.
type dictionary struct {
	n      int // values
	starts packed
	texts  []byte
}

// encodeDictionary returns the sections of values.
func encodeDictionary(values []string) (starts, texts []byte) {
	var blocks []int
	before := ""
	for i, value := range values {
		if i%dictionaryBlock == 0 {
			blocks = append(blocks, len(texts))
			before = ""
		}
		shared := 0
		for shared < len(before) && shared < len(value) && before[shared] == value[shared] {
			shared++
		}
		texts = binary.AppendUvarint(texts, uint64(shared))
		texts = binary.AppendUvarint(texts, uint64(len(value)-shared))
		texts = append(texts, value[shared:]...)
		before = value
	}
	return pack(len(blocks), uint64(len(texts)), func(i int) uint64 { return uint64(blocks[i]) }), texts
}

// blocksOf is how many blocks there are of values.
func blocksOf(values int) int { return (values + dictionaryBlock - 1) / dictionaryBlock }

// appendValue appends a value to nothing.
func (d *dictionary) appendValue(to []byte, i int) []byte {
	rest := d.texts[d.starts.at(i/dictionaryBlock):]
	for range i%dictionaryBlock + 1 {
		to, rest = nextValue(to, rest)
	}
	return to
}

// nextValue makes a value of the one before it and of what is kept of it.
func nextValue(before, kept []byte) (value, rest []byte) {
	shared, length := uint64(kept[0]), uint64(kept[1])
	if shared|length < 0x80 { // as most are
		kept = kept[2:]
	} else {
		var n int
		shared, n = binary.Uvarint(kept)
		kept = kept[n:]
		length, n = binary.Uvarint(kept)
		kept = kept[n:]
	}
	return append(before[:shared], kept[:length]...), kept[length:]
}

// isRight checks the values, of which property.Value relies on each being JSON.
func (d *dictionary) isRight() bool {
	texts := decoder{rest: d.texts}
	var value, before []byte
	for i := range d.n {
		if i%dictionaryBlock == 0 {
			if d.starts.at(i/dictionaryBlock) != uint64(len(d.texts)-len(texts.rest)) {
				return false
			}
			value = value[:0]
		}
		shared, length := texts.uvarint(uint64(len(value))), texts.uvarint(maxValueBytes)
		if texts.bad || length > uint64(len(texts.rest)) {
			return false
		}
		value = append(value[:shared], texts.rest[:length]...)
		texts.rest = texts.rest[length:]
		if len(value) == 0 || len(value) > maxValueBytes || i > 0 && slices.Compare(value, before) <= 0 || !isValue(value) {
			return false
		}
		before = append(before[:0], value...)
	}
	return len(texts.rest) == 0
}
