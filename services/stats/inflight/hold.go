package inflight

import (
	"context"
	"errors"
	"sync"
)

// Hold is the memory of one answer: first of its computation, then of its rows, which
// several requests may send at the same time. While nobody uses the rows they count for
// nothing here: the cache has a bound of its own.
type Hold struct {
	budget  *Budget
	project int64

	// grown is what the computation has asked for, and lacks what it has to pay for before it
	// gets more. They are for one goroutine.
	grown, lacks int64

	mu     sync.Mutex
	users  int   // the computation is one until Share
	rows   int64 // bytes
	paid   int64
	paying *payment // that is under way
}

// payment is for rows that somebody wants to use. It may have to wait for room.
type payment struct {
	done chan struct{} // closed at its end
	err  error         // to be read after done
}

// Hold begins a computation for a project.
func (b *Budget) Hold(project int64) *Hold { return &Hold{budget: b, project: project} }

// Grow counts n bytes more of a computation, if there is room. What is small is paid for by
// its request. A computation that outgrows that takes a megabyte, and one that outgrows
// this takes the most that any needs, at once: one that has it can finish.
func (h *Hold) Grow(n int64) bool {
	pays := h.paysFor(h.grown + n)
	if more := pays - h.paid; more > 0 {
		if _, ok := h.budget.try(h.project, more); !ok {
			h.lacks = pays
			return false
		}
		h.paid = pays
	}
	h.grown += n
	return true
}

// paysFor is what a computation takes that has grown so large.
func (h *Hold) paysFor(grown int64) int64 {
	switch {
	case grown <= RequestBytes:
		return 0
	case grown <= smallBytes:
		return smallBytes
	}
	return max(h.budget.largest, grown)
}

// Wait takes what Grow found no room for, as soon as there is. A computation that has the
// most that any needs does not wait for more: others wait for what it holds.
func (h *Hold) Wait(ctx context.Context) error {
	if h.paid >= h.budget.largest {
		return ErrBusy
	}
	if more := h.lacks - h.paid; more > 0 {
		if err := h.budget.take(ctx, h.project, more); err != nil {
			return err
		}
		h.paid = h.lacks
	}
	return nil
}

// Shrink counts n bytes less. A computation that is small again gives back what it took as
// a large one: it may wait for its turn before it takes more, and those whose turn it is
// may wait for room.
func (h *Hold) Shrink(n int64) {
	if h.grown -= n; h.grown <= smallBytes && h.paid > smallBytes {
		h.budget.give(h.project, h.paid-smallBytes)
		h.paid = smallBytes
	}
}

// Done ends the computation of an answer whose rows take so many bytes. From then on
// these are held for users.
func (h *Hold) Done(rows int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if rows <= RequestBytes {
		rows = 0
	}
	h.rows = rows
	h.users++
	kept := min(rows, h.paid)
	h.budget.give(h.project, h.paid-kept)
	h.paid = kept
}

// Share begins n uses of the rows, by those who waited for the computation. It may be
// none. Others, who found the rows in the cache, may have begun theirs before.
func (h *Hold) Share(n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.users += n - 1
	h.settle()
}

// Use begins another use of the rows, once there is room for them. It waits without
// the lock: those who end their use meanwhile, and those who wait for the computation,
// of whatever project, must not wait for it. One pays for all who want to use them.
func (h *Hold) Use(ctx context.Context) error {
	for {
		owed, other := h.begin()
		switch {
		case other != nil:
			select {
			case <-other.done:
				if errors.Is(other.err, ErrBusy) {
					return ErrBusy
				}
			case <-ctx.Done():
				return ctx.Err()
			}
		case owed > 0:
			if err := h.end(owed, h.budget.take(ctx, h.project, owed)); err != nil {
				return err
			}
		default:
			return nil
		}
	}
}

// begin begins a use if the rows are paid for. Otherwise it returns what the caller
// has to pay, or the payment of another.
func (h *Hold) begin() (owed int64, other *payment) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.rows <= h.paid:
		h.users++
		return 0, nil
	case h.paying != nil:
		return 0, h.paying
	}
	h.paying = &payment{done: make(chan struct{})}
	return h.rows - h.paid, nil
}

// end ends a payment, which failed unless err is nil.
func (h *Hold) end(owed int64, err error) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err == nil {
		h.paid += owed
	} else {
		h.settle() // an earlier part, if the last use ended meanwhile
	}
	h.paying.err = err
	close(h.paying.done)
	h.paying = nil
	return err
}

// Release ends a use.
func (h *Hold) Release() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.users--
	h.settle()
}

func (h *Hold) settle() {
	if h.users == 0 {
		h.budget.give(h.project, h.paid)
		h.paid = 0
	}
}
