package stats

import (
	"context"
	"sync"
)

// shareable is what callers share. Each that got it releases it.
type shareable interface {
	// share makes it used by n callers; it may be none.
	share(n int)
	release()
}

// flight lets callers with the same key share one computation of a T. It continues
// while any of them waits, and is cancelled when the last one has left.
type flight[T shareable] struct {
	mu    sync.Mutex
	calls map[string]*call[T]
}

type call[T shareable] struct {
	waiting int
	ended   bool
	cancel  context.CancelFunc
	done    chan struct{}
	value   T
	err     error
}

// do returns what compute returned, to this caller or to an earlier one.
func (f *flight[T]) do(ctx context.Context, key string, compute func(context.Context) (T, error)) (value T, err error) {
	f.mu.Lock()
	c, running := f.calls[key]
	if !running {
		c = f.start(ctx, key, compute)
	}
	c.waiting++
	f.mu.Unlock()

	select {
	case <-c.done:
		return c.value, c.err
	case <-ctx.Done():
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	c.waiting--
	if c.ended { // just now: this caller was given its share
		if c.err == nil {
			c.value.release()
		}
		return value, ctx.Err()
	}
	if c.waiting == 0 {
		c.cancel()
		f.forget(key, c) // the next caller starts a new call
	}
	return value, ctx.Err()
}

// start runs compute in the background; f is locked.
func (f *flight[T]) start(ctx context.Context, key string, compute func(context.Context) (T, error)) *call[T] {
	shared, cancel := context.WithCancel(context.WithoutCancel(ctx))
	c := &call[T]{cancel: cancel, done: make(chan struct{})}
	if f.calls == nil {
		f.calls = map[string]*call[T]{}
	}
	f.calls[key] = c
	go func() {
		defer cancel()
		c.value, c.err = compute(shared)
		f.mu.Lock()
		f.forget(key, c)
		c.ended = true
		if c.err == nil {
			c.value.share(c.waiting)
		}
		f.mu.Unlock()
		close(c.done)
	}()
	return c
}

func (f *flight[T]) forget(key string, c *call[T]) {
	if f.calls[key] == c {
		delete(f.calls, key)
	}
}
