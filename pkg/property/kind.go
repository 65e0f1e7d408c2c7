package property

import (
	"iter"
	"strings"

	"eventanalytics/pkg/decimal"
)

// Kind of a JSON value.
type Kind uint8

// The kinds, in the order in which they are listed.
const (
	Text Kind = iota
	// Integer is a JSON number without a fraction, of any size and however it was written:
	// 10, 10.0, 1e1 and -0.
	Integer
	// Number is any other JSON number.
	Number
	Boolean
	Array
	Object
	Null
	Kinds = 7 // how many there are
)

// String returns the kind's name: text, integer, number, boolean, array, object or
// null.
func (k Kind) String() string {
	return [Kinds]string{"text", "integer", "number", "boolean", "array", "object", "null"}[k]
}

// Kind returns what the value is, which must not be missing.
func (v Value) Kind() Kind {
	switch v.json[0] {
	case '"':
		return Text
	case '[':
		return Array
	case '{':
		return Object
	case 't', 'f':
		return Boolean
	case 'n':
		return Null
	}
	if strings.ContainsAny(v.json, ".eE") {
		var digits [40]byte
		if significant, point, _ := decimal.Digits(digits[:0], v.json); int64(len(significant)) > point {
			return Number
		}
	}
	return Integer
}

// Members are the properties of an event with their keys, without their escapes: those
// of the object itself, in its order. properties is valid JSON, or empty.
func Members(properties string) iter.Seq2[string, Value] {
	return func(yield func(string, Value) bool) {
		at := space(properties, 0)
		if at == len(properties) || properties[at] != '{' {
			return
		}
		for at = space(properties, at+1); properties[at] != '}'; {
			nameEnd := stringEnd(properties, at)
			name := unquote(properties[at:nameEnd])
			at = space(properties, space(properties, nameEnd)+1) // past the colon
			valueEnd := end(properties, at)
			if !yield(name, Value{properties[at:valueEnd]}) {
				return
			}
			if at = space(properties, valueEnd); properties[at] == ',' {
				at = space(properties, at+1)
			}
		}
	}
}
