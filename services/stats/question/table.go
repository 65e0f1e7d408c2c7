package question

import (
	"context"
	"fmt"

	"eventanalytics/services/stats/engine"
)

// Kind of a column's values.
type Kind int

// The kinds.
const (
	Text Kind = iota
	Integer
	Number
	Bool
	JSON // a document as text, or null
)

// Column describes a column of an answer.
type Column struct {
	Name   string
	Kind   Kind
	Format string // of a Text in the OpenAPI document, such as date; of JSON, Array
	Doc    string
	// Nullable columns of texts and numbers have nulls. (A column of documents always may.)
	Nullable bool
}

// Array is the format of JSON columns whose documents are arrays of texts; others have
// objects.
const Array = "array"

// Value is one value of a row.
type Value struct {
	kind    Kind
	text    string
	integer int64
	number  float64
	null    bool
}

// TextOf makes a value of a Text column.
func TextOf(s string) Value { return Value{kind: Text, text: s} }

// IntegerOf makes a value of an Integer column.
func IntegerOf(n int64) Value { return Value{kind: Integer, integer: n} }

// NumberOf makes a value of a Number column.
func NumberOf(x float64) Value { return Value{kind: Number, number: x} }

// BoolOf makes a value of a Bool column.
func BoolOf(b bool) Value {
	v := Value{kind: Bool}
	if b {
		v.integer = 1
	}
	return v
}

// NullText and NullNumber are the nulls of nullable columns.
var (
	NullText   = Value{kind: Text, null: true}
	NullNumber = Value{kind: Number, null: true}
)

// NullOf makes the null of a column of some kind, which is Nullable or of documents.
func NullOf(kind Kind) Value { return Value{kind: kind, null: kind != JSON} }

// JSONOf makes a value of a JSON column; an empty document is null.
func JSONOf(document string) Value { return Value{kind: JSON, text: document} }

// Table has the rows of an answer, by column. Once it is complete it does not change:
// any number of goroutines may read it.
type Table struct {
	Columns []Column

	values []values // by column
	rows   int
	texts  int64 // bytes of all texts
	budget engine.Budget
}

// values are those of one column, in the slice of its kind.
type values struct {
	texts    []string
	integers []int64
	numbers  []float64
	bools    []bool
	nulls    []bool // of a nullable column
}

// widths are the bytes that a value of each kind takes, its text not included.
var widths = [...]int{Text: 16, Integer: 8, Number: 8, Bool: 1, JSON: 16}

// width is the bytes that a value of the column takes, its text not included.
func (c Column) width() int {
	if c.Nullable {
		return widths[c.Kind] + 1
	}
	return widths[c.Kind]
}

// maxRoom bounds what a table takes before its first row is counted.
const maxRoom = 4096

// NewTable makes a table without rows, with room for so many. ctx is that of the call
// that adds them.
func NewTable(ctx context.Context, columns []Column, room int) *Table {
	t := &Table{Columns: columns, values: make([]values, len(columns)), budget: engine.NewBudget(ctx)}
	room = min(room, maxRoom)
	for i, c := range columns {
		column := &t.values[i]
		if c.Nullable {
			column.nulls = make([]bool, 0, room)
		}
		switch c.Kind {
		case Text, JSON:
			column.texts = make([]string, 0, room)
		case Integer:
			column.integers = make([]int64, 0, room)
		case Number:
			column.numbers = make([]float64, 0, room)
		case Bool:
			column.bools = make([]bool, 0, room)
		}
	}
	return t
}

// Add adds a row: a value for each column, in their order. It returns
// engine.ErrTooManyRows or engine.ErrTooLarge when the table is full, or the error of
// the context's meter.
func (t *Table) Add(row ...Value) error {
	if len(row) != len(t.Columns) {
		panic(fmt.Sprintf("row of %d values in a table of %d columns", len(row), len(t.Columns)))
	}
	size, texts := 0, 0
	for i, v := range row {
		if v.kind != t.Columns[i].Kind {
			panic(fmt.Sprintf("value of kind %d in column %s", v.kind, t.Columns[i].Name))
		}
		if v.null && !t.Columns[i].Nullable {
			panic("null in column " + t.Columns[i].Name)
		}
		size += t.Columns[i].width()
		texts += len(v.text)
	}
	if err := t.budget.Spend(size + texts); err != nil {
		return err
	}
	for i, v := range row {
		column := &t.values[i]
		if t.Columns[i].Nullable {
			column.nulls = append(column.nulls, v.null)
		}
		switch v.kind {
		case Text, JSON:
			column.texts = append(column.texts, v.text)
		case Integer:
			column.integers = append(column.integers, v.integer)
		case Number:
			column.numbers = append(column.numbers, v.number)
		case Bool:
			column.bools = append(column.bools, v.integer == 1)
		}
	}
	t.rows++
	t.texts += int64(texts)
	return nil
}

// Seal ends the adding of rows, and lets go of what only that needed.
func (t *Table) Seal() { t.budget = engine.Budget{} }

// Texts returns the bytes of all texts.
func (t *Table) Texts() int64 { return t.texts }

// Len returns the number of rows.
func (t *Table) Len() int { return t.rows }

// Null says whether a value is null.
func (t *Table) Null(column, row int) bool {
	if t.Columns[column].Kind == JSON {
		return t.values[column].texts[row] == ""
	}
	return t.Columns[column].Nullable && t.values[column].nulls[row]
}

// Text returns a value of a Text or JSON column.
func (t *Table) Text(column, row int) string { return t.values[column].texts[row] }

// Integer returns a value of an Integer column.
func (t *Table) Integer(column, row int) int64 { return t.values[column].integers[row] }

// Number returns a value of a Number column.
func (t *Table) Number(column, row int) float64 { return t.values[column].numbers[row] }

// Bool returns a value of a Bool column.
func (t *Table) Bool(column, row int) bool { return t.values[column].bools[row] }

// Bytes estimates the memory that the rows take. Texts that rows share count for
// each.
func (t *Table) Bytes() int64 {
	size := t.texts
	for _, v := range t.values {
		size += int64(cap(v.texts)*widths[Text] + cap(v.integers)*widths[Integer] + cap(v.numbers)*widths[Number] + cap(v.bools)*widths[Bool] + cap(v.nulls))
	}
	return size
}
