package cache

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is far more than a loaded machine needs.
const patience = 30 * time.Second

// source makes objects of as many bytes as are asked for. It is not a store: what a store
// does is tested in package objects.
type source struct {
	mu   sync.Mutex
	got  map[string]int
	err  error
	gate chan struct{} // Get waits until it is closed; nil does not
}

func (s *source) Get(ctx context.Context, f File, to string) error {
	s.mu.Lock()
	s.got[f.Path]++
	err, gate := s.err, s.gate
	s.mu.Unlock()
	if gate != nil {
		select {
		case <-gate:
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", ErrUnavailable, ctx.Err())
		}
	}
	if err != nil {
		return err
	}
	part, err := CreatePart(to)
	if err != nil {
		return err
	}
	return errors.Join(part.Truncate(f.Bytes), part.Close(), os.Rename(part.Name(), to))
}

func (s *source) times(path string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.got[path]
}

func (s *source) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

// opened is a cache for 100 bytes.
func opened(t *testing.T, dir string) (*Cache, *source) {
	t.Helper()
	s := &source{got: map[string]int{}}
	c, err := Open(Config{Dir: dir, Bytes: 100, Downloads: 2}, s, NewMetrics(prometheus.NewRegistry()))
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	return c, s
}

func object(n int) File { return File{Path: fmt.Sprintf("7/1-%d.parquet", n), Bytes: 40} }

func (c *Cache) there(f File) bool {
	_, err := os.Stat(filepath.Join(c.dir, f.Path))
	return err == nil
}

func held(t *testing.T, c *Cache, files ...File) func() {
	t.Helper()
	release, err := c.Hold(t.Context(), 7, files...)
	require.NoError(t, err)
	for _, f := range files {
		require.True(t, c.there(f))
	}
	return release
}

func TestLeastUsedGoes(t *testing.T) {
	t.Parallel()
	c, s := opened(t, t.TempDir())
	held(t, c, object(1))()
	held(t, c, object(2))()
	held(t, c, object(1))() // used later
	held(t, c, object(3))()
	require.True(t, c.there(object(1)))
	require.False(t, c.there(object(2)))
	require.Equal(t, 1, s.times(object(1).Path), "a copy is fetched once")
	require.InDelta(t, 1, testutil.ToFloat64(c.metrics.evictions), 0)
	require.InDelta(t, 3, testutil.ToFloat64(c.metrics.misses), 0)
	require.InDelta(t, 1, testutil.ToFloat64(c.metrics.hits), 0)
	require.EqualValues(t, 80, c.bytes)
}

// TestInUseStays: what is held stays, even where it takes more than there is, and no longer.
func TestInUseStays(t *testing.T) {
	t.Parallel()
	c, _ := opened(t, t.TempDir())
	first := held(t, c, object(1), object(2))
	second := held(t, c, object(1), object(3), object(4))
	for n := 1; n <= 4; n++ {
		require.True(t, c.there(object(n)))
	}
	require.EqualValues(t, 160, c.bytes)
	require.EqualValues(t, 160, c.pinned)
	first()
	require.True(t, c.there(object(1)), "the second still holds it")
	require.False(t, c.there(object(2)))
	second()
	require.Zero(t, c.pinned)
	require.EqualValues(t, 80, c.bytes)
	require.Empty(t, c.pins)
}

func TestOneDownloadForAll(t *testing.T) {
	t.Parallel()
	c, s := opened(t, t.TempDir())
	s.gate = make(chan struct{})
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			release, err := c.Hold(t.Context(), 7, object(1), object(2))
			if err == nil {
				release()
			}
		})
	}
	require.Eventually(t, func() bool { return s.times(object(1).Path)+s.times(object(2).Path) == 2 }, patience, time.Millisecond)
	close(s.gate)
	all.Wait()
	require.Equal(t, 1, s.times(object(1).Path))
	require.Equal(t, 1, s.times(object(2).Path))
}

// TestNoNeighbourStarves: however much one project has to fetch, another is next.
func TestNoNeighbourStarves(t *testing.T) {
	t.Parallel()
	c, s := opened(t, t.TempDir())
	s.gate = make(chan struct{})
	var all sync.WaitGroup
	hold := func(project int64, f File) {
		all.Go(func() {
			release, err := c.Hold(t.Context(), project, f)
			if err == nil {
				release()
			}
		})
	}
	for n := range 50 {
		hold(7, object(n))
	}
	require.Eventually(t, func() bool { running, waiting := c.Downloading(); return running == 2 && waiting == 48 }, patience, time.Millisecond)
	other := File{Path: "8/1-1.parquet", Bytes: 1}
	hold(8, other)
	require.Eventually(t, func() bool { return s.times(other.Path) == 1 }, patience, time.Millisecond, "before any of the 48")
	close(s.gate)
	all.Wait()
}

// TestWhoLeaves: a caller keeps its deadline. A download that has started ends for the next
// one, and one that only waits is given up.
func TestWhoLeaves(t *testing.T) {
	t.Parallel()
	c, s := opened(t, t.TempDir())
	s.gate = make(chan struct{})
	ctx, leave := context.WithCancel(t.Context())
	gone := make(chan error, 3)
	for n := range 3 {
		go func() {
			_, err := c.Hold(ctx, 7, object(n))
			gone <- err
		}()
	}
	require.Eventually(t, func() bool { running, waiting := c.Downloading(); return running == 2 && waiting == 1 }, patience, time.Millisecond)
	leave()
	for range 3 {
		require.ErrorIs(t, <-gone, context.Canceled)
	}
	require.Eventually(t, func() bool { _, waiting := c.Downloading(); return waiting == 0 }, patience, time.Millisecond)
	require.Empty(t, c.pins)
	close(s.gate)
	c.ended.Wait()
	require.Len(t, c.copies, 2)
}

func TestFailures(t *testing.T) {
	t.Parallel()
	c, s := opened(t, t.TempDir())
	for _, failed := range []error{ErrMissing, ErrDamaged, ErrUnavailable} {
		f := File{Path: "7/" + failed.Error(), Bytes: 1}
		s.fail(failed)
		_, err := c.Hold(t.Context(), 7, f)
		require.ErrorIs(t, err, failed)
		_, err = c.Hold(t.Context(), 7, f)
		require.ErrorIs(t, err, failed)
		require.Equal(t, 1, s.times(f.Path), "it is not asked for again at once")
		require.Empty(t, c.pins)
	}
	for n := range givenUp {
		_, err := c.Hold(t.Context(), 7, object(n))
		require.ErrorIs(t, err, ErrUnavailable)
	}
	_, err := c.Hold(t.Context(), 7, object(givenUp))
	require.ErrorIs(t, err, ErrUnavailable)
	require.Zero(t, s.times(object(givenUp).Path), "nobody answers anyway")
	s.fail(nil)
	c.mu.Lock()
	c.last.until = time.Now()
	c.mu.Unlock()
	held(t, c, object(givenUp))()
	require.Zero(t, c.inARow)
}

func TestDamagedCopyIsFetchedAgain(t *testing.T) {
	t.Parallel()
	c, s := opened(t, t.TempDir())
	release := held(t, c, object(1))
	require.NotNil(t, c.Fetched(object(1).Path))
	require.NoError(t, os.WriteFile(filepath.Join(c.dir, object(1).Path), []byte("damaged"), 0o600))
	require.NoError(t, c.Again(t.Context(), 7, object(1)))
	require.Equal(t, 2, s.times(object(1).Path))
	release()
	require.NoError(t, os.Remove(filepath.Join(c.dir, object(1).Path)))
	held(t, c, object(1))()
	require.Equal(t, 3, s.times(object(1).Path), "one that somebody removed, too")
	require.EqualValues(t, 40, c.bytes)
}

// TestOpen: a cache finds its copies again, and no two processes have the same.
func TestOpen(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c, _ := opened(t, dir)
	held(t, c, object(1))()
	part, err := CreatePart(filepath.Join(c.dir, "7", "x"))
	require.NoError(t, err)
	require.NoError(t, part.Close())
	c.Add(object(2))
	other, _ := opened(t, dir)
	require.NotEqual(t, c.Dir(), other.Dir())
	require.NoError(t, c.Close())

	again, s := opened(t, dir)
	require.Equal(t, c.Dir(), again.Dir())
	require.NoFileExists(t, part.Name())
	require.EqualValues(t, 40, again.bytes)
	held(t, again, object(1))()
	require.Zero(t, s.times(object(1).Path))
	require.Nil(t, again.Fetched(object(1).Path), "nobody has hashed it yet")
	_, ok := again.HoldCopies(object(1), object(9))
	require.False(t, ok)
	require.Empty(t, again.pins)
	require.NoError(t, again.Prefetch(t.Context(), 7, object(8)))
	require.NoError(t, again.Prefetch(t.Context(), 7, object(9)))
	require.Zero(t, s.times(object(9).Path), "nothing has to go for what nobody asked for")
}
