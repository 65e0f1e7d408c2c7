// Package filter reads conditions on events, such as event_type:purchase. What a
// condition means is said here; how it is found out is up to each engine.
package filter

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// MaxLength is the maximum number of code points in a filter's text.
const MaxLength = 1000

// Fields that a filter can look at.
const (
	EventType  = "event_type"
	UserID     = "user_id"
	Properties = "properties"
)

// Filter is a condition on events. The zero value is not useful; Parse makes one.
type Filter struct {
	Text    string   // as given to Parse
	Field   string   // EventType, UserID or Properties
	Pointer string   // into Properties, RFC 6901; otherwise empty
	Op      string   // = != > >= < <= ~ in exists
	Values  []string // one, any number for in, none for exists
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
//	field:in(a,b)     or, with a space, field in(a,b)
//	field:exists      or field exists
//
// A field is event_type, user_id or properties.key; further keys after dots lead
// into objects, and numbers into arrays. A backslash makes the character after it
// an ordinary one.
//
// Values are compared as numbers when the property is a JSON number and the
// value is written like one, otherwise as text, by code points. The text of true,
// false, null, arrays and objects is their JSON without spaces; a number with a
// fraction or an exponent is written in its shortest form, as 1.5 or 100.0. A
// property that is missing fails every condition.
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
	if err := f.setField(keys); err != nil {
		return Filter{}, err
	}
	if op == ":" {
		f.Op = "="
		switch {
		case rest == "exists":
			f.Op = "exists"
			return f, nil
		case strings.HasPrefix(rest, "in("):
			f.Op = "in"
			f.Values, err = parseList(rest)
			return f, err
		}
	}
	value, err := unescape(rest)
	if err != nil {
		return Filter{}, err
	}
	if value == "" && (f.Field != Properties || op != "=" && op != "!=") {
		return Filter{}, fmt.Errorf("has no value after %q", op)
	}
	f.Values = []string{value}
	return f, nil
}

func (f *Filter) setField(keys []string) error {
	switch f.Field {
	case EventType, UserID:
		if len(keys) > 1 {
			return fmt.Errorf("%s has no keys", f.Field)
		}
	case Properties:
		if len(keys) == 1 {
			return errors.New("names no property, as in properties.country")
		}
	default:
		return fmt.Errorf("%q is not event_type, user_id or properties.…", f.Field)
	}
	for _, key := range keys[1:] {
		if key == "" {
			return errors.New("has an empty key")
		}
		f.Pointer += "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(key)
	}
	return nil
}

// cutOperator splits a filter at its operator, and the field before it at its
// dots. A word after a space reads as after a colon.
func cutOperator(s string) (keys []string, op, rest string, err error) {
	var key strings.Builder
	for i := 0; i < len(s); i++ {
		if op := operatorAt(s[i:]); op != "" {
			return append(keys, key.String()), op, s[i+len(op):], nil
		}
		switch {
		case s[i] == ' ' && (s[i+1:] == "exists" || strings.HasPrefix(s[i+1:], "in(")):
			return append(keys, key.String()), ":", s[i+1:], nil
		case s[i] == '.':
			keys = append(keys, key.String())
			key.Reset()
		case s[i] == '\\':
			if i++; i == len(s) {
				return nil, "", "", errLoneBackslash
			}
			key.WriteByte(s[i])
		default:
			key.WriteByte(s[i])
		}
	}
	return nil, "", "", errors.New("has no operator (: = != > >= < <= ~ in exists)")
}

var errLoneBackslash = errors.New("ends in a lone backslash")

func operatorAt(s string) string {
	for _, op := range []string{">=", "<=", "!=", ">", "<", "=", "~", ":"} {
		if strings.HasPrefix(s, op) {
			return op
		}
	}
	return ""
}

func unescape(s string) (string, error) {
	values, err := split(s, 0)
	if err != nil {
		return "", err
	}
	return values[0], nil
}

// parseList reads in(a,b).
func parseList(s string) ([]string, error) {
	body := s[len("in("):]
	// The closing parenthesis is the last character, and not an escaped one.
	inner, closed := strings.CutSuffix(body, ")")
	backslashes := len(inner) - len(strings.TrimRight(inner, `\`))
	if !closed || backslashes%2 == 1 {
		return nil, errors.New("has no closing parenthesis")
	}
	if inner == "" {
		return nil, errors.New("has no values in the parentheses")
	}
	return split(inner, ',')
}

// split cuts s at each separator without a backslash before it, and removes the
// backslashes.
func split(s string, separator byte) ([]string, error) {
	var values []string
	var value strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\':
			if i++; i == len(s) {
				return nil, errLoneBackslash
			}
			value.WriteByte(s[i])
		case separator != 0 && s[i] == separator:
			values = append(values, value.String())
			value.Reset()
		default:
			value.WriteByte(s[i])
		}
	}
	return append(values, value.String()), nil
}
