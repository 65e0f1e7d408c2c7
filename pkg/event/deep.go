package event

import (
	"bufio"
	"bytes"
	"errors"
	"io"

	"github.com/go-json-experiment/json/jsontext"
)

// readDeep reads the next value, which is nested deeper than jsontext goes, so that
// the event that has it can be rejected alone. The decoder then continues behind it.
func (d *decoder) readDeep() (jsontext.Value, error) {
	r := bufio.NewReader(io.MultiReader(bytes.NewReader(bytes.Clone(d.json.UnreadBuffer())), &d.source))
	s := scanner{in: r}
	switch err := s.value(); {
	case errors.Is(err, errNotJSON):
		return nil, d.malformed("not valid JSON", d.source.offset()+s.read-1)
	case errors.Is(err, io.EOF):
		return nil, io.ErrUnexpectedEOF
	case err != nil:
		return nil, err
	}
	// Continue at the same place of a document that has a 0 in place of the value.
	var before []byte
	tokens := 1
	for level := 1; level <= d.json.StackDepth(); level++ {
		if kind, _ := d.json.StackIndex(level); kind == '{' {
			before, tokens = append(before, `{"":`...), tokens+2
		} else {
			before, tokens = append(before, '['), tokens+1
		}
	}
	before = append(before, "0 "...)
	d.source.base = d.source.offset() + s.read - int64(len(before)-1)
	d.json.Reset(io.MultiReader(bytes.NewReader(before), r), lenient)
	for range tokens {
		if _, err := d.json.ReadToken(); err != nil {
			return nil, err
		}
	}
	return s.text, nil
}

var errNotJSON = errors.New("not JSON")

// scanner reads an object or array of any depth, without recursion. It does not look
// at the encoding of strings.
type scanner struct {
	in   *bufio.Reader
	read int64 // bytes, with what comes before the value
	text []byte
	open []byte // the brackets that are open
}

// expected are the tokens that may come next.
type expected uint8

const (
	aValue expected = 1 << iota
	aName
	aColon
	aComma
	anEnd
)

// value reads white space, the colon or comma before the value, and the value.
func (s *scanner) value() error {
	for next := aValue; ; {
		c, err := s.token()
		if err != nil {
			return err
		}
		switch {
		case len(s.open) == 0 && (c == ':' || c == ','):
			s.text = s.text[:0]
			continue
		case next&aValue != 0 && (c == '{' || c == '['):
			s.open = append(s.open, c)
			next = aValue | anEnd
			if c == '{' {
				next = aName | anEnd
			}
			continue
		case next&aName != 0 && c == '"':
			err, next = s.string(), aColon
		case next&aValue != 0 && c != '}' && c != ']':
			err, next = s.scalar(c), aComma|anEnd
		case next&aColon != 0 && c == ':':
			next = aValue
		case next&aComma != 0 && c == ',':
			next = aValue
			if s.open[len(s.open)-1] == '{' {
				next = aName
			}
		case next&anEnd != 0 && c == s.open[len(s.open)-1]+2: // { and }, [ and ]
			s.open, next = s.open[:len(s.open)-1], aComma|anEnd
			if len(s.open) == 0 {
				return nil
			}
		default:
			err = errNotJSON
		}
		if err != nil {
			return err
		}
	}
}

// scalar reads the rest of a string, number or literal.
func (s *scanner) scalar(first byte) error {
	if first == '"' {
		return s.string()
	}
	start := len(s.text) - 1
	for {
		next, err := s.in.Peek(1)
		if err != nil {
			return err
		}
		if bytes.IndexByte([]byte(" \t\r\n,]}"), next[0]) >= 0 {
			break
		}
		if _, err := s.byte(); err != nil {
			return err
		}
	}
	if !jsontext.Value(s.text[start:]).IsValid() {
		return errNotJSON
	}
	return nil
}

// string reads the rest of a string.
func (s *scanner) string() error {
	start := len(s.text) - 1
	for {
		c, err := s.byte()
		if err != nil {
			return err
		}
		switch c {
		case '\\':
			if _, err := s.byte(); err != nil {
				return err
			}
		case '"':
			if !jsontext.Value(s.text[start:]).IsValid(lenient) {
				return errNotJSON
			}
			return nil
		}
	}
}

// token returns the next byte that is not white space.
func (s *scanner) token() (byte, error) {
	for {
		c, err := s.byte()
		if err != nil || c != ' ' && c != '\t' && c != '\n' && c != '\r' {
			return c, err
		}
		if len(s.open) == 0 {
			s.text = s.text[:0]
		}
	}
}

func (s *scanner) byte() (byte, error) {
	c, err := s.in.ReadByte()
	if err == nil {
		s.read++
		s.text = append(s.text, c)
	}
	return c, err
}
