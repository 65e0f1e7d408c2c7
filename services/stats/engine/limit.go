package engine

import (
	"errors"
	"reflect"
)

// Limits of a scan's result, and of an answer. They bound a replica's memory.
const (
	MaxRows  = 500_000
	MaxBytes = 64 << 20
)

var (
	// ErrTooManyRows is returned for more than MaxRows.
	ErrTooManyRows = errors.New("the answer has too many rows")
	// ErrTooLarge is returned for more than MaxBytes of rows.
	ErrTooLarge = errors.New("the answer is too large")
)

// Budget counts rows while they are added.
type Budget struct {
	rows  int
	bytes int64
}

// Spend counts a row of so many bytes. It returns ErrTooManyRows or ErrTooLarge for
// one that must not be added.
func (b *Budget) Spend(bytes int) error {
	switch {
	case b.rows == MaxRows:
		return ErrTooManyRows
	case b.bytes+int64(bytes) > MaxBytes:
		return ErrTooLarge
	}
	b.rows++
	b.bytes += int64(bytes)
	return nil
}

// Result collects the rows of a scan.
type Result[T any] struct {
	Rows   []T
	budget Budget
}

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
