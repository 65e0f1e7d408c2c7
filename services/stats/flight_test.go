package stats

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestFlightIsShared(t *testing.T) {
	t.Parallel()
	var f flight[any]
	release, started, computed := make(chan struct{}), make(chan struct{}), 0
	compute := func(context.Context) (any, error) {
		computed++
		close(started)
		<-release
		return computed, nil
	}
	var callers sync.WaitGroup
	for range 5 {
		callers.Go(func() {
			v, err := f.do(context.WithoutCancel(t.Context()), "k", compute)
			if v != 1 || err != nil {
				t.Errorf("got %v, %v", v, err)
			}
		})
	}
	<-started
	require.Eventually(t, func() bool { f.mu.Lock(); defer f.mu.Unlock(); return f.calls["k"].waiting == 5 }, 5*time.Second, time.Millisecond)
	other, err := f.do(t.Context(), "other", func(context.Context) (any, error) { return "own", nil })
	require.NoError(t, err)
	require.Equal(t, "own", other)
	close(release)
	callers.Wait()
	require.Empty(t, f.calls)
}

func TestFlightEndsWithItsLastWaiter(t *testing.T) {
	t.Parallel()
	var f flight[any]
	ended := make(chan struct{})
	started := make(chan struct{})
	compute := func(ctx context.Context) (any, error) {
		close(started)
		<-ctx.Done()
		close(ended)
		return nil, ctx.Err()
	}
	first, leaveFirst := context.WithCancel(t.Context())
	second, leaveSecond := context.WithCancel(t.Context())
	left := make(chan error, 2)
	go func() { _, err := f.do(first, "k", compute); left <- err }()
	<-started
	go func() { _, err := f.do(second, "k", compute); left <- err }()
	require.Eventually(t, func() bool { f.mu.Lock(); defer f.mu.Unlock(); return f.calls["k"].waiting == 2 }, 5*time.Second, time.Millisecond)
	leaveFirst()
	require.ErrorIs(t, <-left, context.Canceled)
	select {
	case <-ended:
		t.Fatal("someone was still waiting")
	case <-time.After(20 * time.Millisecond):
	}
	leaveSecond()
	require.ErrorIs(t, <-left, context.Canceled)
	<-ended
	f.mu.Lock()
	defer f.mu.Unlock()
	require.Empty(t, f.calls)
}
