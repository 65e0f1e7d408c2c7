package metric

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"eventanalytics/pkg/warehouse/duckdb"
)

// MaxFilter is the most code points of a filter as it is written.
const MaxFilter = 1000

// Filter is a condition on events, such as event_type:purchase or
// properties.price>=10. The zero value is not useful; ParseFilter makes one.
type Filter struct {
	field   string   // event_type, user_id or properties
	pointer string   // into properties, RFC 6901
	op      string   // = != > >= < <= ~ in exists
	values  []string // one, any number for in, none for exists
}

// ParseFilter reads
//
//	field op value    where op is : = != > >= < <= or ~ (contains)
//	field:in(a,b)     or, with a space, field in(a,b)
//	field:exists      or field exists
//
// A field is event_type, user_id or properties.key; further keys after dots lead
// into objects, and numbers into arrays. A backslash takes the meaning from the
// character after it.
//
// Values are compared as numbers when the property is a JSON number and the
// value is written like one, otherwise as text, by code points. The text of true,
// false, null, arrays and objects is their JSON without spaces; a number with a
// fraction or an exponent stands there in its shortest form, as 1.5 or 100.0. A
// property that is missing fails every condition.
func ParseFilter(s string) (Filter, error) {
	switch {
	case !utf8.ValidString(s):
		return Filter{}, errors.New("is not valid UTF-8")
	case utf8.RuneCountInString(s) > MaxFilter:
		return Filter{}, fmt.Errorf("has more than %d characters", MaxFilter)
	}
	keys, op, rest, err := cutOperator(s)
	if err != nil {
		return Filter{}, err
	}
	f := Filter{field: keys[0], op: op}
	if err := f.setField(keys); err != nil {
		return Filter{}, err
	}
	if op == ":" {
		f.op = "="
		switch {
		case rest == "exists":
			f.op = "exists"
			return f, nil
		case strings.HasPrefix(rest, "in("):
			f.op = "in"
			f.values, err = parseList(rest)
			return f, err
		}
	}
	value, err := unescape(rest)
	if err != nil {
		return Filter{}, err
	}
	if value == "" && (f.field != "properties" || op != "=" && op != "!=") {
		return Filter{}, fmt.Errorf("has no value after %q", op)
	}
	f.values = []string{value}
	return f, nil
}

func (f *Filter) setField(keys []string) error {
	switch f.field {
	case "event_type", "user_id":
		if len(keys) > 1 {
			return fmt.Errorf("%s has no keys", f.field)
		}
	case "properties":
		if len(keys) == 1 {
			return errors.New("names no property, as in properties.country")
		}
	default:
		return fmt.Errorf("%q is not event_type, user_id or properties.…", f.field)
	}
	for _, key := range keys[1:] {
		if key == "" {
			return errors.New("has an empty key")
		}
		f.pointer += "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(key)
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

// split cuts s at each separator without a backslash, and takes the backslashes
// out.
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

// sql returns the condition; where it is NULL, it does not hold.
func (f Filter) sql(columns duckdb.Columns) string {
	if f.field != "properties" {
		if f.op == "exists" {
			return "true"
		}
		return f.any(func(value string) string { return textSQL(f.field, f.op, columns.Bind(value)) })
	}
	if condition, ok := f.shreddedSQL(columns); ok { // NULL where the key is missing
		return condition
	}
	path := columns.Bind(f.pointer)
	if f.op == "exists" {
		return fmt.Sprintf("json_type(properties, %s) IS NOT NULL", path)
	}
	return "coalesce(" + f.any(func(value string) string { return f.propertySQL(path, value, columns.Bind) }) + ", false)"
}

// shreddedSQL compares a property that has a column of its own, with the result of
// propertySQL. ok is false where the column does not tell: of numbers with a
// fraction or an exponent the text is only in JSON.
func (f Filter) shreddedSQL(columns duckdb.Columns) (condition string, ok bool) {
	key := strings.TrimPrefix(f.pointer, "/")
	if strings.Contains(key, "/") {
		return "", false // inside a property
	}
	column, kind, ok := columns.Shredded(strings.NewReplacer("~1", "/", "~0", "~").Replace(key))
	if !ok {
		return "", false
	}
	if f.op == "exists" {
		return column + " IS NOT NULL", true
	}
	var conditions []string
	for _, value := range f.values {
		condition, ok := f.columnSQL(column, kind, value, columns.Bind)
		if !ok {
			return "", false
		}
		conditions = append(conditions, condition)
	}
	return "(" + strings.Join(conditions, " OR ") + ")", true
}

// exactFloat is the first integer that float64 cannot tell from the next.
const exactFloat = 1 << 53

func (f Filter) columnSQL(column, kind, value string, bind func(any) string) (condition string, ok bool) {
	number, isNumber := f.number(value)
	op := strings.Replace(f.op, "in", "=", 1)
	switch {
	case kind == duckdb.Text:
		return textSQL(column, f.op, bind(value)), true
	case kind == duckdb.Integer && !isNumber:
		return textSQL(column+"::VARCHAR", f.op, bind(value)), true
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

// number returns a value that is compared as a number with numbers.
func (f Filter) number(value string) (number float64, ok bool) {
	number, err := strconv.ParseFloat(value, 64)
	return number, f.op != "~" && jsonNumber.MatchString(value) && err == nil && !math.IsInf(number, 0)
}

// any joins the conditions of a filter's values.
func (f Filter) any(condition func(value string) string) string {
	conditions := make([]string, 0, len(f.values))
	for _, value := range f.values {
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
func (f Filter) propertySQL(path, value string, bind func(any) string) string {
	var (
		kind   = fmt.Sprintf("json_type(properties, %s)", path)
		scalar = fmt.Sprintf("json_extract_string(properties, %s)", path)
		text   = fmt.Sprintf("CASE %s WHEN 'NULL' THEN 'null' ELSE %s END", kind, scalar)
		asText = textSQL("("+text+")", f.op, bind(value))
	)
	number, ok := f.number(value)
	if !ok {
		return asText
	}
	op := strings.Replace(f.op, "in", "=", 1)
	asFloat := fmt.Sprintf("TRY_CAST(%s AS DOUBLE) %s %s::DOUBLE", scalar, op, bind(number))
	asInteger := asFloat
	if jsonInteger.MatchString(value) {
		asInteger = fmt.Sprintf("TRY_CAST(%s AS HUGEINT) %s %s::HUGEINT", scalar, op, bind(value))
	}
	return fmt.Sprintf("CASE WHEN %[1]s IN ('BIGINT', 'UBIGINT') THEN %[2]s WHEN %[1]s = 'DOUBLE' THEN %[3]s ELSE %[4]s END",
		kind, asInteger, asFloat, asText)
}
