package duckdb

import (
	"database/sql"
	"fmt"
	"regexp"
)

// values are those that the text of a statement names, and functions in Go among them,
// which are known until release.
type values struct {
	holds   *functions
	args    []any
	bound   map[any]string   // names, by value
	numbers map[string]int64 // of functions, by what tells them apart
	persons string           // the expression of user_key, once it is made
}

func (db *DB) newValues(project int64, args ...any) *values {
	return &values{holds: &db.holds, args: append([]any{sql.Named("project", project)}, args...), bound: map[any]string{}, numbers: map[string]int64{}}
}

// columns is what conditions bind their values with.
func (v *values) columns() Columns { return Columns{bind: v.bind, number: v.number} }

// bind returns a placeholder for a value.
func (v *values) bind(value any) string {
	name, ok := v.bound[value]
	if !ok {
		name = fmt.Sprintf("w%d", len(v.bound))
		v.bound[value] = name
		v.args = append(v.args, sql.Named(name, value))
	}
	return "$" + name
}

// number returns a placeholder for the number of a function.
func (v *values) number(key string, function func() Function) string {
	number, known := v.numbers[key]
	if !known {
		number = v.holds.addText(function())
		v.numbers[key] = number
	}
	return v.bind(number)
}

// addText makes a function known under a name.
func (v *values) addText(name string, text Function) {
	number := v.holds.addText(text)
	v.numbers["$"+name] = number
	v.args = append(v.args, sql.Named(name, number))
}

// addRows returns a placeholder for the number of a function of rows.
func (v *values) addRows(function RowFunction) string {
	number := v.holds.addRows(function)
	v.numbers[fmt.Sprintf("$%d", number)] = number
	return v.bind(number)
}

// release forgets the functions.
func (v *values) release() {
	for _, number := range v.numbers {
		v.holds.remove(number)
	}
}

// namePattern also matches quoted identifiers, which are no names of values: a
// column of the property $os has one in its name.
var namePattern = regexp.MustCompile(`"(?:[^"]|"")*"|\$([A-Za-z_][A-Za-z_0-9]*)`)

// checkNames refuses SQL that names a value that is missing: the driver would
// fall back to the value in the same place.
func checkNames(text string, args []any) error {
	given := map[string]bool{}
	for _, arg := range args {
		named, ok := arg.(sql.NamedArg)
		if !ok {
			return fmt.Errorf("value %v has no name", arg)
		}
		given[named.Name] = true
	}
	for _, match := range namePattern.FindAllStringSubmatch(text, -1) {
		if match[1] != "" && !given[match[1]] {
			return fmt.Errorf("no value for $%s", match[1])
		}
	}
	return nil
}
