package syntax

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/calendar"
	"eventanalytics/pkg/property"
)

func zone(t *testing.T, name string) *calendar.Zone {
	t.Helper()
	z, err := calendar.Load(name)
	require.NoError(t, err)
	return z
}

// TestOperators looks at one property, which has the value; an empty one is missing.
// What the other operators mean is tested with every engine, in services/stats/question.
func TestOperators(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		zone, value, op, with string
		want                  bool
	}{
		{"UTC", `"abc"`, Matches, "b", true}, {"UTC", `"abc"`, Matches, "^b", false}, {"UTC", `"ABC"`, Matches, "(?i)b", true},
		{"UTC", `10.0`, Matches, "^10$", true}, {"UTC", `[1, 2]`, Matches, `^\[1,2\]$`, true}, {"UTC", `null`, Matches, "null", true}, {"UTC", ``, Matches, "", false},
		{"UTC", `["a","b"]`, Has, "b", true}, {"UTC", `["ab"]`, Has, "b", false}, {"UTC", `"b"`, Has, "b", false}, {"UTC", `{"b":"b"}`, Has, "b", false},
		{"UTC", `[1.0]`, Has, "1", true}, {"UTC", `[1]`, Has, "1.0", true}, {"UTC", `["1.0"]`, Has, "1.0", true}, {"UTC", `[[1, 2]]`, Has, "[1,2]", true},
		{"UTC", `[null]`, Has, "null", true}, {"UTC", `[]`, Has, "null", false}, {"UTC", ``, Has, "null", false}, {"UTC", `1`, Has, "1", false},
		{"UTC", `"2025-08-01"`, Since, "2025-08-01", true}, {"UTC", `"2025-08-01"`, Before, "2025-08-01", false},
		{"UTC", `"2025-07-31T23:59:59.999999999Z"`, Since, "2025-08-01", false}, {"UTC", `"2025-07-31T23:59:59.999999999Z"`, Before, "2025-08-01", true},
		{"Asia/Kathmandu", `"2025-07-31T18:15:00Z"`, Since, "2025-08-01", true}, {"Asia/Kathmandu", `"2025-07-31T18:14:59Z"`, Since, "2025-08-01", false},
		{"Asia/Kathmandu", `"2025-08-01"`, Since, "2025-07-31T18:15:00Z", true}, {"Asia/Kathmandu", `"2025-08-01"`, Since, "2025-07-31T18:15:00.000000001Z", false},
		{"UTC", `"2025-08-01t00:00:00z"`, Before, "2025-08-01T02:00:00+01:00", true}, {"UTC", `"2025-08-01T02:00:00+01:00"`, Since, "2025-08-01T01:00:00Z", true},
		{"Pacific/Apia", `"2011-12-30"`, Since, "2011-12-31", true}, {"Pacific/Apia", `"2011-12-29"`, Since, "2011-12-31", false}, // the 30th was skipped
		{"America/St_Johns", `"2006-10-29"`, Since, "2006-10-29T03:00:00Z", false}, {"America/St_Johns", `"2006-10-30"`, Since, "2006-10-29T03:00:00Z", true},
		{"UTC", `"2025-8-1"`, Before, "2030-01-01", false}, {"UTC", `"2025-8-1"`, Since, "2000-01-01", false}, {"UTC", `20250801`, Since, "2000-01-01", false},
		{"UTC", `"2025-08-01 00:00:00Z"`, Since, "2000-01-01", false}, {"UTC", `"2025-02-29"`, Since, "2000-01-01", false}, {"UTC", `"2025-08-01T24:00:00Z"`, Since, "2000-01-01", false},
		{"UTC", `"2025-08-01T00:00:00,5Z"`, Since, "2000-01-01", false}, {"UTC", `"2025-08-01T00:00:00"`, Since, "2000-01-01", false}, {"UTC", `"0000-01-01"`, Before, "2000-01-01", false},
		{"UTC", `"0000-01-01T00:00:00Z"`, Before, "2000-01-01", false}, {"UTC", `["2025-08-01"]`, Since, "2000-01-01", false}, {"UTC", ``, Before, "2030-01-01", false},
	} {
		test := Condition{Op: c.op, Values: []string{c.with}}.Test(zone(t, c.zone))
		require.Equal(t, c.want, test.Holds(property.Find(c.value, nil)), "%s %s %s in %s", c.value, c.op, c.with, c.zone)
	}
}

func TestOtherValues(t *testing.T) {
	t.Parallel()
	test := func(op, value string) *Test {
		return Condition{Op: op, Values: []string{value}}.Test(zone(t, "Asia/Kathmandu"))
	}
	require.True(t, test(">=", "9.5").HoldsInteger(10))
	require.False(t, test(">=", "9.5").HoldsInteger(9))
	require.True(t, test("=", "9.0").HoldsInteger(9))
	require.False(t, test(">", "a").HoldsInteger(9))
	require.True(t, test("~", "2").HoldsInteger(12))
	require.True(t, test(Since, "2025-08-01").HoldsText("2025-08-01"))
	require.False(t, test(Before, "2025-08-01").HoldsText("first"))
	require.True(t, test(Matches, "^a").HoldsText("ab"))
	require.False(t, test(Has, "a").HoldsText("a"))
	require.False(t, test(Has, "a").HoldsText(""))
	const us = 1_753_985_700_000_000 // 2025-07-31T18:15:00Z
	for _, date := range []string{"2025-08-01", "2025-07-31T18:14:59.999999001Z"} {
		require.Equal(t, int64(us), test(Since, date).Instant)
		require.True(t, test(Since, date).HoldsInstant(us))
		require.False(t, test(Since, date).HoldsInstant(us-1))
		require.True(t, test(Before, date).HoldsInstant(us-1))
		require.False(t, test(Before, date).HoldsInstant(us))
	}
	require.True(t, test(Exists, "").HoldsInstant(0))
	require.False(t, test(Missing, "").HoldsInstant(0))
}

func TestOfProperties(t *testing.T) {
	t.Parallel()
	is := func(key, value string) Filter {
		return Filter{Form: Holds, Condition: Condition{Field: Field{Source: Property, Keys: []string{key}}, Op: "=", Values: []string{value}}}
	}
	not := func(f Filter) Filter { return Filter{Form: Not, Of: []Filter{f}} }
	oneOf := func(of ...Filter) Filter { return Filter{Form: Any, Of: of} }
	var many []Filter
	for key := range strings.SplitSeq("a b c d e f g h i j", " ") {
		many = append(many, not(is(key, "x")))
	}
	for _, c := range []struct {
		filter     Filter
		properties string
		want       bool
	}{
		{Filter{}, "", true}, {oneOf(), `{"a":1}`, false}, {not(oneOf()), "", true}, {not(Filter{}), "", false},
		{is("a", "1"), `{"a":1}`, true}, {is("a", "1"), "", false}, {not(is("a", "1")), "", true}, {not(is("a", "1")), `{"a":2}`, true},
		{And(is("a", "1"), is("b", "2")), `{"a":1,"b":2}`, true}, {And(is("a", "1"), is("b", "2")), `{"a":1,"b":3}`, false},
		{oneOf(is("a", "1"), And(is("b", "2"), not(is("a", "3")))), `{"a":2,"b":2}`, true},
		{oneOf(is("a", "1"), And(is("b", "2"), not(is("a", "3")))), `{"a":3,"b":2}`, false},
		{And(many...), `{"j":1}`, true}, {And(many...), `{"j":"x"}`, false},
	} {
		require.Equal(t, c.want, OfProperties(c.filter, nil)(c.properties), "%v %s", c.filter, c.properties)
	}
}

func TestRegexps(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"a", `(?i)^\d{4}-\d\d$`, strings.Repeat("x", MaxRegexp), strings.Repeat("é", MaxRegexp), strings.Repeat("a?", MaxRegexp/2), "x{1000}", `[a-z]{1,64}@[a-z]{1,255}\.com`, `\pL+\pN*`,
		strings.Repeat("a|", MaxRegexp/2), "a(){2}", "",
	} {
		_, err := parseRegexp(text)
		require.NoError(t, err, text)
	}
	for text, message := range map[string]string{
		strings.Repeat("x", MaxRegexp+1):      "more than 1000 characters",
		"(":                                   "missing closing )",
		`\8`:                                  "invalid escape",
		`(?=a)`:                               "invalid",
		"x{1001}":                             "invalid repeat count",
		"(x{10}){101}":                        "invalid repeat count",
		"x{1000}x{1000}x{1000}x{1000}":        "too large",
		"(xyz[abc]){1000}":                    "too large",
		"(abcd|efgh){0,1000}":                 "too large",
		strings.Repeat(`\pL`, MaxRegexp/3):    "too large",
		strings.Repeat(`x{900}`, MaxRegexp/6): "too large",
		strings.Repeat("(", MaxRegexp):        "missing closing )",
	} {
		_, err := parseRegexp(text)
		require.ErrorContains(t, err, message, text)
	}
}
