package clickhouse

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// What a statement throws. Both are code 395; the text tells them apart.
const (
	inexact = "analytics: inexact" // an event has what only another engine reads exactly
	missing = "analytics: missing" // files have fewer events than the manifest says
)

// throw is SQL that throws where a condition on events holds. It is as true as 0.
func throw(condition string) string { return "throwIf(" + condition + ", '" + inexact + "')" }

// Codes of JSONType, and what is no value.
const (
	isMissing = "-1"
	isNull    = "0"
	isText    = "34"
	isArray   = "91"
	isBool    = "98"
	isDouble  = "100"
	isInteger = "105"
	isLarge   = "117" // an integer beyond Int64
	isObject  = "123"
)

// property is the value that the JSON of events has under some keys.
//
// simdjson, with which ClickHouse reads JSON, knows numbers as 64 bits. Their text is theirs
// exactly when they have 15 digits at most, which the JSON tells where the name is there once.
// Documents that it refuses, as one with a larger integer, throw.
type property struct {
	files *file
	id    string // what the names of its expressions begin with
	keys  []string
	args  string // properties and the keys, of ClickHouse's JSON functions
}

func (f *file) property(keys []string) property {
	p := property{files: f, id: f.st.numberOf(keys), keys: keys, args: "properties"}
	for i, key := range keys {
		p.args += ", " + f.st.string(key)
		if i > 0 && isPlace(key) {
			f.st.cannot("a key may be a place in an array")
		}
	}
	return p
}

// numberOf is a name for keys, which no others have.
func (st *statement) numberOf(keys []string) string {
	key := fmt.Sprintf("%q", keys)
	id, ok := st.properties[key]
	if !ok {
		id = fmt.Sprintf("j%d_", len(st.properties))
		st.properties[key] = id
	}
	return id
}

func isPlace(key string) bool {
	_, err := strconv.ParseUint(key, 10, 64)
	return err == nil
}

// quoted is a key as JSON has it; ok is false where it may be written in several ways.
func (p property) quoted(key string) (sql string, ok bool) {
	return p.files.st.string(`"` + key + `"`), !strings.ContainsFunc(key, escaped)
}

// escaped says whether JSON always has a character of a name behind a backslash.
func escaped(r rune) bool { return r < ' ' || r == '"' || r == '\\' }

const backslash = `position(properties, '\\') > 0`

// mayBe is a condition that holds for all events that have the property, and few others: a
// name that is written in another way has a backslash.
func (p property) mayBe() string {
	condition := backslash
	if name, ok := p.quoted(p.keys[0]); ok {
		condition = "position(properties, " + name + ") > 0 OR " + backslash
	}
	return p.define("m", condition)
}

// define gives an expression a name in the statement.
func (p property) define(name, expression string) string {
	return p.files.define(p.id+name, "("+expression+")")
}

// kind is the code of the value.
func (p property) kind() string {
	may := p.mayBe()
	return p.define("k", fmt.Sprintf("multiIf(NOT %s, -1, NOT isValidJSON(properties), toInt16(%s) - 1, JSONHas(%s), CAST(JSONType(%s), 'Int16'), -1)",
		may, throw(may+" AND NOT isValidJSON(properties)"), p.args, p.args))
}

func (p property) is(kinds ...string) string {
	if len(kinds) == 1 {
		return p.kind() + " = " + kinds[0]
	}
	return p.kind() + " IN (" + strings.Join(kinds, ", ") + ")"
}

func (p property) float() string { return p.define("x", "JSONExtractFloat("+p.args+")") }
func (p property) text() string  { return "JSONExtractString(" + p.args + ")" }

// exact is a condition that a number is the shortest decimal of its float64.
func (p property) exact() string {
	double := "0"
	last := p.keys[len(p.keys)-1]
	if name, ok := p.quoted(last); ok {
		raw := p.define("r", "extract(properties, "+p.files.st.string(`"`+regexp.QuoteMeta(last)+`"\s*:\s*(-?[0-9.eE+\-]+)`)+")")
		double = fmt.Sprintf("(length(%[1]s) BETWEEN 1 AND 15 AND countSubstrings(properties, %[2]s) = 1 AND NOT %[4]s AND "+
			"if(%[3]s = 0, NOT match(%[1]s, '^-?[0.]*[1-9]'), abs(%[3]s) BETWEEN 1e-300 AND 1e300))", raw, name, p.float(), backslash)
	}
	return p.define("e", fmt.Sprintf("if(%s, %s, abs(%s) <= 9e15)", p.is(isDouble), double, p.float()))
}

// asText is the text of the value, NULL where there is none. What of is about decides which
// values it has to be exact for: the text of others is one that no value has that it could
// be mistaken for.
func (p property) asText(of comparedWith) string {
	double := ofDouble(p.float())
	if of.numbers {
		double = "if(" + p.exact() + ", " + double + ", " + orThrow(p.is(isDouble)+" AND NOT "+p.exact()) + ")"
	} else {
		double = "'['"
	}
	nested := "'['"
	if of.nested {
		nested = orThrow(p.is(isArray, isObject))
	}
	return fmt.Sprintf("multiIf(%[1]s = -1, NULL, %[1]s = 34, %[2]s, %[1]s = 98, if(JSONExtractBool(%[3]s), 'true', 'false'), %[1]s = 0, 'null', "+
		"%[1]s = 105, toString(JSONExtractInt(%[3]s)), %[1]s = 117, toString(JSONExtractUInt(%[3]s)), %[1]s = 100, %[4]s, %[5]s)",
		p.kind(), p.text(), p.args, double, nested)
}

// asNumber is the canonical text of the JSON number, NULL where there is none.
func (p property) asNumber() string {
	return fmt.Sprintf("if(%s, %s, NULL)", p.is(isInteger, isLarge, isDouble), p.asText(everything))
}

// orThrow is a text, for events for which a condition does not hold.
func orThrow(condition string) string { return "toString(" + throw(condition) + ")" }

// ofDouble is the canonical text of a float64. Large and small ones have an exponent, which
// is written in another way. toInt64 refuses infinity and NaN, which JSONExtractFloat makes
// of the texts "inf" and "nan", also where the branch is not taken.
func ofDouble(x string) string {
	whole := fmt.Sprintf("(abs(%[1]s) < 1e15 AND %[1]s = trunc(%[1]s))", x)
	plain := fmt.Sprintf("(abs(%[1]s) >= 1e-3 AND abs(%[1]s) < 1e15)", x)
	return fmt.Sprintf("multiIf(%[2]s, toString(toInt64(if(%[2]s, %[1]s, 0))), %[3]s, toString(%[1]s), %[4]s)", x, whole, plain, orThrow("NOT ("+whole+" OR "+plain+")"))
}

// comparedWith says what texts are compared with.
type comparedWith struct{ numbers, nested bool }

var everything = comparedWith{true, true}
