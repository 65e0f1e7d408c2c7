package syntax

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParseField(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Field{
		"event_type":            {Source: EventType},
		"user_id ":              {Source: UserID},
		"properties.a.0":        {Source: Property, Keys: []string{"a", "0"}},
		`properties.a\.b."".c`:  {Source: Property, Keys: []string{"a.b", "", "c"}},
		`properties.a\=b!c`:     {Source: Property, Keys: []string{"a=b!c"}},
		`properties.a b`:        {Source: Property, Keys: []string{"a b"}},
		`properties.a\ exists`:  {Source: Property, Keys: []string{"a exists"}},
		`properties.a!\=\ \"\"`: {Source: Property, Keys: []string{`a!= ""`}},
		`properties.\"\"`:       {Source: Property, Keys: []string{`""`}},
		`properties.\ a\ `:      {Source: Property, Keys: []string{" a "}},
		"user.plan":             {Source: UserProperty, Keys: []string{"plan"}},
		"first.utm.source":      {Source: FirstProperty, Keys: []string{"utm", "source"}},
		"first_seen":            {Source: FirstSeen},
		"last_seen":             {Source: LastSeen},
		"time.hour":             {Source: Hour},
		"time.weekday":          {Source: Weekday},
		"cohort : pay_1-ng ":    {Source: Cohort, Name: "pay_1-ng"},
	} {
		f, err := ParseField(text)
		require.NoError(t, err, text)
		if len(f.Keys) == 0 {
			f.Keys = nil
		}
		require.Equal(t, want, f, text)
		again, err := ParseField(f.String())
		require.NoError(t, err, f.String())
		require.Equal(t, f.Keys, again.Keys, f.String())
	}
	for text, want := range map[string]string{
		"": `"" is not event_type`, "country": `"country" is not`, "properties": "names no property, as in properties.country", "user": "as in user.country",
		"first": "as in first.country", "first_seen.a": "first_seen has no keys", "time": "time.hour and time.weekday", "time.minute": "time.hour and time.weekday",
		"time.hour.a": "time.hour and time.weekday", "cohort:": "has no name of a cohort", "cohort": "names no cohort, as in cohort:paying",
		"cohort:Paying": "has no name of a cohort", "cohort:-a": "has no name", "cohort:" + long(65): "has no name", "cohort:a.b": "cohort has no keys", "cohort.a": "names no cohort",
		"cohort:a=true": `has the operator "="`, "cohort:a:exists": `has the operator ":"`, "entry.properties.a": "only the question sessions has",
		"exit.event_type": "only the question sessions has", "did": `did, which is a filter of its own, as in {"did": …}`, "funnel": `funnel, which is a filter of its own, as in {"funnel": …}`,
		"properties.a=1": `has the operator "="`, "properties.a exists": `has the operator ":"`, "properties.a..b": "empty key", `properties.a\`: "lone backslash",
		"properties.\xff": "UTF-8", "properties." + long(MaxLength): "more than 1000 characters",
	} {
		_, err := ParseField(text)
		require.ErrorContains(t, err, want, text)
	}
}

func TestParseCondition(t *testing.T) {
	t.Parallel()
	for text, canonical := range map[string]string{
		"event_type : purchase ":                        "event_type=purchase",
		"properties.a in ( 1,\\,, b )":                  `properties.a:in(1,\,,b)`,
		"properties.a exists":                           "properties.a:exists",
		"properties.a = \\ b\\|\\\\ ":                   `properties.a=\ b\|\\`,
		`properties.a>\=5`:                              `properties.a>\=5`,
		`properties.a\!=5`:                              `properties.a\!=5`,
		`properties.a:matches( a\)|b\ )`:                `properties.a:matches(a\)|b\ )`,
		`properties.a matches ((?i)ab)`:                 "properties.a:matches((?i)ab)",
		`properties.a:has( x\,y )`:                      `properties.a:has(x\,y)`,
		`properties.a:since(2025-08-01)`:                "properties.a:since(2025-08-01)",
		`first_seen:before(2025-08-01T00:00:00Z)`:       "first_seen:before(2025-08-01T00:00:00Z)",
		`last_seen missing`:                             "last_seen:missing",
		"user.plan!=":                                   "user.plan!=",
		"time.hour>=9.0":                                "time.hour>=9.0",
		"time.weekday:in(6,7)":                          "time.weekday:in(6,7)",
		"properties.a=matches(b)":                       "properties.a=matches(b)",
		"cohort:paying ":                                "cohort:paying=true",
		"cohort : paying = false":                       "cohort:paying=false",
		"cohort:paying!=true":                           "cohort:paying!=true",
		"cohort:paying exists":                          "cohort:paying:exists",
		"cohort:paying:in(true,false)":                  "cohort:paying:in(true,false)",
		`properties.a:\matches(b)`:                      "properties.a=matches(b)",
		"properties.a:matches(" + long(MaxRegexp) + ")": "properties.a:matches(" + long(MaxRegexp) + ")",
	} {
		c, err := ParseCondition(text)
		require.NoError(t, err, text)
		require.Equal(t, canonical, c.Text)
		again, err := ParseCondition(c.Text)
		require.NoError(t, err, c.Text)
		require.Equal(t, c, again, text)
	}
	for text, want := range map[string]string{
		"properties.a": "has no operator (: = != > >= < <= ~ in exists missing matches has since before)", "properties.price>": `no value after ">"`,
		"properties.a:not_exists": "there are in, exists, missing, matches, has, since and before", "properties.a:matches()": "no values in the parentheses",
		"properties.a:matches(a": "closing parenthesis", `properties.a:matches(a\)`: "closing parenthesis", "properties.a:matches(()": "no valid regular expression: missing closing )",
		"properties.a:matches(" + long(MaxRegexp+1) + ")": "more than 1000 characters", "properties.a:has(b,c)": `more than one value for has: write \,`,
		"properties.a:has(b|c)": "has a bar", "properties.a:has()": "no values", "properties.a:since(today)": "not an RFC 3339 date", "properties.a:before(2025-02-29)": "not an RFC 3339",
		"properties.a:since(2025-08-01,2025-08-02)": "more than one value", "first_seen=2025-08-01": "it takes since, before, exists and missing",
		"last_seen>2025-08-01": "has the operator >", "last_seen:in(2025-08-01)": "has the operator in", "first_seen:matches(2025)": "has the operator matches",
		"time.hour>noon": "time.hour, a number, with the text", "event_type>5": "no order", "cohort:Paying": "has no name of a cohort", "cohort=paying": "names no cohort, as in cohort:paying",
		"properties.a=" + long(MaxLength): "more than 1000 characters", "properties.a=" + long(3*MaxLength): "more than", "properties.a=\xff": "UTF-8",
	} {
		_, err := ParseCondition(text)
		require.ErrorContains(t, err, want, text)
	}
}

func TestParseFilter(t *testing.T) {
	t.Parallel()
	for text, canonical := range map[string]string{
		"event_type:a":                          `"event_type=a"`,
		"[]":                                    `[]`,
		` ["event_type:a"]`:                     `"event_type=a"`,
		`["event_type:a",["user_id:b",[]]]`:     `["event_type=a","user_id=b"]`,
		`{"any":[]}`:                            `{"any":[]}`,
		`{"any":["event_type:a",[]]}`:           `{"any":["event_type=a",[]]}`,
		`{"not":{"not":["event_type:\u0061"]}}`: `{"not":{"not":"event_type=a"}}`,
		`{"not":{"any":["user.a exists",["first.b=<&>","time.hour=1"]]}}`: `{"not":{"any":["user.a:exists",["first.b=\u003c\u0026\u003e","time.hour=1"]]}}`,
		"cohort:paying":                             `"cohort:paying=true"`,
		`{"did":"a"}`:                               `{"did":"a"}`,
		`{"times":1,"did":{}}`:                      `{"did":"*"}`,
		`{"did":"a","times":3}`:                     `{"did":"a","times":"\u003e=3"}`,
		`{"did":"a","times":" = 0 ","last":"720h"}`: `{"did":"a","times":"=0","last":"30d"}`,
		`{"not":{"did":{"event":["a","b"],"filter":["user.a:exists",{"did":"c"}],"first":true},"times":"!=2"}}`:                                                                 `{"not":{"did":{"event":["a","b"],"filter":["user.a:exists",{"did":"c"}],"first":true},"times":"!=2"}}`,
		`{"funnel":{"steps":["a",{"event":"b","first":true,"name":"B"}]}}`:                                                                                                      `{"funnel":{"steps":["a",{"event":"b","first":true,"name":"B"}],"window":"7d","order":"ordered"},"reached":2}`,
		`{"dropped":true,"reached":1,"funnel":{"filter":["user.a=1"],"order":"strict","window":"36h","exclude":"x","steps":["a",{"event":["b","c"],"filter":"cohort:d"},"*"]}}`: `{"funnel":{"steps":["a",{"event":["b","c"],"filter":"cohort:d=true"},"*"],"window":"36h","order":"strict","exclude":[{"event":"x","after":1,"before":3}],"filter":"user.a=1"},"reached":1,"dropped":true}`,
		`{"not":{"funnel":{"steps":["a","b"],"order":"any"},"dropped":false}}`:                                                                                                  `{"not":{"funnel":{"steps":["a","b"],"window":"7d","order":"any"},"reached":2}}`,
		strings.Repeat(`{"funnel":{"filter":`, MaxDepth) + `"event_type:a"` + strings.Repeat(`,"steps":["a","b"]}}`, MaxDepth):                                                  strings.Repeat(`{"funnel":{"steps":["a","b"],"window":"7d","order":"ordered","filter":`, MaxDepth) + `"event_type=a"` + strings.Repeat(`},"reached":2}`, MaxDepth),
		strings.Repeat(`{"did":{"filter":`, MaxDepth) + `"event_type:a"` + strings.Repeat("}}", MaxDepth):                                                                       strings.Repeat(`{"did":{"event":"*","filter":`, MaxDepth) + `"event_type=a"` + strings.Repeat("}}", MaxDepth),
		strings.Repeat(`{"not":`, MaxDepth) + `"event_type:a"` + strings.Repeat("}", MaxDepth):                                                                                  strings.Repeat(`{"not":`, MaxDepth) + `"event_type=a"` + strings.Repeat("}", MaxDepth),
	} {
		f, err := ParseFilter(text)
		require.NoError(t, err, text)
		written, err := json.Marshal(f)
		require.NoError(t, err)
		require.Equal(t, canonical, string(written), text)
		again, err := ParseFilterJSON(written)
		require.NoError(t, err)
		require.Equal(t, f, again, text)
	}
	for text, want := range map[string]string{
		"properties.price>":                                  `"properties.price>" has no value after ">"`,
		`{"any":["properties.price>"]}`:                      `any[0]: "properties.price>" has no value after ">"`,
		`["event_type:a",{"not":{"any":["user_id:b","x"]}}]`: `[1].not.any[1]: "x" has no operator`,
		`{"any":[1]}`:                                        `any[0]: is a number, not a filter`,
		`{"not":null}`:                                       `not: is null, not a filter`,
		`{"any":"event_type:a"}`:                             `any: is a string, not an array of filters`,
		`{}`:                                                 `has 0 members; a filter has one: any, not, did or funnel`,
		`{"any":[],"not":[]}`:                                `has 2 members`,
		`{"or":[]}`:                                          `"or" is not known here; known are any, not, did, times, last, funnel, reached, dropped`,
		`{"any":[],"or":[]}`:                                 `"or" is not known here; known are any, not, did, times, last, funnel, reached, dropped`,
		`{"did":1}`:                                          `did: is a number, not a series`,
		`{"did":["a"]}`:                                      `did: is an array, not a series`,
		`{"did":{"measure":"users"}}`:                        `did: "measure" is not known here; known are event, filter, first`,
		`{"any":[{"did":{"filter":["x"]}}]}`:                 `any[0].did.filter[0]: "x" has no operator`,
		`{"did":"a","any":[]}`:                               `"any" is not known here; known are did, times, last`,
		`{"times":3}`:                                        `times: is there without did`,
		`{"any":[],"last":"3d"}`:                             `has 2 members`,
		`{"did":"a","times":"3"}`:                            `times: is 3, not a number of events, or one with = != > >= < or <= before it`,
		`{"did":"a","times":-1}`:                             `times: has "-1", which is not a whole number from 0 to 1000000000`,
		`{"did":"a","times":1.5}`:                            `times: has "1.5"`,
		`{"did":"a","times":">=1000000001"}`:                 `times: has "1000000001"`,
		`{"did":"a","times":true}`:                           `times: is true, not a number`,
		`{"did":"a","times":":3"}`:                           `times: is :3, not a number`,
		`{"did":"a","last":"0d"}`:                            `last: "0d" is not between 1s and 3660d`,
		`{"did":"a","last":30}`:                              `last: is a number, not a duration`,
		`["` + strings.Repeat(`cohort:a","`, 49) + `cohort:a",` + strings.Repeat(`{"did":{"filter":"user.a:exists"}},`, 25) + `{"did":"a"}]`: "there are 101 conditions together, at most 100 are allowed",
		`{"did":{"event":["` + strings.Repeat(`a`, 190) + `"]},"times":1}x`:                                                                  `is not valid JSON`,
		strings.Repeat(`{"did":{"filter":`, MaxDepth+1) + `"event_type:a"` + strings.Repeat("}}", MaxDepth+1):                                `is more than 8 levels deep`,
		`{"not":{"funnel":{"steps":[]}}}`:                                  `not.funnel.steps: has 0 steps; 2 to 20 are allowed`,
		`{"funnel":["a","b"]}`:                                             `funnel: is an array, not a funnel: an object with steps`,
		`{"funnel":{}}`:                                                    `funnel: has no steps`,
		`{"reached":2}`:                                                    `reached: is there without funnel`,
		`{"dropped":true}`:                                                 `dropped: is there without funnel`,
		`{"funnel":{"steps":["a","b"]},"times":2}`:                         `"times" is not known here; known are funnel, reached, dropped`,
		`{"funnel":{"steps":["a","b"],"unit":"user_id"}}`:                  `funnel: "unit" is not known here; known are steps, window, order, exclude, filter`,
		`{"reached":3,"funnel":{"steps":["a","b"]}}`:                       `reached: is not the number of a step from 1 to 2`,
		`{"funnel":{"steps":["a","b"]},"reached":0}`:                       `reached: is not the number of a step from 1 to 2`,
		`{"funnel":{"steps":["a","b"]},"dropped":1}`:                       `dropped: is a number, not true or false`,
		`{"funnel":{"steps":["a",{"event":"b","measure":"users"}]}}`:       `funnel.steps[1].measure: cannot be in a step`,
		`{"any":[{"funnel":{"steps":["a",{"filter":["x"]}]}}]}`:            `any[0].funnel.steps[1].filter[0]: "x" has no operator`,
		`{"funnel":{"steps":["a","b"],"window":"367d"}}`:                   `funnel.window: "367d" is not between 1s and 366d`,
		`{"funnel":{"steps":["a","b"],"order":"first"}}`:                   `funnel.order: "first" is not ordered, any or strict`,
		`{"funnel":{"steps":["a","b"],"filter":"x"}}`:                      `funnel.filter: "x" has no operator`,
		`{"funnel":{"exclude":{"event":"x","after":2},"steps":["a","b"]}}`: `funnel.exclude.after: is not the number of a step from 1 to 1`,
		`{"funnel":{"exclude":"x","steps":["a","b"],"order":"any"}}`:       `funnel.exclude: cannot be with the order any`,
		`{"funnel":{"exclude":{"filter":[1]},"steps":["a","b"]}}`:          `funnel.exclude.filter[0]: is a number`,
		"[" + strings.Repeat(`{"funnel":{"steps":["a","b"],"exclude":"c"}},`, 33) + `{"funnel":{"steps":["a",{"filter":"user.a=1"}]}}]`: "there are 102 conditions together",
		strings.Repeat(`{"funnel":{"steps":["a",{"filter":`, MaxDepth+1) + `"event_type:a"` + strings.Repeat("}]}}", MaxDepth+1):        `is more than 8 levels deep`,
		`{"not":"event_type:a","not":[]}`: `is not valid JSON: duplicate object member name`,
		`{"any":["event_type:a"]`:         `is not valid JSON: it ends too early`,
		`[] []`:                           `is not valid JSON`,
		`["\ud800"]`:                      `is not valid JSON`,
		strings.Repeat(`{"not":`, MaxDepth+1) + `"event_type:a"` + strings.Repeat("}", MaxDepth+1): `is more than 8 levels deep`,
		strings.Repeat(`[`, 5000) + strings.Repeat(`]`, 5000):                                      `is more than 8 levels deep`,
		list(MaxConditions+1, "event_type:a"):                                                      "there are 101 conditions together, at most 100 are allowed",
		list(11, "event_type:in("+strings.Repeat("a,", 99)+"a)"):                                   "1100 values together",
		list(40, "event_type:"+strings.Repeat("x", 900)):                                           "36000 bytes together",
	} {
		_, err := ParseFilter(text)
		require.ErrorContains(t, err, want, text)
		var e *Error
		require.ErrorAs(t, err, &e)
	}
}

func list(n int, text string) string {
	return `["` + strings.Repeat(text+`","`, n-1) + text + `"]`
}
