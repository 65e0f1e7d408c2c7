package question_test

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"eventanalytics/pkg/property"
)

// hostileKeys are keys of properties that a column, a statement or a path may take for
// something else.
var hostileKeys = []string{
	"a", "a.null", "a.size", "a.b", "A.b", "a.size0", "a[0]", "a..b", ".x", "x.", "x`y", `x\y`, `x\\`, "'", `"`, "a,b", "a)", " a ", "%", "a\tb", `\N`, "a.*", "a.^b", "--", "/*", "#", ";",
	"{{local}}", "{{part}}", "{v0:String}", "@v0", "?", "$1", "text:a", "us", "day", "properties", "j0_k", "e0", "f0", "null", "keys", "element", "list", "É", "é", "ß", "😀", "1", "-1", "",
}

// hostileNumbers lie where numbers change how they are read or written.
var hostileNumbers = []string{
	"0", "-0", "0.0", "-0.0", "0e5", "-0e-5", "1", "-1", "1e0", "1E+0", "1.50", "10e4", "1e14", "1e15", "999999999999999", "999999999999999.9", "1000000000000000", "1e-3", "0.001", "0.0009999",
	"9007199254740991", "9007199254740992", "9007199254740993", "-9007199254740993", "9000000000000001", "9e15", "9000000000000000.0",
	"9223372036854775807", "9223372036854775808", "-9223372036854775808", "-9223372036854775809", "18446744073709551615", "18446744073709551616",
	"1.7976931348623157e308", "5e-324", "2.2250738585072014e-308", "1e-400", "123456789012.345", "0.1", "0.3", "0.30000000000000004", "100000000000000.1", "100000000000000.12", "4503599627370496.5", "1e22", "1e23",
}

// hostileTexts are texts that are read as something else, or compared in another way.
var hostileTexts = []string{
	"", "a", "b", `\N`, "NULL", "null", "true", "false", "tr", "[", "{", "[]", "{}", "[1]", "'", `\`, `\\`, `"`, "\n", "\t", "\r", "\b\f", "\x01", "\x7f", "%", "_", " a", "a ", "-", ".", "e+",
	"\u2028", "\ufeffa", "\uffff", "\U00010000", "\ue000", "ß", "ẞ", "İ", "i̇", "K", "\u212a", "{v0:String}", "@v0", "?", "{{local}}", `\t`, `\x41`,
	"0x10", "1e1", "+1", "1.", ".5", "01", "2.5", "nan", "NaN", "inf", "-inf", "Infinity",
}

func (g generator) hostileNumber() string {
	switch g.IntN(12) {
	case 0: // any float64 of exponents from -64 to 63
		return strconv.FormatFloat(math.Float64frombits(g.Uint64()&(1<<63|1<<52-1)|uint64(0x3bf+g.IntN(0x80))<<52), 'g', -1, 64)
	case 1:
		return strconv.FormatInt(int64(g.Uint64()), 10)
	case 2:
		return strconv.FormatUint(g.Uint64(), 10)
	case 3:
		return strconv.FormatFloat((g.Float64()-0.5)*math.Pow(10, float64(g.IntN(600)-300)), 'g', -1, 64)
	case 4:
		return strconv.FormatFloat((g.Float64()-0.5)*math.Pow(10, float64(g.IntN(18)-3)), 'f', g.IntN(16), 64)
	case 5:
		return fmt.Sprintf("%de%d", g.Int64N(2000)-1000, g.IntN(40)-20)
	}
	return pick(g, hostileNumbers)
}

func (g generator) hostileText() string {
	switch g.IntN(10) {
	case 0:
		return strings.Repeat(pick(g, []string{"x", "é", "😀", `\`, "\t"}), g.IntN(3000)) + pick(g, []string{"", "a", "b", "\U0010ffff"})
	case 1, 2:
		return g.hostileNumber()
	}
	return pick(g, hostileTexts)
}

// hostileQuote writes a text as JSON, with escapes that it does not need.
func (g generator) hostileQuote(text string) string {
	if first := []rune(text + " ")[0]; text != "" && first < 0x10000 && g.maybe(5) {
		return fmt.Sprintf(`"\u%04x`, first) + property.OfText(strings.TrimPrefix(text, string(first))).JSON()[1:]
	}
	return property.OfText(text).JSON()
}

// hostileValue makes a JSON value of one of some kinds.
func (g generator) hostileValue(kind string) string {
	switch kind {
	case "text":
		return g.hostileQuote(g.hostileText())
	case "integer":
		return pick(g, []string{"0", "1", "-1", "42", "9223372036854775807", "-9223372036854775808", "9007199254740993", "1000000000000000", strconv.FormatInt(int64(g.Uint64()), 10)})
	case "shortest":
		for {
			if n := g.hostileNumber(); isShort(n) {
				return n
			}
		}
	case "number":
		return g.hostileNumber()
	case "exact": // which ClickHouse reads in JSON as they are
		return pick(g, []string{
			"0", "-0", "0.0", "-0.0", "1", "1.0", "1e0", "1E+1", "10", "-2.5", "0.001", "999999999999.125", "123456789012.34", "9223372036854775807", "18446744073709551615", "-9223372036854775808",
			"true", "false", "null", `"1"`, `"true"`, `"null"`, `""`, `"a"`, `"é"`, `"😀"`, `"ａ"`, `"inf"`, `"nan"`, `"1e400"`,
		})
	}
	if g.maybe(3) {
		return pick(g, []string{
			"true", "false", "null", "[]", "{}", "[1]", `["a"]`, `[{"b":1}]`, `{"b":1}`, `{"b":null}`, `{"b":"x"}`, `{"b":10.10}`, `{"b":[ "a" , 1.0]}`, `{"b":{"b":1.5}}`, `{"":2}`, `{"null":1}`, `{"a":1}`, `{"-1":7}`,
		})
	}
	return g.hostileValue(pick(g, hostileKinds))
}

var hostileKinds = []string{"text", "integer", "shortest", "number", "exact"}
