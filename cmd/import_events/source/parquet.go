package source

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/deprecated"
	"github.com/parquet-go/parquet-go/format"
)

// columnar is a Parquet file with flat columns.
type columnar struct {
	file  file
	rows  parquet.Rows
	count int64
	next  int64 // row
	texts []func(parquet.Value) string
	row   []cell // reused, in the order of the columns
	ahead []parquet.Row
	ready []parquet.Row // of ahead
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
func openParquet(f file, size int64) (_ Source, err error) {
	defer caught(&err, "reading it as Parquet")
	if err := checkFooter(f, size); err != nil {
		return nil, err
	}
	contents, err := parquet.OpenFile(f, size, parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true))
	if err != nil {
		return nil, fmt.Errorf("reading it as Parquet: %w", err)
	}
	s := &columnar{file: f, count: contents.NumRows(), ahead: make([]parquet.Row, readAhead)}
	var names []string
	for _, c := range contents.Root().Columns() {
		names = append(names, c.Name())
	}
	if err := checkColumns(names); err != nil {
		return nil, err
	}
	for _, c := range contents.Root().Columns() {
		text := textOf(c)
		if text == nil {
			return nil, fmt.Errorf("%w: the column %q has the type %s, which is not supported there", ErrFormat, c.Name(), describe(c))
		}
		s.texts = append(s.texts, text)
		s.row = append(s.row, cell{column: c.Name()})
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
		return "group"
	}
	return c.Type().String()
}

// textOf returns how a column's values are written in an event, or nil if its type
// is not supported.
func textOf(c *parquet.Column) func(parquet.Value) string {
	if !c.Leaf() || c.Repeated() {
		return nil
	}
	var logical format.LogicalTypeValue
	if l := c.Type().LogicalType(); l != nil {
		logical = l.Value
	}
	switch kind := c.Type().Kind(); c.Name() {
	case "occurred_at":
		if stamp, ok := logical.(*format.TimestampType); ok && kind == parquet.Int64 {
			return timestampText(stamp.Unit.Value)
		}
		if kind == parquet.Int96 {
			return func(v parquet.Value) string { return timeText(int96Time(v.Int96())) }
		}
	case "event_id":
		if kind == parquet.FixedLenByteArray && c.Type().Length() == len(uuid.UUID{}) {
			return func(v parquet.Value) string { return uuid.UUID(v.ByteArray()).String() }
		}
	case "user_id":
		if text := integerText(kind, logical); text != nil {
			return text
		}
	}
	if c.Type().Kind() != parquet.ByteArray {
		return nil
	}
	switch logical.(type) {
	case nil, *format.StringType, *format.JsonType, *format.EnumType:
		return func(v parquet.Value) string { return string(v.ByteArray()) }
	}
	return nil
}

func integerText(kind parquet.Kind, logical format.LogicalTypeValue) func(parquet.Value) string {
	signed := true
	switch l := logical.(type) {
	case nil:
	case *format.IntType:
		signed = l.IsSigned
	default:
		return nil
	}
	switch {
	case kind == parquet.Int32 && signed:
		return func(v parquet.Value) string { return strconv.FormatInt(int64(v.Int32()), 10) }
	case kind == parquet.Int32:
		return func(v parquet.Value) string { return strconv.FormatUint(uint64(v.Uint32()), 10) }
	case kind == parquet.Int64 && signed:
		return func(v parquet.Value) string { return strconv.FormatInt(v.Int64(), 10) }
	case kind == parquet.Int64:
		return func(v parquet.Value) string { return strconv.FormatUint(v.Uint64(), 10) }
	}
	return nil
}

// timestampText treats times without a zone as UTC, as the API does.
func timestampText(unit format.TimeUnitValue) func(parquet.Value) string {
	switch unit.(type) {
	case *format.MilliSeconds:
		return func(v parquet.Value) string { return timeText(time.UnixMilli(v.Int64())) }
	case *format.MicroSeconds:
		return func(v parquet.Value) string { return timeText(time.UnixMicro(v.Int64())) }
	case *format.NanoSeconds:
		return func(v parquet.Value) string { return timeText(time.Unix(0, v.Int64())) }
	}
	return nil
}

func timeText(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

// int96Time reads the timestamps of old writers: nanoseconds of the day and the
// Julian day, where 2,440,588 is 1970-01-01.
func int96Time(v deprecated.Int96) time.Time {
	nanos := int64(v[1])<<32 | int64(v[0])
	return time.Unix((int64(v[2])-2_440_588)*24*60*60, nanos)
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
	for _, v := range s.ready[0] {
		c := &s.row[v.Column()]
		if c.null = v.IsNull(); !c.null {
			c.text = s.texts[v.Column()](v)
		}
	}
	s.ready = s.ready[1:]
	s.next++
	r := Record{Line: s.next}
	if r.Event, r.Fault = event(s.row); r.Fault != nil {
		r.Text = plain(s.row)
	} else {
		r.Text = r.Event
	}
	return r, nil
}

func (s *columnar) Skip(n int64) (err error) {
	defer caught(&err, "skipping what is already imported")
	if n > s.count {
		return fmt.Errorf("skipping what is already imported: %w", io.EOF)
	}
	if err := s.rows.SeekToRow(n); err != nil {
		return fmt.Errorf("skipping what is already imported: %w", err)
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
