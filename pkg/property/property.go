// Package property finds the values of an event's properties in their JSON, as it
// was sent, and says what their texts and numbers are.
package property

import (
	"iter"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"eventanalytics/pkg/decimal"
)

// Value is a JSON value as it was sent. The zero value is that of a property that is
// missing, which is not null.
type Value struct{ json string }

// OfInteger returns the value of an integer.
func OfInteger(n int64) Value { return Value{strconv.FormatInt(n, 10)} }

// OfText returns the value of a text, which is valid UTF-8.
func OfText(text string) Value {
	quoted, _ := jsontext.AppendQuote(nil, text)
	return Value{string(quoted)}
}

// Missing reports whether there is no value.
func (v Value) Missing() bool { return v.json == "" }

// IsText reports whether the value is a JSON string.
func (v Value) IsText() bool { return v.json != "" && v.json[0] == '"' }

// IsNumber reports whether the value is a JSON number.
func (v Value) IsNumber() bool {
	return v.json != "" && (v.json[0] == '-' || v.json[0] >= '0' && v.json[0] <= '9')
}

// JSON returns the value as it was sent.
func (v Value) JSON() string { return v.json }

// Text returns what the value is compared as: a string itself; a number in canonical
// form (decimal.Decimal); true, false, null; of arrays and objects the JSON without
// white space and with no escapes but those that JSON needs, in which numbers keep
// their digits.
func (v Value) Text() string {
	switch {
	case v.IsText():
		return unquote(v.json)
	case v.IsNumber():
		n, _ := decimal.Parse(v.json) // it is valid
		return n.String()
	case v.json != "" && (v.json[0] == '[' || v.json[0] == '{'):
		return compact(v.json)
	}
	return v.json
}

// unquote returns the value of a JSON string, which is valid.
func unquote(quoted string) string {
	if strings.IndexByte(quoted, '\\') < 0 {
		return quoted[1 : len(quoted)-1]
	}
	text, _ := jsontext.AppendUnquote(nil, quoted)
	return string(text)
}

func compact(json string) string {
	b := make([]byte, 0, len(json))
	for i := 0; i < len(json); {
		switch c := json[i]; c {
		case ' ', '\t', '\n', '\r':
			i++
		case '"':
			end := stringEnd(json, i)
			if quoted := json[i:end]; strings.IndexByte(quoted, '\\') < 0 {
				b = append(b, quoted...)
			} else {
				b, _ = jsontext.AppendQuote(b, unquote(quoted)) // it is valid
			}
			i = end
		default:
			b = append(b, c)
			i++
		}
	}
	return string(b)
}

// Find returns the value that keys lead to: those of objects, and of arrays the
// places from 0. properties is valid JSON, or empty.
func Find(properties string, keys []string) Value {
	at := space(properties, 0)
	for _, key := range keys {
		if at = member(properties, at, key); at < 0 {
			return Value{}
		}
	}
	if at == len(properties) {
		return Value{}
	}
	return Value{properties[at:end(properties, at)]}
}

// member returns where the value begins that an object or array at a place has under
// a key, or -1.
func member(json string, at int, key string) int {
	if at == len(json) || json[at] != '{' && json[at] != '[' {
		return -1
	}
	isObject := json[at] == '{'
	place := -1
	if !isObject {
		if place = placeOf(key); place < 0 {
			return -1
		}
	}
	for at = space(json, at+1); json[at] != '}' && json[at] != ']'; place-- {
		found := !isObject && place == 0
		if isObject {
			nameEnd := stringEnd(json, at)
			name := json[at:nameEnd]
			found = name[1:len(name)-1] == key && strings.IndexByte(key, '\\') < 0 || strings.IndexByte(name, '\\') >= 0 && unquote(name) == key
			at = space(json, space(json, nameEnd)+1) // past the colon
		}
		if found {
			return at
		}
		if at = space(json, end(json, at)); json[at] == ',' {
			at = space(json, at+1)
		}
	}
	return -1
}

// Elements are those of an array, in their order. Of other values there are none.
func (v Value) Elements() iter.Seq[Value] {
	return func(yield func(Value) bool) {
		if v.json == "" || v.json[0] != '[' {
			return
		}
		for at := space(v.json, 1); v.json[at] != ']'; {
			next := end(v.json, at)
			if next == at || !yield(Value{v.json[at:next]}) { // nothing is there in what is no JSON, such as [1}
				return
			}
			if at = space(v.json, next); v.json[at] == ',' {
				at = space(v.json, at+1)
			}
		}
	}
}

// placeOf reads a place in an array, without zeros before it, or returns -1.
func placeOf(key string) int {
	if key == "" || len(key) > 5 || key[0] == '0' && key != "0" { // of 32 KiB
		return -1
	}
	place := 0
	for _, c := range []byte(key) {
		if c < '0' || c > '9' {
			return -1
		}
		place = 10*place + int(c-'0')
	}
	return place
}

// space returns the place of the next byte that is not white space.
func space(json string, at int) int {
	for at < len(json) && (json[at] == ' ' || json[at] == '\t' || json[at] == '\n' || json[at] == '\r') {
		at++
	}
	return at
}

// stringEnd returns the place after the string that begins at one.
func stringEnd(json string, at int) int {
	for at++; ; {
		next := at + strings.IndexByte(json[at:], '"')
		escape := strings.IndexByte(json[at:next], '\\')
		if escape < 0 {
			return next + 1
		}
		at += escape + 2
	}
}

// end returns the place after the value that begins at one.
func end(json string, at int) int {
	switch json[at] {
	case '"':
		return stringEnd(json, at)
	case '{', '[':
		for depth := 0; ; {
			switch json[at] {
			case '"':
				at = stringEnd(json, at)
				continue
			case '{', '[':
				depth++
			case '}', ']':
				depth--
			}
			if at++; depth == 0 {
				return at
			}
		}
	}
	for at < len(json) && strings.IndexByte(",]} \t\n\r", json[at]) < 0 {
		at++
	}
	return at
}
