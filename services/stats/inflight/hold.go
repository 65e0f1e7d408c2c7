package inflight

import (
	"context"
	"sync"
)

// Hold is the memory of one answer: first of its computation, then of its rows, which
// several requests may send at the same time. While nobody uses the rows they count for
// nothing here: the cache has a bound of its own.
type Hold struct {
	budget  *Budget
	project int64

	// grown is what the computation has asked for. It is for one goroutine.
	grown int64

	mu    sync.Mutex
	users int
	rows  int64 // bytes
	paid  int64
}

// Hold begins a computation for a project.
func (b *Budget) Hold(project int64) *Hold { return &Hold{budget: b, project: project} }

// Grow counts n bytes more of a computation. What is small is paid for by its request.
// A computation that outgrows that takes a megabyte, and one that outgrows this takes
// the most that any needs, at once: one that has it can finish, so that none waits for
// another that waits.
func (h *Hold) Grow(ctx context.Context, n int64) error {
	h.grown += n
	switch {
	case h.grown <= RequestBytes || h.grown <= h.paid:
		return nil
	case h.grown <= smallBytes:
		return h.pay(ctx, smallBytes)
	}
	return h.pay(ctx, max(h.budget.largest, h.grown))
}

func (h *Hold) pay(ctx context.Context, bytes int64) error {
	if err := h.budget.take(ctx, h.project, bytes-h.paid); err != nil {
		return err
	}
	h.paid = bytes
	return nil
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
	kept := min(rows, h.paid)
	h.budget.give(h.project, h.paid-kept)
	h.paid = kept
}

// Share begins n uses of the rows, by those who waited for the computation. It may be
// none. Others, who found the rows in the cache, may have begun theirs before.
func (h *Hold) Share(n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.users += n
	h.settle()
}

// Use begins another use of the rows.
func (h *Hold) Use(ctx context.Context) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if owed := h.rows - h.paid; owed > 0 {
		if err := h.budget.take(ctx, h.project, owed); err != nil {
			return err
		}
		h.paid = h.rows
	}
	h.users++
	return nil
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
