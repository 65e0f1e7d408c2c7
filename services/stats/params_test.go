package stats

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Refusals name the parameter, whether it came in the query or as JSON.
func TestBadParameters(t *testing.T) {
	t.Parallel()
	a := newAPI(t).run(t)
	const days = "from=2025-08-01&to=2025-08-31&"
	const jsonDays = `"from":"2025-08-01","to":"2025-08-31",`
	segments := strings.Repeat("segment=event_type:a&", 51)
	for _, c := range []struct{ path, query, field string }{
		{"dau", "to=2025-08-31", "from"},
		{"dau", "from=2025-08-31", "to"},
		{"dau", "from=2025-08-31&to=2025-08-30", "from"},
		{"dau", "from_date=2025-08-31&to=2025-08-30", "from_date"},
		{"dau", "from=2025-13-01&to=2025-08-30", "from"},
		{"dau", "from=2025-02-29&to=2025-08-30", "from"},
		{"dau", "from=2025-02-01&to_date=0000-01-01", "to_date"},
		{"dau", "from=&to=2025-08-30", "from"},
		{"dau", "from=2015-08-01&to=2025-08-08", "to"},
		{"dau", "from=2025-08-01&from_date=2025-08-01&to=2025-08-30", "from_date"},
		{"dau", "from=2025-08-01&to_date=2025-08-01&to=2025-08-30", "to_date"},
		{"dau", "from=2025-08-01&from=2025-08-01&to=2025-08-30", "from"},
		{"dau", days + "limit=3", "limit"},
		{"dau", days + "fill=one", "fill"},
		{"dau", days + "format=xml", "format"},
		{"dau", days + "FROM=2025-08-01", "FROM"},
		{"dau", days + "wait=soon", "wait"},
		{"dau", days + "wait=-1s", "wait"},
		{"top-events", days + "limit=0", "limit"},
		{"properties", "from=2025-08-01", "to"},
		{"properties", days + "series=", "series"},
		{"properties", days + "series=%5B1%5D", "series[0]"},
		{"properties", days + "series=%5B", "series"},
		{"properties", days + "series=%7B%22event%22:%22buy%22,%22first%22:true%7D", "series.first"},
		{"properties", days + strings.Repeat("series=a&", 51), "series"},
		{"properties", days + "series=%5B%22%22%5D", "series[0]"},
		{"property-values", days, "property"},
		{"property-values", days + "property=country", "property"},
		{"property-values", days + "property=properties.a%3D1", "property"},
		{"property-values", days + "property=cohort:paying", "property"},
		{"property-values", days + "property=user_id&limit=1001", "limit"},
		{"property-values", days + "property=user_id&q=%FF", "q"},
		{"property-values", days + "property=user_id&q=" + strings.Repeat("a", 201), "q"},
		{"property-values", days + "property=user_id&include=events", "include"},
		{"property-values", days + "property=user_id&series=a&series=b", "series"},
		{"property-values", days + "property=user_id&series=[%22a%22,%22b%22]", "series"},
		{"property-values", days + "property=user_id&series={%22event%22:1}", "series.event"},
		{"property-values", days + "property=user_id&series={%22measure%22:%22users%22}", "series.measure"},
		{"property-values", days + "property=user_id&series={%22filter%22:[%22properties.a%3E%22]}", "series.filter[0]"},
		{"dau", days + "series=a", "series"},
		{"top-events", days + "limit=-1", "limit"},
		{"top-events", days + "limit=1001", "limit"},
		{"top-events", days + "limit=NaN", "limit"},
		{"top-events", days + "limit=1e9", "limit"},
		{"top-events", days + "include=all", "include"},
		{"retention", "", "start_date"},
		{"retention", "start_date=2025-08-02&end_date=2025-08-01", "start_date"},
		{"retention", "start_date=2025-09-11", "start_date"}, // after today
		{"retention", "start_date=2010-08-02", "end_date"},
		{"retention", "start_date=2025-08-02&windows=0", "windows"},
		{"retention", "start_date=2025-08-02&windows=53", "windows"},
		{"retention", "start_date=2025-08-02&granularity=hour", "granularity"},
		{"retention", "start_date=2025-08-02&cohort=all", "cohort"},
		{"retention", "start_date=2025-08-02&event_type=", "event_type"},
		{"retention", "start_date=2025-08-02&mode=rolling", "mode"},
		{"retention", "start_date=2025-08-02&mode=bracket", "brackets"},
		{"retention", "start_date=2025-08-02&brackets=1", "brackets"},
		{"retention", "start_date=2025-08-02&mode=bracket&brackets=%5B%5D", "brackets"},
		{"retention", "start_date=2025-08-02&mode=bracket&brackets=week", "brackets"},
		{"retention", "start_date=2025-08-02&mode=bracket&brackets=%5B0,1%5D", "brackets[0]"},
		{"retention", "start_date=2025-08-02&mode=bracket&brackets=3&brackets=3", "brackets[1]"},
		{"retention", "start_date=2025-08-02&mode=bracket&brackets=3661", "brackets[0]"},
		{"retention", "start_date=2025-08-02&mode=bracket&brackets=3&windows=4", "windows"},
		{"retention", "start_date=2025-08-02&zero=none", "zero"},
		{"retention", "start_date=2025-08-02&returning_filter=properties.a", "returning_filter"},
		{"retention", "start_date=2025-08-02&returning_filter=event_type:a&returning_filter=x", "returning_filter[1]"},
		{"retention", "start_date=2025-08-02&breakdown=country", "breakdown"},
		{"retention", "start_date=2025-08-02&breakdown=event_type&breakdown=event_type", "breakdown[1]"},
		{"retention", "start_date=2025-08-02&breakdown=event_type&top=501", "top"},
		{"events", days + "interval=minute", "interval"},
		{"events", days + "by=user_id", "by"},
		{"active-users", days + "window=0", "window"},
		{"active-users", days + "window=91", "window"},
		{"event-types", "from=2025-08-01", "from"},
		{"sessions", "from=2025-08-01", "to"},
		{"sessions", days + "gap=30", "gap"},
		{"sessions", days + "gap=59s", "gap"},
		{"sessions", days + "gap=25h", "gap"},
		{"sessions", days + "interval=minute", "interval"},
		{"sessions", days + "breakdown=entry", "breakdown"},
		{"sessions", days + "breakdown=entry.user_id&breakdown=exit.exit.user_id", "breakdown[1]"},
		{"sessions", days + "filter=[%22entry.user_id%3E5%22]", "filter[0]"},
		{"sessions", days + "segment=entry.user_id:5", "segment"},
		{"sessions", days + "series=a", "series"},
		{"dau", days + "filter=entry.user_id:5", "filter"},
		{"trends", days + "series=a&breakdown=exit.user_id", "breakdown"},
		{"paths", days + "node=entry.user_id", "node"},
		{"paths", days + "node=country", "node"},
		{"paths", days + "steps=1", "steps"},
		{"paths", days + "steps=21", "steps"},
		{"paths", days + "top=101", "top"},
		{"paths", days + "start=", "start"},
		{"paths", days + "start=a&start=b", "start"},
		{"paths", days + "start=[%22a%22,%22b%22]", "start"},
		{"paths", days + "start={%22event%22:%22a%22,%22measure%22:%22users%22}", "start.measure"},
		{"paths", days + "end={%22filter%22:{%22any%22:[%22properties.a%3E%22]}}", "end.filter.any[0]"},
		{"paths", days + "within=visit", "within"},
		{"paths", days + "within=367d", "within"},
		{"paths", days + "gap=2d", "gap"},
		{"paths", days + "repeats=2", "repeats"},
		{"profiles", "limit=0", "limit"},
		{"profiles", "limit=1001", "limit"},
		{"profiles", "sort=name", "sort"},
		{"profiles", "after=x", "after"},
		{"profiles/ann/events", "limit=1001", "limit"},
		{"profiles/ann/events", "after=x", "after"},
		{"profiles/ann", "to=soon", "to"},
		{"funnels", days + "steps=a", "steps"},
		{"funnels", days + strings.Repeat("steps=a&", 21), "steps"},
		{"funnels", days + "steps=a&steps=b&window=367d", "window"},
		{"funnels", days + "steps=a&steps=b&order=random", "order"},
		{"funnels", days + "steps=a&steps=b&view=bins", "view"},
		{"funnels", days + "steps=a&steps=b&breakdown=event_type&top=501", "top"},
		{"events/latest", "limit=0", "limit"},
		{"events/latest", "limit=1001", "limit"},
		{"events/latest", "before=", "before"},
		{"events/latest", "before=2", "before"},
		{"events/latest", "timezone=Mars/Olympus", "timezone"},
		{"events/latest", "timezone=", "timezone"},
		{"events/latest", "timezone=Local", "timezone"},
		{"events/latest", "timezone=%2B25:00", "timezone"},
		{"events/latest", "timezone=../../etc/passwd", "timezone"},
		{"events/latest", "segment=", "segment"},
		{"events/latest", "segment=event_type:", "segment"},
		{"events/latest", "segment=properties.a%3D" + strings.Repeat("x", 5<<10), "segment"},
		{"events/latest", "segment=%FF", "segment"},
		{"events/latest", segments, "segment"},
		{"events/latest", "filter=", "filter"},
		{"events/latest", "filter=event_type:", "filter"},
		{"events/latest", "filter=event_type:a&filter=x", "filter[1]"},
		{"events/latest", "filter={%22any%22:[%22properties.a=1%22,%22properties.price>%22]}", "filter.any[1]"},
		{"events/latest", "filter=[%22event_type:a%22,{%22not%22:{%22or%22:[]}}]", "filter[1].not"},
		{"events/latest", "filter={%22did%22:%22purchase%22,%22times%22:%22often%22}", "filter.times"},
		{"events/latest", "filter={%22not%22:%22a=1%22,%22not%22:%22b=1%22}", "filter"},
		{"events/latest", "filter={%22any%22:", "filter"},
		{"events/latest", "filter=cohort:paying", "filter"},
		{"events/latest", "filter=first_seen=2025-08-01", "filter"},
		{"events/latest", "filter=time.hour%3Enoon", "filter"},
		{"events/latest", "filter=properties.a:matches(()", "filter"},
		{"events/latest", "filter=properties.a:matches(x%7B900%7Dx%7B900%7Dx%7B900%7Dx%7B900%7D)", "filter"},
		{"events/latest", "filter=" + strings.Repeat("[", 9) + strings.Repeat("]", 9), "filter" + strings.Repeat("[0]", 8)},
		{"events/latest", "filter=%FF", "filter"},
		{"events/{00000000-0000-0000-0000-000000000002}", "", "event_id"},
		{"events/2", "", "event_id"},
	} {
		r := a.get(t, 1, "/api/stats/"+strings.NewReplacer("{", "%7B", "}", "%7D").Replace(c.path)+"?"+c.query)
		require.Equal(t, http.StatusUnprocessableEntity, r.StatusCode, "%s %.100s: %s", c.path, c.query, r.body)
		require.Equal(t, c.field, lastWord(r.refused(t)), "%s %.100s", c.path, c.query)
	}
	require.Equal(t, "400 /problems/malformed-query ", a.get(t, 1, "/api/stats/dau?"+days+"segment=%zz").refused(t))

	for _, c := range []struct{ path, body, field string }{
		{"dau", `{"to":"2025-08-31"}`, "from"},
		{"dau", `{"from":"","to":"2025-08-31"}`, "from"},
		{"dau", `{` + jsonDays + `"from_date":"2025-08-31"}`, "from_date"},
		{"dau", `{` + jsonDays + `"limit":3}`, "limit"},
		{"dau", `{` + jsonDays + `"timezone":""}`, "timezone"},
		{"dau", `{` + jsonDays + `"segment":""}`, "segment"},
		{"dau", `{` + jsonDays + `"segment":[1]}`, "segment"},
		{"dau", `{` + jsonDays + `"segment":[` + strings.Repeat(`"event_type:a",`, 50) + `"event_type:a"]}`, "segment"},
		{"dau", `{` + jsonDays + `"segment":` + list(11, "event_type:in(a"+strings.Repeat(",b", 99)+")") + `}`, "segment"},
		{"dau", `{` + jsonDays + `"segment":` + list(40, "properties.a="+strings.Repeat("x", 900)) + `}`, "segment"},
		{"dau", `{` + jsonDays + `"filter":""}`, "filter"},
		{"dau", `{` + jsonDays + `"filter":1}`, "filter"},
		{"dau", `{` + jsonDays + `"filter":[{"any":["event_type:a",null]}]}`, "filter[0].any[1]"},
		{"dau", `{` + jsonDays + `"filter":{"not":{"not":"properties.price>"}}}`, "filter.not.not"},
		{"dau", `{` + jsonDays + `"filter":` + list(101, "event_type:a") + `}`, "filter"},
		{"dau", `{` + jsonDays + `"filter":` + list(60, "event_type:a") + `,"segment":` + list(41, "event_type:a") + `}`, "filter"},
		{"dau", `{` + jsonDays + `"filter":` + list(11, "event_type:in(a"+strings.Repeat(",b", 99)+")") + `}`, "filter"},
		{"top-events", `{` + jsonDays + `"limit":0}`, "limit"},
		{"properties", `{` + jsonDays + `"series":""}`, "series"},
		{"properties", `{` + jsonDays + `"series":{"event":"buy","measure":"users"}}`, "series.measure"},
		{"properties", `{` + jsonDays + `"series":["a",1]}`, "series[1]"},
		{"top-events", `{` + jsonDays + `"limit":1001}`, "limit"},
		{"top-events", `{` + jsonDays + `"limit":"10"}`, "limit"},
		{"paths", `{` + jsonDays + `"start":1}`, "start"},
		{"paths", `{` + jsonDays + `"end":{"event":"a","filter":["properties.a>"]}}`, "end.filter[0]"},
		{"paths", `{` + jsonDays + `"end":{"filter":` + list(60, "event_type:a") + `},"filter":` + list(41, "event_type:a") + `}`, "filter"},
		{"sessions", `{` + jsonDays + `"breakdown":["user_id",{"field":"exit.price"}]}`, "breakdown[1].field"},
		{"retention", `{"start_date":"2025-08-01","granularity":"hour"}`, "granularity"},
		{"retention", `{"start_date":"2025-08-01","mode":"bracket","brackets":[1,1.5]}`, "brackets"},
		{"retention", `{"start_date":"2025-08-01","mode":"bracket","brackets":[2,1]}`, "brackets[1]"},
		{"retention", `{"start_date":"2025-08-01","windows":0}`, "windows"},
		{"retention", `{"start_date":"2025-08-01","returning_filter":{"any":["properties.price>"]}}`, "returning_filter.any[0]"},
	} {
		r := a.post(t, 1, "/api/stats/"+c.path, c.body)
		require.Equal(t, http.StatusUnprocessableEntity, r.StatusCode, "%s %s: %s", c.path, c.body, r.body)
		require.Equal(t, c.field, lastWord(r.refused(t)), "%s %s", c.path, c.body)
	}
	for _, body := range []string{"", "{", `{"from":"2025-08-01","from":"2025-08-02"}`, `{` + jsonDays + `"filter":{"any":[],"any":[]}}`} {
		require.Equal(t, http.StatusBadRequest, a.post(t, 1, "/api/stats/dau", body).StatusCode, body)
	}
	long := `{` + jsonDays + `"segment":"` + strings.Repeat(`\u00e9`, 30<<10) + `"}`
	require.Equal(t, "413 /problems/request-entity-too-large ", a.post(t, 1, "/api/stats/dau", long).refused(t))
	require.Equal(t, http.StatusUnprocessableEntity, a.post(t, 1, "/api/stats/dau", "[]").StatusCode)
	require.Equal(t, http.StatusUnprocessableEntity, a.post(t, 1, "/api/stats/dau?from=2025-08-01", `{`+jsonDays+`"fill":"zero"}`).StatusCode)
	a.post(t, 1, "/api/stats/dau", `{`+jsonDays+`"timezone":null}`).ok(t) // null is absent
	require.Equal(t, "200", a.get(t, 1, "/api/stats/dau"+query("from", "2025-08-01", "to", "2025-08-31", "segment", "properties.' OR 1=1--=x")).Status[:3])
}

// The canonical form of a filter is in the answer, and asks the same when it is posted.
func TestFilterIsEchoed(t *testing.T) {
	t.Parallel()
	a := newAPI(t).run(t)
	const days = "from=2025-08-01&to=2025-08-31"
	for query, want := range map[string]string{
		"":                           "",
		"&filter=[]":                 "",
		"&filter=event_type%20:%20a": `,"filter":"event_type=a"`,
		"&filter=user_id:b&filter=[%22event_type:a%22,[]]":              `,"filter":["user_id=b","event_type=a"]`,
		"&filter={%22not%22:{%22any%22:[%22properties.a%20exists%22]}}": `,"filter":{"not":{"any":["properties.a:exists"]}}`,
	} {
		r := a.get(t, 1, "/api/stats/dau?"+days+query)
		r.ok(t)
		_, echo, ok := strings.Cut(string(r.body), `"query":`)
		require.True(t, ok, "%s", r.body)
		require.Contains(t, echo, `"timezone":"UTC"`+want+`}`)
		end := strings.Index(echo, `,"response_time_sec"`)
		again := a.post(t, 1, "/api/stats/dau", echo[:end])
		again.ok(t)
		require.Contains(t, string(again.body), `"query":`+echo[:end])
		require.Equal(t, r.Header.Get("ETag"), again.Header.Get("ETag"))
	}
}

// list is a JSON array with a text so many times.
func list(n int, text string) string {
	return `["` + strings.Join(slices.Repeat([]string{text}, n), `","`) + `"]`
}

func lastWord(s string) string { return s[strings.LastIndex(s, " ")+1:] }
