package syntax

import (
	"errors"
	"fmt"
	"unicode/utf8"

	"eventanalytics/pkg/decimal"
)

// MaxLength is the maximum number of code points in a condition's text.
const MaxLength = 1000

// MarshalText returns the text that the condition was read from.
func (c Condition) MarshalText() ([]byte, error) { return []byte(c.Text), nil }

// UnmarshalText reads what ParseSegment reads.
func (c *Condition) UnmarshalText(text []byte) (err error) {
	*c, err = ParseSegment(string(text))
	return err
}

// ParseSegment reads a condition of the parameter segment:
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
func ParseSegment(s string) (Condition, error) {
	switch {
	case !utf8.ValidString(s):
		return Condition{}, errors.New("is not valid UTF-8")
	case utf8.RuneCountInString(s) > MaxLength:
		return Condition{}, fmt.Errorf("has more than %d characters", MaxLength)
	}
	keys, op, rest, err := cutOperator(s)
	if err != nil {
		return Condition{}, err
	}
	f := Condition{Text: s, Op: op}
	if f.Field, err = eventField(keys); err != nil {
		return Condition{}, err
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
			return Condition{}, fmt.Errorf("has no operator %s (there are in, exists and missing); to compare with that text, write = instead of the colon", word)
		}
	}
	return f, f.setValue(rest, op)
}

// eventField returns the field of an event that a name and keys lead to.
func eventField(names []string) (Field, error) {
	source, keys := Source(names[0]), names[1:]
	switch source {
	case EventType, UserID:
		if len(keys) > 0 {
			return Field{}, fmt.Errorf("%s has no keys", source)
		}
		return Field{Source: source}, nil
	case Property:
		if len(keys) == 0 {
			return Field{}, errors.New("names no property, as in properties.country")
		}
		return Field{Source: source, Keys: keys}, nil
	}
	return Field{}, fmt.Errorf("%q is not event_type, user_id or properties.…", names[0])
}

func (c *Condition) setValue(text, op string) error {
	if text == "" && op != "=" && op != "!=" {
		return fmt.Errorf("has no value after %q", op)
	}
	values, err := split(text, 0)
	if err != nil {
		return err
	}
	c.Values = values
	if _, isNumber := decimal.Parse(values[0]); isNumber && c.Field.Source != Property && c.ordered() {
		return fmt.Errorf("compares %s, a text, with the number %s; there is no order between them", c.Field.Source, values[0])
	}
	return nil
}

func (c *Condition) ordered() bool { return c.Op[0] == '<' || c.Op[0] == '>' }
