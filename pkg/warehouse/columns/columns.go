// Package columns reads the Parquet files of segments column by column and page by page,
// without making a row or a parquet.Value of anything.
package columns

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

// File is the Parquet file of a segment.
type File struct {
	opened  *os.File
	file    *parquet.File
	columns map[string]int
	rows    int
}

// Open opens the file at a path. It reads neither page indexes nor Bloom filters: it needs
// none of them.
func Open(path string) (_ *File, err error) {
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
	e := &File{f, file, map[string]int{}, int(file.NumRows())}
	for i, c := range file.Root().Columns() {
		if !c.Leaf() || c.Repeated() {
			return nil, fmt.Errorf("reading a segment: the column %q is not flat", c.Name())
		}
		e.columns[c.Name()] = i
	}
	return e, nil
}

// Rows is how many events it has.
func (f *File) Rows() int { return f.rows }

// Close closes the file.
func (f *File) Close() error { return f.opened.Close() }

// caught turns a panic of the library, which trusts what a damaged file says of itself,
// into an error.
func caught(err *error) {
	if cause := recover(); cause != nil {
		*err = fmt.Errorf("reading a segment: the file is damaged: %v", cause)
	}
}

// errEnough ends the reading of a column.
var errEnough = errors.New("read enough")

// Pages calls do for each page of a column, with the row that it begins with. What do is given
// is good until it returns.
func (f *File) Pages(ctx context.Context, column string, do func(row int, p Page) error) (err error) {
	defer caught(&err)
	index, ok := f.columns[column]
	if !ok {
		return fmt.Errorf("reading a segment: it has no column %q", column)
	}
	row := 0
	for _, group := range f.file.RowGroups() {
		if err := ctx.Err(); err != nil {
			return err
		}
		pages := group.ColumnChunks()[index].Pages()
		err := eachPage(pages, &row, do)
		err = errors.Join(err, pages.Close())
		if errors.Is(err, errEnough) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("reading the column %q of a segment: %w", column, err)
		}
	}
	if row != f.rows {
		return fmt.Errorf("reading the column %q of a segment: it has %d rows of %d", column, row, f.rows)
	}
	return nil
}

func eachPage(pages parquet.Pages, row *int, do func(row int, p Page) error) error {
	for {
		page, err := pages.ReadPage()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		err = do(*row, pageOf(page))
		*row += int(page.NumRows())
		parquet.Release(page)
		if err != nil {
			return err
		}
	}
}

// Page has the values of a page.
type Page struct {
	values     encoding.Values    // those that are not null, or those of the dictionary
	dictionary parquet.Dictionary // nil when there is none
	indexes    []int32            // in the dictionary, of those that are not null
	nulls      []byte             // 0 for rows without a value; nil when all have one
	n          int                // rows
}

func pageOf(p parquet.Page) Page {
	v := Page{values: p.Data(), dictionary: p.Dictionary(), n: int(p.NumRows())}
	if p.NumNulls() > 0 {
		v.nulls = p.DefinitionLevels()
	}
	if v.dictionary != nil {
		v.indexes = v.values.Int32()
		v.values = v.dictionary.Page().Data()
	}
	return v
}

// Fixed reads a column whose values are numbers or ids, none of which is missing.
func Fixed[T any](ctx context.Context, f *File, column string, of func(*encoding.Values) []T) ([]T, error) {
	all := make([]T, 0, f.rows)
	err := f.Pages(ctx, column, func(_ int, v Page) error {
		if v.nulls != nil {
			return errors.New("some are missing")
		}
		values := of(&v.values)
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

// Texts reads a column of texts, "" where there is none. Equal ones share memory where the file
// has them in a dictionary.
func (f *File) Texts(ctx context.Context, column string) ([]string, error) {
	all := make([]string, f.rows)
	var dictionary parquet.Dictionary
	var texts []string // of the dictionary, or else of the page
	err := f.Pages(ctx, column, func(row int, p Page) error {
		if p.dictionary == nil || p.dictionary != dictionary {
			dictionary, texts = p.dictionary, p.texts(texts[:0])
		}
		for i, at := range p.Rows() {
			all[row+i] = texts[at]
		}
		return nil
	})
	return all, err
}

// IDs reads the ids of rows, which are ascending.
func (f *File) IDs(ctx context.Context, rows []uint32) ([]uuid.UUID, error) {
	ids := make([]uuid.UUID, 0, len(rows))
	err := f.Pages(ctx, "event_id", func(row int, v Page) error {
		end := uint32(row + v.n)
		if len(ids) == len(rows) {
			return errEnough
		}
		if rows[len(ids)] >= end {
			return nil
		}
		if v.nulls != nil {
			return errors.New("some are missing")
		}
		values := v.values.Uint128()
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
		err = fmt.Errorf("reading the id of row %d of a segment of %d", rows[len(ids)], f.rows)
	}
	return ids, err
}

// Each calls set with the rows of a column that have a value and with what code returns of
// it, which is asked once for each value of a dictionary. whole is false when code did not
// take one, which ends it.
func (f *File) Each(ctx context.Context, column string, code func(value []byte) (uint32, bool), set func(row int, code uint32)) (whole bool, err error) {
	var dictionary parquet.Dictionary
	var codes []uint32 // 1 + those of the dictionary, once they were asked for
	whole = true
	err = f.Pages(ctx, column, func(row int, v Page) error {
		if v.dictionary != nil && v.dictionary != dictionary {
			dictionary = v.dictionary
			codes = append(codes[:0], make([]uint32, dictionary.Len())...)
		}
		for i, at := range v.Rows() {
			if v.dictionary != nil && codes[at] > 0 {
				set(row+i, codes[at]-1)
				continue
			}
			c, ok := code(v.Bytes(at))
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

// Rows are those with a value, counted from the first of the page, and where it is.
func (v *Page) Rows() iter.Seq2[int, int] {
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

// Bytes returns the bytes of a text or of a number of 64 bits.
func (v *Page) Bytes(i int) []byte {
	data, offsets := v.values.Data()
	if v.values.Kind() == encoding.ByteArray {
		return data[offsets[i]:offsets[i+1]]
	}
	return data[8*i : 8*i+8]
}

// texts appends the values, which are in a memory of their own.
func (v *Page) texts(to []string) []string {
	data, offsets := v.values.Data()
	whole := string(data)
	for i := 1; i < len(offsets); i++ {
		to = append(to, whole[offsets[i-1]:offsets[i]])
	}
	return to
}
