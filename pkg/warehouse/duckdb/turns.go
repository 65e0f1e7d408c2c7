package duckdb

import (
	"context"
	"slices"
	"sync"
	"time"
)

// turns gives a number of places to callers, fairly: whichever project has the fewest
// places is next, of several the one whose last turn is longest ago. Within a project
// first come is first served. Six filters that took 30 s each kept all other projects
// out before.
//
// A project that is alone may have all places. One that then comes with its first
// query need not wait until one is free: it gets one more, once.
type turns struct {
	places int

	mu      sync.Mutex
	taken   int
	running map[int64]int // places by project
	waiting map[int64][]*turn
	order   []int64 // projects that wait, the last turn longest ago first
}

// turn is a caller that waits.
type turn struct {
	come chan struct{} // closed when it has a place
	has  bool
}

func newTurns(places int) *turns {
	return &turns{places: places, running: map[int64]int{}, waiting: map[int64][]*turn{}}
}

// enter waits for a place: at most so long, for ErrBusy, or until ctx ends.
func (t *turns) enter(ctx context.Context, project int64, most time.Duration) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	own := &turn{come: make(chan struct{})}
	t.mu.Lock()
	if len(t.waiting[project]) == 0 {
		t.order = append(t.order, project)
	}
	t.waiting[project] = append(t.waiting[project], own)
	t.serve()
	t.mu.Unlock()

	waited := time.NewTimer(most)
	defer waited.Stop()
	select {
	case <-own.come:
		return nil
	case <-ctx.Done():
		t.giveUp(project, own)
		return ctx.Err()
	case <-waited.C:
		t.giveUp(project, own)
		return ErrBusy
	}
}

// leave gives a place back.
func (t *turns) leave(project int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.free(project)
}

func (t *turns) free(project int64) {
	t.taken--
	if t.running[project]--; t.running[project] == 0 {
		delete(t.running, project)
	}
	t.serve()
}

// giveUp takes back a turn, or the place that it got just now.
func (t *turns) giveUp(project int64, own *turn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if own.has {
		t.free(project)
		return
	}
	t.forget(project, slices.Index(t.waiting[project], own))
}

// forget removes one that waits.
func (t *turns) forget(project int64, i int) {
	t.waiting[project] = slices.Delete(t.waiting[project], i, i+1)
	if len(t.waiting[project]) == 0 {
		delete(t.waiting, project)
		t.order = slices.DeleteFunc(t.order, func(p int64) bool { return p == project })
	}
}

// serve gives out the places that there are; t is locked.
func (t *turns) serve() {
	for len(t.order) > 0 {
		project := slices.MinFunc(t.order, func(a, b int64) int { return t.running[a] - t.running[b] })
		if t.taken >= t.places && !t.oneMore(project) {
			return
		}
		next := t.waiting[project][0]
		t.order = append(slices.DeleteFunc(t.order, func(p int64) bool { return p == project }), project)
		t.forget(project, 0)
		t.taken++
		t.running[project]++
		next.has = true
		close(next.come)
	}
}

// oneMore says that a project that has no place finds all of them with another.
func (t *turns) oneMore(project int64) bool {
	return t.taken == t.places && t.places > 0 && t.running[project] == 0 && len(t.running) == 1
}

// count returns the places that are taken, and the callers that wait.
func (t *turns) count() (taken, waiting int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, w := range t.waiting {
		waiting += len(w)
	}
	return t.taken, waiting
}
