package session

import (
	"math/big"
	"math/bits"
)

// Lengths are those of sessions, in microseconds.
type Lengths struct {
	n        int64 // sessions
	high     uint64
	low      uint64  // with high their sum
	positive []int64 // without those that are zero, which are many
}

// Add adds the length of a session, and returns the bytes that it takes.
func (l *Lengths) Add(us int64) int {
	l.n++
	if us == 0 {
		return 0
	}
	l.add(0, uint64(us))
	l.positive = append(l.positive, us)
	return 8
}

func (l *Lengths) add(high, low uint64) {
	var carry uint64
	l.low, carry = bits.Add64(l.low, low, 0)
	l.high, _ = bits.Add64(l.high, high, carry)
}

// Merge adds other lengths, which must not be used after.
func (l *Lengths) Merge(other *Lengths) {
	l.n += other.n
	l.add(other.high, other.low)
	if len(l.positive) == 0 {
		l.positive = other.positive
		return
	}
	l.positive = append(l.positive, other.positive...)
}

// Avg returns the exact average in seconds, rounded once; there must be a length.
func (l *Lengths) Avg() float64 {
	sum := new(big.Int).SetUint64(l.high)
	sum.Lsh(sum, 64).Or(sum, new(big.Int).SetUint64(l.low))
	return seconds(sum, l.n)
}

// Median returns the exact median in seconds, rounded once; there must be a length. It
// changes the order of the lengths.
func (l *Lengths) Median() float64 {
	zeros := l.n - int64(len(l.positive))
	at := func(i int64) int64 {
		if i < zeros {
			return 0
		}
		return nth(l.positive, int(i-zeros))
	}
	low := at((l.n - 1) / 2)
	if l.n%2 == 1 {
		return seconds(big.NewInt(low), 1)
	}
	return seconds(new(big.Int).Add(big.NewInt(low), big.NewInt(at(l.n/2))), 2)
}

// seconds returns us ÷ n in seconds.
func seconds(us *big.Int, n int64) float64 {
	f, _ := new(big.Rat).SetFrac(us, new(big.Int).Mul(big.NewInt(n), big.NewInt(1_000_000))).Float64()
	return f
}

// nth returns the n-th smallest, from 0, and moves it there, those before it before, those
// behind it behind (Hoare's selection).
func nth(all []int64, n int) int64 {
	for low, high := 0, len(all)-1; low < high; {
		middle := low + (high-low)/2
		pivot := median(all[low], all[middle], all[high])
		i, j := low, high
		for i <= j {
			for all[i] < pivot {
				i++
			}
			for all[j] > pivot {
				j--
			}
			if i <= j {
				all[i], all[j] = all[j], all[i]
				i++
				j--
			}
		}
		switch {
		case n <= j:
			high = j
		case n >= i:
			low = i
		default:
			return all[n]
		}
	}
	return all[n]
}

func median(a, b, c int64) int64 { return max(min(a, b), min(max(a, b), c)) }
