package e2e

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// levelsOf is a filter of so many levels.
func levelsOf(levels int) string {
	return strings.Repeat(`{"not":`, levels) + `"user_id=1"` + strings.Repeat("}", levels)
}

// listed is a JSON array of so many items.
func listed(items int, item string) string {
	return "[" + strings.TrimSuffix(strings.Repeat(item+",", items), ",") + "]"
}

// bomb is a question that asks for more than may be asked. It is refused before anything
// is computed, with the name of the field that does.
type bomb struct{ name, path, member, field string }

var bombs = []bomb{
	{"levels of a filter", dau, `"filter":` + levelsOf(9), "filter"},
	{"many levels of a filter", dau, `"filter":` + levelsOf(9_000), "filter"},
	{"conditions", dau, `"filter":` + listed(101, `"user_id=1"`), "filter"},
	{"many conditions", dau, `"filter":{"any":` + listed(9_000, `"user_id=1"`) + `}`, "filter"},
	{"levels of did", dau, `"filter":` + strings.Repeat(`{"did":{"filter":`, 9) + `[]` + strings.Repeat("}}", 9), "filter"},
	{"times", dau, `"filter":{"did":"a","times":">=1e30"}`, "filter.times"},
	{"a huge number of times", dau, `"filter":{"did":"a","times":99999999999999999999}`, "filter.times"},
	{"a huge duration", dau, `"filter":{"did":"a","last":"999999999999999999999d"}`, "filter.last"},
	{"a nested regular expression", dau, `"filter":"properties.a:matches(((((x{10}){10}){10}){10}){10})"`, "filter"},
	{"a long regular expression", dau, `"filter":"properties.a:matches(` + strings.Repeat("x", 1001) + `)"`, "filter"},
	{"a filter on a funnel of many steps", dau, `"filter":{"funnel":{"steps":` + listed(5_000, `"a"`) + `}}`, "filter.funnel.steps"},
	{"steps", funnels, `"steps":` + listed(21, `"a"`), "steps"},
	{"many steps", funnels, `"steps":` + listed(20_000, `"a"`), "steps"},
	{"conditions of all steps", funnels, `"steps":` + listed(20, `{"filter":`+listed(6, `"user_id=1"`)+`}`), "steps"},
	{"exclusions", funnels, `"steps":["a","b"],"exclude":` + listed(9_000, `"x"`), "exclude"},
	{"a window over int64", funnels, `"steps":["a","b"],"window":"9223372036854775807d"`, "window"},
	{"bins", funnels, `"steps":["a","b"],"view":"times","bins":` + listed(20_000, "1"), "bins"},
	{"a bin of a billion digits", funnels, `"steps":["a","b"],"view":"times","bins":[0,1e999999999]`, "bins"},
	{"a huge attribution", funnels, `"steps":["a","b"],"breakdown":"event_type","attribution":99999999999999999999`, "attribution"},
	{"fields of a funnel's breakdown", funnels, `"steps":["a","b"],"breakdown":` + listed(9_000, `"event_type"`), "breakdown"},
	{"a funnel by the hour of a year", funnels, `"steps":["a","b"],"interval":"hour","from":"2024-08-31","to":"2025-08-31"`, "interval"},
	{"nodes of a path", paths, `"steps":1000000000`, "steps"},
	{"nodes told apart", paths, `"top":1000000000`, "top"},
	{"a path of ages", paths, `"within":"9999999999999s"`, "within"},
	{"an endpoint of many types", paths, `"start":{"event":` + listed(20_000, `"a"`) + `}`, "start"},
	{"levels of an endpoint", paths, `"end":{"filter":` + levelsOf(9_000) + `}`, "end"},
	{"a gap of ages", sessions, `"gap":"9999999999999h"`, "gap"},
	{"sessions by the minute", sessions, `"interval":"minute"`, "interval"},
	{"fields of a breakdown", sessions, `"breakdown":` + listed(4, `"event_type"`), "breakdown"},
	{"groups", sessions, `"breakdown":"event_type","top":1000000000`, "top"},
	{"fields of profiles", "/api/stats/profiles", `"fields":` + listed(12_000, `"user.a"`), "fields"},
	{"profiles at once", "/api/stats/profiles", `"limit":1000000000`, "limit"},
	{"a huge cursor", "/api/stats/profiles", `"sort":"events","after":"` + base64.RawURLEncoding.EncodeToString([]byte("events 99999999999999999999 u")) + `"`, "after"},
	{"series", "/api/stats/trends", `"series":` + listed(9_000, `"a"`), "series"},
	{"a formula", "/api/stats/trends", `"series":["a"],"formula":"` + strings.Repeat("(", 9_000) + "A" + strings.Repeat(")", 9_000) + `"`, "formula"},
	{"rolling", "/api/stats/trends", `"series":[{"rolling":1000000000}]`, "series[0].rolling"},
	{"all time by the hour", "/api/stats/trends", `"interval":"hour","from":"0001-01-01","to":"9999-12-31"`, "to"},
	{"a body", funnels, `"steps":` + listed(40_000, `"a"`), ""},
}

// ask posts the bomb. What is too large to be read has no field to name; what JSON has no
// room for is refused where it is read, with its place in the text.
func (b bomb) ask(t *testing.T, c *caller) {
	a := c.Do(t, http.MethodPost, b.path, strings.NewReader(b.body()), "Content-Type", "application/json")
	if b.field == "" {
		a.Is(t, 413, "")
		return
	}
	if a.Status == 400 {
		require.Contains(t, a.Problem(t).Detail, `"/`+b.field, "%s", a)
		return
	}
	p := a.Is(t, 422, "").Problem(t)
	require.NotEmpty(t, p.Fields, "%s", a)
	require.True(t, strings.HasPrefix(p.Fields[0].Field, b.field), "%s", a)
}

// body has days, unless the bomb has its own.
func (b bomb) body() string {
	if strings.Contains(b.member, `"from"`) {
		return `{` + b.member + `}`
	}
	return `{"from":"2025-08-01","to":"2025-08-31",` + b.member + `}`
}

// largest are questions that ask for as much as may be asked.
var largest = []struct{ path, member string }{
	{dau, `"filter":` + listed(100, `"user_id=1"`)},
	{dau, `"filter":` + levelsOf(7)},
	{dau, `"filter":{"funnel":{"steps":` + listed(20, `"a"`) + `,"window":"366d"}}`},
	{funnels, `"window":"366d","breakdown":["user.a","first.b","properties.c"],"top":500,"exclude":` + listed(20, `"x"`) +
		`,"steps":` + listed(20, `{"filter":["user.a=1","properties.b=2","event_type=c","user_id=4"]}`)},
	{funnels, `"interval":"hour","order":"any","fill":"zero","steps":` + listed(20, `"a"`)},
	{paths, `"steps":20,"top":100,"within":"366d","start":"a","end":"b","repeats":true,"node":"properties.a"`},
	{sessions, `"gap":"24h","interval":"hour","breakdown":["entry.user_id","exit.event_type","user.c"],"top":500,"fill":"zero"`},
	{"/api/stats/profiles", `"limit":1000,"sort":"events","fields":["user.a","first.b"]`},
}

// askLargest asks for as much as may be asked, each also of a cohort of as many conditions:
// all is answered.
func askLargest(t *testing.T, c *caller) {
	require.Less(t, putCohort(t, c, "largest", `{"filter":{"any":`+listed(100, `{"did":"a","times":2}`)+`}}`), 300)
	for _, q := range largest {
		c.Do(t, http.MethodPost, q.path, strings.NewReader(bomb{member: q.member}.body()), "Content-Type", "application/json").Is(t, 200, "")
	}
	for _, q := range largest[3:] {
		member := q.member + `,"filter":"cohort:largest"`
		c.Do(t, http.MethodPost, q.path, strings.NewReader(bomb{member: member}.body()), "Content-Type", "application/json").Is(t, 200, "")
	}
}

// putCohort makes or replaces a cohort, and returns the status.
func putCohort(t *testing.T, c *caller, name, body string) int {
	path := fmt.Sprintf("/api/projects/%d/cohorts/%s", c.Project, name)
	return c.Do(t, http.MethodPut, path, strings.NewReader(body), "Content-Type", "application/json").Status
}

// cohortBombs are cohorts that cannot be, and some that name each other many times over.
func cohortBombs(t *testing.T, c *caller) {
	for _, body := range []string{
		`{"filter":` + levelsOf(9_000) + `}`, `{"filter":` + listed(9_000, `"user.a=1"`) + `}`, `{"filter":` + listed(101, `{"did":"a"}`) + `}`,
		`{"filter":"user.a:matches(((((x{10}){10}){10}){10}){10})"}`, `{"filter":{"did":"a","times":">=1e30"}}`,
		`{"users":` + listed(1_000_001, `""`) + `}`, `{"users":["` + strings.Repeat("x", 801) + `"]}`,
	} {
		require.Contains(t, []int{400, 413, 422}, putCohort(t, c, "bomb", body), "%.100s", body)
	}
	require.Equal(t, 422, putCohort(t, c, strings.Repeat("x", 65), `{"users":[]}`))
	name := "bomb-0"
	require.Less(t, putCohort(t, c, name, `{"filter":"user.a=1"}`), 300)
	for n := range 24 { // 2²⁴ if each were looked at as often as it is named
		next := fmt.Sprint("bomb-", n+1)
		require.Less(t, putCohort(t, c, next, fmt.Sprintf(`{"filter":{"any":["cohort:%s",{"not":"cohort:%s"}]}}`, name, name)), 300)
		name = next
	}
	c.Post(t, dau, object{"from": "2025-08-01", "to": "2025-08-31", "filter": "cohort:" + name}).Is(t, 200, "")
}
