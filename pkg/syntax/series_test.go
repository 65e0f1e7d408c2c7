package syntax

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// survives requires that the texts of a parameter are read, and that what is written of
// them is the canonical form, and reads as the same.
func survives[T any](t *testing.T, canonical string, parse func([]string) ([]T, error), parseJSON func([]byte) ([]T, error), texts ...string) {
	t.Helper()
	got, err := parse(texts)
	require.NoError(t, err, texts)
	written, err := json.Marshal(got)
	require.NoError(t, err)
	require.Equal(t, canonical, string(written), texts)
	again, err := parseJSON(written)
	require.NoError(t, err, canonical)
	require.Equal(t, got, again)
	for _, one := range got { // an item reads by itself
		written, err := json.Marshal(one)
		require.NoError(t, err)
		back := new(T)
		require.NoError(t, json.Unmarshal(written, back))
		require.Equal(t, one, *back)
	}
}

func TestParseSeries(t *testing.T) {
	t.Parallel()
	for text, canonical := range map[string]string{
		"purchase":                      `["purchase"]`,
		"*":                             `["*"]`,
		`{}`:                            `["*"]`,
		`{"event":["purchase"]}`:        `["purchase"]`,
		`{"event":"{x"}`:                `["{x"]`,
		`["a",{"event":["b","c","b"]}]`: `["a",{"event":["b","c"]}]`,
		`{"name":"R","rolling":30,"measure":" sum ( properties.a\\)b ) ","first":true,"filter":["event_type:a"],"event":["*"]}`: `[{"event":"*","filter":"event_type=a","first":true,"measure":"sum(properties.a)b)","rolling":30,"name":"R"}]`,
	} {
		survives(t, canonical, ParseSeries, ParseSeriesJSON, text)
	}
	survives(t, `["a","b",{"event":"c","first":true}]`, ParseSeries, ParseSeriesJSON, "a", `["b",{"event":"c","first":true}]`)
	none, err := ParseSeries([]string{"[]"})
	require.NoError(t, err)
	require.Empty(t, none)
	for text, want := range map[string]string{
		`["a",{"filter":{"any":["properties.price>"]}}]`: `[1].filter.any[0]: "properties.price>" has no value after ">"`,
		`{"event":1}`: "event: is a number, not an event type", `{"event":[]}`: "event: has 0 event types", `{"event":["a","*"]}`: "event[1]: \"*\" stands for all",
		`{"event":["a",1]}`: "event[1]: is a number", `{"event":""}`: `event: "" is no event type`, `{"Event":"a"}`: `"Event" is not known here; known are event, filter, first, measure, rolling, name`,
		`{"first":1}`: "first: is a number, not true or false", `{"measure":"total"}`: `measure: "total" is no measure; there are users, events, per_user, and of a field sum`,
		`{"measure":1}`: "measure: is a number", `{"measure":"sum"}`: "has no field, as in sum(properties.price)", `{"measure":"users(user_id)"}`: "which users does not take",
		`{"measure":"sum(properties.a"}`: "closing parenthesis", `{"measure":"p50(properties.a)"}`: "is no measure", `{"measure":"sum(price)"}`: `"price" is not event_type`,
		`{"rolling":1}`: "rolling: is not a whole number from 2 to 366", `{"rolling":367}`: "rolling:", `{"rolling":2.5}`: "rolling:", `{"rolling":"7"}`: "rolling:",
		`{"name":""}`: "name: \"\" is empty", `{"name":"` + long(201) + `"}`: "more than 200", `{"event":"a","event":"b"}`: "duplicate object member", `[["a"]]`: "[0]: is an array, not a series",
		`{"filter":null}`: "filter: is null, not a filter", list(11, "a"): "has 11 series, at most 10 are allowed", long(201): "more than 200", `[null]`: "[0]: is null",
	} {
		_, err := ParseSeries([]string{text})
		require.ErrorContains(t, err, want, text)
	}
	_, err = ParseSeries([]string{"a", `{"rolling":0}`})
	require.ErrorContains(t, err, "[1].rolling: ")
}

func TestParseMeasure(t *testing.T) {
	t.Parallel()
	for _, name := range measures {
		text := name
		if ofField(name) {
			text += `(user.a\)` + `b)`
		}
		m, err := ParseMeasure(text)
		if ofField(name) {
			require.NoError(t, err, text)
			require.Equal(t, Field{Source: UserProperty, Keys: []string{"a)b"}}, m.Field)
			text = name + "(user.a)b)"
		}
		require.NoError(t, err)
		require.Equal(t, text, m.String())
		again, err := ParseMeasure(m.String())
		require.NoError(t, err)
		require.Equal(t, m, again)
	}
}

func TestParseBreakdown(t *testing.T) {
	t.Parallel()
	survives(t, `["properties.country"]`, ParseBreakdown, ParseBreakdownJSON, "properties.country")
	survives(t, `["cohort:paying"]`, ParseBreakdown, ParseBreakdownJSON, "cohort:paying")
	survives(t, `["user.plan","time.hour"]`, ParseBreakdown, ParseBreakdownJSON, "user.plan", "time.hour")
	survives(t, `["user.plan",{"field":"properties.price","bins":[-1.5,0,10,1e+50]}]`, ParseBreakdown, ParseBreakdownJSON,
		"user.plan", `{"bins":[-1.50,0.0,1e1,1e50],"field":"properties.price "}`)
	for text, want := range map[string]string{
		"country": `"country" is not event_type`, `["user_id","user_id"]`: `[1]: "user_id" is there twice`, list(4, "user_id"): "has 4 fields, at most 3", `{}`: "has no field",
		`{"field":1}`: "field: is a number, not the text of a field", `{"field":"user_id","bins":5}`: "bins: is a number, not an array", `{"field":"user_id","bins":[]}`: "has 0 edges",
		`{"field":"user_id","bins":[0,"1"]}`: "bins[1]: is a string, not a number", `{"field":"user_id","bins":[1,1.0]}`: "bins[1]: is not greater", `{"bin":[]}`: "known are field, bins",
		`[1]`: "[0]: is a number, not a field", `{"field":"user_id","bins":[` + strings.Repeat("1,", MaxBins) + `1]}`: "has 101 edges", `{"field":"cohort:A"}`: "has no name of a cohort",
		`{"field":"user_id","bins":[1` + strings.Repeat("0", 100) + `]}`: "more than 100 characters",
	} {
		_, err := ParseBreakdown([]string{text})
		require.ErrorContains(t, err, want, text)
	}
}

// steps writes the postfix notation.
func steps(f Formula) string {
	var all []string
	for _, s := range f.Steps {
		switch s.Op {
		case "series":
			all = append(all, string(rune('A'+s.Series)))
		case "number":
			all = append(all, fmt.Sprint(s.Number))
		default:
			all = append(all, s.Op)
		}
	}
	return strings.Join(all, " ")
}

func TestParseFormula(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"A": "A", "B/A": "B A /", "A - B - C": "A B - C -", "A+B*100": "A B 100 * +", "(A+B)*0.5": "A B + 0.5 *", "-A*B": "A negate B *", "A--B": "A B negate -",
		"A/B/C": "A B / C /", "-(A+-2)": "A 2 negate + negate", " ( ( C ) ) ": "C",
	} {
		f, err := ParseFormula(text, 3)
		require.NoError(t, err, text)
		require.Equal(t, want, steps(f), text)
		require.Equal(t, text, f.Text)
	}
	for text, want := range map[string]string{
		"": "ends where", "1+2": "names no series", "A+": "ends where", "A B": "has 'B' where", "A)": "has ')' where", "(A": "closing parenthesis", "D": "names the series D, but there are 3",
		"K": "has 'K' where", "a": "has 'a' where", "A^2": "has '^' where", "A*1.2.3": "cannot be read", "A*.5": "has '.' where", "A*1e3": "has 'e' where", "*A": "has '*' where",
		"A*1" + strings.Repeat("0", 400): "cannot be read", strings.Repeat("(", 51) + "A": "nested more than 50", strings.Repeat("-", 999) + "A": "nested more than 50",
		strings.Repeat("-", 1000) + "A": "more than 1000", "A×B": "has '×' where", "A\xff": "UTF-8",
	} {
		_, err := ParseFormula(text, 3)
		require.ErrorContains(t, err, want, text)
	}
	parse := func(texts []string) ([]Formula, error) { return ParseFormulas(texts, 2) }
	parseJSON := func(data []byte) ([]Formula, error) { return ParseFormulasJSON(data, 2) }
	survives(t, `["A / B",{"formula":"A*2","name":"Twice"}]`, parse, parseJSON, "A / B", `{"name":"Twice","formula":"A*2"}`)
	for text, want := range map[string]string{
		`{"name":"a"}`: "has no formula", `["A",{"formula":"C"}]`: `[1].formula: "C" names the series C`, list(6, "A"): "has 6 formulas, at most 5", `[1]`: "[0]: is a number, not a formula",
		`{"text":"A"}`: "known are formula, name",
	} {
		_, err := ParseFormulas([]string{text}, 2)
		require.ErrorContains(t, err, want, text)
	}
}

func TestParseDuration(t *testing.T) {
	t.Parallel()
	const most = 366 * 24 * time.Hour
	for text, want := range map[string]string{"7d": "7d", "366d": "366d", "12h": "12h", "48h": "2d", "30min": "30min", "90s": "90s", "3600s": "1h", "1s": "1s"} {
		d, err := ParseDuration(text, time.Second, most)
		require.NoError(t, err, text)
		require.Equal(t, want, FormatDuration(d))
	}
	for _, text := range []string{"0s", "367d", "31622401s", "9223372036854775807d"} {
		_, err := ParseDuration(text, time.Second, most)
		require.ErrorContains(t, err, "is not between 1s and 366d", text)
	}
	for _, text := range []string{"", "7", "d", "-7d", "1.5h", "7 d", "7m", "7D", "1h30min", "99999999999999999999d"} {
		_, err := ParseDuration(text, time.Second, most)
		require.ErrorContains(t, err, "is not a duration", text)
	}
}
