package measure_test

import (
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"eventanalytics/services/stats/measure"
)

// TestSeconds compares the average and the median with those of sorted fractions.
func TestSeconds(t *testing.T) {
	t.Parallel()
	average, median := measure.Seconds(nil)
	require.True(t, average.Null)
	require.True(t, median.Null)
	const most = 366 * 86400 * 1_000_000
	for range 20_000 {
		times := make([]int64, 1+rand.IntN(12))
		below := []int64{1, 2, 5, 300, 1 << 20, most + 1}[rand.IntN(6)]
		for i := range times {
			times[i] = rand.Int64N(below)
		}
		sorted := slices.Sorted(slices.Values(times))
		sum := new(big.Rat)
		for _, us := range times {
			sum.Add(sum, big.NewRat(us, 1_000_000))
		}
		n := len(times)
		wantAverage, _ := sum.Quo(sum, big.NewRat(int64(n), 1)).Float64()
		wantMedian, _ := big.NewRat(sorted[(n-1)/2]+sorted[n/2], 2_000_000).Float64()
		average, median := measure.Seconds(times)
		require.Equal(t, measure.Value{Number: wantAverage}, average, sorted)
		require.Equal(t, measure.Value{Number: wantMedian}, median, sorted)
	}
	longest := slices.Repeat([]int64{most}, 1_000_000) // together more than 64 bits
	average, median = measure.Seconds(longest)
	require.Equal(t, 366*86400.0, average.Number)
	require.Equal(t, 366*86400.0, median.Number)
}
