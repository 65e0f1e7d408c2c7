package syntax

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/calendar"
	"eventanalytics/pkg/decimal"
)

// FuzzParseSegment reads any text as a condition: what is accepted survives being
// written and read again.
func FuzzParseSegment(f *testing.F) {
	for _, text := range []string{
		"", "event_type:purchase", "event_type:in(a,b)", "user_id=42", "user_id exists", `properties.a\.b.c>=1e3`, "properties.a/b~c~d",
		"properties.' OR 1=1--=x", `properties.a:in(x\\,\),)`, `properties.a\`, "properties.a:in(", "properties.a!=\x00", "properties.\xff=1",
		"properties.n=9007199254740993", "properties.n=-0", "properties.n<1e999", "properties.a in(1,2.5)",
		` properties.a . "" = b\ `, "user_id : missing ", "properties.a : in ( 1 , \\ 2 )", "properties.a:not_in(b)", "properties.a=b|c",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		condition, err := ParseSegment(text)
		if err != nil {
			return
		}
		require.True(t, utf8.ValidString(text))
		require.LessOrEqual(t, utf8.RuneCountInString(text), MaxLength)
		if written := write(condition); utf8.RuneCountInString(written) <= MaxLength {
			again, err := ParseSegment(written)
			require.NoError(t, err, written)
			again.Text = text
			require.Equal(t, condition, again, written)
		}
	})
}

// FuzzParseFilter reads any text as a filter: what is accepted is bounded, and survives
// being written and read again.
func FuzzParseFilter(f *testing.F) {
	for _, text := range []string{
		"event_type:purchase", `["user.plan=pro",{"not":{"any":["properties.a:has(b)","time.hour>=9"]}}]`, `{"any":[]}`, `[[],["a"]]`, `{"any":["x"],"any":[]}`,
		`properties.a:matches((?i)^a\.b{2,3}$)`, "first_seen:since(2025-08-01)", `properties.a\ in.b.""=x\|y`, `properties.a>\=`, `properties.a!\==`, "properties. a  exists",
		`{"not":{"did":"purchase"}}`, `{"did":{"event":["a","b"],"filter":["cohort:a",{"did":"*","times":0}],"first":true},"times":"!=2","last":"90s"}`, "cohort : a : in(true)",
		`{"funnel":{"steps":["a",{"event":["b","c"],"filter":{"funnel":{"steps":["a","*"],"order":"any"},"reached":1}}],"window":"36h","exclude":[{"event":"x","after":1}],"filter":["user.a=1"]},"dropped":true}`, `["properties.a:matches(x{1000}{1000})"]`, "cohort:paying", `properties.\"\" :before(2025-08-01T00:00:00+02:00)`,
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		filter, err := ParseFilter(text)
		if err != nil {
			var e *Error
			require.ErrorAs(t, err, &e)
			return
		}
		require.NoError(t, Bound(filter))
		written, err := json.Marshal(filter)
		require.NoError(t, err)
		again, err := ParseFilterJSON(written)
		require.NoError(t, err, string(written))
		require.Equal(t, filter, again, string(written))
		zone, err := calendar.Load("Europe/Kyiv")
		require.NoError(t, err)
		for c := range filter.Conditions {
			c.Test(zone).HoldsText(text)
		}
	})
}

// FuzzParseField reads any text as a field, which survives being written and read again.
func FuzzParseField(f *testing.F) {
	for _, text := range []string{"event_type", "user.a.0", `properties.a\.b."".\"\"`, "properties.a exists", `first.a\=!.b c`, "time.hour", "cohort:a"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		field, err := ParseField(text)
		if err != nil {
			return
		}
		again, err := ParseField(field.String())
		require.NoError(t, err, field.String())
		require.Equal(t, field, again)
		condition, err := ParseCondition(field.String() + ":exists")
		if utf8.RuneCountInString(field.String()) <= MaxLength-len(":exists") {
			require.NoError(t, err)
			require.Equal(t, field, condition.Field)
		}
	})
}

// FuzzParseParts reads any texts as series, breakdowns and formulas, which survive being
// written and read again.
func FuzzParseParts(f *testing.F) {
	for _, text := range []string{
		"purchase", "*", `["a",{"event":["b","c"],"filter":{"any":["user.a=1"]},"measure":"p95(properties.a.b)","rolling":7,"first":true,"name":"N"}]`,
		"properties.a", `["time.hour",{"field":"properties.price","bins":[-1e2,0.50,1e400]}]`, "A/B*-(1.5-C)", `{"formula":"A+B","name":"Sum"}`, `[{}]`, `{"event":"*"}`,
		`["a",{"event":["b","c"],"filter":["user.a=1"],"after":1,"before":2}]`, `[0,0.5,6e1]`,
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		again(t, text, ParseSeries, ParseSeriesJSON)
		again(t, text, ParseBreakdown, ParseBreakdownJSON)
		again(t, text, func(texts []string) ([]Formula, error) { return ParseFormulas(texts, 3) }, func(data []byte) ([]Formula, error) { return ParseFormulasJSON(data, 3) })
		again(t, text, ParseSteps, ParseStepsJSON)
		again(t, text, func(texts []string) ([]Exclusion, error) { return ParseExclusions(texts, 3) }, func(data []byte) ([]Exclusion, error) { return ParseExclusionsJSON(data, 3) })
		again(t, text, func(texts []string) ([]Seconds, error) { return inList(ParseSeconds(texts)) }, func(data []byte) ([]Seconds, error) { return inList(ParseSecondsJSON(data[1 : len(data)-1])) })
		if d, err := ParseDuration(text, 1, 1<<62); err == nil {
			same, err := ParseDuration(FormatDuration(d), 1, 1<<62)
			require.NoError(t, err)
			require.Equal(t, d, same)
		}
	})
}

func inList(edges []decimal.Decimal, err error) ([]Seconds, error) { return []Seconds{edges}, err }

func again[T any](t *testing.T, text string, parse func([]string) ([]T, error), parseJSON func([]byte) ([]T, error)) {
	got, err := parse([]string{text})
	if err != nil || got == nil {
		return
	}
	written, err := json.Marshal(got)
	require.NoError(t, err)
	same, err := parseJSON(written)
	require.NoError(t, err, string(written))
	require.Equal(t, got, same, string(written))
}

// write is the opposite of ParseSegment, with a backslash before each character.
func write(c Condition) string {
	escape := func(s string) (escaped string) {
		for _, r := range s {
			if r < utf8.RuneSelf {
				escaped += `\`
			}
			escaped += string(r)
		}
		return escaped
	}
	text := string(c.Field.Source)
	for _, key := range c.Field.Keys {
		if key == "" {
			text += "." + emptyKey
		} else {
			text += "." + escape(key)
		}
	}
	values := make([]string, len(c.Values))
	for i, value := range c.Values {
		values[i] = escape(value)
	}
	switch c.Op {
	case Exists, Missing:
		return text + ":" + c.Op
	case In:
		return text + ":in(" + strings.Join(values, ",") + ")"
	}
	return text + c.Op + values[0]
}
