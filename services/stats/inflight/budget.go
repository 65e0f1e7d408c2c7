// Package inflight bounds the memory of answers, from a request's arrival until the
// last byte of its answer has been taken, over all projects and for each.
package inflight

import (
	"context"
	"errors"
	"sync"
	"time"
)

// ErrBusy is returned when the answers in flight leave no room for another, or the
// project's own leave none for another of that project. It can be asked for again.
var ErrBusy = errors.New("too many answers are being computed or sent")

const (
	// RequestBytes is what a request counts for until it is answered, whatever it asks. Its
	// body may be as long: it is held until then, too.
	RequestBytes = 128 << 10
	// smallBytes is what a computation may take before it counts as a large one.
	smallBytes = 1 << 20
)

// Budget is how many bytes answers may take.
//
// A project may hold as much as it leaves free: half of it while it is alone, a third
// beside another that does the same. So whoever comes next has room, however long the
// first holds on to what it has: 40 slow readers of one project held 3.4 GB before. What is
// small may go a little beyond: no request is refused because large computations have just
// taken the last of their project's share. And a project that holds next to nothing needs to
// leave only an eighth of all: beside one that holds its half, it has room for the largest
// computation when that is a third.
type Budget struct {
	max      int64
	largest  int64
	patience time.Duration

	mu      sync.Mutex
	used    int64
	holders map[int64]int64 // what each project holds
	freed   chan struct{}   // closed when something is given back
}

// NewBudget makes a budget of max bytes, in which a computation takes at most largest.
// What has no room waits for at most patience.
func NewBudget(max, largest int64, patience time.Duration) *Budget {
	return &Budget{max: max, largest: largest, patience: patience, holders: map[int64]int64{}, freed: make(chan struct{})}
}

// Used returns how many bytes are held.
func (b *Budget) Used() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.used
}

// Request takes what a request counts for. It does not wait: waiting is what it would
// have to pay for. done gives it back.
func (b *Budget) Request(project int64) (done func(), err error) {
	if _, ok := b.try(project, RequestBytes); !ok {
		return nil, ErrBusy
	}
	return func() { b.give(project, RequestBytes) }, nil
}

// take takes n bytes for a project, as soon as there is room.
func (b *Budget) take(ctx context.Context, project, n int64) error {
	waited := time.NewTimer(b.patience)
	defer waited.Stop()
	for {
		freed, ok := b.try(project, n)
		if ok {
			return nil
		}
		select {
		case <-freed:
		case <-ctx.Done():
			return ctx.Err()
		case <-waited.C:
			return ErrBusy
		}
	}
}

// try takes n bytes if there is room; otherwise freed is closed when there may be.
func (b *Budget) try(project, n int64) (freed <-chan struct{}, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	held, free := b.holders[project], b.max-b.used-n // free is what is left
	little := b.max / 16
	over := int64(0)
	if n <= smallBytes {
		over = little
	}
	first := held <= little && free >= 2*little
	if free < 0 || held+n-over > free && !first {
		return b.freed, false
	}
	b.used += n
	b.holders[project] += n
	return nil, true
}

func (b *Budget) give(project, n int64) {
	if n == 0 {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.used -= n
	if b.holders[project] -= n; b.holders[project] <= 0 {
		delete(b.holders, project)
	}
	close(b.freed)
	b.freed = make(chan struct{})
}
