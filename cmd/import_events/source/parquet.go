package source

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/deprecated"
	"github.com/parquet-go/parquet-go/format"
)

// columnar is a Parquet file with flat columns.
type columnar struct {
	file  *os.File
	rows  parquet.Rows
	count int64
	next  int64 // row
	texts []func(parquet.Value) string
	row   []cell // reused, in the order of the columns
	ahead []parquet.Row
	ready []parquet.Row // of ahead
}

// readAhead is in rows.
const readAhead = 256

func openParquet(f *os.File, size int64) (Source, error) {
	file, err := parquet.OpenFile(f, size)
	if err != nil {
		return nil, fmt.Errorf("reading it as Parquet: %w", err)
	}
	s := &columnar{file: f, count: file.NumRows(), ahead: make([]parquet.Row, readAhead)}
	var names []string
	for _, c := range file.Root().Columns() {
		names = append(names, c.Name())
	}
	if err := checkColumns(names); err != nil {
		return nil, err
	}
	for _, c := range file.Root().Columns() {
		text := textOf(c)
		if text == nil {
			return nil, fmt.Errorf("%w: the column %q has the type %s, which is not supported there", ErrFormat, c.Name(), describe(c))
		}
		s.texts = append(s.texts, text)
		s.row = append(s.row, cell{column: c.Name()})
	}
	s.rows = parquet.MultiRowGroup(file.RowGroups()...).Rows()
	return s, nil
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

func (s *columnar) Next() (Record, error) {
	if len(s.ready) == 0 {
		n, err := s.rows.ReadRows(s.ahead)
		if n == 0 {
			if errors.Is(err, io.EOF) {
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

func (s *columnar) Skip(n int64) error {
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

func (s *columnar) Close() error { return errors.Join(s.rows.Close(), s.file.Close()) }
