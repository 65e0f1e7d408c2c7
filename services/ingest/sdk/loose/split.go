package loose

import (
	"bytes"
	"fmt"
	"iter"
)

// Split returns the items of a JSON array, or the one value that there is instead,
// without reading what is in them: each can be parsed alone, and is not held in memory
// longer. Lines of JSON are split as well. An error is of what is not JSON.
func Split(text []byte) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		p := parser{in: text}
		array := p.next() == '['
		if array {
			p.at++
			if p.next() == ']' {
				p.at++
				if p.next() != 0 || p.at < len(p.in) {
					yield(nil, p.unexpected())
				}
				return
			}
		}
		for {
			p.space()
			start := p.at
			if err := p.skip(); err != nil {
				yield(nil, err)
				return
			}
			if !yield(text[start:p.at], nil) {
				return
			}
			more, err := p.more(array)
			if err != nil {
				yield(nil, err)
				return
			}
			if !more {
				return
			}
		}
	}
}

// more reads what separates the items, and says whether there is another.
func (p *parser) more(array bool) (bool, error) {
	p.space()
	if !array {
		return p.at < len(p.in), nil
	}
	switch p.next() {
	case ',':
		p.at++
		return true, nil
	case ']':
		p.at++
		if p.space(); p.at == len(p.in) {
			return false, nil
		}
	}
	return false, p.unexpected()
}

// Fields returns the members of a JSON object without reading what is in them. Of two
// with the same name the last wins.
func Fields(text []byte) (map[string][]byte, error) {
	p := parser{in: text}
	if p.next() != '{' {
		return nil, p.unexpected()
	}
	p.at++
	fields := map[string][]byte{}
	if p.next() == '}' {
		p.at++
	} else if err := p.fields(fields); err != nil {
		return nil, err
	}
	if p.space(); p.at < len(p.in) {
		return nil, p.unexpected()
	}
	return fields, nil
}

// maxFields is how many members of an object Fields returns: an envelope has few.
const maxFields = 1000

func (p *parser) fields(into map[string][]byte) error {
	for {
		if p.next() != '"' {
			return p.unexpected()
		}
		name, err := p.text()
		if err != nil {
			return err
		}
		if p.next() != ':' {
			return p.unexpected()
		}
		p.at++
		p.space()
		start := p.at
		if err := p.skip(); err != nil {
			return err
		}
		if _, known := into[name]; len(into) == maxFields && !known {
			return fmt.Errorf("%w: an object has more than %d members", ErrSyntax, maxFields)
		}
		into[name] = p.in[start:p.at]
		switch p.next() {
		case ',':
			p.at++
		case '}':
			p.at++
			return nil
		default:
			return p.unexpected()
		}
	}
}

// skip goes past a value of any depth, by its brackets and strings alone: what is in it
// is checked when it is parsed.
func (p *parser) skip() error {
	depth := 0
	for p.at < len(p.in) {
		switch c := p.in[p.at]; c {
		case '"':
			if err := p.skipText(); err != nil {
				return err
			}
			if depth == 0 {
				return nil
			}
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth < 0 {
				return p.unexpected()
			}
			if depth == 0 {
				p.at++
				return nil
			}
		case ',', ' ', '\t', '\n', '\r', ':':
			if depth == 0 {
				return p.unexpected()
			}
		default:
			if depth == 0 {
				return p.skipScalar()
			}
		}
		p.at++
	}
	return errEarly
}

func (p *parser) skipScalar() error {
	for p.at < len(p.in) && bytes.IndexByte([]byte(",]} \t\r\n"), p.in[p.at]) < 0 {
		p.at++
	}
	return nil
}

func (p *parser) skipText() error {
	for p.at++; p.at < len(p.in); p.at++ {
		switch p.in[p.at] {
		case '\\':
			p.at++
		case '"':
			p.at++
			return nil
		}
	}
	return errEarly
}
