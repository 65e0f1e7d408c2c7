package pages

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"

	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

// creator is the name of what writes the files, in them.
const creator = "eventanalytics"

// Write makes a Parquet file at a path of row groups, each of which has the same columns. Its
// pages are small and compressed, with their places (offset indexes) and with Bloom filters of
// ids and of the values of dictionaries. Columns have the field ids of fields, by their names;
// none have where that is nil. It holds one row group. The file is not synced.
func Write(ctx context.Context, to string, groups iter.Seq[[]Column], fields map[string]int32) (err error) {
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("writing a segment: %w", err)
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	o := newOutput(out)
	if err := o.begin(); err != nil {
		return err
	}
	meta := &format.FileMetaData{Version: 1, CreatedBy: creator}
	for columns := range groups {
		if len(meta.RowGroups) == 0 {
			if err := describe(meta, columns, fields); err != nil {
				return err
			}
		}
		g, err := o.group(ctx, columns)
		if err != nil {
			return err
		}
		meta.RowGroups = append(meta.RowGroups, g)
		meta.NumRows += g.NumRows
	}
	return o.end(meta)
}

// describe says what columns a file has.
func describe(meta *format.FileMetaData, columns []Column, fields map[string]int32) error {
	meta.Schema = append(meta.Schema, format.SchemaElement{
		Name: "events", NumChildren: thrift.New(int32(len(columns))), RepetitionType: thrift.New(format.Required),
	})
	for i := range columns {
		meta.Schema = append(meta.Schema, columns[i].element)
		meta.ColumnOrders = append(meta.ColumnOrders, format.ColumnOrder{Value: &format.TypeDefinedOrder{}})
	}
	if fields == nil {
		return nil
	}
	return identify(meta, fields)
}

// group writes a row group.
func (o *output) group(ctx context.Context, columns []Column) (g format.RowGroup, err error) {
	g.NumRows, g.FileOffset = int64(columns[0].rows), o.written
	g.Columns = make([]format.ColumnChunk, len(columns)) // o remembers places in it
	for i := range columns {
		if err := ctx.Err(); err != nil {
			return g, err
		}
		c, m := &columns[i], &g.Columns[i].MetaData
		e, err := c.encode()
		if err == nil {
			m.Type, m.PathInSchema, m.NumValues, m.Statistics = e.leaf.kind, []string{e.leaf.name}, g.NumRows, e.statistics
			err = o.column(&g.Columns[i], &e.chunkPages)
		}
		if err != nil {
			return g, fmt.Errorf("writing the column %q of a segment: %w", c.element.Name, err)
		}
		g.TotalCompressedSize += m.TotalCompressedSize
		g.TotalByteSize += m.TotalUncompressedSize
	}
	return g, nil
}
