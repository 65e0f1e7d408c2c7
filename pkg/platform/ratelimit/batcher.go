package ratelimit

import "sync"

// batcher lets requests of one caller share a call to Redis: those that arrive
// while a call is under way take their tokens together in the next one. A call
// costs Redis and the process as much as all the rest of a small upload.
type batcher struct {
	mu   sync.Mutex
	next map[string]*batch // of each bucket with a call under way
}

// batch is one call that takes a token for each of n requests.
type batch struct {
	n    int
	done chan struct{}
	got  tokens
}

// tokens taken by one call.
type tokens struct {
	result
	n int // how many
}

// of returns what the call means for the request at index, in order of arrival.
func (t tokens) of(index int) result {
	r := t.result
	r.allowed = index < t.n
	r.remaining += max(0, t.n-1-index)
	return r
}

func newBatcher() batcher { return batcher{next: map[string]*batch{}} }

// take takes a token from the bucket key. ask takes up to n from it.
func (b *batcher) take(key string, ask func(n int) tokens) result {
	b.mu.Lock()
	next, busy := b.next[key]
	if !busy {
		b.next[key] = newBatch()
		b.mu.Unlock()
		got := ask(1)
		b.mu.Lock()
		alone := b.next[key].n == 0
		if alone {
			delete(b.next, key)
		}
		b.mu.Unlock()
		if !alone {
			go b.followUp(key, ask)
		}
		return got.of(0)
	}
	index := next.n
	next.n++
	b.mu.Unlock()
	<-next.done
	return next.got.of(index)
}

// followUp makes calls for the requests that wait, until none does.
func (b *batcher) followUp(key string, ask func(n int) tokens) {
	for {
		b.mu.Lock()
		current := b.next[key]
		if current.n == 0 {
			delete(b.next, key)
			b.mu.Unlock()
			return
		}
		b.next[key] = newBatch()
		b.mu.Unlock()
		current.got = ask(current.n)
		close(current.done)
	}
}

func newBatch() *batch { return &batch{done: make(chan struct{})} }
