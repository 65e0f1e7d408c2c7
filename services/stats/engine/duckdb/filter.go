package duckdb

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"

	"eventanalytics/pkg/warehouse/duckdb"
	"eventanalytics/services/stats/filter"
)

// filterSQL is the condition that a filter sets; where it is NULL, it does not hold.
func filterSQL(f filter.Filter, columns duckdb.Columns) string {
	if f.Field != filter.Properties {
		if f.Op == "exists" {
			return "true"
		}
		return anySQL(f, func(value string) string { return textSQL(f.Field, f.Op, columns.Bind(value)) })
	}
	if condition, ok := shreddedSQL(f, columns); ok { // NULL where the key is missing
		return condition
	}
	path := columns.Bind(f.Pointer)
	if f.Op == "exists" {
		return fmt.Sprintf("json_type(properties, %s) IS NOT NULL", path)
	}
	return "coalesce(" + anySQL(f, func(value string) string { return propertySQL(f.Op, path, value, columns.Bind) }) + ", false)"
}

// shreddedSQL compares a property that has a column of its own, with the result of
// propertySQL. ok is false where the column does not tell: the text of numbers with
// a fraction or an exponent is only in JSON.
func shreddedSQL(f filter.Filter, columns duckdb.Columns) (condition string, ok bool) {
	key := strings.TrimPrefix(f.Pointer, "/")
	if strings.Contains(key, "/") {
		return "", false // inside a property
	}
	column, kind, ok := columns.Shredded(strings.NewReplacer("~1", "/", "~0", "~").Replace(key))
	if !ok {
		return "", false
	}
	if f.Op == "exists" {
		return column + " IS NOT NULL", true
	}
	var conditions []string
	for _, value := range f.Values {
		condition, ok := columnSQL(f.Op, column, kind, value, columns.Bind)
		if !ok {
			return "", false
		}
		conditions = append(conditions, condition)
	}
	return "(" + strings.Join(conditions, " OR ") + ")", true
}

// exactFloat is the first integer that float64 cannot tell from the next.
const exactFloat = 1 << 53

func columnSQL(op, column, kind, value string, bind func(any) string) (condition string, ok bool) {
	number, isNumber := numberOf(op, value)
	op = strings.Replace(op, "in", "=", 1)
	switch {
	case kind == duckdb.Text:
		return textSQL(column, op, bind(value)), true
	case kind == duckdb.Integer && !isNumber:
		return textSQL(column+"::VARCHAR", op, bind(value)), true
	case kind == duckdb.Integer && jsonInteger.MatchString(value):
		return fmt.Sprintf("%s::HUGEINT %s %s::HUGEINT", column, op, bind(value)), true
	case kind == duckdb.Integer:
		return fmt.Sprintf("%s::DOUBLE %s %s::DOUBLE", column, op, bind(number)), true
	case kind == duckdb.Number && isNumber && number == 0 && op == "=":
		// Bloom filters skip files with -0 for 0, and the other way round: abs keeps
		// them out of it.
		return fmt.Sprintf("abs(%s) = 0", column), true
	case kind == duckdb.Number && isNumber && (!jsonInteger.MatchString(value) || math.Abs(number) < exactFloat):
		return fmt.Sprintf("%s %s %s::DOUBLE", column, op, bind(number)), true
	}
	return "", false
}

// numberOf returns a value that op compares as a number with numbers.
func numberOf(op, value string) (number float64, ok bool) {
	number, err := strconv.ParseFloat(value, 64)
	return number, op != "~" && jsonNumber.MatchString(value) && err == nil && !math.IsInf(number, 0)
}

// anySQL holds when the condition holds for any of a filter's values.
func anySQL(f filter.Filter, condition func(value string) string) string {
	conditions := make([]string, 0, len(f.Values))
	for _, value := range f.Values {
		conditions = append(conditions, condition(value))
	}
	return "(" + strings.Join(conditions, " OR ") + ")"
}

// textSQL compares two texts by code points: DuckDB compares the bytes of
// UTF-8, which have the same order.
func textSQL(text, op, value string) string {
	switch op {
	case "~":
		return fmt.Sprintf("contains(%s, %s::VARCHAR)", text, value)
	case "in":
		op = "="
	}
	return fmt.Sprintf("%s %s %s::VARCHAR", text, op, value)
}

var (
	jsonNumber  = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$`)
	jsonInteger = regexp.MustCompile(`^-?(0|[1-9][0-9]{0,37})$`)
)

// propertySQL compares the property at path. Whole numbers of 64 bits compare
// exactly with whole numbers, everything else as float64.
func propertySQL(op, path, value string, bind func(any) string) string {
	var (
		kind   = fmt.Sprintf("json_type(properties, %s)", path)
		scalar = fmt.Sprintf("json_extract_string(properties, %s)", path)
		text   = fmt.Sprintf("CASE %s WHEN 'NULL' THEN 'null' ELSE %s END", kind, scalar)
		asText = textSQL("("+text+")", op, bind(value))
	)
	number, ok := numberOf(op, value)
	if !ok {
		return asText
	}
	op = strings.Replace(op, "in", "=", 1)
	asFloat := fmt.Sprintf("TRY_CAST(%s AS DOUBLE) %s %s::DOUBLE", scalar, op, bind(number))
	asInteger := asFloat
	if jsonInteger.MatchString(value) {
		asInteger = fmt.Sprintf("TRY_CAST(%s AS HUGEINT) %s %s::HUGEINT", scalar, op, bind(value))
	}
	return fmt.Sprintf("CASE WHEN %[1]s IN ('BIGINT', 'UBIGINT') THEN %[2]s WHEN %[1]s = 'DOUBLE' THEN %[3]s ELSE %[4]s END",
		kind, asInteger, asFloat, asText)
}
