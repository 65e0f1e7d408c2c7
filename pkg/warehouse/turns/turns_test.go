package turns

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// patience is far more than a loaded machine needs.
const patience = 30 * time.Second

// waiting has callers of a project wait for a place, one after the other; each says
// that it got one.
func waiting(t *testing.T, q *Turns, project int64, n int, got chan int64) {
	t.Helper()
	for range n {
		_, before := q.Count()
		go func() {
			if err := q.Enter(t.Context(), project, time.Hour); err == nil {
				got <- project
			}
		}()
		require.Eventually(t, func() bool { _, n := q.Count(); return n == before+1 }, patience, time.Millisecond)
	}
}

// TestTurns: however many of a project wait, one of another is next.
func TestTurns(t *testing.T) {
	t.Parallel()
	q := New(2)
	got := make(chan int64, 100)
	for range 2 {
		require.NoError(t, q.Enter(t.Context(), 1, time.Hour), "alone, it has all places")
	}
	waiting(t, q, 1, 20, got)
	require.NoError(t, q.Enter(t.Context(), 2, time.Millisecond), "one more than there are")
	require.ErrorIs(t, q.Enter(t.Context(), 3, time.Millisecond), ErrBusy, "but no second")
	waiting(t, q, 2, 3, got)
	waiting(t, q, 3, 2, got)

	q.Leave(1) // the one more is not given out again
	require.Empty(t, got)
	for _, want := range []struct{ leaves, gets int64 }{
		{1, 1}, {2, 2}, {1, 3}, {2, 1}, {3, 2}, {1, 3}, {2, 1}, {3, 2}, {2, 1},
	} {
		q.Leave(want.leaves)
		require.Equal(t, want.gets, <-got, "%+v", want)
	}
	require.Empty(t, got)
}

func TestTurnsThatAreGivenUp(t *testing.T) {
	t.Parallel()
	q := New(1)
	require.NoError(t, q.Enter(t.Context(), 1, time.Hour))
	ctx, leave := context.WithCancel(t.Context())
	gone := make(chan error)
	go func() { gone <- q.Enter(ctx, 1, time.Hour) }()
	require.Eventually(t, func() bool { _, n := q.Count(); return n == 1 }, patience, time.Millisecond)
	leave()
	require.ErrorIs(t, <-gone, context.Canceled)
	require.ErrorIs(t, q.Enter(t.Context(), 1, time.Millisecond), ErrBusy)
	require.ErrorIs(t, q.Enter(ctx, 2, time.Hour), context.Canceled)
	q.Leave(1)
	taken, left := q.Count()
	require.Zero(t, taken+left)
	require.Empty(t, q.order)
	require.Empty(t, q.running)
	require.Empty(t, q.waiting)
	require.NoError(t, q.Enter(t.Context(), 1, time.Millisecond))
}
