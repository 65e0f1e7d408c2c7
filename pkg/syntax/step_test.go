package syntax

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParseSteps(t *testing.T) {
	t.Parallel()
	survives(t, `["view",{"event":["buy","renew"],"filter":"properties.price=100","first":true,"name":"Paid"},"*"]`, ParseSteps, ParseStepsJSON,
		"view", `{"event":["buy","renew"],"filter":"properties.price=100","first":true,"name":"Paid"}`, `{}`)
	for text, want := range map[string]string{
		`["a"]`: "has 1 steps; 2 to 20 are allowed", list(21, "a"): "has 21 steps, at most 20", `["a",{"measure":"users"}]`: "[1].measure: cannot be in a step",
		`["a",{"rolling":2}]`: "[1].rolling: cannot be in a step", `["a",{"filter":{"any":["properties.price>"]}}]`: `[1].filter.any[0]: "properties.price>" has no value after ">"`,
		`["a",{"step":1}]`: "known are event, filter", `["a",1]`: "[1]: is a number, not a series",
	} {
		_, err := ParseSteps([]string{text})
		require.ErrorContains(t, err, want, text)
	}
	_, err := ParseSteps(nil)
	require.ErrorContains(t, err, "has 0 steps")
}

func TestParseExclusions(t *testing.T) {
	t.Parallel()
	parse := func(texts []string) ([]Exclusion, error) { return ParseExclusions(texts, 4) }
	parseJSON := func(data []byte) ([]Exclusion, error) { return ParseExclusionsJSON(data, 4) }
	survives(t, `[{"event":"refund","after":1,"before":4},{"event":["a","b"],"filter":"user.a=1","after":2,"before":3},{"event":"*","after":1,"before":4}]`, parse, parseJSON,
		"refund", `{"event":["a","b"],"filter":"user.a=1","before":3,"after":2}`, `{}`)
	for text, want := range map[string]string{
		`{"after":0}`: "after: is not the number of a step from 1 to 3", `{"after":4}`: "after: is not", `{"before":5}`: "before: is not the number of a step from 2 to 4", `{"before":1}`: "before: is not",
		`{"after":"1"}`: "after: is not", `{"after":1.5}`: "after: is not", `[{"after":3,"before":3}]`: "[0].before: is 3, which is not behind step 3", `{"before":2,"after":3}`: "before: is 2",
		`{"name":"a"}`: "known are event, filter, after, before", `[1]`: "[0]: is a number, not an exclusion", list(21, "a"): "has 21 exclusions, at most 20",
		`{"filter":[1]}`: "filter[0]: is a number", `[""]`: `[0]: "" is no event type`,
	} {
		_, err := parse([]string{text})
		require.ErrorContains(t, err, want, text)
	}
}

func TestParseSeconds(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{"[0, 0.5, 6e1]": "[0,0.5,60]", "[0.000001,31622400.0]": "[0.000001,31622400]"} {
		edges, err := ParseSeconds([]string{text})
		require.NoError(t, err, text)
		written, err := json.Marshal(Seconds(edges))
		require.NoError(t, err)
		require.Equal(t, want, string(written))
	}
	edges, err := ParseSeconds([]string{"0", "0.5", "0.000001e1", "1e3"})
	require.ErrorContains(t, err, "[2]: is not greater than the edge before it", edges)
	edges, err = ParseSeconds([]string{"0", "0.000001e1", "0.5", "1e3", "31622400"})
	require.NoError(t, err)
	require.Equal(t, []int64{0, 10, 500_000, 1_000_000_000, 31_622_400_000_000}, Seconds(edges).Micros())
	for text, want := range map[string]string{
		"[5]": "has 1 edges; 2 to 100 are allowed", "60": "has 1 edges", `["a",1]`: "[0]: is a string, not a number of seconds", "[-1,2]": "[0]: is not between 0 and 31622400",
		"[0,31622400.1]": "[1]: is not between", "[0,1.0000001]": "[1]: is finer than a microsecond", "[1,1.0]": "[1]: is not greater", "x": `"x" is not a number of seconds`,
		"[0,1e-999999999]": "finer than a microsecond", "[0,1e999999999]": "is not between", "[" + strings.Repeat("1,", 100) + "1]": "has 101 edges, at most 100",
	} {
		_, err := ParseSeconds([]string{text})
		require.ErrorContains(t, err, want, text)
	}
}
