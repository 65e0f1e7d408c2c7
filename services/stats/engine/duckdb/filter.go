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

// whereSQL is the condition that a filter on what events have themselves sets; where it
// is NULL, it does not hold. Columns are compared in SQL. What only the JSON of
// properties tells is left to package syntax: DuckDB's JSON functions read numbers as
// float64 and rewrite them.
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
	case syntax.Holds:
		if condition, ok := w.column(f.Condition); ok {
			return "(" + condition + ")"
		}
		return w.json(f)
	case syntax.Not:
		if w.inJSON(f.Of[0]) {
			return w.json(f)
		}
		return "(" + w.filter(f.Of[0]) + " IS NOT TRUE)"
	case syntax.Any:
		return w.join(f, "false", " OR ")
	default:
		return w.join(f, "true", " AND ")
	}
}

// join joins the filters of one. What is in JSON alone is looked up together.
func (w where) join(f syntax.Filter, none, operator string) string {
	parts := []string{none}
	rest := syntax.Filter{Form: f.Form}
	for _, one := range f.Of {
		if w.inJSON(one) {
			rest.Of = append(rest.Of, one)
		} else {
			parts = append(parts, w.filter(one))
		}
	}
	if len(rest.Of) > 0 {
		parts = append(parts, w.json(rest))
	}
	return "(" + strings.Join(parts, operator) + ")"
}

// inJSON says whether a filter is on nothing but properties that have no column.
func (w where) inJSON(f syntax.Filter) bool {
	if f.Form == syntax.Holds {
		return f.Condition.Field.Source == syntax.Property && !w.hasColumn(f.Condition)
	}
	return len(f.Of) > 0 && !slices.ContainsFunc(f.Of, func(one syntax.Filter) bool { return !w.inJSON(one) })
}

// json is the condition that a filter on properties holds, which Go evaluates for those
// events that may have one of them.
func (w where) json(f syntax.Filter) string {
	holds := func() func(string) bool { return syntax.OfProperties(f, w.zone) }
	return fmt.Sprintf("CASE WHEN %s THEN %s ELSE %t END", w.columns.MayHave(names(f)...), w.columns.Holds(keyOf(f), holds), holds()(""))
}

// names are the keys that a filter on properties looks for in these.
func names(f syntax.Filter) []string {
	if f.Form == syntax.Holds {
		return f.Condition.Field.Keys[:1]
	}
	var all []string
	for _, one := range f.Of {
		all = append(all, names(one)...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// keyOf tells filters apart.
func keyOf(f syntax.Filter) string {
	c := f.Condition
	key := fmt.Sprintf("(%s %s %q %s %q", f.Form, c.Field.Source, c.Field.Keys, c.Op, c.Values)
	for _, one := range f.Of {
		key += keyOf(one)
	}
	return key + ")"
}

// hasColumn says whether a condition on a property is on a column that tells.
func (w where) hasColumn(f syntax.Condition) bool {
	if len(f.Field.Keys) > 1 || !compared(f.Op) {
		return false // inside a property
	}
	_, kind, ok := w.columns.Shredded(f.Field.Keys[0])
	return ok && (kind != duckdb.Number || f.Op != "~") // their text is in JSON
}

// column is a condition on what has a column of its own, with the result of
// syntax.Test. ok is false where there is no column, or it does not tell.
func (w where) column(f syntax.Condition) (condition string, ok bool) {
	c := comparison{column: string(f.Field.Source), Test: f.Test(w.zone), bind: w.columns.Bind, sets: w.sets}
	if f.Field.Source != syntax.Property {
		if !compared(f.Op) {
			return w.texts(f, c), true
		}
		return c.text(), true
	}
	if !w.hasColumn(f) {
		return "", false
	}
	var kind string
	c.column, kind, _ = w.columns.Shredded(f.Field.Keys[0])
	switch {
	case f.Op == syntax.Exists:
		return c.column + " IS NOT NULL", true
	case f.Op == syntax.Missing:
		return c.column + " IS NULL", true
	case kind == duckdb.Text:
		return c.text(), true
	case kind == duckdb.Integer:
		return c.integer(), true
	default:
		return c.number(), true
	}
}

// texts is a condition on event types or user ids that Go evaluates.
func (w where) texts(f syntax.Condition, c comparison) string {
	return w.columns.TextOf(c.column, "texts "+keyOf(syntax.Filter{Form: syntax.Holds, Condition: f}), func() duckdb.Function {
		return func(text string) (string, bool) { return "", c.HoldsText(text) }
	}) + " IS NOT NULL"
}

// compared says whether SQL has an operator.
func compared(op string) bool {
	return slices.Contains([]string{"=", "!=", ">", ">=", "<", "<=", "~", syntax.In, syntax.Exists, syntax.Missing}, op)
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
