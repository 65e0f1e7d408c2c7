package session

import (
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/warehouse/walk"
)

func TestEnd(t *testing.T) {
	t.Parallel()
	events := []walk.Event{{Us: 0}, {Us: 0}, {Us: 10}, {Us: 21}, {Us: 31}}
	require.Equal(t, 3, End(events, 0, 10))
	require.Equal(t, 3, End(events, 2, 10))
	require.Equal(t, 5, End(events, 3, 10))
	require.Equal(t, 5, End(events, 4, 10))
}

// TestLengths: averages and medians are those of sorted numbers, in one piece or merged.
func TestLengths(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		most := []int64{1, 3, 1000, 1 << 33, 1e15, 1 << 62}[r.IntN(6)]
		var parts [3]Lengths
		var all []int64
		for range 1 + r.IntN(40) {
			us := r.Int64N(most)
			all = append(all, us)
			parts[r.IntN(3)].Add(us)
		}
		l := &parts[0]
		l.Merge(&parts[1])
		l.Merge(&parts[2])
		sum := new(big.Rat)
		for _, us := range all {
			sum.Add(sum, big.NewRat(us, 1_000_000))
		}
		want, _ := sum.Quo(sum, big.NewRat(int64(len(all)), 1)).Float64()
		require.Equal(t, want, l.Avg())
		slices.Sort(all)
		middle := new(big.Rat).Add(big.NewRat(all[(len(all)-1)/2], 2_000_000), big.NewRat(all[len(all)/2], 2_000_000))
		want, _ = middle.Float64()
		require.Equal(t, want, l.Median(), "%v", all)
	}
}
