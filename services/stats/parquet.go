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

// encodeParquet writes a file with a column for each of the answer's. Only JSON
// columns have nulls.
func encodeParquet(to io.Writer, a answer) error {
	w := parquet.NewWriter(to, parquetSchema(a.rows.Columns), parquet.Compression(&parquet.Zstd))
	values := make(parquet.Row, len(a.rows.Columns))
	group := 0 // bytes of texts in the row group that is being written
	for row := range a.rows.Len() {
		for i, c := range a.rows.Columns {
			values[i] = parquetValue(a.rows, c.Kind, i, row)
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

func parquetValue(rows *question.Table, kind question.Kind, column, row int) parquet.Value {
	switch kind {
	case question.Integer:
		return parquet.Int64Value(rows.Integer(column, row)).Level(0, 0, column)
	case question.Number:
		return parquet.DoubleValue(rows.Number(column, row)).Level(0, 0, column)
	case question.Bool:
		return parquet.BooleanValue(rows.Bool(column, row)).Level(0, 0, column)
	case question.JSON:
		document := rows.Text(column, row)
		if document == "" {
			return parquet.NullValue().Level(0, 0, column)
		}
		return parquet.ByteArrayValue([]byte(document)).Level(0, 1, column)
	default:
		return parquet.ByteArrayValue([]byte(rows.Text(column, row))).Level(0, 0, column)
	}
}

// parquetTypes are the types of struct fields that make a column of each kind.
var parquetTypes = [...]reflect.Type{
	question.Text:    reflect.TypeFor[string](),
	question.Integer: reflect.TypeFor[int64](),
	question.Number:  reflect.TypeFor[float64](),
	question.Bool:    reflect.TypeFor[bool](),
	question.JSON:    reflect.TypeFor[string](),
}

// parquetSchema goes through a struct: only so do columns keep their order.
func parquetSchema(columns []question.Column) *parquet.Schema {
	fields := make([]reflect.StructField, len(columns))
	for i, c := range columns {
		options := ""
		if c.Kind == question.JSON {
			options = ",optional"
		}
		fields[i] = reflect.StructField{
			Name: fmt.Sprintf("Column%d", i), Type: parquetTypes[c.Kind],
			Tag: reflect.StructTag(fmt.Sprintf(`parquet:"%s%s"`, c.Name, options)),
		}
	}
	return parquet.SchemaOf(reflect.New(reflect.StructOf(fields)).Elem().Interface())
}
