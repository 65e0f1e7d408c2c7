package duckdb

import (
	"slices"
	"strings"
)

// Kinds of columns that properties are shredded into. All values that a file's
// events have under the key are of the kind; where the column is NULL the key is
// missing.
const (
	// Text has JSON strings, as VARCHAR.
	Text = "text"
	// Integer has JSON numbers without fraction or exponent that fit into 64 bits,
	// as BIGINT.
	Integer = "integer"
	// Number has JSON numbers of which each is the shortest decimal of its float64, as
	// DOUBLE: 1.50 and 15e-1, but not 0.30000000000000000001. 0 has no sign.
	Number = "decimal"
	// rounded has JSON numbers as DOUBLE, some of which are others. Files of earlier
	// versions have it; nothing reads it any more, and merges replace it.
	rounded = "number"
)

// Columns is what a condition may use in some of the files.
type Columns struct {
	shredded []string
	bind     func(value any) string
	number   func(key string, function func() Function) string
}

// Shredded returns the column that has a property, and its kind; ok is false when
// the property is in JSON alone. The property is one of the object itself.
func (c Columns) Shredded(key string) (column, kind string, ok bool) {
	for _, kind := range []string{Text, Integer, Number} {
		if name := kind + ":" + key; slices.Contains(c.shredded, name) {
			return identifier(name), kind, true
		}
	}
	return "", "", false
}

// Holds is a condition on the properties of an event, as JSON or empty, that Go
// evaluates, in several goroutines at a time. One that is made under a key is used
// wherever the query has that key.
func (c Columns) Holds(key string, condition func() func(properties string) bool) string {
	return holdsSQL(c.number(key, func() Function {
		holds := condition()
		return func(properties string) (string, bool) { return "", holds(properties) }
	}))
}

// TextOf is an expression for the result of a function in Go, as Holds is for a
// condition.
func (c Columns) TextOf(expression, key string, function func() Function) string {
	return TextOf(expression, c.number(key, function))
}

// MayHave is a condition that holds for all events whose properties have one of some
// keys, and for few others: it looks for the names in the text, for a fraction of what it
// takes to read the JSON. A name that is written in another way has a backslash.
func (c Columns) MayHave(keys ...string) string {
	condition := "contains(properties, " + c.bind(`\`) + ")"
	for _, key := range keys {
		if !strings.ContainsFunc(key, escaped) {
			condition += " OR contains(properties, " + c.bind(`"`+key+`"`) + ")"
		}
	}
	return "(" + condition + ")"
}

// escaped says whether JSON always has a character of a name behind a backslash.
func escaped(r rune) bool { return r < ' ' || r == '"' || r == '\\' }

// Bind returns a placeholder for a value.
func (c Columns) Bind(value any) string { return c.bind(value) }
