package sandbox

import (
	"context"
	"sync"
	"time"
)

// turns gives out places for statements: at most one a project, in the order in which projects
// came.
type turns struct {
	places chan struct{}

	mu   sync.Mutex
	busy map[int64]bool // projects with a statement that runs or waits
}

func newTurns(places int) *turns {
	return &turns{places: make(chan struct{}, places), busy: map[int64]bool{}}
}

// enter waits for a place: at most so long, for ErrBusy, or until ctx ends. A project that
// has one, or waits for one, does not get another.
func (t *turns) enter(ctx context.Context, project int64, most time.Duration) error {
	t.mu.Lock()
	if t.busy[project] {
		t.mu.Unlock()
		return ErrBusy
	}
	t.busy[project] = true
	t.mu.Unlock()
	waited := time.NewTimer(most)
	defer waited.Stop()
	err := ErrBusy
	select {
	case t.places <- struct{}{}: // a channel serves those who wait in their order
		return nil
	case <-ctx.Done():
		err = ctx.Err()
	case <-waited.C:
	}
	t.forget(project)
	return err
}

// leave gives a place back.
func (t *turns) leave(project int64) {
	t.forget(project)
	<-t.places
}

func (t *turns) forget(project int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.busy, project)
}

func (t *turns) running() int { return len(t.places) }
