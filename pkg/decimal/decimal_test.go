package decimal

import (
	"encoding/json"
	"fmt"
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestString(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"0": "0", "-0": "0", "0.00": "0", "0e99": "0", "-0.0e-9999999999999999999999999": "0",
		"10": "10", "10.0": "10", "1e1": "10", "1E+1": "10", "100e-1": "10", "0.001e4": "10",
		"1.50": "1.5", "-1.50": "-1.5", "15e-1": "1.5", "0.05": "0.05", "5e-2": "0.05", "-0.5": "-0.5",
		"9007199254740993":                         "9007199254740993",
		"99999999999999999999999999999999999999.0": "99999999999999999999999999999999999999",
		"1e39":                       "1" + strings.Repeat("0", 39),
		"1e40":                       "1e+40",
		"15e40":                      "1.5e+41",
		"150" + zeros(39):            "1.5e+41",
		"1e-39":                      "0." + zeros(38) + "1",
		"1e-40":                      "1e-40",
		"-1.25e-300":                 "-1.25e-300",
		"12" + zeros(37) + ".5":      "12" + zeros(37) + ".5",
		"12" + zeros(38) + ".5":      "1.2" + zeros(38) + "5e+39",
		"1e-99999999999999999999999": "1e-1000000000000000",
	} {
		d, ok := Parse(text)
		require.True(t, ok, text)
		require.Equal(t, want, d.String(), text)
	}
	for _, text := range []string{"", "-", "+1", "01", "1.", ".5", "1e", "1e+", " 1", "1 ", "0x1", "NaN", "Infinity", "1_0", "--1", "1e1.5", "٣"} {
		_, ok := Parse(text)
		require.False(t, ok, text)
	}
}

func zeros(n int) string { return strings.Repeat("0", n) }

// Any number compares as math/big says, and its text is the same number.
func TestAgainstRationals(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	random := func() string {
		text := fmt.Sprint(r.IntN(3))
		if r.IntN(2) == 0 {
			text = fmt.Sprintf("%d%0*d", 1+r.IntN(9), r.IntN(25), r.IntN(100))
		}
		if r.IntN(2) == 0 {
			text += fmt.Sprintf(".%0*d", 1+r.IntN(22), r.IntN(30))
		}
		if r.IntN(3) == 0 {
			text += fmt.Sprintf("e%d", r.IntN(60)-30)
		}
		return []string{"", "-"}[r.IntN(2)] + text
	}
	rational := func(text string) *big.Rat {
		x, ok := new(big.Rat).SetString(text)
		require.True(t, ok, text)
		return x
	}
	for range 20_000 {
		a, b := random(), random()
		if r.IntN(4) == 0 {
			b = a + "0"
		}
		x, okA := Parse(a)
		y, okB := Parse(b)
		require.Equal(t, json.Valid([]byte(a)), okA, a)
		require.Equal(t, json.Valid([]byte(b)), okB, b)
		if !okA || !okB {
			continue
		}
		require.Equal(t, rational(a).Cmp(rational(b)), Compare(x, y), "%s %s", a, b)
		require.Equal(t, Compare(x, y) == 0, x.String() == y.String(), "%s %s", a, b)
		again, ok := Parse(x.String())
		require.True(t, ok)
		require.Equal(t, x, again, a)
		floor, ok := x.Floor()
		exact := new(big.Int).Div(rational(a).Num(), rational(a).Denom()) // rounds down
		require.Equal(t, exact.IsInt64(), ok, a)
		if ok {
			require.Equal(t, exact.Int64(), floor, a)
		}
		float, _ := rational(a).Float64()
		require.InDelta(t, float, x.Float(), 0, a)
	}
}
