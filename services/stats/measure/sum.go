package measure

import (
	"math/big"
	"math/bits"
	"strconv"

	"eventanalytics/pkg/decimal"
	"eventanalytics/pkg/syntax"
	"eventanalytics/services/stats/engine"
)

// total is the exact sum of some numbers: sum · 10^exponent. The zero value is that of
// none.
type total struct {
	sum      big.Int
	exponent int64
	count    int64
}

// maxPlaces is how many decimal places of a number count. A sum of numbers with more
// could only be rounded otherwise if it were next to the middle of two float64.
const maxPlaces = 4000

// totalOf adds numbers up.
func totalOf(numbers []engine.Number) *total {
	t := &total{}
	if len(numbers) == 0 {
		return t
	}
	lowest, highest := int64(0), int64(0)
	for i, n := range numbers {
		digits, point, _ := n.Value.Parts()
		end := point - int64(len(digits))
		if i == 0 || end < lowest {
			lowest = end
		}
		if i == 0 || point > highest {
			highest = point
		}
		t.count += n.Events
	}
	t.exponent = max(lowest, -maxPlaces)
	if highest-lowest <= 18 && lowest == t.exponent {
		t.addSmall(numbers)
		return t
	}
	var term, times big.Int
	for _, n := range numbers {
		integer(&term, n.Value, t.exponent)
		t.sum.Add(&t.sum, term.Mul(&term, times.SetInt64(n.Events)))
	}
	return t
}

// addSmall adds numbers that are integers of at most 18 digits times 10^exponent.
func (t *total) addSmall(numbers []engine.Number) {
	var plus, minus [2]uint64 // high and low
	for _, n := range numbers {
		digits, point, negative := n.Value.Parts()
		if digits == "" {
			continue
		}
		x, _ := strconv.ParseUint(digits, 10, 64)
		for range point - int64(len(digits)) - t.exponent {
			x *= 10
		}
		to := &plus
		if negative {
			to = &minus
		}
		high, low := bits.Mul64(x, uint64(n.Events))
		var carry uint64
		to[1], carry = bits.Add64(to[1], low, 0)
		to[0], _ = bits.Add64(to[0], high, carry)
	}
	t.sum.Sub(wide(plus), wide(minus))
}

func wide(x [2]uint64) *big.Int {
	n := new(big.Int).SetUint64(x[0])
	return n.Or(n.Lsh(n, 64), new(big.Int).SetUint64(x[1]))
}

// integer sets n to the integer that a number is times 10^-exponent, without its
// fraction.
func integer(n *big.Int, d decimal.Decimal, exponent int64) {
	digits, point, negative := d.Parts()
	if digits == "" || point <= exponent {
		n.SetInt64(0)
		return
	}
	if whole := point - exponent; whole < int64(len(digits)) {
		digits = digits[:whole]
	}
	n.SetString(digits, 10)
	if zeros := point - int64(len(digits)) - exponent; zeros > 0 {
		n.Mul(n, power(zeros))
	}
	if negative {
		n.Neg(n)
	}
}

// power returns 10^n.
func power(n int64) *big.Int { return new(big.Int).Exp(big.NewInt(10), big.NewInt(n), nil) }

// scale writes a total with an exponent that is not above its own.
func (t *total) scale(exponent int64) {
	if t.exponent > exponent {
		t.sum.Mul(&t.sum, power(t.exponent-exponent))
		t.exponent = exponent
	}
}

// add adds another total, which it may scale.
func (t *total) add(other *total) {
	if other.count == 0 {
		return
	}
	if t.count == 0 && t.sum.Sign() == 0 {
		t.exponent = other.exponent
	}
	t.scale(other.exponent)
	other.scale(t.exponent)
	t.sum.Add(&t.sum, &other.sum)
	t.count += other.count
}

// take takes back a total that was added.
func (t *total) take(other *total) {
	if other.count == 0 {
		return
	}
	other.scale(t.exponent)
	t.sum.Sub(&t.sum, &other.sum)
	t.count -= other.count
}

// value returns the sum, or the average, as the nearest float64.
func (t *total) value(measure string) Value {
	divisor := big.NewInt(1)
	if measure == syntax.Avg {
		if t.count == 0 {
			return null
		}
		divisor.SetInt64(t.count)
	}
	dividend := &t.sum
	if t.exponent < 0 {
		divisor.Mul(divisor, power(-t.exponent))
	} else if t.exponent > 0 {
		dividend = new(big.Int).Mul(dividend, power(t.exponent))
	}
	x, _ := new(big.Rat).SetFrac(dividend, divisor).Float64()
	return number(x + 0) // not -0
}
