package source

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/parquet-go/parquet-go"

	"eventanalytics/cmd/import_events/row"
)

// columnar is a Parquet file.
type columnar struct {
	file    file
	rows    parquet.Rows
	count   int64
	next    int64 // row
	columns []*node
	row     []row.Cell        // reused, in the order of the columns
	leaves  [][]parquet.Value // reused, in the order of the leaves
	ahead   []parquet.Row
	ready   []parquet.Row // of ahead
}

type file interface {
	io.ReaderAt
	io.Closer
}

// readAhead is in rows.
const readAhead = 256

// openParquet reads neither page indexes nor Bloom filters: it needs none of them,
// and the library panics on indexes that are not stored in the order of the columns,
// which the format allows.
func openParquet(f file, size int64, o Options) (_ Source, err error) {
	defer caught(&err, "reading it as Parquet")
	if err := checkFooter(f, size); err != nil {
		return nil, err
	}
	contents, err := parquet.OpenFile(f, size, parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true))
	if err != nil {
		return nil, fmt.Errorf("reading it as Parquet: %w", err)
	}
	s := &columnar{file: f, count: contents.NumRows(), ahead: make([]parquet.Row, readAhead)}
	var columns []Column
	for _, c := range contents.Root().Columns() {
		n, err := nodeOf(c)
		if err != nil {
			return nil, err
		}
		s.columns = append(s.columns, n)
		s.row = append(s.row, row.Cell{Name: c.Name()})
		s.leaves = append(s.leaves, make([][]parquet.Value, n.leaves)...)
		columns = append(columns, Column{Name: c.Name(), Kind: n.kind, Type: describe(c)})
	}
	if err := o.check(columns); err != nil {
		return nil, err
	}
	s.rows = parquet.MultiRowGroup(contents.RowGroups()...).Rows()
	return s, nil
}

// caught turns a panic of the library, which trusts what a damaged file says of
// itself, into an error.
func caught(err *error, doing string) {
	if cause := recover(); cause != nil {
		*err = fmt.Errorf("%s: %w: %v", doing, errDamaged, cause)
	}
}

var errDamaged = errors.New("the file is damaged")

// checkFooter refuses a footer that is longer than the file: the library would
// allocate as much as it says, up to 4 GiB.
func checkFooter(f io.ReaderAt, size int64) error {
	const tail = 8 // length and magic
	var end [tail]byte
	if size < tail+4 {
		return fmt.Errorf("reading it as Parquet: %w: it has %d bytes", errDamaged, size)
	}
	if _, err := f.ReadAt(end[:], size-tail); err != nil {
		return fmt.Errorf("reading it as Parquet: %w", err)
	}
	if length := int64(binary.LittleEndian.Uint32(end[:4])); string(end[4:]) == "PAR1" && length > size-tail-4 {
		return fmt.Errorf("reading it as Parquet: %w: a footer of %d bytes in a file of %d", errDamaged, length, size)
	}
	return nil
}

func describe(c *parquet.Column) string {
	if !c.Leaf() {
		return "STRUCT"
	}
	return c.Type().String()
}

func (s *columnar) Next() (_ Record, err error) {
	defer caught(&err, fmt.Sprintf("reading row %d", s.next+1))
	if len(s.ready) == 0 {
		n, err := s.rows.ReadRows(s.ahead)
		if n == 0 {
			if errors.Is(err, io.EOF) && s.next != s.count {
				err = fmt.Errorf("%w: it says that it has %d rows", errDamaged, s.count)
			} else if errors.Is(err, io.EOF) {
				return Record{}, io.EOF
			}
			return Record{}, fmt.Errorf("reading row %d: %w", s.next+1, err)
		}
		s.ready = s.ahead[:n] // an error will recur
	}
	clear(s.leaves)
	s.ready[0].Range(func(leaf int, values []parquet.Value) bool {
		s.leaves[leaf] = values
		return true
	})
	leaves := s.leaves
	for i, n := range s.columns {
		s.row[i].Value = n.read(leaves[:n.leaves])
		leaves = leaves[n.leaves:]
	}
	s.ready = s.ready[1:]
	s.next++
	r := Record{Line: s.next}
	r.Row.Cells = s.row
	r.Text, _ = row.AppendObject(nil, s.row) // what is not UTF-8 is replaced
	return r, nil
}

func (s *columnar) Skip(n int64) (err error) {
	defer caught(&err, "skipping what is already imported")
	if n > s.count {
		return skipping(io.EOF)
	}
	if err := s.rows.SeekToRow(n); err != nil {
		return skipping(err)
	}
	s.next = n
	return nil
}

func (s *columnar) Progress() (done, of int64) { return s.next, s.count }

func (s *columnar) Unit() string { return "rows" }

func (s *columnar) Close() (err error) {
	defer func() { err = errors.Join(err, s.file.Close()) }()
	defer caught(&err, "closing the file")
	return s.rows.Close()
}
