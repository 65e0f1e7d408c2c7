package syntax

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParseSegment(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Condition{
		`event_type:purchase`:                {"", Field{Source: "event_type"}, "=", []string{"purchase"}},
		`event_type:a:b=c`:                   {"", Field{Source: "event_type"}, "=", []string{"a:b=c"}},
		`event_type in(a,b\,c)`:              {"", Field{Source: "event_type"}, "in", []string{"a", "b,c"}},
		`user_id=42`:                         {"", Field{Source: "user_id"}, "=", []string{"42"}},
		`user_id!=a\=b`:                      {"", Field{Source: "user_id"}, "!=", []string{"a=b"}},
		`properties.country=UA`:              {"", Field{Source: "properties", Keys: []string{"country"}}, "=", []string{"UA"}},
		`properties.country=`:                {"", Field{Source: "properties", Keys: []string{"country"}}, "=", []string{""}},
		`properties.a.b>=10`:                 {"", Field{Source: "properties", Keys: []string{"a", "b"}}, ">=", []string{"10"}},
		`properties.a\.b<=x`:                 {"", Field{Source: "properties", Keys: []string{"a.b"}}, "<=", []string{"x"}},
		`properties.a/b~c~d<x`:               {"", Field{Source: "properties", Keys: []string{"a/b"}}, "~", []string{"c~d<x"}},
		`properties.a\~b>x`:                  {"", Field{Source: "properties", Keys: []string{"a~b"}}, ">", []string{"x"}},
		`properties.a b<x`:                   {"", Field{Source: "properties", Keys: []string{"a b"}}, "<", []string{"x"}},
		`properties.a:exists`:                {"", Field{Source: "properties", Keys: []string{"a"}}, "exists", nil},
		`properties.a exists`:                {"", Field{Source: "properties", Keys: []string{"a"}}, "exists", nil},
		`properties.a\ exists=1`:             {"", Field{Source: "properties", Keys: []string{"a exists"}}, "=", []string{"1"}},
		`properties.a=exists`:                {"", Field{Source: "properties", Keys: []string{"a"}}, "=", []string{"exists"}},
		`properties.a:\exists`:               {"", Field{Source: "properties", Keys: []string{"a"}}, "=", []string{"exists"}},
		`properties.a:in(x)`:                 {"", Field{Source: "properties", Keys: []string{"a"}}, "in", []string{"x"}},
		`properties.a:in(,x(y))`:             {"", Field{Source: "properties", Keys: []string{"a"}}, "in", []string{"", "x(y)"}},
		`properties.a:in(x\\)`:               {"", Field{Source: "properties", Keys: []string{"a"}}, "in", []string{`x\`}},
		`properties.a=in(x)`:                 {"", Field{Source: "properties", Keys: []string{"a"}}, "=", []string{"in(x)"}},
		`properties.' OR 1=1--=x`:            {"", Field{Source: "properties", Keys: []string{"' OR 1"}}, "=", []string{"1--=x"}},
		`properties.ключ=значення\\`:         {"", Field{Source: "properties", Keys: []string{"ключ"}}, "=", []string{`значення\`}},
		`properties.!a!=1`:                   {"", Field{Source: "properties", Keys: []string{"!a"}}, "!=", []string{"1"}},
		`properties.price = 100`:             {"", Field{Source: "properties", Keys: []string{"price"}}, "=", []string{"100"}},
		`properties.price>= 100 `:            {"", Field{Source: "properties", Keys: []string{"price"}}, ">=", []string{"100"}},
		`properties.a : in ( 50,  100 ) `:    {"", Field{Source: "properties", Keys: []string{"a"}}, "in", []string{"50", "100"}},
		`properties.a  in( b c ,\ d\ )`:      {"", Field{Source: "properties", Keys: []string{"a"}}, "in", []string{"b c", " d "}},
		`properties.a=\ b\ `:                 {"", Field{Source: "properties", Keys: []string{"a"}}, "=", []string{" b "}},
		`properties.a = b\\ `:                {"", Field{Source: "properties", Keys: []string{"a"}}, "=", []string{`b\`}},
		`properties.a= b  c `:                {"", Field{Source: "properties", Keys: []string{"a"}}, "=", []string{"b  c"}},
		`properties.a: missing `:             {"", Field{Source: "properties", Keys: []string{"a"}}, "missing", nil},
		`properties.a missing`:               {"", Field{Source: "properties", Keys: []string{"a"}}, "missing", nil},
		`user_id missing`:                    {"", Field{Source: "user_id"}, "missing", nil},
		`event_type=`:                        {"", Field{Source: "event_type"}, "=", []string{""}},
		`event_type != `:                     {"", Field{Source: "event_type"}, "!=", []string{""}},
		`event_type>a`:                       {"", Field{Source: "event_type"}, ">", []string{"a"}},
		`event_type>\ 5`:                     {"", Field{Source: "event_type"}, ">", []string{" 5"}},
		`event_type:app_open`:                {"", Field{Source: "event_type"}, "=", []string{"app_open"}},
		`event_type:not_found`:               {"", Field{Source: "event_type"}, "=", []string{"not_found"}},
		`event_type=not_exists`:              {"", Field{Source: "event_type"}, "=", []string{"not_exists"}},
		`event_type:\not_exists`:             {"", Field{Source: "event_type"}, "=", []string{"not_exists"}},
		`properties.a:matches(b)`:            {"", Field{Source: "properties", Keys: []string{"a"}}, "=", []string{"matches(b)"}},
		`properties.a:has(b)`:                {"", Field{Source: "properties", Keys: []string{"a"}}, "=", []string{"has(b)"}},
		`properties.a:since(2025-08-01)`:     {"", Field{Source: "properties", Keys: []string{"a"}}, "=", []string{"since(2025-08-01)"}},
		`properties.a=b\|c`:                  {"", Field{Source: "properties", Keys: []string{"a"}}, "=", []string{"b|c"}},
		`properties.""=1`:                    {"", Field{Source: "properties", Keys: []string{""}}, "=", []string{"1"}},
		`properties.a."".b:exists`:           {"", Field{Source: "properties", Keys: []string{"a", "", "b"}}, "exists", nil},
		`properties.\"\"=1`:                  {"", Field{Source: "properties", Keys: []string{`""`}}, "=", []string{"1"}},
		"properties.a=\x00":                  {"", Field{Source: "properties", Keys: []string{"a"}}, "=", []string{"\x00"}},
		`properties.a=` + long(MaxLength-13): {"", Field{Source: "properties", Keys: []string{"a"}}, "=", []string{long(MaxLength - 13)}},
	} {
		f, err := ParseSegment(text)
		require.NoError(t, err, text)
		want.Text = text
		require.Equal(t, want, f, text)
	}
	for text, message := range map[string]string{
		"":                                "no operator",
		"event_type":                      "no operator",
		"event_type:":                     "no value",
		"event_type : ":                   "no value",
		"event_type>5":                    "no order",
		"user_id >= 1e3":                  "no order",
		"properties.a:not_exists":         "no operator not_exists",
		"properties.a: Is_Set":            "no operator Is_Set",
		"properties.a:not_in(a,b)":        "no operator not_in",
		"properties.a:starts_with (x)":    "no operator starts_with",
		"properties.a:is_not_null":        "write = instead",
		"properties.a=b|c":                `\|`,
		"event_type:a|b":                  "in(a,b)",
		"properties.a~b|c":                "has a bar",
		"properties.a:in(b|c)":            "has a bar",
		"properties.a~ ":                  "no value",
		`properties.a=b\\\`:               "lone backslash",
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
		`properties.a:in( )`:              "no values",
		"properties.a:in()":               "no values",
		"properties.a=\xff":               "UTF-8",
		"properties.a=" + long(MaxLength): "more than",
	} {
		_, err := ParseSegment(text)
		require.ErrorContains(t, err, message, text)
	}
}

func TestText(t *testing.T) {
	t.Parallel()
	text, err := json.Marshal([]Condition{{Text: "event_type:a"}})
	require.NoError(t, err)
	require.Equal(t, `["event_type:a"]`, string(text))
	var back []Condition
	require.NoError(t, json.Unmarshal(text, &back))
	require.Equal(t, []Condition{{"event_type:a", Field{Source: EventType}, "=", []string{"a"}}}, back)
	require.Error(t, json.Unmarshal([]byte(`["event_type"]`), &back))
}

func long(n int) string { return strings.Repeat("é", n) }
