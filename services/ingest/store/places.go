package store

import (
	"context"
	"fmt"
	"sync"
)

// places lets each project have so many transactions at a time. Otherwise one whose
// uploads are large, or wait for each other, would take every connection, also those
// that tell who is calling; its next transaction waits for one of its own instead.
type places struct {
	each int

	mu sync.Mutex
	of map[int64]*place
}

type place struct {
	taken chan struct{}
	users int // who hold it or wait for it; guarded by places.mu
}

func newPlaces(connections int32) *places {
	return &places{each: max(1, int(connections)/2), of: map[int64]*place{}}
}

// take waits for a place of project, and returns what gives it back.
func (p *places) take(ctx context.Context, project int64) (give func(), err error) {
	p.mu.Lock()
	own := p.of[project]
	if own == nil {
		own = &place{taken: make(chan struct{}, p.each)}
		p.of[project] = own
	}
	own.users++
	p.mu.Unlock()
	leave := func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if own.users--; own.users == 0 {
			delete(p.of, project)
		}
	}
	select {
	case own.taken <- struct{}{}:
		return func() { <-own.taken; leave() }, nil
	case <-ctx.Done():
		leave()
		return nil, fmt.Errorf("waiting for other uploads of the project: %w", ctx.Err())
	}
}
