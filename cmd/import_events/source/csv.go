package source

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"

	"eventanalytics/cmd/import_events/reject"
)

// table is a CSV file as in RFC 4180: fields with commas, quotes or line breaks are
// quoted, with quotes inside them doubled; the first line names the columns.
type table struct {
	*text
	tape *tape
	csv  *csv.Reader
	row  []cell // reused
}

func openCSV(in *text) (Source, error) {
	t := &table{text: in, tape: &tape{r: in.plain}}
	// Big enough that the reader does not add a buffer of its own.
	t.csv = csv.NewReader(bufio.NewReaderSize(t.tape, 64<<10))
	t.csv.ReuseRecord = true
	names, err := t.csv.Read()
	if errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%w: it is empty", ErrFormat)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the header: %w", err)
	}
	if err := checkColumns(names); err != nil {
		return nil, err
	}
	for _, name := range names {
		t.row = append(t.row, cell{column: name})
	}
	t.tape.cut(t.csv.InputOffset())
	return t, nil
}

func (t *table) Skip(n int64) error { return skip(t, n) }

func (t *table) Next() (Record, error) {
	fields, err := t.csv.Read()
	raw := bytes.Trim(t.tape.cut(t.csv.InputOffset()), "\r\n") // empty lines are skipped
	var malformed *csv.ParseError
	switch {
	case errors.As(err, &malformed):
		return Record{Line: int64(malformed.StartLine), Text: raw, Fault: t.fault(malformed, len(fields))}, nil
	case errors.Is(err, io.EOF):
		return Record{}, io.EOF
	case err != nil:
		return Record{}, fmt.Errorf("reading the file: %w", err)
	}
	for i, field := range fields {
		t.row[i].text = field
		t.row[i].null = field == "" && t.row[i].column == properties
	}
	line, _ := t.csv.FieldPos(0)
	r := Record{Line: int64(line), Text: raw}
	r.Event, r.Fault = event(t.row)
	return r, nil
}

func (t *table) fault(err *csv.ParseError, fields int) *reject.Fault {
	if errors.Is(err, csv.ErrFieldCount) {
		return &reject.Fault{Code: "wrong-field-count", Reason: fmt.Sprintf("has %d fields; the header has %d", fields, len(t.row))}
	}
	return &reject.Fault{Code: "malformed-csv", Reason: fmt.Sprintf("%v, on line %d", err.Err, err.Line)}
}

// tape keeps what was read until it is cut off, to show a row as it is in the
// file.
type tape struct {
	r      io.Reader
	kept   []byte
	offset int64 // of kept
}

// maxRow bounds how much an unclosed quote makes us keep.
const maxRow = 64 << 20

func (t *tape) Read(p []byte) (int, error) {
	if len(t.kept) > maxRow {
		return 0, fmt.Errorf("a row of more than %d MiB, perhaps because of an unclosed quote", maxRow>>20)
	}
	n, err := t.r.Read(p)
	t.kept = append(t.kept, p[:n]...)
	return n, err
}

// cut returns what was read between the last cut and the offset.
func (t *tape) cut(offset int64) []byte {
	n := offset - t.offset
	row := bytes.Clone(t.kept[:n])
	t.kept, t.offset = t.kept[n:], offset
	return row
}
