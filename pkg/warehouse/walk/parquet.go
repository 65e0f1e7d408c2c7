package walk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"

	"github.com/google/uuid"
	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/encoding"
)

// events is the Parquet file of a segment. Columns are read one at a time and a page at a
// time, without making a row or a parquet.Value of anything.
type events struct {
	f       *os.File
	file    *parquet.File
	columns map[string]int
	rows    int
}

// openEvents reads neither page indexes nor Bloom filters: it needs none of them.
func openEvents(path string) (_ *events, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("opening a segment: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.Close())
		}
	}()
	defer caught(&err)
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("opening a segment: %w", err)
	}
	file, err := parquet.OpenFile(f, info.Size(), parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true), parquet.ReadBufferSize(256<<10))
	if err != nil {
		return nil, fmt.Errorf("reading a segment: %w", err)
	}
	e := &events{f, file, map[string]int{}, int(file.NumRows())}
	for i, c := range file.Root().Columns() {
		if !c.Leaf() || c.Repeated() {
			return nil, fmt.Errorf("reading a segment: the column %q is not flat", c.Name())
		}
		e.columns[c.Name()] = i
	}
	return e, nil
}

func (e *events) close() error { return e.f.Close() }

// caught turns a panic of the library, which trusts what a damaged file says of itself,
// into an error.
func caught(err *error) {
	if cause := recover(); cause != nil {
		*err = fmt.Errorf("reading a segment: the file is damaged: %v", cause)
	}
}

// errEnough ends the reading of a column.
var errEnough = errors.New("read enough")

// pages calls f for each page of a column, with the row that it begins with.
func (e *events) pages(ctx context.Context, column string, f func(row int, p parquet.Page) error) (err error) {
	defer caught(&err)
	index, ok := e.columns[column]
	if !ok {
		return fmt.Errorf("reading a segment: it has no column %q", column)
	}
	row := 0
	for _, group := range e.file.RowGroups() {
		if err := ctx.Err(); err != nil {
			return err
		}
		pages := group.ColumnChunks()[index].Pages()
		err := eachPage(pages, &row, f)
		err = errors.Join(err, pages.Close())
		if errors.Is(err, errEnough) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("reading the column %q of a segment: %w", column, err)
		}
	}
	if row != e.rows {
		return fmt.Errorf("reading the column %q of a segment: it has %d rows of %d", column, row, e.rows)
	}
	return nil
}

func eachPage(pages parquet.Pages, row *int, f func(row int, p parquet.Page) error) error {
	for {
		page, err := pages.ReadPage()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		err = f(*row, page)
		*row += int(page.NumRows())
		parquet.Release(page)
		if err != nil {
			return err
		}
	}
}

// values are those of a page.
type values struct {
	encoding.Values                    // those that are not null, or those of the dictionary
	dictionary      parquet.Dictionary // nil when there is none
	indexes         []int32            // in the dictionary, of those that are not null
	nulls           []byte             // 0 for rows without a value; nil when all have one
	n               int                // rows
}

func valuesOf(p parquet.Page) values {
	v := values{Values: p.Data(), dictionary: p.Dictionary(), n: int(p.NumRows())}
	if p.NumNulls() > 0 {
		v.nulls = p.DefinitionLevels()
	}
	if v.dictionary != nil {
		v.indexes = v.Int32()
		v.Values = v.dictionary.Page().Data()
	}
	return v
}

// fixed reads a column whose values are numbers or ids, none of which is null.
func fixed[T any](ctx context.Context, e *events, column string, of func(*encoding.Values) []T) ([]T, error) {
	all := make([]T, 0, e.rows)
	err := e.pages(ctx, column, func(_ int, p parquet.Page) error {
		v := valuesOf(p)
		if v.nulls != nil {
			return errors.New("some are missing")
		}
		values := of(&v.Values)
		if v.dictionary == nil {
			all = append(all, values...)
			return nil
		}
		for _, i := range v.indexes {
			all = append(all, values[i])
		}
		return nil
	})
	return all, err
}

// idsOf reads the ids of rows, which are ascending.
func (e *events) idsOf(ctx context.Context, rows []uint32) ([]uuid.UUID, error) {
	ids := make([]uuid.UUID, 0, len(rows))
	err := e.pages(ctx, "event_id", func(row int, p parquet.Page) error {
		end := uint32(row + int(p.NumRows()))
		if len(ids) == len(rows) {
			return errEnough
		}
		if rows[len(ids)] >= end {
			return nil
		}
		v := valuesOf(p)
		if v.nulls != nil {
			return errors.New("some are missing")
		}
		values := v.Uint128()
		for len(ids) < len(rows) && rows[len(ids)] < end {
			at := int(rows[len(ids)]) - row
			if v.dictionary != nil {
				at = int(v.indexes[at])
			}
			ids = append(ids, values[at])
		}
		return nil
	})
	if err == nil && len(ids) < len(rows) {
		err = fmt.Errorf("reading the id of row %d of a segment of %d", rows[len(ids)], e.rows)
	}
	return ids, err
}

// each calls set with the rows of a column that have a value and with what code returns of
// it, which is asked once for each value of a dictionary. whole is false when code did not
// take one, which ends it.
func (e *events) each(ctx context.Context, column string, code func(value []byte) (uint32, bool), set func(row int, code uint32)) (whole bool, err error) {
	var dictionary parquet.Dictionary
	var codes []uint32 // 1 + those of the dictionary, once they were asked for
	whole = true
	err = e.pages(ctx, column, func(row int, p parquet.Page) error {
		v := valuesOf(p)
		if v.dictionary != nil && v.dictionary != dictionary {
			dictionary = v.dictionary
			codes = append(codes[:0], make([]uint32, dictionary.Len())...)
		}
		for i, at := range v.rows() {
			if v.dictionary != nil && codes[at] > 0 {
				set(row+i, codes[at]-1)
				continue
			}
			c, ok := code(v.bytes(at))
			if !ok {
				whole = false
				return errEnough
			}
			if v.dictionary != nil {
				codes[at] = c + 1
			}
			set(row+i, c)
		}
		return nil
	})
	return whole, err
}

// rows are those with a value, counted from the first of the page, and where it is.
func (v *values) rows() iter.Seq2[int, int] {
	return func(yield func(row, at int) bool) {
		next := 0
		for row := range v.n {
			if v.nulls != nil && v.nulls[row] == 0 {
				continue
			}
			at := next
			next++
			if v.dictionary != nil {
				at = int(v.indexes[at])
			}
			if !yield(row, at) {
				return
			}
		}
	}
}

// bytes returns the bytes of a text or of a number of 64 bits.
func (v *values) bytes(i int) []byte {
	data, offsets := v.Data()
	if v.Kind() == encoding.ByteArray {
		return data[offsets[i]:offsets[i+1]]
	}
	return data[8*i : 8*i+8]
}
