package decimal

import (
	"math/big"
	"math/bits"
	"strconv"
)

// Sum is an exact sum of numbers, and how many they are: sum · 10^exponent. The zero value
// is that of none.
type Sum struct {
	sum      big.Int
	exponent int64
	count    int64
}

// maxPlaces is how many decimal places of a number count. A sum of numbers with more
// could only be rounded otherwise if it were next to the middle of two float64.
const maxPlaces = 4000

// SumOf adds up n numbers, each as often as at says.
func SumOf(n int, at func(i int) (number Decimal, times int64)) *Sum {
	s := &Sum{}
	lowest, highest := int64(0), int64(0)
	for i := range n {
		d, times := at(i)
		end := d.end()
		if i == 0 || end < lowest {
			lowest = end
		}
		if i == 0 || d.point > highest {
			highest = d.point
		}
		s.count += times
	}
	s.exponent = max(lowest, -maxPlaces)
	if highest-lowest <= maxDigits && lowest == s.exponent {
		var total Total
		for i := range n {
			d, times := at(i)
			total.AddTimes(d.integer(s.exponent), times)
		}
		s.sum = *total.integer()
		return s
	}
	var term, factor big.Int
	for i := range n {
		d, times := at(i)
		d.wide(&term, s.exponent)
		s.sum.Add(&s.sum, term.Mul(&term, factor.SetInt64(times)))
	}
	return s
}

// end is the place of the last digit: the number is an integer times 10^end.
func (d Decimal) end() int64 { return d.point - int64(len(d.digits)) }

// integer is what a number of at most 18 digits is times 10^-exponent.
func (d Decimal) integer(exponent int64) int64 {
	if d.digits == "" {
		return 0
	}
	n, _ := strconv.ParseInt(d.digits, 10, 64)
	for range d.end() - exponent {
		n *= 10
	}
	if d.negative {
		return -n
	}
	return n
}

// wide sets n to the integer that a number is times 10^-exponent, without its fraction.
func (d Decimal) wide(n *big.Int, exponent int64) {
	digits := d.digits
	if digits == "" || d.point <= exponent {
		n.SetInt64(0)
		return
	}
	if whole := d.point - exponent; whole < int64(len(digits)) {
		digits = digits[:whole]
	}
	n.SetString(digits, 10)
	if zeros := d.point - int64(len(digits)) - exponent; zeros > 0 {
		n.Mul(n, power(zeros))
	}
	if d.negative {
		n.Neg(n)
	}
}

// power returns 10^n.
func power(n int64) *big.Int { return new(big.Int).Exp(big.NewInt(10), big.NewInt(n), nil) }

// scale writes a sum with an exponent that is not above its own.
func (s *Sum) scale(exponent int64) {
	if s.exponent > exponent {
		s.sum.Mul(&s.sum, power(s.exponent-exponent))
		s.exponent = exponent
	}
}

// Add adds another sum, which it may write in another way.
func (s *Sum) Add(other *Sum) {
	if other.count == 0 {
		return
	}
	if s.count == 0 && s.sum.Sign() == 0 {
		s.exponent = other.exponent
	}
	s.scale(other.exponent)
	other.scale(s.exponent)
	s.sum.Add(&s.sum, &other.sum)
	s.count += other.count
}

// Take takes back a sum that was added.
func (s *Sum) Take(other *Sum) {
	if other.count == 0 {
		return
	}
	other.scale(s.exponent)
	s.sum.Sub(&s.sum, &other.sum)
	s.count -= other.count
}

// Count is how many numbers were added.
func (s *Sum) Count() int64 { return s.count }

// Float is the float64 that is nearest to the sum.
func (s *Sum) Float() float64 { return s.over(1) }

// Average is the float64 that is nearest to the average of the numbers, of which there
// must be some.
func (s *Sum) Average() float64 { return s.over(s.count) }

func (s *Sum) over(n int64) float64 {
	divisor, dividend := big.NewInt(n), &s.sum
	if s.exponent < 0 {
		divisor.Mul(divisor, power(-s.exponent))
	} else if s.exponent > 0 {
		dividend = new(big.Int).Mul(dividend, power(s.exponent))
	}
	x, _ := new(big.Rat).SetFrac(dividend, divisor).Float64()
	return x + 0 // not -0
}

// Total is a sum of integers, and how many they are. It is exact as long as they are fewer
// than 2^63.
type Total struct {
	high, low uint64 // 128 bits, in two's complement
	count     int64
}

// Add adds an integer.
func (t *Total) Add(n int64) {
	var carry uint64
	t.low, carry = bits.Add64(t.low, uint64(n), 0)
	t.high += uint64(n>>63) + carry
	t.count++
}

// AddTimes adds an integer some times, at least 0.
func (t *Total) AddTimes(n, times int64) {
	high, low := bits.Mul64(uint64(max(n, -n)), uint64(times))
	if n < 0 {
		low, high = -low, ^high
		if low == 0 {
			high++
		}
	}
	var carry uint64
	t.low, carry = bits.Add64(t.low, low, 0)
	t.high += high + carry
	t.count += times
}

// Merge adds another total.
func (t *Total) Merge(other Total) {
	var carry uint64
	t.low, carry = bits.Add64(t.low, other.low, 0)
	t.high += other.high + carry
	t.count += other.count
}

func (t *Total) integer() *big.Int {
	n := big.NewInt(int64(t.high))
	return n.Or(n.Lsh(n, 64), new(big.Int).SetUint64(t.low))
}
