package decimal

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestAppend: JSON values that are appended, in any order and parts, are the numbers that
// Parse reads.
func TestAppend(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		values []string
		fits   bool
	}{
		{nil, true},
		{[]string{"", `"1"`, "null", "true", "[1]", `{"a":1}`}, true},
		{[]string{"0", "-0", "0.0", "-0.00", "0e5", "0e-9999"}, true},
		{[]string{"1", "1.0", "1.50", "10", "-2.5", "1e3", "12E-3", "0.001", "0", `"x"`}, true},
		{[]string{"1e400", "-3e399", "0"}, true},
		{[]string{"1e-3999", "0"}, true},
		{[]string{"1e-4001"}, false},
		{[]string{"1e400", "1"}, false},
		{[]string{"999999999999999999", "-999999999999999999", "99999999999999999e1"}, true},
		{[]string{"1000000000000000000"}, true},
		{[]string{"1000000000000000001"}, false},
		{[]string{"99999999999999999.9", "-0.1"}, true},
		{[]string{"999999999999999999", "0.1"}, false},
		{[]string{"0.1", "-999999999999999999"}, false},
		{[]string{"0.000000000000000001", "0.999999999999999999"}, true},
		{[]string{"0.000000000000000001", "1"}, false},
		{[]string{"1.000000000000000000000", "0.5"}, true},
		{[]string{"9223372036854775807"}, false},
		{[]string{"-9223372036854775808"}, false},
		{[]string{"18446744073709551617"}, false}, // 1 in 64 bits
	} {
		checkAppended(t, c.values, c.fits)
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	g := rand.New(rand.NewPCG(seed, 0))
	for range 2000 {
		values := make([]string, g.IntN(9))
		for i := range values {
			values[i] = []string{
				fmt.Sprint(g.IntN(1000) - 500), fmt.Sprintf("%d.%02d", g.IntN(2000)-1000, g.IntN(100)), fmt.Sprintf("-0.%0*d", 1+g.IntN(9), g.IntN(10)),
				fmt.Sprintf("%d.50e%d", g.IntN(10), g.IntN(12)-6), fmt.Sprint(g.Int64()), `"7"`,
			}[min(5, g.IntN(30)/5)]
		}
		var numbers []Decimal
		for _, value := range values {
			if d, ok := Parse(value); ok {
				numbers = append(numbers, d)
			}
		}
		// Zeros at the end of integers are digits of these, which they are not to Scale.
		_, fits := Scale(append(numbers, OfInteger(1)))
		checkAppended(t, append(values, "1"), fits)
	}
}

// checkAppended appends values to one Scaled after the other.
func checkAppended(t *testing.T, values []string, fits bool) {
	t.Helper()
	parts := make([]Scaled, 3)
	for i, value := range values {
		parts[i%3].Append([]byte(value))
	}
	scaled, ok := Align(parts)
	require.Equal(t, fits, ok, values)
	if !fits {
		return
	}
	for i := range parts {
		require.Len(t, parts[i].Integers, (len(values)+2-i)/3)
	}
	var want []Decimal
	for i, value := range values {
		n := parts[i%3].Integers[i/3]
		d, ok := Parse(value)
		require.Equal(t, ok, n != None, value)
		if ok {
			scaled.Integers, want = append(scaled.Integers, n), append(want, d)
		}
	}
	for i, d := range scaled.Decimals() {
		require.Equal(t, want[i], d, values)
		var total Total
		total.Add(scaled.Integers[i])
		require.Equal(t, d.Float(), scaled.Sum(total).Float(), values)
	}
}

// TestPlain: what is no JSON, or has an exponent or too many digits, is not read.
func TestPlain(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"-", "1.", "-.5", ".5", "01", "-01.5", "1.2.3", "1e1", "1E1", "+1", "1 ", "--1", "1-", "1234567890123456789", "0.1234567890123456789"} {
		_, _, ok := plain([]byte(text))
		require.False(t, ok, text)
	}
	for text, want := range map[string][2]int64{
		"0": {0, 0}, "-0.0": {0, 0}, "10": {10, 0}, "-12.50": {-125, -1}, "0.05": {5, -2}, "123456789012345678": {123456789012345678, 0},
		"0.12345678901234567": {12345678901234567, -17},
	} {
		n, exponent, ok := plain([]byte(text))
		require.True(t, ok, text)
		require.Equal(t, want, [2]int64{n, exponent}, text)
	}
}
