// Package turns gives a number of places to callers, fairly among projects.
package turns

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

// ErrBusy is returned when no place came free in time.
var ErrBusy = errors.New("all places are taken")

// Turns gives a number of places to callers, fairly: whichever project has the fewest
// places is next, of several the one whose last turn is longest ago. Within a project
// first come is first served. Six filters that took 30 s each kept all other projects
// out before.
//
// A project that is alone may have all places. One that then comes with its first
// query need not wait until one is free: it gets one more, once.
type Turns struct {
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

// New makes Turns with so many places.
func New(places int) *Turns {
	return &Turns{places: places, running: map[int64]int{}, waiting: map[int64][]*turn{}}
}

// Enter waits for a place: at most so long, for ErrBusy, or until ctx ends.
func (t *Turns) Enter(ctx context.Context, project int64, most time.Duration) error {
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

// Leave gives a place back.
func (t *Turns) Leave(project int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.free(project)
}

func (t *Turns) free(project int64) {
	t.taken--
	if t.running[project]--; t.running[project] == 0 {
		delete(t.running, project)
	}
	t.serve()
}

// giveUp takes back a turn, or the place that it got just now.
func (t *Turns) giveUp(project int64, own *turn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if own.has {
		t.free(project)
		return
	}
	t.forget(project, slices.Index(t.waiting[project], own))
}

// forget removes one that waits.
func (t *Turns) forget(project int64, i int) {
	t.waiting[project] = slices.Delete(t.waiting[project], i, i+1)
	if len(t.waiting[project]) == 0 {
		delete(t.waiting, project)
		t.order = slices.DeleteFunc(t.order, func(p int64) bool { return p == project })
	}
}

// serve gives out the places that there are; t is locked.
func (t *Turns) serve() {
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
func (t *Turns) oneMore(project int64) bool {
	return t.taken == t.places && t.places > 0 && t.running[project] == 0 && len(t.running) == 1
}

// Count returns the places that are taken, and the callers that wait.
func (t *Turns) Count() (taken, waiting int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, w := range t.waiting {
		waiting += len(w)
	}
	return t.taken, waiting
}
