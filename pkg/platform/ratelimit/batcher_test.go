package ratelimit

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestBatchTakesForAllThatWait(t *testing.T) {
	t.Parallel()
	b := newBatcher()
	under, release := make(chan int), make(chan struct{})
	left := 5
	ask := func(n int) tokens { // one call at a time
		under <- n
		<-release
		got := min(n, left)
		left -= got
		return tokens{result: result{remaining: left}, n: got}
	}
	var allowed atomic.Int64
	var seen sync.Map
	var wg sync.WaitGroup
	take := func() {
		wg.Go(func() {
			if r := b.take("a", ask); r.allowed {
				allowed.Add(1)
				seen.Store(r.remaining, true)
			}
		})
	}
	take()
	require.Equal(t, 1, <-under)
	const more = 9
	for range more {
		take()
	}
	require.Eventually(t, func() bool {
		b.mu.Lock()
		defer b.mu.Unlock()
		return b.next["a"].n == more
	}, 10*time.Second, time.Millisecond)
	other := b.take("b", func(int) tokens { return tokens{n: 1} })
	require.True(t, other.allowed, "another caller does not wait")

	release <- struct{}{}
	require.Equal(t, more, <-under)
	release <- struct{}{}
	wg.Wait()
	require.EqualValues(t, 5, allowed.Load())
	for remaining := range 5 {
		_, ok := seen.Load(remaining)
		require.True(t, ok, "each sees what is left after it: %d", remaining)
	}
	require.Eventually(t, func() bool { b.mu.Lock(); defer b.mu.Unlock(); return len(b.next) == 0 }, 10*time.Second, time.Millisecond)
}
