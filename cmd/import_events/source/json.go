package source

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"eventanalytics/cmd/import_events/reject"
	"eventanalytics/cmd/import_events/row"
)

// values is a file of JSON: an array of events, or one after the other over as many lines
// as they take.
type values struct {
	*text
	array bool
	state arrayState
	line  int64 // of the next byte, from 1
}

type arrayState int

const (
	beforeArray arrayState = iota
	beforeFirst            // item, after the bracket
	afterItem
	afterComma
	afterArray
)

// errSyntax is returned for a file in which it cannot be told where the next value is.
var errSyntax = errors.New("it is not valid JSON")

// openJSON reads a file whose lines are values by its lines: what is wrong in one does not
// hide the others then.
func openJSON(in *text) (Source, error) {
	head, err := in.plain.Peek(bufferBytes)
	whole := errors.Is(err, io.EOF)
	head = bytes.TrimLeft(head, " \t\r\n")
	if len(head) == 0 {
		return nil, fmt.Errorf("%w: it is empty", ErrFormat)
	}
	if head[0] == '[' {
		return &values{text: in, array: true, line: 1}, nil
	}
	line, _, ended := bytes.Cut(head, []byte("\n"))
	if (ended || whole) && row.IsJSON(bytes.TrimSpace(line)) {
		return &ndjson{text: in}, nil
	}
	return &values{text: in, line: 1}, nil
}

func (s *values) Skip(n int64) error { return Skip(s, n) }

func (s *values) Next() (Record, error) {
	if s.array {
		if err := s.separator(); err != nil {
			return Record{}, err
		}
	}
	if _, err := s.space(); err != nil {
		return Record{}, err
	}
	r := Record{Line: s.line}
	tooLong, err := s.value(&r)
	if err != nil {
		return Record{}, err
	}
	s.state = afterItem
	if tooLong {
		r.Fault = &reject.Fault{Code: "too-large", Reason: fmt.Sprintf("an event may have at most %d MiB", maxLine>>20)}
		return r, nil
	}
	r.JSON = r.Text
	return r, nil
}

// separator reads up to the next item of the array, or to the end of the file.
func (s *values) separator() error {
	for {
		c, err := s.space()
		switch {
		case errors.Is(err, io.EOF) && s.state != afterArray:
			return fmt.Errorf("reading line %d: the array is not closed: %w", s.line, io.ErrUnexpectedEOF)
		case err != nil:
			return err
		case s.state == beforeArray && c == '[':
			s.state = beforeFirst
		case (s.state == beforeFirst || s.state == afterItem) && c == ']':
			s.state = afterArray
		case s.state == afterItem && c == ',':
			s.state = afterComma
		case s.state == beforeFirst, s.state == afterComma && c != ']':
			return nil
		default:
			return fmt.Errorf("reading line %d: %w: %q is not expected there", s.line, errSyntax, c)
		}
		_, _ = s.plain.ReadByte()
	}
}

// space skips white space and returns the byte after it, which is still to be read.
func (s *values) space() (byte, error) {
	for {
		c, err := s.plain.ReadByte()
		switch {
		case errors.Is(err, io.EOF):
			return 0, io.EOF
		case err != nil:
			return 0, fmt.Errorf("reading the file: %w", err)
		case c == '\n':
			s.line++
		case c != ' ' && c != '\t' && c != '\r':
			return c, s.plain.UnreadByte()
		}
	}
}

// value reads a value of any length and keeps what fits. It tells only where the value
// ends; whether it is JSON is for others to say.
func (s *values) value(r *Record) (tooLong bool, err error) {
	depth, quoted, escaped := 0, false, false
	for first := true; ; first = false {
		c, err := s.plain.ReadByte()
		if errors.Is(err, io.EOF) && depth == 0 && !quoted {
			return tooLong, nil
		}
		if errors.Is(err, io.EOF) {
			err = fmt.Errorf("the value that begins there is not closed: %w", io.ErrUnexpectedEOF)
		}
		if err != nil {
			return false, fmt.Errorf("reading line %d: %w", r.Line, err)
		}
		if !first && depth == 0 && !quoted && strings.IndexByte(" \t\r\n,]{[\"", c) >= 0 { // after a number or word
			return tooLong, s.plain.UnreadByte()
		}
		if len(r.Text) < maxLine {
			r.Text = append(r.Text, c)
		} else {
			tooLong = true
		}
		switch {
		case escaped:
			escaped = false
		case quoted:
			escaped = c == '\\'
			quoted = c != '"'
		case c == '"':
			quoted = true
		case c == '{', c == '[':
			depth++
		case c == '}', c == ']':
			depth--
		}
		if c == '\n' {
			s.line++
		}
		if depth <= 0 && !quoted && strings.IndexByte("}]\"", c) >= 0 {
			return tooLong, nil
		}
	}
}
