// Package decimal has the numbers of JSON, exactly: 10, 10.0 and 1e1 are one number,
// 9007199254740993 and 9007199254740992 are two.
package decimal

import (
	"cmp"
	"math"
	"strconv"
	"strings"
)

// Decimal is a number. The zero value is 0.
type Decimal struct {
	negative bool
	digits   string // significant ones, without zeros at either end; empty for 0
	point    int64  // the number is 0.digits · 10^point
}

// maxExponent is what larger exponents are taken as. Those of numbers that an event
// may have are below, apart from numbers that are next to nothing.
const maxExponent = 1_000_000_000_000_000

// Parse reads a number as JSON writes it. ok is false for any other text.
func Parse(text string) (d Decimal, ok bool) {
	if !isNumber(text) {
		return Decimal{}, false
	}
	digits, point, negative := Digits(nil, text)
	return Decimal{negative, string(digits), point}, true
}

// OfInteger returns an integer's number.
func OfInteger(n int64) Decimal {
	d, _ := Parse(strconv.FormatInt(n, 10))
	return d
}

// OfFloat returns the shortest decimal that is nearest to a finite float64.
func OfFloat(x float64) Decimal {
	d, _ := Parse(strconv.FormatFloat(x, 'g', -1, 64))
	return d
}

// Digits appends the significant digits of a number, which must be JSON, to b. The
// number is 0.digits · 10^point; 0 has no digits and is not negative.
func Digits(b []byte, number string) (digits []byte, point int64, negative bool) {
	negative = number[0] == '-'
	if negative {
		number = number[1:]
	}
	mantissa, exponent := number, int64(0)
	if i := strings.IndexAny(number, "eE"); i >= 0 {
		mantissa, exponent = number[:i], parseExponent(number[i+1:])
	}
	start := len(b)
	whole, fraction, _ := strings.Cut(mantissa, ".")
	whole = strings.TrimLeft(whole, "0")
	if point = int64(len(whole)); point == 0 {
		significant := strings.TrimLeft(fraction, "0")
		point, fraction = int64(len(significant)-len(fraction)), significant
	}
	b = append(append(b, whole...), fraction...)
	for len(b) > start && b[len(b)-1] == '0' {
		b = b[:len(b)-1]
	}
	if len(b) == start {
		return b, 0, false
	}
	return b, point + exponent, negative
}

func parseExponent(text string) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	if err == nil {
		return max(-maxExponent, min(n, maxExponent))
	}
	if text[0] == '-' {
		return -maxExponent
	}
	return maxExponent
}

// isNumber follows JSON's grammar.
func isNumber(s string) bool {
	s = strings.TrimPrefix(s, "-")
	n := digitsAt(s)
	if n == 0 || n > 1 && s[0] == '0' {
		return false
	}
	s = s[n:]
	if fraction, ok := strings.CutPrefix(s, "."); ok {
		if n = digitsAt(fraction); n == 0 {
			return false
		}
		s = fraction[n:]
	}
	if s != "" && (s[0] == 'e' || s[0] == 'E') {
		s = s[1:]
		if s != "" && (s[0] == '+' || s[0] == '-') {
			s = s[1:]
		}
		if n = digitsAt(s); n == 0 {
			return false
		}
		s = s[n:]
	}
	return s == ""
}

// digitsAt counts the digits that s begins with.
func digitsAt(s string) int { return len(s) - len(strings.TrimLeft(s, "0123456789")) }

// Parts returns what a number is made of: it is 0.digits · 10^point. 0 has no digits.
func (d Decimal) Parts() (digits string, point int64, negative bool) {
	return d.digits, d.point, d.negative
}

// Compare returns -1 if a is less than b, 1 if it is greater, else 0.
func Compare(a, b Decimal) int {
	if c := cmp.Compare(a.sign(), b.sign()); c != 0 {
		return c
	}
	// Digits without zeros at the end compare as fractions of 1 do.
	return a.sign() * cmp.Or(cmp.Compare(a.point, b.point), cmp.Compare(a.digits, b.digits))
}

func (d Decimal) sign() int {
	switch {
	case d.digits == "":
		return 0
	case d.negative:
		return -1
	}
	return 1
}

// maxPlain is the maximum number of digits that are written without an exponent.
const maxPlain = 40

// String returns the canonical text: without an exponent up to 40 digits, with the
// zero before a fraction counted; beyond that one digit, fraction and exponent, as
// 1.5e+41. It has no zeros that say nothing, and no minus before 0.
func (d Decimal) String() string {
	n := int64(len(d.digits))
	var text string
	switch {
	case n == 0:
		return "0"
	case d.point <= 0 && 1-d.point+n <= maxPlain:
		text = "0." + strings.Repeat("0", int(-d.point)) + d.digits
	case d.point > 0 && max(d.point, n) <= maxPlain:
		text = d.digits
		if d.point < n {
			text = d.digits[:d.point] + "." + d.digits[d.point:]
		} else {
			text += strings.Repeat("0", int(d.point-n))
		}
	default:
		text = d.digits[:1]
		if n > 1 {
			text += "." + d.digits[1:]
		}
		exponent := strconv.FormatInt(d.point-1, 10)
		if exponent[0] != '-' {
			exponent = "+" + exponent
		}
		text += "e" + exponent
	}
	if d.negative {
		text = "-" + text
	}
	return text
}

// Float returns the nearest float64, which is infinite for numbers beyond all.
func (d Decimal) Float() float64 {
	x, _ := strconv.ParseFloat(d.String(), 64) // infinite where it is out of range
	return x
}

// Floor returns the greatest integer that is not above the number. ok is false when
// it has more than 64 bits.
func (d Decimal) Floor() (n int64, ok bool) {
	switch {
	case d.digits == "":
		return 0, true
	case d.point > 19:
		return 0, false
	case d.point <= 0:
		if d.negative {
			return -1, true
		}
		return 0, true
	}
	whole := d
	whole.digits = strings.TrimRight(d.digits[:min(d.point, int64(len(d.digits)))], "0")
	n, err := strconv.ParseInt(whole.String(), 10, 64)
	if err == nil && d.negative && whole != d {
		if n == math.MinInt64 {
			return 0, false
		}
		n--
	}
	return n, err == nil
}
