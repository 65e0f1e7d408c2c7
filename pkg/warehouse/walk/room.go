package walk

import (
	"context"
	"sync"

	"golang.org/x/sync/semaphore"
)

// eventBytes is what an Event takes in memory.
const eventBytes = 24

// room is for the events of users with more than a buffer has space for. The goroutines of
// a walk share it: one user of ten million events is seldom, and then others wait.
type room struct {
	places *semaphore.Weighted
	all    int
	grow   func(bytes int) error

	mu         sync.Mutex
	held, most int // events
}

// newRoom makes room for a user with so many events, or for several at the same time that
// have half as many together.
func newRoom(events int, grow func(bytes int) error) *room {
	all := max(1, events/2)
	return &room{places: semaphore.NewWeighted(int64(all)), all: all, grow: grow}
}

// take waits for room for so many events, and counts it where there was never as much.
func (r *room) take(ctx context.Context, events int) error {
	if err := r.places.Acquire(ctx, int64(min(events, r.all))); err != nil {
		return err
	}
	if err := r.count(events); err != nil {
		r.give(events)
		return err
	}
	return nil
}

func (r *room) count(events int) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.held += events
	more := r.held - r.most
	if more <= 0 || r.grow == nil {
		return nil
	}
	r.most = r.held
	return r.grow(more * eventBytes)
}

// give gives room back.
func (r *room) give(events int) {
	r.mu.Lock()
	r.held -= events
	r.mu.Unlock()
	r.places.Release(int64(min(events, r.all)))
}
