package loose

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// MaxDepth is how many levels of a value are read. Properties may have 32.
const MaxDepth = 64

// Errors of Parse.
var (
	// ErrTooDeep is returned for JSON that has more than MaxDepth levels.
	ErrTooDeep = errors.New("is nested too deeply")
	// ErrSyntax is wrapped by the errors of what is not JSON.
	ErrSyntax = errors.New("not valid JSON")

	errEarly  = fmt.Errorf("%w: it ends early", ErrSyntax)
	errEscape = fmt.Errorf("%w: an escape that is none", ErrSyntax)
)

// Parse reads one JSON text. Its errors are ErrTooDeep and ErrSyntax.
func Parse(text []byte) (Value, error) {
	p := parser{in: text}
	p.space()
	v, err := p.value(MaxDepth)
	if err != nil {
		return Value{}, err
	}
	if p.space(); p.at < len(p.in) {
		return Value{}, p.unexpected()
	}
	return v, nil
}

type parser struct {
	in      []byte
	at      int
	scratch []byte

	// Members of the objects and arrays that have begun and not ended. They are copied at
	// the end of each: lists that grow one by one took a tenth of the memory of a request.
	keys []string
	list []Value
}

// take returns a copy of the members from the given places on, and drops them.
func (p *parser) take(keysFrom, from int) (keys []string, list []Value) {
	if n := len(p.keys) - keysFrom; n > 0 {
		keys = make([]string, n)
		copy(keys, p.keys[keysFrom:])
	}
	list = make([]Value, len(p.list)-from)
	copy(list, p.list[from:])
	p.keys, p.list = p.keys[:keysFrom], p.list[:from]
	return keys, list
}

func (p *parser) unexpected() error {
	if p.at >= len(p.in) {
		return errEarly
	}
	return fmt.Errorf("%w at byte %d", ErrSyntax, p.at)
}

func (p *parser) space() {
	for p.at < len(p.in) && (p.in[p.at] == ' ' || p.in[p.at] == '\n' || p.in[p.at] == '\t' || p.in[p.at] == '\r') {
		p.at++
	}
}

// next skips white space and returns the byte after it, or 0 at the end.
func (p *parser) next() byte {
	if p.space(); p.at < len(p.in) {
		return p.in[p.at]
	}
	return 0
}

func (p *parser) value(levels int) (Value, error) {
	switch c := p.next(); c {
	case '{', '[':
		if levels == 0 {
			return Value{}, ErrTooDeep
		}
		p.at++
		if c == '{' {
			return p.object(levels - 1)
		}
		return p.array(levels - 1)
	case '"':
		s, err := p.text()
		return Text(s), err
	case 't':
		return Value{kind: True}, p.literal("true")
	case 'f':
		return Value{kind: False}, p.literal("false")
	case 'n':
		return Value{kind: Null}, p.literal("null")
	}
	return p.number()
}

func (p *parser) literal(word string) error {
	if !bytes.HasPrefix(p.in[p.at:], []byte(word)) {
		return p.unexpected()
	}
	p.at += len(word)
	return nil
}

func (p *parser) array(levels int) (Value, error) {
	v := Value{kind: Array}
	if p.next() == ']' {
		p.at++
		return v, nil
	}
	from := len(p.list)
	for {
		item, err := p.value(levels)
		if err != nil {
			return v, err
		}
		p.list = append(p.list, item)
		switch p.next() {
		case ',':
			p.at++
		case ']':
			p.at++
			_, v.list = p.take(len(p.keys), from)
			return v, nil
		default:
			return v, p.unexpected()
		}
	}
}

func (p *parser) object(levels int) (Value, error) {
	v := Value{kind: Object}
	if p.next() == '}' {
		p.at++
		return v, nil
	}
	if p.list == nil {
		const usual = 16 // members of an event and of its properties
		p.keys, p.list = make([]string, 0, usual), make([]Value, 0, usual)
	}
	keysFrom, from := len(p.keys), len(p.list)
	var index map[string]int // of the keys, once they are many
	for {
		if p.next() != '"' {
			return v, p.unexpected()
		}
		key, err := p.text()
		if err != nil {
			return v, err
		}
		if p.next() != ':' {
			return v, p.unexpected()
		}
		p.at++
		member, err := p.value(levels)
		if err != nil {
			return v, err
		}
		index = p.put(keysFrom, from, index, key, member)
		switch p.next() {
		case ',':
			p.at++
		case '}':
			p.at++
			v.keys, v.list = p.take(keysFrom, from)
			return v, nil
		default:
			return v, p.unexpected()
		}
	}
}

// put adds a member to the object whose members begin at the given places; of two with the
// same key, the last wins.
func (p *parser) put(keysFrom, from int, index map[string]int, key string, member Value) map[string]int {
	const few = 16
	keys := p.keys[keysFrom:]
	if len(keys) == few && index == nil {
		index = make(map[string]int, 2*few)
		for i, k := range keys {
			index[k] = i
		}
	}
	i, known := index[key]
	if index == nil {
		i = slices.Index(keys, key)
		known = i >= 0
	}
	if known {
		p.list[from+i] = member
		return index
	}
	if index != nil {
		index[key] = len(keys)
	}
	p.keys, p.list = append(p.keys, key), append(p.list, member)
	return index
}

// number reads a number by JSON's grammar.
func (p *parser) number() (Value, error) {
	start := p.at
	digits := func() bool {
		from := p.at
		for p.at < len(p.in) && p.in[p.at] >= '0' && p.in[p.at] <= '9' {
			p.at++
		}
		return p.at > from
	}
	is := func(chars string) bool {
		if p.at < len(p.in) && bytes.IndexByte([]byte(chars), p.in[p.at]) >= 0 {
			p.at++
			return true
		}
		return false
	}
	is("-")
	if !is("0") && !digits() {
		return Value{}, p.unexpected()
	}
	if is(".") && !digits() {
		return Value{}, p.unexpected()
	}
	if is("eE") {
		is("+-")
		if !digits() {
			return Value{}, p.unexpected()
		}
	}
	return Digits(string(p.in[start:p.at])), nil
}

// text reads a string, and repairs it.
func (p *parser) text() (string, error) {
	p.at++ // the quotation mark
	start := p.at
	plain := true // neither escapes nor anything to repair
	for ; p.at < len(p.in); p.at++ {
		switch c := p.in[p.at]; {
		case c == '"':
			raw := p.in[start:p.at]
			p.at++
			if plain || utf8.Valid(raw) && bytes.IndexByte(raw, '\\') < 0 && bytes.IndexByte(raw, 0) < 0 {
				return string(raw), nil
			}
			return p.unescape(raw)
		case c == '\\':
			plain = false
			p.at++
		case c >= utf8.RuneSelf, c == 0:
			plain = false
		case c < ' ' && c != '\t' && c != '\n' && c != '\r': // some SDKs do not escape these
			return "", p.unexpected()
		}
	}
	return "", errEarly
}

// unescape undoes the escapes of a string and repairs what is then no text.
func (p *parser) unescape(raw []byte) (string, error) {
	b := p.scratch[:0]
	for i := 0; i < len(raw); i++ {
		if raw[i] != '\\' {
			b = append(b, raw[i])
			continue
		}
		i++
		switch c := raw[i]; c {
		case '"', '\\', '/':
			b = append(b, c)
		case 'b':
			b = append(b, '\b')
		case 'f':
			b = append(b, '\f')
		case 'n':
			b = append(b, '\n')
		case 'r':
			b = append(b, '\r')
		case 't':
			b = append(b, '\t')
		case 'u':
			if i+4 >= len(raw) {
				return "", errEscape
			}
			unit, err := strconv.ParseUint(string(raw[i+1:i+5]), 16, 16)
			if err != nil {
				return "", errEscape
			}
			i += 4
			b = appendUnit(b, rune(unit))
		default:
			return "", errEscape
		}
	}
	p.scratch = b
	return string(repair(nil, b)), nil
}

// appendUnit appends a UTF-16 unit; a surrogate as three bytes, which repair joins with
// the other half.
func appendUnit(b []byte, unit rune) []byte {
	if !utf16.IsSurrogate(unit) {
		return utf8.AppendRune(b, unit)
	}
	return append(b, 0xe0|byte(unit>>12), 0x80|byte(unit>>6&0x3f), 0x80|byte(unit&0x3f))
}

// surrogate decodes half a character that is coded as three bytes (CESU-8).
func surrogate(b []byte) (rune, bool) {
	if len(b) < 3 || b[0] != 0xed || b[1] < 0xa0 || b[1] > 0xbf || b[2]&0xc0 != 0x80 {
		return 0, false
	}
	return rune(b[0]&0x0f)<<12 | rune(b[1]&0x3f)<<6 | rune(b[2]&0x3f), true
}

// repair appends text as valid UTF-8 without NUL: two halves of a character become one,
// whatever else is none becomes U+FFFD.
func repair(to, text []byte) []byte {
	for len(text) > 0 {
		if c := text[0]; c < utf8.RuneSelf {
			if c == 0 {
				to = utf8.AppendRune(to, utf8.RuneError)
			} else {
				to = append(to, c)
			}
			text = text[1:]
			continue
		}
		if high, ok := surrogate(text); ok {
			low, _ := surrogate(text[3:])
			r := utf16.DecodeRune(high, low)
			to = utf8.AppendRune(to, r)
			if text = text[3:]; r != utf8.RuneError {
				text = text[3:]
			}
			continue
		}
		r, n := utf8.DecodeRune(text)
		to = utf8.AppendRune(to, r)
		text = text[n:]
	}
	return to
}
