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
)

// table is a CSV file as in RFC 4180: fields with commas, quotes or line breaks are
// quoted, with quotes inside them doubled; the first line names the columns.
//
// encoding/csv is not used because it turns CR LF inside quotes into LF, which makes
// an exported event another one, and because it holds a row whole, however long.
type table struct {
	*text
	row  []cell // reused
	line int64  // of the next row
}

func openCSV(in *text) (Source, error) {
	t := &table{text: in, line: 1}
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
	names, _, err := fields(string(header.raw))
	if err != nil {
		return nil, fmt.Errorf("reading the header: %w", err)
	}
	if err := checkColumns(names); err != nil {
		return nil, err
	}
	for _, name := range names {
		t.row = append(t.row, cell{column: name})
	}
	return t, nil
}

func (t *table) Skip(n int64) error { return skip(t, n) }

func (t *table) Next() (Record, error) {
	row, err := t.read()
	if err != nil {
		return Record{}, err
	}
	r := Record{Line: row.line, Text: row.raw}
	if row.tooLong {
		r.Fault = &reject.Fault{Code: "too-large", Reason: fmt.Sprintf("a row may be at most %d MiB; perhaps a quote is not closed", maxRow>>20)}
		return r, nil
	}
	values, lines, err := fields(string(row.raw))
	switch {
	case err != nil:
		r.Fault = &reject.Fault{Code: "malformed-csv", Reason: fmt.Sprintf("%v, on line %d", err, row.line+int64(lines))}
		return r, nil
	case len(values) != len(t.row):
		r.Fault = &reject.Fault{Code: "wrong-field-count", Reason: fmt.Sprintf("has %d fields; the header has %d", len(values), len(t.row))}
		return r, nil
	}
	for i, value := range values {
		t.row[i].text = value
		t.row[i].null = value == "" && t.row[i].column == properties
	}
	r.Event, r.Fault = event(t.row)
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
			state = state.after(part)
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

func (s csvState) after(part []byte) csvState {
	for _, c := range part {
		switch {
		case s == inQuotes:
			if c == '"' {
				s = afterQuote
			}
		case c == '\n':
			s = rowEnd // part ends here
		case s == malformed:
		case c == ',':
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
func fields(row string) (all []string, lines int, err error) {
	for rest := row; ; {
		if !strings.HasPrefix(rest, `"`) {
			value, after, more := strings.Cut(rest, ",")
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
		if rest[0] != ',' {
			return nil, lines, csv.ErrQuote
		}
		rest = rest[1:]
	}
}
