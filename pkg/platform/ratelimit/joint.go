package ratelimit

import "sync"

// joint lets requests of one caller share a call to Redis: those that come while
// one is under way take their tokens together in the next. A call costs Redis
// and the process as much as all the rest of a small upload.
type joint struct {
	mu   sync.Mutex
	next map[string]*round // of each bucket with a call under way
}

// round is one call that takes a token for each of n requests.
type round struct {
	n    int
	done chan struct{}
	got  tokens
}

// tokens taken by one call.
type tokens struct {
	result
	n int // how many
}

// of returns what the call means for one of its requests, in their order.
func (t tokens) of(place int) result {
	r := t.result
	r.allowed = place < t.n
	r.remaining += max(0, t.n-1-place)
	return r
}

// take takes a token from the bucket key. ask takes up to n from it.
func (j *joint) take(key string, ask func(n int) tokens) result {
	j.mu.Lock()
	r, busy := j.next[key]
	if !busy {
		j.next[key] = newRound()
		j.mu.Unlock()
		got := ask(1)
		j.mu.Lock()
		alone := j.next[key].n == 0
		if alone {
			delete(j.next, key)
		}
		j.mu.Unlock()
		if !alone {
			go j.followUp(key, ask)
		}
		return got.of(0)
	}
	place := r.n
	r.n++
	j.mu.Unlock()
	<-r.done
	return r.got.of(place)
}

// followUp makes the calls for those who wait, until nobody does.
func (j *joint) followUp(key string, ask func(n int) tokens) {
	for {
		j.mu.Lock()
		r := j.next[key]
		if r.n == 0 {
			delete(j.next, key)
			j.mu.Unlock()
			return
		}
		j.next[key] = newRound()
		j.mu.Unlock()
		r.got = ask(r.n)
		close(r.done)
	}
}

func newRound() *round { return &round{done: make(chan struct{})} }
