package decimal

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func parsed(t *testing.T, text string) Decimal {
	t.Helper()
	d, ok := Parse(text)
	require.True(t, ok, text)
	return d
}

// TestScale: integers add up to what the numbers do, where they fit.
func TestScale(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	g := rand.New(rand.NewPCG(seed, 0))
	for _, c := range []struct {
		texts []string
		fits  bool
	}{
		{[]string{}, true},
		{[]string{"0", "-0", "0.0"}, true},
		{[]string{"1", "-2.5", "1e3", "0.001", "0"}, true},
		{[]string{"1e30", "2e30", "-3e40", "0"}, true},
		{[]string{"999999999999999999", "-999999999999999999", "1"}, true},
		{[]string{"99999999999999999.9", "0.1"}, true},
		{[]string{"1e-3999"}, true},
		{[]string{"999999999999999999", "0.1"}, false},
		{[]string{"1e30", "1"}, false},
		{[]string{"9007199254740993.5", "0.001"}, false},
		{[]string{"1e-4001"}, false},
	} {
		var numbers []Decimal
		for _, text := range c.texts {
			numbers = append(numbers, parsed(t, text))
		}
		scaled, ok := Scale(numbers)
		require.Equal(t, c.fits, ok, c.texts)
		if !ok || len(numbers) == 0 {
			continue
		}
		var total, part Total
		times := make([]int64, len(numbers))
		for range 1000 {
			i := g.IntN(len(numbers))
			times[i]++
			part.Add(scaled.Integers[i])
			if g.IntN(10) == 0 {
				total.Merge(part)
				part = Total{}
			}
		}
		total.Merge(part)
		many := g.Int64N(math.MaxInt64 / 2)
		times[0] += many
		total.AddTimes(scaled.Integers[0], many)
		want, got := SumOf(len(numbers), func(i int) (Decimal, int64) { return numbers[i], times[i] }), scaled.Sum(total)
		require.Equal(t, 1000+many, got.Count())
		require.Equal(t, want.Count(), got.Count())
		require.Equal(t, want.Float(), got.Float(), c.texts)
		require.Equal(t, want.Average(), got.Average(), c.texts)
	}
}
