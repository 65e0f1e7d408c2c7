package syntax

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// Error says what is wrong at a place in what was read.
type Error struct {
	Path    string // as .filter.any[0]; empty for the whole
	Message string
}

func (e *Error) Error() string {
	if e.Path == "" {
		return e.Message
	}
	return strings.TrimPrefix(e.Path, ".") + ": " + e.Message
}

// At adds the place of what was read to an error; nil stays nil.
func At(path string, err error) error {
	var e *Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &e):
		return &Error{path + e.Path, e.Message}
	}
	return &Error{path, err.Error()}
}

// quoted adds the text that an error is about.
func quoted(text string, err error) error {
	if err == nil {
		return nil
	}
	if r := []rune(text); len(r) > 60 {
		text = string(r[:60]) + "…"
	}
	return fmt.Errorf("%q %w", text, err)
}

// IsJSON says whether the text of a parameter is an object or an array in JSON.
func IsJSON(text string) bool {
	text = strings.TrimLeft(text, " \t\r\n")
	return strings.HasPrefix(text, "{") || strings.HasPrefix(text, "[")
}

// valid returns JSON that is one value, in which no object has a member twice.
func valid(data []byte) (jsontext.Value, error) {
	d := jsontext.NewDecoder(bytes.NewReader(data))
	v, err := d.ReadValue()
	if err == nil {
		v = v.Clone()
		if _, err = d.ReadToken(); err == nil {
			err = errors.New("there is more after the value")
		} else if errors.Is(err, io.EOF) {
			return v, nil
		}
	}
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return nil, errors.New("is not valid JSON: it ends too early")
	}
	var syntactic *jsontext.SyntacticError
	if errors.As(err, &syntactic) {
		return nil, fmt.Errorf("is not valid JSON: %w in byte %d", syntactic.Err, syntactic.ByteOffset)
	}
	return nil, fmt.Errorf("is not valid JSON: %w", err)
}

// elements returns those of an array that is valid.
func elements(v jsontext.Value) []jsontext.Value {
	d := jsontext.NewDecoder(bytes.NewReader(v))
	var all []jsontext.Value
	for _, err := d.ReadToken(); err == nil && d.PeekKind() != ']'; {
		var one jsontext.Value
		if one, err = d.ReadValue(); err == nil {
			all = append(all, one.Clone())
		}
	}
	return all
}

// member is one of an object.
type member struct {
	name  string
	value jsontext.Value
}

// members returns those of an object that is valid. Others than the known ones are
// refused.
func members(v jsontext.Value, known ...string) ([]member, error) {
	d := jsontext.NewDecoder(bytes.NewReader(v))
	var all []member
	for _, err := d.ReadToken(); err == nil && d.PeekKind() != '}'; {
		var name jsontext.Token
		if name, err = d.ReadToken(); err != nil {
			break
		}
		m := member{name: name.String()}
		if !slices.Contains(known, m.name) {
			return nil, fmt.Errorf("%w; known are %s", quoted(m.name, errors.New("is not known here")), strings.Join(known, ", "))
		}
		if m.value, err = d.ReadValue(); err == nil {
			m.value = m.value.Clone()
			all = append(all, m)
		}
	}
	return all, nil
}

// textOf returns the value of a JSON string that is valid.
func textOf(v jsontext.Value) string {
	text, _ := jsontext.AppendUnquote(nil, v)
	return string(text)
}

// kinds are the names of the kinds of JSON values.
var kinds = map[jsontext.Kind]string{'n': "null", 't': "true", 'f': "false", '0': "a number", '"': "a string", '[': "an array", '{': "an object"}

// notA refuses a value of the wrong kind.
func notA(v jsontext.Value, wanted string) error {
	return fmt.Errorf("is %s, not %s", kinds[v.Kind()], wanted)
}
