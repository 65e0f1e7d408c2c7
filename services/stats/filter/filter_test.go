package filter

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParse(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Filter{
		`event_type:purchase`:                {"", "event_type", "", "=", []string{"purchase"}},
		`event_type:a:b=c`:                   {"", "event_type", "", "=", []string{"a:b=c"}},
		`event_type in(a,b\,c)`:              {"", "event_type", "", "in", []string{"a", "b,c"}},
		`user_id=42`:                         {"", "user_id", "", "=", []string{"42"}},
		`user_id!=a\=b`:                      {"", "user_id", "", "!=", []string{"a=b"}},
		`properties.country=UA`:              {"", "properties", "/country", "=", []string{"UA"}},
		`properties.country=`:                {"", "properties", "/country", "=", []string{""}},
		`properties.a.b>=10`:                 {"", "properties", "/a/b", ">=", []string{"10"}},
		`properties.a\.b<=x`:                 {"", "properties", "/a.b", "<=", []string{"x"}},
		`properties.a/b~c~d<x`:               {"", "properties", "/a~1b", "~", []string{"c~d<x"}},
		`properties.a\~b>x`:                  {"", "properties", "/a~0b", ">", []string{"x"}},
		`properties.a b<x`:                   {"", "properties", "/a b", "<", []string{"x"}},
		`properties.a:exists`:                {"", "properties", "/a", "exists", nil},
		`properties.a exists`:                {"", "properties", "/a", "exists", nil},
		`properties.a\ exists=1`:             {"", "properties", "/a exists", "=", []string{"1"}},
		`properties.a=exists`:                {"", "properties", "/a", "=", []string{"exists"}},
		`properties.a:\exists`:               {"", "properties", "/a", "=", []string{"exists"}},
		`properties.a:in(x)`:                 {"", "properties", "/a", "in", []string{"x"}},
		`properties.a:in(,x(y))`:             {"", "properties", "/a", "in", []string{"", "x(y)"}},
		`properties.a:in(x\\)`:               {"", "properties", "/a", "in", []string{`x\`}},
		`properties.a=in(x)`:                 {"", "properties", "/a", "=", []string{"in(x)"}},
		`properties.' OR 1=1--=x`:            {"", "properties", "/' OR 1", "=", []string{"1--=x"}},
		`properties.ключ=значення\\`:         {"", "properties", "/ключ", "=", []string{`значення\`}},
		`properties.!a!=1`:                   {"", "properties", "/!a", "!=", []string{"1"}},
		"properties.a=\x00":                  {"", "properties", "/a", "=", []string{"\x00"}},
		`properties.a=` + long(MaxLength-13): {"", "properties", "/a", "=", []string{long(MaxLength - 13)}},
	} {
		f, err := Parse(text)
		require.NoError(t, err, text)
		want.Text = text
		require.Equal(t, want, f, text)
	}
	for text, message := range map[string]string{
		"":                                "no operator",
		"event_type":                      "no operator",
		"event_type:":                     "no value",
		"event_type=":                     "no value",
		"user_id~":                        "no value",
		"properties.a:":                   "no value",
		"properties.a>":                   "no value",
		"properties=1":                    "names no property",
		"properties.=1":                   "empty key",
		"properties.a..b=1":               "empty key",
		"event_type.a=1":                  "has no keys",
		"occurred_at>2025":                "is not event_type",
		"=1":                              "is not event_type",
		`properties.a\`:                   "lone backslash",
		`properties.a=\`:                  "lone backslash",
		"properties.a:in(":                "closing parenthesis",
		`properties.a:in(b\)`:             "closing parenthesis",
		"properties.a:in(b) ":             "closing parenthesis",
		"properties.a:in()":               "no values",
		"properties.a=\xff":               "UTF-8",
		"properties.a=" + long(MaxLength): "more than",
	} {
		_, err := Parse(text)
		require.ErrorContains(t, err, message, text)
	}
}

func TestText(t *testing.T) {
	t.Parallel()
	text, err := json.Marshal([]Filter{{Text: "event_type:a"}})
	require.NoError(t, err)
	require.Equal(t, `["event_type:a"]`, string(text))
	var back []Filter
	require.NoError(t, json.Unmarshal(text, &back))
	require.Equal(t, []Filter{{"event_type:a", EventType, "", "=", []string{"a"}}}, back)
	require.Error(t, json.Unmarshal([]byte(`["event_type"]`), &back))
}

func long(n int) string { return strings.Repeat("é", n) }
