package walk

import (
	"encoding/binary"
	"math/bits"
)

// marks are a set of events, in blocks: 4 bytes that say how many there are in the blocks
// before, then a bit for each of the block's events.
type marks []byte

const (
	markEvents = 256
	markBlock  = 4 + markEvents/8
)

// marksSize is how many bytes marks of events take.
func marksSize(events int) int { return (events + markEvents - 1) / markEvents * markBlock }

// mark returns the events that are wanted, and how many these are.
func mark(events int, wanted func(i int) bool) (m marks, n int) {
	m = make(marks, marksSize(events))
	for i := range events {
		block := m[i/markEvents*markBlock:]
		if i%markEvents == 0 {
			binary.LittleEndian.PutUint32(block, uint32(n))
		}
		if wanted(i) {
			block[4+i%markEvents/8] |= 1 << (i % 8)
			n++
		}
	}
	return m, n
}

func (m marks) has(event uint32) bool {
	return m[int(event/markEvents)*markBlock+4+int(event%markEvents/8)]>>(event%8)&1 != 0
}

// through is how many events are marked up to one, itself included.
func (m marks) through(event uint32) int {
	block := m[int(event/markEvents)*markBlock:][:markBlock]
	n := int(binary.LittleEndian.Uint32(block))
	last := int(event % markEvents / 64)
	for word := range last {
		n += bits.OnesCount64(binary.LittleEndian.Uint64(block[4+8*word:]))
	}
	return n + bits.OnesCount64(binary.LittleEndian.Uint64(block[4+8*last:])&(2<<(event%64)-1))
}

// counter tells what through does, of events that are mostly near the one before.
type counter struct {
	marks
	word   uint64 // the one of the last event
	number uint32 // of the word, and 1
	before int    // how many are marked before the word
}

func (c *counter) through(event uint32) int {
	if number := event/64 + 1; c.number != number {
		c.number = number
		block := c.marks[int(event/markEvents)*markBlock:][:markBlock]
		c.word = binary.LittleEndian.Uint64(block[4+event%markEvents/64*8:])
		c.before = c.marks.through(event) - bits.OnesCount64(c.word&(2<<(event%64)-1))
	}
	return c.before + bits.OnesCount64(c.word&(2<<(event%64)-1))
}

// count returns how many of some events are marked; ok is false when the blocks say
// something else.
func (m marks) count(events int) (n int, ok bool) {
	for block := 0; block < len(m); block += markBlock {
		if int(binary.LittleEndian.Uint32(m[block:])) != n {
			return n, false
		}
		for word := block + 4; word < block+markBlock; word += 8 {
			n += bits.OnesCount64(binary.LittleEndian.Uint64(m[word:]))
		}
	}
	return n, n == m.through(uint32(events-1)) // none is behind the last
}
