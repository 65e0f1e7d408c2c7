package oracle

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Filter says which events count: a Condition, or others combined.
type Filter interface {
	holds(k known, e Event) bool
}

type (
	// All holds when each of its filters does.
	All []Filter
	// Any holds when one of its filters does.
	Any []Filter
	// Not holds when its filter does not.
	Not struct{ Filter }
)

func (f All) holds(k known, e Event) bool {
	return !slices.ContainsFunc(f, func(of Filter) bool { return !of.holds(k, e) })
}

func (f Any) holds(k known, e Event) bool {
	return slices.ContainsFunc(f, func(of Filter) bool { return of.holds(k, e) })
}

func (f Not) holds(k known, e Event) bool { return !f.Filter.holds(k, e) }

// Condition compares the value of a field.
type Condition struct {
	Field  Field
	Op     string // = != > >= < <= ~ in exists missing matches has since before
	Values []string
}

// Holds says whether an event meets a condition on one of its own fields, in UTC.
func (c Condition) Holds(e Event) bool { return c.holds(known{zone: time.UTC}, e) }

func (c Condition) holds(k known, e Event) bool {
	value, ok := k.value(c.Field, e)
	if c.Op == "missing" {
		return !ok
	}
	if !ok {
		return false
	}
	text := textOf(value)
	switch c.Op {
	case "exists":
		return true
	case "=", "in":
		return c.equals(text)
	case "!=":
		return !c.equals(text)
	case "~":
		return strings.Contains(text, c.Values[0])
	case "matches":
		return regexp.MustCompile(c.Values[0]).MatchString(text)
	case "has":
		return c.has(value)
	case "since", "before":
		want, isInstant := instant(c.Values[0], k.zone)
		at, ok := instant(text, k.zone)
		return isInstant && ok && at.Before(want) == (c.Op == "before")
	}
	return c.ordered(value, text)
}

// equals says whether a text is one of the values. A value that is written as a number
// also stands for its canonical text.
func (c Condition) equals(text string) bool {
	return slices.ContainsFunc(c.Values, func(want string) bool {
		return text == want || isNumber(want) && text == canonical(want)
	})
}

// has says whether a value is an array with an element that equals the condition's
// value. The page says only that the element's text is the value; that a number
// stands for its canonical text as well it says of filters' values in general.
func (c Condition) has(value json.RawMessage) bool {
	var array []json.RawMessage
	if value[0] != '[' {
		return false
	}
	if err := json.Unmarshal(value, &array); err != nil {
		panic(err)
	}
	return slices.ContainsFunc(array, func(element json.RawMessage) bool { return c.equals(textOf(element)) })
}

// ordered compares a number with a number, and a string with anything else.
func (c Condition) ordered(value json.RawMessage, text string) bool {
	want := c.Values[0]
	var order int
	switch {
	case isNumber(want) && isNumber(string(value)):
		order = rational(string(value)).Cmp(rational(want))
	case !isNumber(want) && value[0] == '"':
		order = slices.Compare([]rune(text), []rune(want))
	default:
		return false
	}
	return c.Op[0] == '<' && order < 0 || c.Op[0] == '>' && order > 0 || len(c.Op) == 2 && order == 0
}
