package loose

import (
	"bytes"
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

// First returns the first of the items that Split finds, or nil when there is none.
func First(text []byte) ([]byte, error) {
	for item, err := range Split(text) {
		return item, err
	}
	return nil, nil
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

// Fields returns those members of a JSON object that have one of a few names, without
// reading what is in them. Of two with the same name the last wins. It takes no memory for
// the other members, however many there are.
func Fields(text []byte, names ...string) (map[string][]byte, error) {
	p := parser{in: text}
	if p.next() != '{' {
		return nil, p.unexpected()
	}
	p.at++
	fields := make(map[string][]byte, len(names))
	if p.next() == '}' {
		p.at++
	} else if err := p.fields(fields, names); err != nil {
		return nil, err
	}
	if p.space(); p.at < len(p.in) {
		return nil, p.unexpected()
	}
	return fields, nil
}

func (p *parser) fields(into map[string][]byte, names []string) error {
	for {
		if p.next() != '"' {
			return p.unexpected()
		}
		name, err := p.oneOf(names)
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
		if name != "" {
			into[name] = p.in[start:p.at]
		}
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

// maxName is the longest member name in JSON, with its escapes, that is compared with those
// that are looked for.
const maxName = 256

// oneOf goes past a member's name and returns which of names it is, or "".
func (p *parser) oneOf(names []string) (string, error) {
	start := p.at
	if err := p.skipText(); err != nil {
		return "", err
	}
	raw := p.in[start+1 : p.at-1]
	if len(raw) <= maxName && bytes.IndexByte(raw, '\\') >= 0 {
		own := parser{in: p.in[start:p.at]}
		name, err := own.text()
		if err != nil {
			return "", err
		}
		raw = []byte(name)
	}
	for _, name := range names {
		if string(raw) == name {
			return name, nil
		}
	}
	return "", nil
}

// maxSmall is the longest JSON text that Small reads.
const maxSmall = 1 << 10

// Small reads a value that is short if it is what it should be, such as a key or a time.
// What is longer, or no JSON, counts as absent.
func Small(text []byte) Value {
	if len(text) > maxSmall {
		return Value{}
	}
	v, err := Parse(text)
	if err != nil {
		return Value{}
	}
	return v
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
