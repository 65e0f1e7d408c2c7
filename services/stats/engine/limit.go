package engine

import (
	"context"
	"errors"
	"reflect"
	"sync"
)

// Limits of a scan's result, and of an answer. They bound a replica's memory.
const (
	MaxRows  = 500_000
	MaxBytes = 64 << 20
	// MaxTaken is what one question may take without asking for more: the result of its
	// scan, and the answer. Walks hold up to MaxBytes beside that, and as much again where
	// several keep something: their meter counts it.
	MaxTaken = 2 * MaxBytes
)

var (
	// ErrTooManyRows is returned for more than MaxRows.
	ErrTooManyRows = errors.New("the answer has too many rows")
	// ErrTooLarge is returned for more than MaxBytes of rows.
	ErrTooLarge = errors.New("the answer is too large")
)

// Meter counts the memory that answering a question takes, before it is taken.
type Meter interface {
	// Grow counts so many bytes more. It may wait, and its error ends the question. It is
	// called by one goroutine at a time.
	Grow(ctx context.Context, bytes int64) error
}

type meterKey struct{}

// WithMeter has the rows of all scans and answers made with a context counted.
func WithMeter(ctx context.Context, m Meter) context.Context {
	return context.WithValue(ctx, meterKey{}, &oneByOne{meter: m})
}

// oneByOne is a meter that several budgets of a question spend at the same time.
type oneByOne struct {
	mu    sync.Mutex
	meter Meter
}

func (m *oneByOne) Grow(ctx context.Context, bytes int64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.meter.Grow(ctx, bytes)
}

// meterStep is how many bytes are counted at a time.
const meterStep = 64 << 10

// Budget counts rows while they are added.
type Budget struct {
	ctx       context.Context //nolint:containedctx // it lives no longer than the call that makes rows
	meter     Meter
	rows      int
	bytes     int64
	unmetered int64
}

// NewBudget makes the budget of a scan's result, or of an answer, for the meter that
// ctx has, if any.
func NewBudget(ctx context.Context) Budget {
	b := Budget{ctx: ctx}
	b.meter, _ = ctx.Value(meterKey{}).(Meter)
	return b
}

// Spend counts a row of so many bytes. It returns ErrTooManyRows, ErrTooLarge or the
// meter's error for one that must not be added.
func (b *Budget) Spend(bytes int) error {
	switch {
	case b.rows == MaxRows:
		return ErrTooManyRows
	case b.bytes+int64(bytes) > MaxBytes:
		return ErrTooLarge
	}
	b.rows++
	b.bytes += int64(bytes)
	if b.unmetered += int64(bytes); b.unmetered < meterStep || b.meter == nil {
		return nil
	}
	step := b.unmetered
	b.unmetered = 0
	return b.meter.Grow(b.ctx, step)
}

// SharedBudget is a Budget that the goroutines of a scan spend together.
type SharedBudget struct {
	mu     sync.Mutex
	budget Budget
	err    error // the first
}

// NewSharedBudget makes one as NewBudget does.
func NewSharedBudget(ctx context.Context) *SharedBudget {
	return &SharedBudget{budget: NewBudget(ctx)}
}

// Spend does what Budget.Spend does, until the first error, which it returns from then on.
func (b *SharedBudget) Spend(bytes int) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err == nil {
		b.err = b.budget.Spend(bytes)
	}
	return b.err
}

// Err returns the first error.
func (b *SharedBudget) Err() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.err
}

// Result collects the rows of a scan.
type Result[T any] struct {
	Rows   []T
	budget Budget
}

// NewResult makes an empty result.
func NewResult[T any](ctx context.Context) *Result[T] { return &Result[T]{budget: NewBudget(ctx)} }

// Add adds a row. texts are the row's strings, for the budget.
func (r *Result[T]) Add(row T, texts ...string) error {
	size := int(reflect.TypeFor[T]().Size())
	for _, text := range texts {
		size += len(text)
	}
	if err := r.budget.Spend(size); err != nil {
		return err
	}
	r.Rows = append(r.Rows, row)
	return nil
}
