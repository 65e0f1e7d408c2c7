package syntax

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"eventanalytics/pkg/decimal"
)

// MaxLength is the maximum number of code points in a condition's text, apart from a
// regular expression.
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
// A field is event_type, user_id or properties.key, as for ParseField. A backslash makes the character after it an
// ordinary one. Spaces around operators, commas and the parentheses mean nothing. What
// would be read in a way that few mean is refused with advice: a bar in a value, and a
// word after a colon that reads like an operator but is none.
//
// What the operators mean is said at Test. A value that is missing fails every
// condition but missing. The condition's Text is the one that was read.
func ParseSegment(s string) (Condition, error) {
	if err := checkText(s, MaxLength); err != nil {
		return Condition{}, err
	}
	c, err := parseCondition(s, segmentWords, eventField)
	if err != nil {
		return Condition{}, err
	}
	c.Text = s
	return c, nil
}

// ParseCondition reads a condition of a filter, on any field: what ParseSegment reads, and
//
//	field:matches(RE)    a regular expression, whose backslashes are its own
//	field:has(value)
//	field:since(T)       an RFC 3339 date or date-time
//	field:before(T)
//	cohort:name          as cohort:name=true
//
// The condition's Text is canonical: read again, it is the same condition.
func ParseCondition(s string) (Condition, error) { return Everywhere.condition(s) }

func (g Grammar) condition(s string) (Condition, error) {
	if err := checkText(s, MaxLength+MaxRegexp); err != nil {
		return Condition{}, err
	}
	c, err := parseCondition(s, filterWords, g.field)
	if err != nil {
		return Condition{}, err
	}
	c.Text = c.write()
	if c.Op != Matches {
		err = errors.Join(checkText(s, MaxLength), checkText(c.Text, MaxLength))
	} else {
		err = checkText(c.Text, MaxLength+MaxRegexp)
	}
	if err != nil {
		return Condition{}, fmt.Errorf("has more than %d characters", MaxLength)
	}
	return c, nil
}

// checkText bounds the code points of a text.
func checkText(s string, most int) error {
	switch {
	case !utf8.ValidString(s):
		return errors.New("is not valid UTF-8")
	case utf8.RuneCountInString(s) > most:
		return fmt.Errorf("has more than %d characters", most)
	}
	return nil
}

func parseCondition(s string, words []string, field func(names []string) (Field, error)) (Condition, error) {
	keys, op, rest, err := cutField(s, words)
	if err != nil {
		return Condition{}, err
	}
	if op == "" && !strings.HasPrefix(keys[0], cohortPrefix) {
		return Condition{}, fmt.Errorf("has no operator (: = != > >= < <= ~ %s)", strings.Join(words, " "))
	}
	c := Condition{Op: op}
	if c.Field, err = field(keys); err != nil {
		return Condition{}, err
	}
	if op == "" { // a cohort alone
		c.Op, c.Values = "=", []string{"true"}
		return c, nil
	}
	if op == ":" {
		c.Op = "="
		if word, values := cutWord(rest, words); word != "" {
			c.Op = word
			if word != Exists && word != Missing {
				err = c.setList(values)
			}
			return c, errors.Join(err, c.checkInstant())
		}
		if word := operatorWord(rest); word != "" {
			last := len(words) - 1
			return Condition{}, fmt.Errorf("has no operator %s (there are %s and %s); to compare with that text, write = instead of the colon",
				word, strings.Join(words[:last], ", "), words[last])
		}
	}
	if err := c.setValue(rest, op); err != nil {
		return Condition{}, err
	}
	return c, c.checkInstant()
}

// setList reads the rest of an operator with values in parentheses.
func (c *Condition) setList(text string) error {
	inner, err := closed(text)
	if err != nil {
		return err
	}
	if c.Op == Matches {
		c.Values = []string{inner}
		_, err := parseRegexp(inner)
		return err
	}
	if c.Values, err = split(inner, ','); err != nil {
		return err
	}
	if c.Op != In && len(c.Values) > 1 {
		return fmt.Errorf(`has more than one value for %s: write \, for a comma`, c.Op)
	}
	if c.Op == Since || c.Op == Before {
		if _, ok := parseInstant(c.Values[0]); !ok {
			return fmt.Errorf("compares with %q, which is not an RFC 3339 date or date-time such as 2025-08-01 or 2025-08-01T12:00:00Z", c.Values[0])
		}
	}
	return nil
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
	if !c.ordered() {
		return nil
	}
	_, isNumber := decimal.Parse(values[0])
	switch c.Field.AtEvent().Source {
	case EventType, UserID:
		if isNumber {
			return fmt.Errorf("compares %s, a text, with the number %s; there is no order between them", c.Field, values[0])
		}
	case Hour, Weekday:
		if !isNumber {
			return fmt.Errorf("compares %s, a number, with the text %q; there is no order between them", c.Field, values[0])
		}
	}
	return nil
}

// checkInstant refuses what cannot be asked about an instant.
func (c *Condition) checkInstant() error {
	if source := c.Field.AtEvent().Source; source != FirstSeen && source != LastSeen {
		return nil
	}
	switch c.Op {
	case Since, Before, Exists, Missing:
		return nil
	}
	return fmt.Errorf("has the operator %s, but %s is an instant: it takes since, before, exists and missing", c.Op, c.Field)
}

func (c *Condition) ordered() bool { return c.Op[0] == '<' || c.Op[0] == '>' }

// write returns the canonical text.
func (c *Condition) write() string {
	field := c.Field.String()
	values := make([]string, len(c.Values))
	for i, value := range c.Values {
		values[i] = escapeValue(value)
	}
	switch c.Op {
	case Exists, Missing:
		return field + ":" + c.Op
	case Matches:
		return field + ":" + c.Op + "(" + c.Values[0] + ")"
	case In, Has, Since, Before:
		for i := range values {
			values[i] = strings.ReplaceAll(values[i], ",", `\,`)
		}
		return field + ":" + c.Op + "(" + strings.Join(values, ",") + ")"
	case ">", "<":
		if strings.HasPrefix(values[0], "=") {
			values[0] = `\` + values[0]
		}
	}
	return field + c.Op + values[0]
}

// escapeValue writes a value such that split reads it.
func escapeValue(s string) string {
	s = strings.NewReplacer(`\`, `\\`, `|`, `\|`).Replace(s)
	if strings.HasSuffix(s, " ") {
		s = s[:len(s)-1] + `\ `
	}
	if strings.HasPrefix(s, " ") {
		s = `\` + s
	}
	return s
}
