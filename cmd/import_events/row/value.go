// Package row is what files hold, whatever their format: rows of named values.
package row

import (
	"bytes"
	"errors"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// Kind of a value.
type Kind byte

// The kinds.
const (
	None   Kind = iota // null, or not there
	Bare               // the text of a cell, which has no type: 42 may be a number or not
	Text               // a string
	Time               // an instant, in RFC 3339 with its offset
	Number             // with its digits as in the file
	JSON               // true, false, an object or an array
)

// Value of a row.
type Value struct {
	Kind Kind
	Text string // of Number and JSON, their JSON
}

// Is says whether the value is there.
func (v Value) Is() bool { return v.Kind != None }

// IsEmpty says whether the value is not there, or is the empty string.
func (v Value) IsEmpty() bool { return v.Kind == None || v.Text == "" }

// Key is the value's text when it identifies something: 42 and "42" are the same, and
// so are two objects whose members are in another order.
func (v Value) Key() string {
	if v.Kind != JSON {
		return v.Text
	}
	canonical := jsontext.Value(v.Text).Clone()
	if canonical.Format(lenient, jsontext.ReorderRawObjects(true)) != nil {
		return v.Text
	}
	return string(canonical)
}

// AppendJSON appends the value's JSON. What has no type is a string; after an error, which
// is of one that is not UTF-8, U+FFFD stands for what is not.
func (v Value) AppendJSON(b []byte) ([]byte, error) {
	switch v.Kind {
	case None:
		return append(b, "null"...), nil
	case Number, JSON:
		return append(b, v.Text...), nil
	}
	return jsontext.AppendQuote(b, v.Text)
}

// lenient lets what is wrong inside a value pass: the rules of the API find it in the
// event.
var lenient = jsontext.AllowDuplicateNames(true)

var invalidUTF8 = jsontext.AllowInvalidUTF8(true)

// ErrNotJSON is returned for text that is no JSON value.
var ErrNotJSON = errors.New("is not valid JSON")

// IsJSON accepts one JSON value.
func IsJSON(text []byte) bool { return jsontext.Value(text).IsValid(lenient, invalidUTF8) }

// Parse reads a JSON value.
func Parse(text []byte) (Value, error) {
	text = bytes.TrimSpace(text)
	if !IsJSON(text) {
		return Value{}, ErrNotJSON
	}
	return ofJSON(text), nil
}

// ofJSON makes a value of valid JSON.
func ofJSON(text jsontext.Value) Value {
	switch text.Kind() {
	case 'n':
		return Value{}
	case '"':
		plain, _ := jsontext.AppendUnquote(nil, text) // bad UTF-8 stays, and is found in the event
		return Value{Text, string(plain)}
	case '0':
		return Value{Number, string(text)}
	}
	return Value{JSON, string(text)}
}

// ErrNotAnObject is returned for JSON that is none.
var ErrNotAnObject = errors.New("is not a JSON object")

// Object returns the members of an object: of JSON, or of a string or cell with the JSON
// of one.
func (v Value) Object() ([]Cell, error) {
	switch v.Kind {
	case JSON, Text, Bare:
		return members([]byte(v.Text))
	}
	return nil, ErrNotAnObject
}

// Array returns the items of an array, by the same rules.
func (v Value) Array() ([]Value, error) {
	text := strings.TrimSpace(v.Text)
	if v.Kind != JSON && v.Kind != Text && v.Kind != Bare || !strings.HasPrefix(text, "[") {
		return nil, errors.New("is not a JSON array")
	}
	var all []Value
	d := jsontext.NewDecoder(strings.NewReader(text), lenient, invalidUTF8)
	if _, err := d.ReadToken(); err != nil {
		return nil, ErrNotJSON
	}
	for d.PeekKind() != ']' {
		item, err := d.ReadValue()
		if err != nil {
			return nil, ErrNotJSON
		}
		all = append(all, ofJSON(item))
	}
	return all, nil
}

// members reads a JSON object.
func members(text []byte) ([]Cell, error) {
	text = bytes.TrimSpace(text)
	if len(text) == 0 || text[0] != '{' {
		return nil, ErrNotAnObject
	}
	if !IsJSON(text) {
		return nil, ErrNotJSON
	}
	var all []Cell
	d := jsontext.NewDecoder(bytes.NewReader(text), lenient, invalidUTF8)
	_, err := d.ReadToken()
	for err == nil && d.PeekKind() != '}' {
		var name, value jsontext.Value
		if name, err = d.ReadValue(); err != nil {
			break
		}
		c := Cell{Name: ofJSON(name).Text}
		if value, err = d.ReadValue(); err == nil {
			c.Value = ofJSON(value)
			all = append(all, c)
		}
	}
	return all, err
}
