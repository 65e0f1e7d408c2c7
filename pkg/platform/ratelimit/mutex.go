package ratelimit

import (
	"context"
	"sync"
)

// keyedMutex is a mutex for each key. The zero value is ready for use.
type keyedMutex struct {
	mu    sync.Mutex
	locks map[string]*keyLock // of keys in use
}

type keyLock struct {
	free chan struct{} // holds one value while nobody has the lock
	uses int           // holder and waiters
}

// lock waits for the mutex of key, at most until ctx ends.
func (m *keyedMutex) lock(ctx context.Context, key string) (unlock func(), err error) {
	m.mu.Lock()
	if m.locks == nil {
		m.locks = map[string]*keyLock{}
	}
	own := m.locks[key]
	if own == nil {
		own = &keyLock{free: make(chan struct{}, 1)}
		own.free <- struct{}{}
		m.locks[key] = own
	}
	own.uses++
	m.mu.Unlock()

	leave := func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		if own.uses--; own.uses == 0 {
			delete(m.locks, key)
		}
	}
	select {
	case <-own.free:
		return func() { own.free <- struct{}{}; leave() }, nil
	case <-ctx.Done():
		leave()
		return nil, ctx.Err()
	}
}
