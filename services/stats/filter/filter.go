// Package filter reads conditions on events, such as event_type:purchase, and says
// what they mean. How events that meet them are found is up to each engine.
package filter

import (
	"errors"
	"fmt"
	"unicode/utf8"

	"eventanalytics/pkg/decimal"
)

// MaxLength is the maximum number of code points in a filter's text.
const MaxLength = 1000

// Fields that a filter can look at.
const (
	EventType  = "event_type"
	UserID     = "user_id"
	Properties = "properties"
)

// Operators that are words.
const (
	In      = "in"
	Exists  = "exists"
	Missing = "missing"
)

// Filter is a condition on events. The zero value is not useful; Parse makes one.
type Filter struct {
	Text   string   // as given to Parse
	Field  string   // EventType, UserID or Properties
	Keys   []string // that lead to a property; otherwise none
	Op     string   // = != > >= < <= ~ in exists missing
	Values []string // one; any number for in, none for exists and missing
}

// MarshalText returns the text that the filter was read from.
func (f Filter) MarshalText() ([]byte, error) { return []byte(f.Text), nil }

// UnmarshalText reads what Parse reads.
func (f *Filter) UnmarshalText(text []byte) (err error) {
	*f, err = Parse(string(text))
	return err
}

// Parse reads
//
//	field op value    where op is : = != > >= < <= or ~ (contains)
//	field:in(a,b)     or, with a space for the colon, field in(a,b)
//	field:exists      or field exists
//	field:missing     or field missing
//
// A field is event_type, user_id or properties.key; further keys after dots lead
// into objects, and numbers into arrays; "" is the empty key. A backslash makes the
// character after it an ordinary one. Spaces around operators, commas and the
// parentheses mean nothing. What would be read in a way that few mean is refused
// with advice: a bar in a value, and a word after a colon that reads like an
// operator but is none.
//
// What the operators mean is said at Test. A property that is missing fails every
// condition but missing.
func Parse(s string) (Filter, error) {
	switch {
	case !utf8.ValidString(s):
		return Filter{}, errors.New("is not valid UTF-8")
	case utf8.RuneCountInString(s) > MaxLength:
		return Filter{}, fmt.Errorf("has more than %d characters", MaxLength)
	}
	keys, op, rest, err := cutOperator(s)
	if err != nil {
		return Filter{}, err
	}
	f := Filter{Text: s, Field: keys[0], Op: op}
	if err := f.setField(keys[1:]); err != nil {
		return Filter{}, err
	}
	if op == ":" {
		f.Op = "="
		switch list, isIn := cutIn(rest); {
		case rest == Exists, rest == Missing:
			f.Op = rest
			return f, nil
		case isIn:
			f.Op = In
			f.Values, err = parseList(list)
			return f, err
		}
		if word := operatorWord(rest); word != "" {
			return Filter{}, fmt.Errorf("has no operator %s (there are in, exists and missing); to compare with that text, write = instead of the colon", word)
		}
	}
	return f, f.setValue(rest, op)
}

func (f *Filter) setField(keys []string) error {
	switch f.Field {
	case EventType, UserID:
		if len(keys) > 0 {
			return fmt.Errorf("%s has no keys", f.Field)
		}
	case Properties:
		if len(keys) == 0 {
			return errors.New("names no property, as in properties.country")
		}
		f.Keys = keys
	default:
		return fmt.Errorf("%q is not event_type, user_id or properties.…", f.Field)
	}
	return nil
}

func (f *Filter) setValue(text, op string) error {
	if text == "" && op != "=" && op != "!=" {
		return fmt.Errorf("has no value after %q", op)
	}
	values, err := split(text, 0)
	if err != nil {
		return err
	}
	f.Values = values
	if _, isNumber := decimal.Parse(values[0]); isNumber && f.Field != Properties && f.ordered() {
		return fmt.Errorf("compares %s, a text, with the number %s; there is no order between them", f.Field, values[0])
	}
	return nil
}

func (f *Filter) ordered() bool { return f.Op[0] == '<' || f.Op[0] == '>' }
