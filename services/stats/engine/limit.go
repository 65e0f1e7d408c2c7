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

// ErrNoRoom is returned when answering a question takes more than is free.
var ErrNoRoom = errors.New("there is no room for the answer")

// Meter counts the memory that answering a question takes, before it is taken. It is used
// by one goroutine at a time.
type Meter interface {
	// Grow counts so many bytes more if there is room for them.
	Grow(bytes int64) bool
	// Wait waits until there is room for what Grow had none for.
	Wait(ctx context.Context) error
	// Shrink counts so many bytes less.
	Shrink(bytes int64)
}

type meterKey struct{}

// WithMeter has the rows of all scans and answers made with a context counted.
func WithMeter(ctx context.Context, m Meter) context.Context {
	return context.WithValue(ctx, meterKey{}, &account{meter: m})
}

// account is what a question takes, which several budgets spend at the same time.
type account struct {
	mu       sync.Mutex
	meter    Meter
	scanning bool
	// Of the scan under way: what its result holds, and what it holds besides.
	result, working int64
}

// lifetime is how long what a budget counts is held.
type lifetime int

const (
	ofResult   lifetime = iota // as long as the result of the scan, or the answer
	ofScan                     // until the scan ends
	ofQuestion                 // until the question is answered, whatever becomes of the scan
)

// accountOf returns that of a question, or nil where nothing is counted.
func accountOf(ctx context.Context) *account {
	a, _ := ctx.Value(meterKey{}).(*account)
	return a
}

// grow counts bytes. Only between scans does it wait for room: a scan has its turn among
// others, and those who have the room may be waiting for theirs.
func (a *account) grow(ctx context.Context, bytes int64, l lifetime) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.meter.Grow(bytes) {
		if a.scanning {
			return ErrNoRoom
		}
		if err := a.meter.Wait(ctx); err != nil {
			return err
		}
		if !a.meter.Grow(bytes) {
			return ErrNoRoom
		}
	}
	switch l {
	case ofResult:
		a.result += bytes
	case ofScan:
		a.working += bytes
	}
	return nil
}

// scanTries are one without waiting, one with the room that a small question takes, and one
// with that of the largest.
const scanTries = 3

// scan runs a scan, again once there is room where there was too little. At its end it
// gives back what is held no longer: what was held besides the result and, where the scan
// failed, the result.
func (a *account) scan(ctx context.Context, scan func() error) error {
	if a == nil {
		return scan()
	}
	for try := 1; ; try++ {
		err := a.once(scan)
		if !errors.Is(err, ErrNoRoom) || try == scanTries {
			return err
		}
		if err := a.meter.Wait(ctx); err != nil {
			return err
		}
	}
}

func (a *account) once(scan func() error) (err error) {
	a.mu.Lock()
	a.scanning, a.result, a.working = true, 0, 0
	a.mu.Unlock()
	defer func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.scanning = false
		if a.meter.Shrink(a.working); err != nil {
			a.meter.Shrink(a.result)
		}
	}()
	return scan()
}

// meterStep is how many bytes are counted at a time.
const meterStep = 64 << 10

// Budget counts rows while they are added.
type Budget struct {
	ctx       context.Context //nolint:containedctx // it lives no longer than the call that makes rows
	account   *account
	lifetime  lifetime
	rows      int
	bytes     int64
	unmetered int64
}

// NewBudget makes the budget of a scan's result, or of an answer, for the meter that
// ctx has, if any.
func NewBudget(ctx context.Context) Budget { return Budget{ctx: ctx, account: accountOf(ctx)} }

// NewKeptBudget makes the budget of what scans leave to later ones of the same question.
func NewKeptBudget(ctx context.Context) Budget {
	return Budget{ctx: ctx, account: accountOf(ctx), lifetime: ofQuestion}
}

// Spend counts a row of so many bytes. It returns ErrTooManyRows, ErrTooLarge, ErrNoRoom or
// the meter's error for one that must not be added.
func (b *Budget) Spend(bytes int) error {
	switch {
	case b.rows == MaxRows:
		return ErrTooManyRows
	case b.bytes+int64(bytes) > MaxBytes:
		return ErrTooLarge
	}
	b.rows++
	b.bytes += int64(bytes)
	if b.unmetered += int64(bytes); b.unmetered < meterStep || b.account == nil {
		return nil
	}
	step := b.unmetered
	b.unmetered = 0
	return b.account.grow(b.ctx, step, b.lifetime)
}

// SharedBudget is a Budget that the goroutines of a scan spend together, for what none of
// them keeps beyond the scan.
type SharedBudget struct {
	mu     sync.Mutex
	budget Budget
	err    error // the first
}

// NewSharedBudget makes one as NewBudget does.
func NewSharedBudget(ctx context.Context) *SharedBudget {
	b := &SharedBudget{budget: NewBudget(ctx)}
	b.budget.lifetime = ofScan
	return b
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
