package traits

import (
	"math/big"
	"strconv"
	"strings"

	"eventanalytics/pkg/decimal"
)

// plus returns the exact sum of two numbers in canonical form; nothing counts as 0. It is
// empty when one is no number, or the sum too long.
func plus(a, b string) string {
	if a == "" {
		a = "0"
	}
	x, ok := decimal.Parse(a)
	y, also := decimal.Parse(b)
	if !ok || !also || len(a) > MaxNumber || len(b) > MaxNumber {
		return ""
	}
	unit := min(exponent(x), exponent(y)) // of the last digit of either
	for _, d := range []decimal.Decimal{x, y} {
		if digits, point, _ := d.Parts(); digits != "" && point-unit > MaxNumber {
			return ""
		}
	}
	sum := new(big.Int).Add(integer(x, unit), integer(y, unit)).String() + "e" + strconv.FormatInt(unit, 10)
	d, _ := decimal.Parse(sum)
	if text := d.String(); len(text) <= MaxNumber {
		return text
	}
	return ""
}

// exponent of a number's last digit.
func exponent(d decimal.Decimal) int64 {
	digits, point, _ := d.Parts()
	return point - int64(len(digits))
}

// integer is a number in units of 10^unit.
func integer(d decimal.Decimal, unit int64) *big.Int {
	digits, point, negative := d.Parts()
	if digits == "" {
		return new(big.Int)
	}
	n, _ := new(big.Int).SetString(digits+strings.Repeat("0", int(point-int64(len(digits))-unit)), 10)
	if negative {
		n.Neg(n)
	}
	return n
}
