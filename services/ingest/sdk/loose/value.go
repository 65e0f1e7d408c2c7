// Package loose reads JSON as vendors' SDKs send it, and repairs what strict readers
// refuse: characters coded as two surrogates, half characters, NUL, the same key twice.
// What it writes is valid, in UTF-8, and without white space.
package loose

import (
	"iter"
	"slices"
	"strings"
	"unicode/utf8"
)

// Kind of a JSON value.
type Kind byte

// The kinds. The zero Value is None: what is not there.
const (
	None Kind = iota
	Null
	False
	True
	Number
	String
	Array
	Object
)

// Value is a JSON value.
type Value struct {
	kind Kind
	text string   // of a string, repaired; of a number, as sent
	keys []string // of an object
	list []Value  // of an array or an object
}

// Text makes a string.
func Text(s string) Value { return Value{kind: String, text: s} }

// Digits makes a number of its JSON text.
func Digits(text string) Value { return Value{kind: Number, text: text} }

// Bool makes a true or false.
func Bool(b bool) Value {
	if b {
		return Value{kind: True}
	}
	return Value{kind: False}
}

// Nothing is null.
var Nothing = Value{kind: Null}

// ListOf makes an array.
func ListOf(items ...Value) Value { return Value{kind: Array, list: items} }

// Empty makes an object without members.
func Empty() Value { return Value{kind: Object} }

// Kind of the value.
func (v Value) Kind() Kind { return v.kind }

// Is reports whether the value is there and not null.
func (v Value) Is() bool { return v.kind > Null }

// Text of a string; empty for every other value.
func (v Value) Text() string {
	if v.kind == String {
		return v.text
	}
	return ""
}

// ID is the text of a string or a number: 42 and "42" are the same. It is empty for
// every other value.
func (v Value) ID() string {
	if v.kind == String || v.kind == Number {
		return v.text
	}
	return ""
}

// Get returns an object's member, or None.
func (v Value) Get(name string) Value {
	if i := slices.Index(v.keys, name); i >= 0 {
		return v.list[i]
	}
	return Value{}
}

// At follows a path of names.
func (v Value) At(path ...string) Value {
	for _, name := range path {
		v = v.Get(name)
	}
	return v
}

// First returns the first of an object's members that is there and neither null nor the
// empty string.
func (v Value) First(names ...string) Value {
	for _, name := range names {
		if m := v.Get(name); m.Is() && !(m.kind == String && m.text == "") {
			return m
		}
	}
	return Value{}
}

// Len is the number of an array's items or an object's members.
func (v Value) Len() int { return len(v.list) }

// Items of an array.
func (v Value) Items() []Value {
	if v.kind == Array {
		return v.list
	}
	return nil
}

// Members of an object, in the order as sent.
func (v Value) Members() iter.Seq2[string, Value] {
	return func(yield func(string, Value) bool) {
		for i, key := range v.keys {
			if !yield(key, v.list[i]) {
				return
			}
		}
	}
}

// Set puts a member into an object, in place of one of the same name.
func (v *Value) Set(name string, m Value) {
	v.kind = Object
	if i := slices.Index(v.keys, name); i >= 0 {
		v.list[i] = m
		return
	}
	v.keys, v.list = append(v.keys, name), append(v.list, m)
}

// Add is Set for what is there, where the object has no such member yet.
func (v *Value) Add(name string, m Value) {
	if m.kind != None && !slices.Contains(v.keys, name) {
		v.Set(name, m)
	}
}

// Copy returns a copy of an object, with room for more members. The values are shared.
func (v Value) Copy(room int) Value {
	n := len(v.keys) + room
	return Value{kind: v.kind, keys: append(make([]string, 0, n), v.keys...), list: append(make([]Value, 0, n), v.list...)}
}

// Without returns a copy of an object without some members. The values are shared.
func (v Value) Without(names ...string) Value {
	if v.kind != Object {
		return v
	}
	out := Value{kind: Object, keys: make([]string, 0, len(v.keys)), list: make([]Value, 0, len(v.list))}
	for i, key := range v.keys {
		if !slices.Contains(names, key) {
			out.keys, out.list = append(out.keys, key), append(out.list, v.list[i])
		}
	}
	return out
}

// Depth is the number of levels of an object or array, itself included.
func (v Value) Depth() int {
	if v.kind != Array && v.kind != Object {
		return 0
	}
	deepest := 0
	for _, m := range v.list {
		deepest = max(deepest, m.Depth())
	}
	return deepest + 1
}

// Append appends the value's JSON: members in the order as sent, numbers as sent. Of an
// object, it leaves members with a few names out.
func (v Value) Append(b []byte, without ...string) []byte { return v.append(b, false, without) }

// Canonical appends the value's canonical JSON: keys sorted by code point, numbers as
// sent. Of an object, it leaves members with a few names out.
func (v Value) Canonical(b []byte, without ...string) []byte { return v.append(b, true, without) }

func (v Value) String() string { return string(v.Append(nil)) }

func (v Value) append(b []byte, sorted bool, without []string) []byte {
	switch v.kind {
	case None, Null:
		return append(b, "null"...)
	case False:
		return append(b, "false"...)
	case True:
		return append(b, "true"...)
	case Number:
		return append(b, v.text...)
	case String:
		return quote(b, v.text)
	case Array:
		b = append(b, '[')
		for i, m := range v.list {
			if i > 0 {
				b = append(b, ',')
			}
			b = m.append(b, sorted, nil)
		}
		return append(b, ']')
	}
	var few [16]int
	order := few[:0]
	for i, key := range v.keys {
		if !slices.Contains(without, key) {
			order = append(order, i)
		}
	}
	if sorted { // UTF-8 sorts by code point
		slices.SortFunc(order, func(x, y int) int { return strings.Compare(v.keys[x], v.keys[y]) })
	}
	b = append(b, '{')
	for n, i := range order {
		if n > 0 {
			b = append(b, ',')
		}
		b = append(quote(b, v.keys[i]), ':')
		b = v.list[i].append(b, sorted, nil)
	}
	return append(b, '}')
}

const hexDigits = "0123456789abcdef"

// quote appends a string with as few escapes as JSON allows.
func quote(b []byte, s string) []byte {
	b = append(b, '"')
	start := 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		b = append(b, s[start:i]...)
		start = i + 1
		switch c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\n':
			b = append(b, `\n`...)
		case '\r':
			b = append(b, `\r`...)
		case '\t':
			b = append(b, `\t`...)
		default:
			b = append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
	}
	return append(append(b, s[start:]...), '"')
}

// Clean repairs text that does not come from JSON: of a query, a form or a header.
func Clean(s string) string {
	if utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 {
		return s
	}
	return string(repair(nil, []byte(s)))
}
