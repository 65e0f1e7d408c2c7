package stats

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// shared counts its users.
type shared struct {
	n     int
	users atomic.Int64
}

func (s *shared) share(n int) { s.users.Store(int64(n)) }
func (s *shared) release()    { s.users.Add(-1) }

func TestFlightIsShared(t *testing.T) {
	t.Parallel()
	var f flight[*shared]
	release, started, computed := make(chan struct{}), make(chan struct{}), 0
	compute := func(context.Context) (*shared, error) {
		computed++
		close(started)
		<-release
		return &shared{n: computed}, nil
	}
	var callers sync.WaitGroup
	got := make(chan *shared, 5)
	for range 5 {
		callers.Go(func() {
			v, err := f.do(context.WithoutCancel(t.Context()), "k", compute)
			if err != nil || v.n != 1 {
				t.Errorf("got %v, %v", v, err)
			}
			got <- v
		})
	}
	<-started
	require.Eventually(t, func() bool { f.mu.Lock(); defer f.mu.Unlock(); return f.calls["k"].waiting == 5 }, 20*time.Second, time.Millisecond)
	other, err := f.do(t.Context(), "other", func(context.Context) (*shared, error) { return &shared{n: 7}, nil })
	require.NoError(t, err)
	require.Equal(t, 7, other.n)
	close(release)
	callers.Wait()
	require.Empty(t, f.calls)
	v := <-got
	require.EqualValues(t, 5, v.users.Load(), "each of the callers uses it")
}

func TestFlightEndsWithItsLastWaiter(t *testing.T) {
	t.Parallel()
	var f flight[*shared]
	ended := make(chan struct{})
	started := make(chan struct{})
	compute := func(ctx context.Context) (*shared, error) {
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
	require.Eventually(t, func() bool { f.mu.Lock(); defer f.mu.Unlock(); return f.calls["k"].waiting == 2 }, 20*time.Second, time.Millisecond)
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
