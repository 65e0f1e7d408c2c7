package session

import (
	"cmp"
	"math"
	"math/big"
	"math/bits"
)

// Lengths are those of sessions, in microseconds.
type Lengths struct {
	n    int64 // sessions
	high uint64
	low  uint64 // with high their sum
	// Those that are zero are many, and not kept; those below 2³² µs, 71 minutes, are most
	// of the others.
	short []uint32
	long  []int64
}

// Add adds the length of a session, and returns the bytes that it takes.
func (l *Lengths) Add(us int64) int {
	l.n++
	if us == 0 {
		return 0
	}
	l.add(0, uint64(us))
	if us <= math.MaxUint32 {
		l.short = append(l.short, uint32(us))
		return 4
	}
	l.long = append(l.long, us)
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
	l.short, l.long = joined(l.short, other.short), joined(l.long, other.long)
}

// joined are two lists together, in the place of the longer one if that has room.
func joined[T any](a, b []T) []T {
	if len(a) < len(b) {
		a, b = b, a
	}
	return append(a, b...)
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
	short := int64(len(l.short))
	zeros := l.n - short - int64(len(l.long))
	at := func(i int64) int64 {
		switch i -= zeros; {
		case i < 0:
			return 0
		case i < short:
			return int64(nth(l.short, int(i)))
		}
		return nth(l.long, int(i-short))
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
func nth[T cmp.Ordered](all []T, n int) T {
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

func median[T cmp.Ordered](a, b, c T) T { return max(min(a, b), min(max(a, b), c)) }
