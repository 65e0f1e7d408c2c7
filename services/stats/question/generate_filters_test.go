package question_test

import (
	"encoding/json"
	"strings"
	"time"

	"eventanalytics/pkg/oracle"
)

// someExpressions are regular expressions.
var someExpressions = []string{`UA|PL`, `(?i)pl`, `^1`, `\d+\.\d`, `^$`, `[^a-z]`, `a,b`, `a\|b`, `x\)`, `é|ü`, `^.$`, `(a|b)+`, `"`, `.*`, `^\pL+$`}

// instants are dates and date-times as filters write them.
func (g generator) instants() []string {
	near := g.near
	if near.IsZero() {
		near = pick(g, scenes).at()
	}
	anywhere := time.Unix(g.Int64N(1_800_000_000), 0).UTC()
	return []string{
		"2025-03-09", "2025-03-10", "2025-03-09T07:00:00Z", "2025-03-09T03:00:00.000001-04:00", "2011-12-30", "2011-12-31", "1970-01-02",
		anywhere.Format(time.DateOnly), anywhere.Format(time.RFC3339), anywhere.In(time.FixedZone("", 20700)).Format(time.RFC3339),
		near.Format(time.DateOnly), near.Format(time.RFC3339Nano), near.AddDate(0, 0, g.IntN(9)-4).Format(time.DateOnly),
	}
}

var someOps = []string{"=", "!=", ">", ">=", "<", "<=", "~", ":", "in", "exists", "missing"}

// filter makes a condition on a field of events as segment reads it, and for the oracle.
func (g generator) filter() (string, oracle.Condition) {
	field, of := g.field()
	return g.compared(field, of, pick(g, someOps))
}

// condition makes one as filter reads it.
func (g generator) condition() (string, oracle.Condition) {
	field, of := g.anyField()
	if of.Cohort != nil && g.maybe(2) { // alone
		return field, oracle.Condition{Field: of, Op: "=", Values: []string{"true"}}
	}
	instants := []string{"since", "before", "exists", "missing"}
	if of.Source == "first_seen" || of.Source == "last_seen" {
		return g.compared(field, of, pick(g, instants))
	}
	return g.compared(field, of, pick(g, append([]string{"since", "before", "matches", "matches", "has"}, someOps...)))
}

// value makes a text to compare a field with.
func (g generator) value(of oracle.Field) string {
	switch of.Source {
	case "cohort":
		return pick(g, []string{"true", "true", "false", "tr", "1", "TRUE"})
	case "event_type", "user_id":
		return pick(g, append([]string{"1e1", "43.0"}, append(someUsers, someTypes...)...))
	case "time.hour":
		return pick(g, []string{"0", "1", "2.5", "3", "07", "23", "23.0", "24", "2e1"})
	case "time.weekday":
		return pick(g, []string{"0", "1", "3.5", "6", "7", "7.0", "8"})
	}
	v := pick(g, someValues)
	if isText(v) {
		var s string
		if err := json.Unmarshal([]byte(v), &s); err != nil {
			panic(err)
		}
		return s
	}
	return pick(g, []string{v, v, "10", "9.5", "100", "1e400", "-1e400", "1e-999", "010", "0.3", "9007199254740992.5", "99999999999999999999999999999999999998.5", "nul", `[1,"a",3]`, `[1.0,2e0,"é/"]`, `{"x":1.50}`})
}

// compared makes a condition with the operator.
func (g generator) compared(field string, of oracle.Field, op string) (string, oracle.Condition) {
	c := oracle.Condition{Field: of, Op: op}
	word := pick(g, []string{":", " ", " : ", ": "})
	space := func() string { return pick(g, []string{"", "", " "}) }
	switch c.Op {
	case "exists", "missing":
		return field + word + c.Op + space(), c
	case "since", "before":
		c.Values = []string{pick(g, g.instants())}
		return field + word + c.Op + space() + "(" + space() + c.Values[0] + space() + ")" + space(), c
	case "matches":
		c.Values = []string{pick(g, someExpressions)}
		return field + word + c.Op + "(" + c.Values[0] + ")" + space(), c
	case "has":
		c.Values = []string{pick(g, []string{"UA", "10", "10.0", "1", "a", "null", "[1]", "é/", "a,b", " 10"})}
		return field + word + c.Op + space() + "(" + space() + escapeValue(c.Values[0]) + space() + ")" + space(), c
	case "in":
		var list []string
		for range 1 + g.IntN(3) {
			v := g.value(of)
			if v == "" && len(list) == 0 { // in() has no values
				v = "UA"
			}
			c.Values = append(c.Values, v)
			list = append(list, space()+escapeValue(v)+space())
		}
		return field + word + "in" + space() + "(" + strings.Join(list, ",") + ")" + space(), c
	}
	v := g.value(of)
	ordered := strings.ContainsAny(c.Op, "<>")
	isName := of.Source == "event_type" || of.Source == "user_id"
	isTime := strings.HasPrefix(of.Source, "time.")
	for v == "" && (ordered || c.Op == "~" || c.Op == ":") || ordered && (isName && json.Valid([]byte(v)) || isTime && !json.Valid([]byte(v))) {
		v = g.value(of)
	}
	c.Values = []string{v}
	value := escapeValue(v)
	if op == ":" {
		c.Op = "="
		if v == "exists" || v == "not_exists" {
			value = `\` + value
		}
	}
	return field + space() + op + space() + value + space(), c
}

// tree makes a filter as JSON and for the oracle, of so many levels at most.
func (g generator) tree(depth int) (any, oracle.Filter) {
	form := g.IntN(6)
	if depth == 1 || form > 3 {
		return g.condition()
	}
	if form == 3 {
		if g.maybe(4) {
			return g.reached(depth - 1)
		}
		return g.did(depth - 1)
	}
	if form == 0 {
		text, f := g.tree(depth - 1)
		return map[string]any{"not": text}, oracle.Not{Filter: f}
	}
	texts, filters := []any{}, []oracle.Filter{}
	for range pick(g, []int{0, 1, 2, 2, 2, 3}) {
		text, f := g.tree(depth - 1)
		texts, filters = append(texts, text), append(filters, f)
	}
	if form == 1 {
		return map[string]any{"any": texts}, oracle.Any(filters)
	}
	return texts, oracle.All(filters)
}

// escapeValue writes a value in a filter.
func escapeValue(v string) string {
	v = escapeFilter(v, `\,)|`)
	if strings.HasPrefix(v, " ") {
		v = `\` + v
	}
	return v
}

// field makes a field as a filter writes it, and for the oracle.
func (g generator) field() (string, oracle.Field) {
	switch g.IntN(6) {
	case 0:
		return "event_type", oracle.Field{Source: "event_type"}
	case 1:
		return "user_id", oracle.Field{Source: "user_id"}
	}
	path := g.path()
	return "properties." + writePath(path), oracle.Field{Source: "properties", Keys: path}
}

// anyField makes any field.
func (g generator) anyField() (string, oracle.Field) {
	if g.inSessions && g.maybe(4) {
		g.inSessions = false
		field, of := g.anyField()
		of.At = pick(g, []string{"entry", "exit"})
		return of.At + "." + field, of
	}
	switch g.IntN(9) {
	case 8:
		if len(g.cohorts) > 0 {
			c := pick(g, g.cohorts)
			return "cohort:" + c.name, oracle.Field{Source: "cohort", Cohort: c.oracle}
		}
	case 0, 1:
		source, path := pick(g, []string{"user", "first"}), g.path()
		return source + "." + writePath(path), oracle.Field{Source: source, Keys: path}
	case 2:
		source := pick(g, []string{"first_seen", "last_seen", "time.hour", "time.weekday"})
		return source, oracle.Field{Source: source}
	}
	return g.field()
}

// path makes the keys that lead to a property.
func (g generator) path() []string {
	return [][]string{{pick(g, someKeys)}, {pick(g, someKeys)}, {"n"}, {"n", "x"}, {"n", "y.z"}, {"n", "x", "deep"}, {"missing"}, {"n", "missing"}, {pick(g, someKeys), "0"}}[g.IntN(9)]
}

// writePath writes keys as fields do.
func writePath(path []string) string {
	var keys []string
	for _, key := range path {
		if key == "" {
			keys = append(keys, `""`)
		} else {
			keys = append(keys, escapeFilter(key, `\.:=!<>~ `))
		}
	}
	return strings.Join(keys, ".")
}

func escapeFilter(s, special string) string {
	var b strings.Builder
	for _, r := range s {
		if strings.ContainsRune(special, r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}
