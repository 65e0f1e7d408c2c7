package stats

import (
	"fmt"
	"io"
	"reflect"

	"github.com/parquet-go/parquet-go"

	"eventanalytics/services/stats/question"
)

// groupBytes is how many bytes of text begin a new row group: the writer holds one.
const groupBytes = 4 << 20

// encodeParquet writes a file with a column for each of the answer's.
func encodeParquet(to io.Writer, a answer) error {
	w := parquet.NewWriter(to, parquetSchema(a.rows.Columns), parquet.Compression(&parquet.Zstd))
	values := make(parquet.Row, len(a.rows.Columns))
	group := 0 // bytes of texts in the row group that is being written
	for row := range a.rows.Len() {
		for i, c := range a.rows.Columns {
			values[i] = parquetValue(a.rows, c, i, row)
			if c.Kind == question.Text || c.Kind == question.JSON {
				group += len(a.rows.Text(i, row))
			}
		}
		if _, err := w.WriteRows([]parquet.Row{values}); err != nil {
			return fmt.Errorf("writing Parquet: %w", err)
		}
		if group < groupBytes {
			continue
		}
		group = 0
		if err := w.Flush(); err != nil {
			return fmt.Errorf("writing Parquet: %w", err)
		}
	}
	if err := w.Close(); err != nil {
		return fmt.Errorf("writing Parquet: %w", err)
	}
	return nil
}

func parquetValue(rows *question.Table, c question.Column, column, row int) parquet.Value {
	level := 0 // 1 where there could have been a null
	if optional(c) {
		if rows.Null(column, row) {
			return parquet.NullValue().Level(0, 0, column)
		}
		level = 1
	}
	var v parquet.Value
	switch c.Kind {
	case question.Integer:
		v = parquet.Int64Value(rows.Integer(column, row))
	case question.Number:
		v = parquet.DoubleValue(rows.Number(column, row))
	case question.Bool:
		v = parquet.BooleanValue(rows.Bool(column, row))
	default:
		v = parquet.ByteArrayValue([]byte(rows.Text(column, row)))
	}
	return v.Level(0, level, column)
}

// optional says whether a column may have nulls.
func optional(c question.Column) bool { return c.Nullable || c.Kind == question.JSON }

// parquetNodes are the columns of each kind.
var parquetNodes = [...]parquet.Node{
	question.Text:    parquet.String(),
	question.Integer: parquet.Int(64),
	question.Number:  parquet.Leaf(parquet.DoubleType),
	question.Bool:    parquet.Leaf(parquet.BooleanType),
	question.JSON:    parquet.String(),
}

// record is a group whose columns keep their order, and may have any name.
type record struct {
	parquet.Group
	fields []parquet.Field
}

func (r record) Fields() []parquet.Field { return r.fields }

// field is a column of a record. It is written by rows alone, never from a Go value.
type field struct {
	parquet.Node
	name string
}

func (f field) Name() string                        { return f.name }
func (field) Value(reflect.Value) (v reflect.Value) { return v }

func parquetSchema(columns []question.Column) *parquet.Schema {
	r := record{Group: parquet.Group{}}
	for _, c := range columns {
		node := parquetNodes[c.Kind]
		if optional(c) {
			node = parquet.Optional(node)
		}
		r.Group[c.Name] = node
		r.fields = append(r.fields, field{node, c.Name})
	}
	return parquet.NewSchema("", r)
}
