package duckdb

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"eventanalytics/pkg/calendar"
	"eventanalytics/pkg/decimal"
	"eventanalytics/pkg/syntax"
	"eventanalytics/pkg/warehouse/duckdb"
	"eventanalytics/services/stats/engine"
)

// whereSQL is the condition that a filter sets; where it is NULL, it does not hold.
// Columns are compared in SQL. What only the JSON of properties tells is left to
// package syntax: DuckDB's JSON functions read numbers as float64 and rewrite them.
func whereSQL(s engine.Scope, columns duckdb.Columns) string {
	w := where{s.Zone, columns, new(int)}
	return w.filter(s.Filter)
}

// where makes the SQL of a scope's filter.
type where struct {
	zone    *calendar.Zone
	columns duckdb.Columns
	sets    *int // how many comparisons use one
}

func (w where) filter(f syntax.Filter) string {
	switch f.Form {
	case syntax.All:
		return w.all(f.Of)
	case syntax.Holds:
		return w.all([]syntax.Filter{f})
	case syntax.Not:
		return "(" + w.filter(f.Of[0]) + ") IS NOT TRUE"
	}
	parts := []string{"false"}
	for _, one := range f.Of {
		parts = append(parts, w.filter(one))
	}
	return "(" + strings.Join(parts, " OR ") + ")"
}

// all is the condition that all filters hold. What is in JSON alone is looked up
// together.
func (w where) all(filters []syntax.Filter) string {
	parts := []string{"true"}
	var rest []syntax.Filter
	for _, f := range filters {
		if f.Form != syntax.Holds {
			parts = append(parts, w.filter(f))
			continue
		}
		if condition, ok := w.column(f.Condition); ok {
			parts = append(parts, condition)
		} else {
			rest = append(rest, f)
		}
	}
	if len(rest) > 0 {
		key := ""
		for _, f := range rest {
			key += strconv.Quote(f.Condition.Text)
		}
		parts = append(parts, w.columns.Holds(key, func() func(string) bool { return syntax.OfProperties(syntax.And(rest...), w.zone) }))
	}
	return "(" + strings.Join(parts, " AND ") + ")"
}

// column is a condition on what has a column of its own, with the result of
// syntax.Test. ok is false where there is no column, or it does not tell.
func (w where) column(f syntax.Condition) (condition string, ok bool) {
	c := comparison{column: string(f.Field.Source), Test: f.Test(w.zone), bind: w.columns.Bind, sets: w.sets}
	if f.Field.Source != syntax.Property {
		return c.text(), true
	}
	switch f.Op {
	case syntax.Matches, syntax.Has, syntax.Since, syntax.Before:
		return "", false
	}
	if len(f.Field.Keys) > 1 {
		return "", false // inside a property
	}
	var kind string
	c.column, kind, ok = w.columns.Shredded(f.Field.Keys[0])
	switch {
	case !ok:
		return "", false
	case f.Op == syntax.Exists:
		return c.column + " IS NOT NULL", true
	case f.Op == syntax.Missing:
		return c.column + " IS NULL", true
	case kind == duckdb.Text:
		return c.text(), true
	case kind == duckdb.Integer:
		return c.integer(), true
	case kind == duckdb.Number && f.Op != "~": // their text is in JSON
		return c.number(), true
	}
	return "", false
}

// comparison is a filter on a column.
type comparison struct {
	*syntax.Test
	column string
	bind   func(any) string
	sets   *int // how many comparisons use one
}

// maxSets is how many comparisons with several values use a set: each is a hash join
// of 2 MB, for each group of files that are read together.
const maxSets = 4

// text compares a column of texts, by code points: DuckDB compares the bytes of UTF-8,
// which have the same order.
func (c comparison) text() string {
	switch {
	case c.Op == syntax.Exists:
		return "true"
	case c.Op == syntax.Missing:
		return "false"
	case c.Op == "~":
		return fmt.Sprintf("contains(%s, %s::VARCHAR)", c.column, c.bind(c.Text))
	case c.Equal != nil:
		var values []any
		for _, text := range c.Equal {
			values = append(values, text)
		}
		return c.isIn(values, "VARCHAR")
	case c.IsNumber:
		return "false"
	}
	return fmt.Sprintf("%s %s %s::VARCHAR", c.column, c.Op, c.bind(c.Text))
}

// isIn compares for equality. DuckDB looks up several values in a set, and skips parts
// of files that have none of them; beyond maxSets it goes through a list.
func (c comparison) isIn(values []any, kind string) string {
	not := ""
	if c.Op == "!=" {
		not = "NOT "
	}
	if len(values) == 0 {
		return strconv.FormatBool(c.Op == "!=") + " AND " + c.column + " IS NOT NULL"
	}
	list := make([]string, len(values))
	for i, value := range values {
		list[i] = c.bind(value) + "::" + kind
	}
	if len(list) > 1 {
		if *c.sets++; *c.sets > maxSets {
			return fmt.Sprintf("%slist_contains([%s], %s)", not, strings.Join(list, ", "), c.column)
		}
	}
	return fmt.Sprintf("%s %sIN (%s)", c.column, not, strings.Join(list, ", "))
}

// integer compares a column of integers, whose texts are canonical.
func (c comparison) integer() string {
	switch {
	case c.Op == "~":
		return fmt.Sprintf("contains(%s::VARCHAR, %s::VARCHAR)", c.column, c.bind(c.Text))
	case c.Equal != nil:
		var values []any
		for _, text := range c.Equal {
			if n, err := strconv.ParseInt(text, 10, 64); err == nil && strconv.FormatInt(n, 10) == text {
				values = append(values, n)
			}
		}
		return c.isIn(values, "BIGINT")
	case !c.IsNumber:
		return "false"
	}
	floor, ok := c.Number.Floor()
	if !ok { // beyond all of the column
		less := decimal.Compare(c.Number, decimal.Decimal{}) > 0
		return strconv.FormatBool(less == (c.Op[0] == '<')) + " AND " + c.column + " IS NOT NULL"
	}
	op := c.Op
	if decimal.Compare(decimal.OfInteger(floor), c.Number) < 0 { // between two integers
		op = map[byte]string{'<': "<=", '>': ">"}[op[0]]
	}
	return fmt.Sprintf("%s %s %s::BIGINT", c.column, op, c.bind(floor))
}

// number compares a column of numbers that are the shortest decimals of their float64.
func (c comparison) number() string {
	if c.Equal != nil {
		var values []any
		for _, text := range c.Equal {
			n, ok := decimal.Parse(text)
			if ok && n.String() == text && isShortest(n) && !slices.Contains(values, any(n.Float())) {
				values = append(values, n.Float())
			}
		}
		return c.isIn(values, "DOUBLE")
	}
	if !c.IsNumber {
		return "false"
	}
	x, op := c.Number.Float(), c.Op
	if math.IsInf(x, 0) {
		return strconv.FormatBool((x > 0) == (op[0] == '<')) + " AND " + c.column + " IS NOT NULL"
	}
	if n := decimal.OfFloat(x); !isShortest(c.Number) {
		// The column's number at this float64 is another one: above or below the filter's.
		above := decimal.Compare(n, c.Number) > 0
		op = map[bool]map[byte]string{true: {'<': "<", '>': ">="}, false: {'<': "<=", '>': ">"}}[above][op[0]]
	}
	return fmt.Sprintf("%s %s %s::DOUBLE", c.column, op, c.bind(x))
}

// isShortest says whether a number is the shortest decimal of its float64.
func isShortest(n decimal.Decimal) bool {
	x := n.Float()
	return !math.IsInf(x, 0) && decimal.OfFloat(x) == n
}
