package funnel

import "math/bits"

// set is a set of numbers below a bound, which finds the next one in a time that does not
// depend on how far away it is.
type set struct {
	few   uint64 // of at most 64 numbers, in the place of words: most users have no more
	words []uint64
	// above has a bit for each word below that is not 0, level by level.
	above [][]uint64
}

// reset empties the set for numbers below n.
func (s *set) reset(n int) {
	s.few, s.words, s.above = 0, s.words[:0], s.above[:0]
	if n <= 64 {
		return
	}
	s.words = empty(s.words, n)
	for n = len(s.words); n > 1; n = (n + 63) / 64 {
		level := len(s.above)
		if level < cap(s.above) {
			s.above = s.above[:level+1]
		} else {
			s.above = append(s.above, nil)
		}
		s.above[level] = empty(s.above[level], n)
	}
}

// empty makes room for n bits that are 0.
func empty(words []uint64, n int) []uint64 {
	n = (n + 63) / 64
	if cap(words) < n {
		return make([]uint64, n)
	}
	words = words[:n]
	clear(words)
	return words
}

func (s *set) add(p int) {
	if len(s.words) == 0 {
		s.few |= 1 << p
		return
	}
	s.words[p/64] |= 1 << (p % 64)
	for i := range s.above {
		p /= 64
		s.above[i][p/64] |= 1 << (p % 64)
	}
}

// addBits adds a number to the sets that have a bit.
func addBits(sets []set, of uint32, p int) {
	for ; of != 0; of &= of - 1 {
		sets[bits.TrailingZeros32(of)].add(p)
	}
}

// next returns the first number of the set that is not less than p, or -1.
func (s *set) next(p int) int {
	if len(s.words) == 0 {
		if rest := s.few >> min(p, 64); rest != 0 {
			return p + bits.TrailingZeros64(rest)
		}
		return -1
	}
	if p>>6 < len(s.words) {
		if rest := s.words[p>>6] >> (p & 63); rest != 0 {
			return p + bits.TrailingZeros64(rest)
		}
	}
	for level := range s.above {
		p = p>>6 + 1 // the first word that may have it
		if p>>6 >= len(s.above[level]) {
			return -1
		}
		rest := s.above[level][p>>6] >> (p & 63)
		if rest == 0 {
			continue
		}
		p += bits.TrailingZeros64(rest)
		for level--; level >= 0; level-- {
			p = p<<6 + bits.TrailingZeros64(s.above[level][p])
		}
		return p<<6 + bits.TrailingZeros64(s.words[p])
	}
	return -1
}
