package source

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"

	"eventanalytics/cmd/import_events/reject"
	"eventanalytics/cmd/import_events/row"
)

// table is a CSV file as in RFC 4180: fields with commas, quotes or line breaks are
// quoted, with quotes inside them doubled; the first line names the columns. Another
// character may stand for the comma.
//
// encoding/csv is not used because it turns CR LF inside quotes into LF, which makes
// an exported event another one, and because it holds a row whole, however long.
type table struct {
	*text
	dialect Dialect
	row     []row.Cell // reused
	line    int64      // of the next row
}

func openCSV(in *text, o Options) (Source, error) {
	t := &table{text: in, dialect: o.Dialect, line: 1}
	names := o.Columns
	if names == nil {
		var err error
		if names, err = t.header(o); err != nil {
			return nil, err
		}
	} else if t.dialect.Comma == 0 {
		t.dialect.Comma = ','
	}
	for _, name := range names {
		t.row = append(t.row, row.Cell{Name: name})
	}
	return t, o.check(columnsOf(names))
}

// header reads the line that names the columns, and finds out the dialect by it.
func (t *table) header(o Options) ([]string, error) {
	if t.dialect.Comma == 0 {
		// The end of the header is found first: a quote may be open at a line's end.
		t.dialect.Comma = ','
	}
	header, err := t.read()
	if errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%w: it is empty", ErrFormat)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the header: %w", err)
	}
	if header.tooLong {
		return nil, fmt.Errorf("%w: its header has more than %d MiB", ErrFormat, maxRow>>20)
	}
	if len(header.raw) == len("sep=;") && strings.HasPrefix(string(header.raw), "sep=") && o.Dialect.Comma == 0 { // Excel's
		o.Dialect.Comma = header.raw[len("sep=")]
		t.dialect = o.Dialect
		return t.header(o)
	}
	if o.Dialect.Comma == 0 {
		if t.dialect.Comma = sniff(string(header.raw), o); t.dialect.Comma != ',' && o.Note != nil {
			o.Note(fmt.Sprintf("the columns are separated by %s; say otherwise with --delimiter", commaName(t.dialect.Comma)))
		}
	}
	names, _, err := t.dialect.fields(string(header.raw))
	if err != nil {
		return nil, fmt.Errorf("reading the header: %w", err)
	}
	return names, nil
}

func (t *table) Skip(n int64) error { return Skip(t, n) }

func (t *table) Next() (Record, error) {
	line, err := t.read()
	if err != nil {
		return Record{}, err
	}
	r := Record{Line: line.line, Text: line.raw}
	if line.tooLong {
		r.Fault = &reject.Fault{Code: "too-large", Reason: fmt.Sprintf("a row may be at most %d MiB; perhaps a quote is not closed", maxRow>>20)}
		return r, nil
	}
	values, lines, err := t.dialect.fields(string(line.raw))
	switch {
	case err != nil:
		r.Fault = &reject.Fault{Code: "malformed-csv", Reason: fmt.Sprintf("%v, on line %d", err, line.line+int64(lines))}
		return r, nil
	case len(values) != len(t.row):
		r.Fault = &reject.Fault{Code: "wrong-field-count", Reason: fmt.Sprintf("has %d fields; the header has %d", len(values), len(t.row))}
		return r, nil
	}
	for i, value := range values {
		t.row[i].Value = row.Value{Kind: row.Bare, Text: value}
		if value == "" {
			t.row[i].Value = row.Value{}
		}
	}
	r.Row.Cells = t.row
	return r, nil
}

// maxRow is far above what a row with an event of 1 MiB has, whose quotes are all
// doubled. An unclosed quote can make a row of the rest of the file: more than this
// of it is not kept.
const maxRow = 4 << 20

// csvRow is a row as it is in the file, without its line end.
type csvRow struct {
	line    int64 // where it starts
	raw     []byte
	tooLong bool // raw is its beginning
}

// read returns the next row that is not an empty line, or io.EOF.
func (t *table) read() (csvRow, error) {
	for {
		row := csvRow{line: t.line}
		state := fieldStart
		for {
			part, err := t.plain.ReadSlice('\n')
			state = state.after(part, t.dialect)
			if n := maxRow - len(row.raw); len(part) > n {
				row.raw, row.tooLong = append(row.raw, part[:n]...), true
			} else {
				row.raw = append(row.raw, part...)
			}
			if err == nil {
				t.line++
			}
			atEnd := errors.Is(err, io.EOF)
			if err != nil && !atEnd && !errors.Is(err, bufio.ErrBufferFull) {
				return csvRow{}, fmt.Errorf("reading the file: %w", err)
			}
			if atEnd && len(row.raw) == 0 {
				return csvRow{}, io.EOF
			}
			if atEnd || err == nil && state == rowEnd {
				break
			}
		}
		if !row.tooLong {
			row.raw = bytes.TrimSuffix(bytes.TrimSuffix(row.raw, []byte("\n")), []byte("\r"))
		}
		if len(row.raw) > 0 {
			return row, nil
		}
	}
}

// csvState is where in a row the reader is. It finds the row's end, also of a row
// that is malformed or too long to be kept.
type csvState int

const (
	fieldStart csvState = iota
	inPlain
	inQuotes
	afterQuote // the end of the field, or the first of two quotes
	malformed  // until the end of the line
	rowEnd
)

func (s csvState) after(part []byte, d Dialect) csvState {
	if d.Unquoted {
		if len(part) > 0 && part[len(part)-1] == '\n' {
			return rowEnd
		}
		return s
	}
	for _, c := range part {
		switch {
		case s == inQuotes:
			if c == '"' {
				s = afterQuote
			}
		case c == '\n':
			s = rowEnd // part ends here
		case s == malformed:
		case c == d.Comma:
			s = fieldStart
		case c == '"' && (s == fieldStart || s == afterQuote):
			s = inQuotes
		case s == fieldStart, s == inPlain && c != '"':
			s = inPlain
		default:
			s = malformed
		}
	}
	return s
}

// fields takes a row apart. Its errors are those of encoding/csv; lines is how many
// lines below the row's first one they are.
func (d Dialect) fields(row string) (all []string, lines int, err error) {
	comma := string(d.Comma)
	if d.Unquoted {
		return strings.Split(row, comma), 0, nil
	}
	for rest := row; ; {
		if !strings.HasPrefix(rest, `"`) {
			value, after, more := strings.Cut(rest, comma)
			if strings.Contains(value, `"`) {
				return nil, lines, csv.ErrBareQuote
			}
			all = append(all, value)
			if !more {
				return all, 0, nil
			}
			rest = after
			continue
		}
		var value strings.Builder
		n := 1 // where the part after the last quote begins
		for {
			end := strings.IndexByte(rest[n:], '"')
			if end < 0 {
				return nil, strings.Count(row, "\n"), csv.ErrQuote
			}
			value.WriteString(rest[n : n+end])
			n += end + 1
			if !strings.HasPrefix(rest[n:], `"`) {
				break
			}
			value.WriteByte('"')
			n++
		}
		lines += strings.Count(rest[:n], "\n")
		all = append(all, value.String())
		rest = rest[n:]
		if rest == "" {
			return all, 0, nil
		}
		if rest[0] != d.Comma {
			return nil, lines, csv.ErrQuote
		}
		rest = rest[1:]
	}
}
