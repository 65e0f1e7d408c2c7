package inflight

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const mib = 1 << 20

// TestProjectsShareTheBudget: what one project holds leaves room for the next ones.
func TestProjectsShareTheBudget(t *testing.T) {
	t.Parallel()
	b := NewBudget(64*mib, 4*mib, time.Millisecond)
	fill := func(project int64) (held int64) {
		for {
			if b.take(t.Context(), project, 2*mib) != nil {
				return held
			}
			held += 2 * mib
		}
	}
	require.EqualValues(t, 32*mib, fill(1), "half of it, alone")
	require.EqualValues(t, 16*mib, fill(2))
	require.EqualValues(t, 8*mib, fill(3))
	require.EqualValues(t, 56*mib, b.Used())
	done, err := b.Request(4)
	require.NoError(t, err)
	done()
	b.give(1, 32*mib)
	require.EqualValues(t, 12*mib, fill(2), "of what the third leaves, half: 28 of 56 MiB")
}

// TestRoomBesideAFullShare: in the smallest budget that the service takes, a project has room
// for the largest computation, beside requests of its own and one that holds all it may.
func TestRoomBesideAFullShare(t *testing.T) {
	t.Parallel()
	const largest = 32 * mib
	b := NewBudget(3*largest, largest, time.Millisecond)
	for n := int64(largest); n >= RequestBytes; n /= 2 {
		for b.take(t.Context(), 1, n) == nil {
		}
	}
	require.EqualValues(t, 3*largest/2+3*largest/32, b.Used(), "its half, and what is small")
	for range 4 {
		_, err := b.Request(2)
		require.NoError(t, err)
	}
	h := b.Hold(2)
	require.NoError(t, grow(t, h, RequestBytes))
	require.NoError(t, grow(t, h, largest-RequestBytes))
	_, err := b.Request(3)
	require.NoError(t, err, "a third project's requests have room, still")
}

func TestRequestsAreBounded(t *testing.T) {
	t.Parallel()
	b := NewBudget(64*RequestBytes, 4*mib, time.Hour)
	for range 34 { // half of them, and what may go beyond
		_, err := b.Request(1)
		require.NoError(t, err)
	}
	_, err := b.Request(1)
	require.ErrorIs(t, err, ErrBusy, "at once")
	done, err := b.Request(2)
	require.NoError(t, err)
	done()
	require.EqualValues(t, 34*RequestBytes, b.Used())
}

// grow has a computation take more, as between scans, when it waits for room.
func grow(t *testing.T, h *Hold, n int64) error {
	if h.Grow(n) {
		return nil
	}
	if err := h.Wait(t.Context()); err != nil {
		return err
	}
	if !h.Grow(n) {
		return ErrBusy
	}
	return nil
}

// TestComputationsDoNotBlockEachOther: many that grow at the same time all end, because
// one that is large has all that it may need.
func TestComputationsDoNotBlockEachOther(t *testing.T) {
	t.Parallel()
	const largest = 8 * mib
	b := NewBudget(4*largest, largest, time.Minute)
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			h := b.Hold(int64(i % 3))
			for range largest / RequestBytes {
				if err := grow(t, h, RequestBytes); err != nil {
					t.Error(err)
				}
				if used := b.Used(); used > 4*largest {
					t.Errorf("%d bytes are held", used)
				}
			}
			h.Done(3 * mib)
			h.Share(1)
			h.Release()
		})
	}
	all.Wait()
	require.Zero(t, b.Used())
	require.Empty(t, b.holders)
}

func TestHold(t *testing.T) {
	t.Parallel()
	const largest = 8 * mib
	b := NewBudget(4*largest, largest, time.Millisecond)
	h := b.Hold(1)
	require.NoError(t, grow(t, h, RequestBytes))
	require.Zero(t, b.Used(), "its request pays for it")
	require.NoError(t, grow(t, h, 1))
	require.EqualValues(t, smallBytes, b.Used())
	require.NoError(t, grow(t, h, mib))
	require.EqualValues(t, largest, b.Used())
	h.Done(3 * mib)
	require.EqualValues(t, 3*mib, b.Used())
	h.Share(2)
	require.NoError(t, h.Use(t.Context()))
	require.EqualValues(t, 3*mib, b.Used(), "they share their rows")
	for range 3 {
		require.EqualValues(t, 3*mib, b.Used())
		h.Release()
	}
	require.Zero(t, b.Used())

	// From the cache.
	require.NoError(t, h.Use(t.Context()))
	require.EqualValues(t, 3*mib, b.Used())
	h.Release()
	for range 12 {
		require.NoError(t, b.take(t.Context(), 1, mib))
	}
	h.rows = 5 * mib
	require.ErrorIs(t, h.Use(t.Context()), ErrBusy)
	gone, leave := context.WithCancel(t.Context())
	leave()
	b.patience = time.Hour
	require.ErrorIs(t, h.Use(gone), context.Canceled)
	require.EqualValues(t, 12*mib, b.Used())

	// From the cache, before those who waited for it have their share.
	b.give(1, 12*mib)
	b.patience = time.Millisecond
	h = b.Hold(1)
	require.NoError(t, grow(t, h, 2*mib))
	h.Done(2 * mib)
	require.NoError(t, h.Use(t.Context()))
	require.EqualValues(t, 2*mib, b.Used())
	h.Share(1)
	h.Release()
	require.EqualValues(t, 2*mib, b.Used())
	h.Release()
	require.Zero(t, b.Used())
	require.NoError(t, b.take(t.Context(), 1, 12*mib))

	// One that nobody waits for any more, and one that failed.
	for _, n := range []int64{2 * mib, 0} {
		h = b.Hold(2)
		require.NoError(t, grow(t, h, 2*mib))
		h.Done(n)
		h.Share(0)
		require.EqualValues(t, 12*mib, b.Used())
	}
}

// TestSmallOnesHaveRoom: large computations of two projects leave room for the next request
// and for a small computation of either.
func TestSmallOnesHaveRoom(t *testing.T) {
	t.Parallel()
	const largest = 128 * mib
	b := NewBudget(5*largest, largest, time.Millisecond)
	for _, project := range []int64{1, 1, 2} {
		require.NoError(t, grow(t, b.Hold(project), 2*mib))
	}
	require.ErrorIs(t, grow(t, b.Hold(1), 2*mib), ErrBusy)
	for _, project := range []int64{1, 2} {
		_, err := b.Request(project)
		require.NoError(t, err)
		require.NoError(t, grow(t, b.Hold(project), mib))
	}
}

// TestNoneHoldsWhatItNeedsNoMore: a computation whose scan is over holds little while it
// waits for its turn to scan again, and one beyond what any needs does not wait for more.
func TestNoneHoldsWhatItNeedsNoMore(t *testing.T) {
	t.Parallel()
	const largest = 8 * mib
	b := NewBudget(2*largest, largest, time.Hour)
	first, second := b.Hold(1), b.Hold(1)
	require.NoError(t, grow(t, first, 5*mib))
	require.EqualValues(t, largest, b.Used())
	first.Shrink(5*mib - 1000)
	require.EqualValues(t, mib, b.Used())
	require.NoError(t, grow(t, first, 1000))
	first.Done(0)
	first.Share(0)
	require.Zero(t, b.Used())
	require.NoError(t, grow(t, second, 5*mib))
	require.ErrorIs(t, grow(t, second, 5*mib), ErrBusy)
}

// TestSmallOnesWaitForLittle: a small computation needs no room for a large one.
func TestSmallOnesWaitForLittle(t *testing.T) {
	t.Parallel()
	b := NewBudget(64*mib, 16*mib, time.Millisecond)
	require.NoError(t, b.take(t.Context(), 1, 32*mib))
	require.NoError(t, b.take(t.Context(), 1, mib)) // what is small may go beyond
	require.NoError(t, b.take(t.Context(), 1, mib))
	h := b.Hold(1)
	require.False(t, h.Grow(mib))
	require.ErrorIs(t, h.Wait(t.Context()), ErrBusy)
	b.give(1, 2*mib)
	require.NoError(t, h.Wait(t.Context()))
	require.True(t, h.Grow(mib))
	require.EqualValues(t, 33*mib, b.Used())
}

// TestUseWaitsAlone: while somebody waits for room for rows, those who have them end
// their use, those who waited for them begin theirs, and others can give up waiting.
func TestUseWaitsAlone(t *testing.T) {
	t.Parallel()
	b := NewBudget(16*mib, 8*mib, time.Minute)
	h := b.Hold(1)
	h.Done(3 * mib) // more than the computation asked for
	require.NoError(t, b.take(t.Context(), 1, 8*mib))
	uses := make(chan error)
	for range 2 {
		go func() { uses <- h.Use(t.Context()) }()
	}
	soon := func(what string, f func()) {
		done := make(chan struct{})
		go func() { defer close(done); f() }()
		select {
		case <-done:
		case <-time.After(10 * time.Second):
			t.Fatal(what + " waits for those who wait for room")
		}
	}
	soon("a look", func() {
		for waiting := false; !waiting; {
			h.mu.Lock()
			waiting = h.paying != nil
			h.mu.Unlock()
		}
	})
	soon("who waited for the rows", func() { h.Share(2) })
	soon("who has them", h.Release)
	soon("who gives up", func() {
		gone, leave := context.WithCancel(t.Context())
		leave()
		if err := h.Use(gone); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
	b.give(1, 8*mib)
	require.NoError(t, <-uses)
	require.NoError(t, <-uses)
	require.EqualValues(t, 3*mib, b.Used(), "one pays for all")
	for range 3 {
		require.EqualValues(t, 3*mib, b.Used())
		h.Release()
	}
	require.Zero(t, b.Used())
}

// TestUsersBeforeTheirShare: rows are paid for until those who waited for them have
// used them, even if another began and ended a use before they got their share.
func TestUsersBeforeTheirShare(t *testing.T) {
	t.Parallel()
	b := NewBudget(16*mib, 8*mib, time.Millisecond)
	h := b.Hold(1)
	require.NoError(t, grow(t, h, 2*mib))
	h.Done(2 * mib)
	require.NoError(t, h.Use(t.Context()))
	h.Release()
	h.Share(1)
	require.EqualValues(t, 2*mib, b.Used())
	h.Release()
	require.Zero(t, b.Used())
}

// TestBusyForAll: when there is no room within patience, all who wait are told so at
// the same time, not one after another.
func TestBusyForAll(t *testing.T) {
	t.Parallel()
	b := NewBudget(16*mib, 8*mib, 100*time.Millisecond)
	h := b.Hold(1)
	h.Done(3 * mib)
	h.Share(0)
	require.NoError(t, b.take(t.Context(), 1, 8*mib))
	uses := make(chan error)
	for range 500 {
		go func() { uses <- h.Use(t.Context()) }()
	}
	patience := time.After(20 * time.Second)
	for range 500 {
		select {
		case err := <-uses:
			require.ErrorIs(t, err, ErrBusy)
		case <-patience:
			t.Fatal("they wait one after another")
		}
	}
	require.EqualValues(t, 8*mib, b.Used())
}

// TestLargeOnes: as the service is set up, a project may compute two of the largest
// answers at a time, and the next project has room for one more.
func TestLargeOnes(t *testing.T) {
	t.Parallel()
	const largest = 128 * mib
	b := NewBudget(640*mib, largest, time.Millisecond)
	for range 100 {
		_, err := b.Request(1)
		require.NoError(t, err)
	}
	for range 2 {
		require.NoError(t, grow(t, b.Hold(1), largest))
	}
	require.ErrorIs(t, grow(t, b.Hold(1), largest), ErrBusy)
	require.NoError(t, grow(t, b.Hold(2), largest))
}
