// Command iceberg reads a table by iceberg-go's own reader, which shares with the sync worker
// only what encodes manifests: it prints how many rows a table has, how many of them have a
// text in a column, and the sum of a column of numbers.
//
//	iceberg METADATA-FILE TEXT-COLUMN TEXT NUMBER-COLUMN
package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/iceberg-go/io"
	"github.com/apache/iceberg-go/table"
)

func main() {
	if len(os.Args) != 5 {
		fmt.Fprintln(os.Stderr, "usage: iceberg METADATA-FILE TEXT-COLUMN TEXT NUMBER-COLUMN")
		os.Exit(2)
	}
	if err := read(context.Background(), os.Args[1], os.Args[2], os.Args[3], os.Args[4]); err != nil {
		fmt.Fprintln(os.Stderr, "iceberg:", err)
		os.Exit(1)
	}
}

func read(ctx context.Context, location, text, value, number string) error {
	t, err := table.NewFromLocation(ctx, table.Identifier{"analytics", "events"}, location, io.LoadFSFunc(nil, location), nil)
	if err != nil {
		return fmt.Errorf("opening %s: %w", location, err)
	}
	_, records, err := t.Scan(table.WithSelectedFields(text, number)).ToArrowRecords(ctx)
	if err != nil {
		return fmt.Errorf("reading the table: %w", err)
	}
	var rows, found int64
	var sum float64
	for record, err := range records {
		if err != nil {
			return fmt.Errorf("reading the table: %w", err)
		}
		rows += record.NumRows()
		for i := range int(record.NumCols()) {
			switch column := record.Column(i).(type) {
			case *array.String:
				for row := range column.Len() {
					if column.IsValid(row) && column.Value(row) == value {
						found++
					}
				}
			case *array.LargeString:
				for row := range column.Len() {
					if column.IsValid(row) && column.Value(row) == value {
						found++
					}
				}
			case *array.Float64:
				for row := range column.Len() {
					if column.IsValid(row) {
						sum += column.Value(row)
					}
				}
			default:
				return errors.New("a column of another type: " + record.ColumnName(i))
			}
		}
		record.Release()
	}
	fmt.Println(rows, found, sum)
	return nil
}
