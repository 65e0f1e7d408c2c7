package clickhouse

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"eventanalytics/pkg/decimal"
	"eventanalytics/pkg/syntax"
)

// split cuts a filter into one on what events have themselves, which files are read by, and
// the rest, which holds for events of {{local}}.
func (st *statement) split(f syntax.Filter) (own syntax.Filter) {
	switch {
	case isOwn(f):
		return f
	case f.Form != syntax.All:
		st.holds = append(st.holds, st.rest(f))
		return own
	}
	for _, one := range f.Of {
		if isOwn(one) {
			own.Of = append(own.Of, one)
		} else {
			st.holds = append(st.holds, st.rest(one))
		}
	}
	return own
}

// isOwn says whether a filter is on what events have themselves.
func isOwn(f syntax.Filter) bool {
	switch f.Form {
	case syntax.Holds:
		source := f.Condition.Field.Source
		return source == syntax.Property || source == syntax.EventType || source == syntax.UserID
	case syntax.DidSo, syntax.ReachedSo:
		return false
	default:
		return !slices.ContainsFunc(f.Of, func(one syntax.Filter) bool { return !isOwn(one) })
	}
}

// rest is the SQL of a filter of which something is not on events themselves. It is 0 or 1,
// as all conditions are.
func (st *statement) rest(f syntax.Filter) string {
	switch {
	case isOwn(f):
		return st.columns.add("holds "+keyOf(f), func(files *file) string { return files.filter(f) })
	case f.Form == syntax.Holds:
		return st.onOthers(f.Condition)
	case f.Form == syntax.Not:
		return "(NOT " + st.rest(f.Of[0]) + ")"
	case f.Form == syntax.DidSo, f.Form == syntax.ReachedSo:
		return st.cannot("a Source finds users before")
	}
	return joined(f, st.rest)
}

func joined(f syntax.Filter, sql func(syntax.Filter) string) string {
	none, operator := "1", " AND "
	if f.Form == syntax.Any {
		none, operator = "0", " OR "
	}
	parts := make([]string, len(f.Of))
	for i, one := range f.Of {
		parts[i] = sql(one)
	}
	switch len(parts) {
	case 0:
		return none
	case 1:
		return parts[0]
	}
	return "(" + strings.Join(parts, operator) + ")"
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

// onOthers is a condition on the clock or on sets of users.
func (st *statement) onOthers(c syntax.Condition) string {
	switch source := c.Field.Source; source {
	case syntax.Hour, syntax.Weekday:
		return st.comparison(c, st.clockValue(source)).integer()
	case syntax.Cohort:
		return st.in(st.scope.Holding(c))
	default:
		return st.cannot("it is about " + string(source))
	}
}

// filter is the SQL of a filter on what events have themselves.
func (f *file) filter(of syntax.Filter) string {
	switch of.Form {
	case syntax.Holds:
		return "(" + f.condition(of.Condition) + ")"
	case syntax.Not:
		return "(NOT " + f.filter(of.Of[0]) + ")"
	}
	return joined(of, f.filter)
}

func (f *file) condition(of syntax.Condition) string {
	if of.Field.Source != syntax.Property {
		return f.st.comparison(of, string(of.Field.Source)).text()
	}
	column, kind := f.kindOf(of.Field.Keys)
	if kind == "" {
		return f.st.comparison(of, "").json(f.property(of.Field.Keys))
	}
	c := f.st.comparison(of, column)
	switch {
	case of.Op == syntax.Exists:
		return column + " IS NOT NULL"
	case of.Op == syntax.Missing:
		return column + " IS NULL"
	case kind == text:
		return present(c.text())
	case kind == integer:
		return present(c.integer())
	}
	return present(c.double())
}

// present makes a condition on a column one that is not NULL.
func present(condition string) string { return "ifNull(" + condition + ", 0)" }

// comparison is a condition on a column.
type comparison struct {
	*syntax.Test
	st     *statement
	column string
}

func (st *statement) comparison(c syntax.Condition, column string) comparison {
	return comparison{c.Test(st.scope.Zone), st, column}
}

// others are operators for which ClickHouse has nothing that is the same in all cases:
// regular expressions are of another dialect, and instants have up to nine digits.
func (c comparison) others() string { return c.st.cannot("it has no " + c.Op) }

// text compares a column of texts, by bytes.
func (c comparison) text() string {
	switch {
	case c.Op == syntax.Exists:
		return "1"
	case c.Op == syntax.Missing, c.Op == syntax.Has:
		return c.never()
	case c.Op == "~":
		return "position(" + c.column + ", " + c.st.string(c.Text) + ") > 0"
	case c.Equal != nil:
		return c.oneOf(c.column, c.st.strings(c.Equal))
	case c.Op[0] != '<' && c.Op[0] != '>':
		return c.others()
	case c.IsNumber:
		return c.never()
	}
	return c.column + " " + c.Op + " " + c.st.string(c.Text)
}

func (comparison) never() string { return "0" }

func (c comparison) oneOf(column, list string) string {
	if c.Op == "!=" {
		return column + " NOT IN " + list
	}
	return column + " IN " + list
}

// integer compares a column of integers.
func (c comparison) integer() string {
	switch {
	case c.Op == syntax.Exists:
		return "1"
	case c.Op == syntax.Missing, c.Op == syntax.Has:
		return c.never()
	case c.Op == "~":
		return "position(toString(" + c.column + "), " + c.st.string(c.Text) + ") > 0"
	case c.Equal != nil:
		return c.oneOf("toString("+c.column+")", c.st.strings(c.Equal))
	case c.Op[0] != '<' && c.Op[0] != '>':
		return c.others()
	case !c.IsNumber:
		return c.never()
	}
	floor, ok := c.Number.Floor()
	if !ok { // beyond all of the column
		less := decimal.Compare(c.Number, decimal.Decimal{}) > 0
		if less == (c.Op[0] == '<') {
			return c.column + " IS NOT NULL"
		}
		return c.never()
	}
	op := c.Op
	if decimal.Compare(decimal.OfInteger(floor), c.Number) < 0 { // between two integers
		op = map[byte]string{'<': "<=", '>': ">"}[op[0]]
	}
	return c.column + " " + op + " " + c.st.integer(floor)
}

// double compares a column of numbers that are the shortest decimals of their float64.
func (c comparison) double() string {
	switch {
	case c.Op == syntax.Has:
		return c.never()
	case c.Op == "~":
		return "position(" + ofDouble(c.column) + ", " + c.st.string(c.Text) + ") > 0"
	case c.Equal != nil:
		values := []string{"nan"}
		for _, text := range c.Equal {
			if n, ok := decimal.Parse(text); ok && n.String() == text && isShortest(n) {
				values = append(values, c.st.number(n.Float()))
			}
		}
		if len(values) == 1 {
			return strconv.Itoa(map[bool]int{true: 1}[c.Op == "!="]) + " AND " + c.column + " IS NOT NULL"
		}
		return c.oneOf(c.column, "("+strings.Join(values[1:], ", ")+")")
	case c.Op[0] != '<' && c.Op[0] != '>':
		return c.others()
	case !c.IsNumber:
		return c.never()
	}
	condition, _ := c.inOrder(c.column)
	return condition + " AND " + c.column + " IS NOT NULL"
}

// inOrder compares numbers that are the shortest decimals of a float64. With others it is
// right but where tie holds.
func (c comparison) inOrder(x string) (condition, tie string) {
	n, op := c.Number.Float(), c.Op
	if math.IsInf(n, 0) {
		return strconv.Itoa(map[bool]int{true: 1}[(n > 0) == (op[0] == '<')]), "0"
	}
	if !isShortest(c.Number) {
		// The number at this float64 is another one: above or below the filter's.
		above := decimal.Compare(decimal.OfFloat(n), c.Number) > 0
		op = map[bool]map[byte]string{true: {'<': "<", '>': ">="}, false: {'<': "<=", '>': ">"}}[above][op[0]]
	}
	return x + " " + op + " " + c.st.number(n), x + " = " + c.st.number(n)
}

// isShortest says whether a number is the shortest decimal of its float64.
func isShortest(n decimal.Decimal) bool {
	x := n.Float()
	return !math.IsInf(x, 0) && decimal.OfFloat(x) == n
}

// json compares the value that JSON alone has.
func (c comparison) json(p property) string {
	switch {
	case c.Op == syntax.Exists:
		return p.kind() + " != " + isMissing
	case c.Op == syntax.Missing:
		return p.is(isMissing)
	case c.Op == "~":
		return present("position(" + p.asText(everything) + ", " + c.st.string(c.Text) + ") > 0")
	case c.Op == syntax.Has:
		return c.others()
	case c.Equal != nil:
		return present(c.oneOf(p.asText(ofTexts(c.Equal)), c.st.strings(c.Equal)))
	case c.Op[0] != '<' && c.Op[0] != '>':
		return c.others()
	case !c.IsNumber:
		return "(" + p.is(isText) + " AND " + p.text() + " " + c.Op + " " + c.st.string(c.Text) + ")"
	}
	isNumber := p.is(isInteger, isLarge, isDouble)
	condition, tie := c.inOrder(p.float())
	return fmt.Sprintf("(%s AND if(%s, %s, %s))", isNumber, tie, "NOT "+throw(isNumber+" AND "+tie+" AND NOT "+p.exact())+" AND "+condition, condition)
}

// ofTexts says what texts may be those of.
func ofTexts(all []string) (of comparedWith) {
	for _, text := range all {
		_, isNumber := decimal.Parse(text)
		of.numbers = of.numbers || isNumber
		of.nested = of.nested || strings.HasPrefix(text, "[") || strings.HasPrefix(text, "{")
	}
	of.numbers = of.numbers || of.nested
	return of
}
