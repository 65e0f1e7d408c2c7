package engine_test

import (
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"eventanalytics/services/stats/engine"
)

// TestSharedBudget: goroutines have one budget together, and after its first error none
// gets more.
func TestSharedBudget(t *testing.T) {
	t.Parallel()
	budget := engine.NewSharedBudget(t.Context())
	var spent atomic.Int64
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for budget.Spend(1<<20) == nil {
				spent.Add(1 << 20)
			}
		})
	}
	all.Wait()
	require.EqualValues(t, engine.MaxBytes, spent.Load())
	require.ErrorIs(t, budget.Err(), engine.ErrTooLarge)
	require.ErrorIs(t, budget.Spend(0), engine.ErrTooLarge)
}
