package stats

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/event"
	"eventanalytics/pkg/outbox"
	"eventanalytics/pkg/warehouse/duckdb"
)

func TestAnswers(t *testing.T) {
	t.Parallel()
	a := newAPI(t).run(t)
	a.publish(t, 1, august()[2:]...)
	a.publish(t, 1, august()[:2]...)
	a.visible(t)

	r := a.get(t, 1, "/api/stats/dau?from=2025-08-01&to_date=2025-08-31")
	require.Equal(t, "application/json", r.Header.Get("Content-Type"))
	require.Equal(t, "private, no-cache", r.Header.Get("Cache-Control"))
	require.Equal(t, []string{"Cookie", "Authorization, X-API-Key, Accept, X-Project, Accept-Encoding"}, r.Header.Values("Vary"))
	whole := r.ok(t)
	require.Positive(t, whole["response_time_sec"])
	require.Equal(t, map[string]any{"from": "2025-08-01", "to": "2025-08-31", "timezone": "UTC"}, whole["query"])
	position, err := a.tokens.Decode(1, whole["meta"].(map[string]any)["position"].(string))
	require.NoError(t, err)
	require.Equal(t, a.position, position)
	delete(whole["meta"].(map[string]any), "position")
	require.Equal(t, map[string]any{
		"timezone": "UTC", "complete_until": "2025-09-10T12:00:00Z", "stale": false, "source": "walk", "rows": 3.0,
	}, whole["meta"])

	for _, c := range []struct{ path, json, data string }{
		{"/dau?from=2025-08-01&to=2025-08-31", `{"from":"2025-08-01","to":"2025-08-31"}`,
			`[{"date":"2025-08-04","dau":2,"incomplete":false},{"date":"2025-08-06","dau":1,"incomplete":false},{"date":"2025-08-12","dau":1,"incomplete":false}]`},
		{"/dau?from_date=2025-08-04&to_date=2025-08-06&timezone=Europe/Kyiv&fill=zero", `{"from_date":"2025-08-04","to_date":"2025-08-06","timezone":"Europe/Kyiv","fill":"zero"}`,
			`[{"date":"2025-08-04","dau":1,"incomplete":false},{"date":"2025-08-05","dau":2,"incomplete":false},{"date":"2025-08-06","dau":1,"incomplete":false}]`},
		{"/dau?from=2025-08-01&to=2025-08-31&segment=properties.country%3DPL&segment=event_type:buy", `{"from":"2025-08-01","to":"2025-08-31","segment":["properties.country=PL","event_type:buy"]}`,
			`[{"date":"2025-08-06","dau":1,"incomplete":false}]`},
		{"/dau?from=2025-08-01&to=2025-08-31&segment=event_type:buy", `{"from":"2025-08-01","to":"2025-08-31","segment":"event_type:buy"}`,
			`[{"date":"2025-08-04","dau":1,"incomplete":false},{"date":"2025-08-06","dau":1,"incomplete":false}]`},
		{"/top-events?from=2025-08-01&to=2025-08-31", `{"from":"2025-08-01","to":"2025-08-31"}`,
			`[{"event_type":"login","total_count":3},{"event_type":"buy","total_count":2}]`},
		{"/top-events?from=2025-08-01&to=2025-08-31&limit=1&include=users", `{"from":"2025-08-01","to":"2025-08-31","limit":1,"include":"users"}`,
			`[{"event_type":"login","total_count":3,"users":2}]`},
		{"/retention?start_date=2025-08-01&windows=2", `{"start_date":"2025-08-01","windows":2}`,
			`[{"cohort_week":"2025-08-04","week_number":0,"cohort_size":2,"retained_users":2,"retention_rate":1,"incomplete":false},
			  {"cohort_week":"2025-08-04","week_number":1,"cohort_size":2,"retained_users":1,"retention_rate":0.5,"incomplete":false}]`},
		{"/retention?start_date=2025-08-01&mode=bracket&brackets=[1,3]&zero=returned&returning_filter=event_type:login&breakdown=event_type&top=1&other=false&total=true",
			`{"start_date":"2025-08-01","mode":"bracket","brackets":[1,3],"zero":"returned","returning_filter":"event_type:login","breakdown":"event_type","top":1,"other":false,"total":true}`,
			`[{"cohort_week":"2025-08-04","event_type":"login","group":"value","week_number":0,"cohort_size":2,"retained_users":0,"retention_rate":0,"incomplete":false},
			  {"cohort_week":"2025-08-04","event_type":"login","group":"value","week_number":1,"cohort_size":2,"retained_users":1,"retention_rate":0.5,"incomplete":false},
			  {"cohort_week":"2025-08-04","event_type":null,"group":"all","week_number":0,"cohort_size":2,"retained_users":0,"retention_rate":0,"incomplete":false},
			  {"cohort_week":"2025-08-04","event_type":null,"group":"all","week_number":1,"cohort_size":2,"retained_users":1,"retention_rate":0.5,"incomplete":false}]`},
		{"/retention?start_date=2025-08-06&end_date=2025-08-06&windows=1&granularity=day&cohort=in_period", `{"start_date":"2025-08-06","end_date":"2025-08-06","windows":1,"granularity":"day","cohort":"in_period"}`,
			`[{"cohort_day":"2025-08-06","day_number":0,"cohort_size":1,"retained_users":1,"retention_rate":1,"incomplete":false}]`},
		{"/retention?start_date=2025-08-06&granularity=month&event_type=buy&returning_event_type=login", `{"start_date":"2025-08-06","granularity":"month","event_type":"buy","returning_event_type":"login"}`,
			`[{"cohort_month":"2025-08-01","month_number":0,"cohort_size":2,"retained_users":2,"retention_rate":1,"incomplete":false},
			  {"cohort_month":"2025-08-01","month_number":1,"cohort_size":2,"retained_users":0,"retention_rate":0,"incomplete":true}]`},
		{"/events?from=2025-08-04&to=2025-08-04&interval=hour&by=event_type&timezone=Asia/Kathmandu", `{"from":"2025-08-04","to":"2025-08-04","interval":"hour","by":"event_type","timezone":"Asia/Kathmandu"}`,
			`[{"bucket":"2025-08-04T05:00:00+05:45","event_type":"login","events":1,"users":1,"incomplete":false}]`},
		{"/events?from=2025-08-04&to=2025-08-31&interval=week", `{"from":"2025-08-04","to":"2025-08-31","interval":"week"}`,
			`[{"bucket":"2025-08-04","events":4,"users":2,"incomplete":false},{"bucket":"2025-08-11","events":1,"users":1,"incomplete":false}]`},
		{"/events?from=2025-08-05&to=2025-08-12&interval=week", `{"from":"2025-08-05","to":"2025-08-12","interval":"week"}`,
			`[{"bucket":"2025-08-04","events":1,"users":1,"incomplete":true},{"bucket":"2025-08-11","events":1,"users":1,"incomplete":true}]`},
		{"/active-users?from=2025-08-11&to=2025-08-13", `{"from":"2025-08-11","to":"2025-08-13"}`,
			`[{"date":"2025-08-11","active_users":1,"incomplete":false},{"date":"2025-08-12","active_users":2,"incomplete":false},{"date":"2025-08-13","active_users":1,"incomplete":false}]`},
		{"/event-types?timezone=America/St_Johns", `{"timezone":"America/St_Johns"}`,
			`[{"event_type":"buy","first_seen":"2025-08-04T21:00:00-02:30","last_seen":"2025-08-06T09:30:00-02:30"},
			  {"event_type":"login","first_seen":"2025-08-03T21:30:00-02:30","last_seen":"2025-08-12T09:30:00-02:30"}]`},
		{"/properties?from=2025-08-01&to=2025-08-31", `{"from":"2025-08-01","to":"2025-08-31"}`,
			`[{"property":"country","types":"text","events":3,"share":0.6},{"property":"price","types":"integer,number","events":2,"share":0.4}]`},
		{"/properties?from=2025-08-01&to=2025-08-05&series=%7B%22event%22:%5B%22buy%22,%22view%22%5D%7D", `{"from":"2025-08-01","to":"2025-08-05","series":[{"event":["buy","view"]}]}`,
			`[{"property":"country","types":"text","events":1,"share":1},{"property":"price","types":"number","events":1,"share":1}]`},
		{"/properties?from=2025-08-01&to=2025-08-31&series=%5B%22login%22%5D&segment=user_id%3Dbob", `{"from":"2025-08-01","to":"2025-08-31","series":"login","segment":"user_id=bob"}`,
			`[{"property":"country","types":"text","events":1,"share":1}]`},
		{"/property-values?from=2025-08-01&to=2025-08-31&property=properties.country&include=users", `{"from":"2025-08-01","to":"2025-08-31","property":"properties.country","include":"users"}`,
			`[{"value":"PL","events":2,"users":1},{"value":null,"events":2,"users":1},{"value":"UA","events":1,"users":1}]`},
		{"/property-values?from=2025-08-01&to=2025-08-31&property=user.country&q=u&limit=1&series={%22event%22:%22login%22}", `{"from":"2025-08-01","to":"2025-08-31","property":"user.country","q":"u","limit":1,"series":"login"}`,
			`[{"value":"UA","events":2}]`},
		{"/sessions?from=2025-08-04&to=2025-08-06&gap=24h&interval=all&breakdown=entry.event_type", `{"from":"2025-08-04","to":"2025-08-06","gap":"1d","interval":"all","breakdown":"entry.event_type"}`,
			`[{"bucket":"2025-08-04","entry.event_type":"login","group":"value","sessions":2,"users":2,"sessions_per_user":1,"events_per_session":1.5,"bounces":1,"bounce_rate":0.5,"avg_seconds":42300,"median_seconds":42300,"incomplete":false},
			  {"bucket":"2025-08-04","entry.event_type":"buy","group":"value","sessions":1,"users":1,"sessions_per_user":1,"events_per_session":1,"bounces":1,"bounce_rate":1,"avg_seconds":0,"median_seconds":0,"incomplete":false}]`},
		{"/sessions?from=2025-08-05&to=2025-08-05&fill=zero", `{"from":"2025-08-05","to":"2025-08-05","fill":"zero"}`,
			`[{"bucket":"2025-08-05","sessions":0,"users":0,"sessions_per_user":null,"events_per_session":null,"bounces":0,"bounce_rate":null,"avg_seconds":null,"median_seconds":null,"incomplete":false}]`},
		{"/paths?from=2025-08-04&to=2025-08-04&gap=24h&start=login&steps=3&filter=user_id:in(ann,bob)", `{"from":"2025-08-04","to":"2025-08-04","gap":"24h","start":"login","steps":3,"filter":"user_id:in(ann,bob)"}`,
			`[{"step":1,"source":"login","source_group":"value","target":"buy","target_group":"value","paths":1,"users":1},
			  {"step":1,"source":"login","source_group":"value","target":null,"target_group":"end","paths":1,"users":1},
			  {"step":2,"source":"buy","source_group":"value","target":null,"target_group":"end","paths":1,"users":1}]`},
		{"/events/latest?limit=2", `{"limit":2}`,
			`[{"event_id":"00000000-0000-0000-0000-000000000005","occurred_at":"2025-08-12T12:00:00Z","user_id":"ann","event_type":"login","properties":null},
			  {"event_id":"00000000-0000-0000-0000-000000000004","occurred_at":"2025-08-06T12:00:00Z","user_id":"bob","event_type":"buy","properties":{"country":"PL","price":9}}]`},
		{"/events/00000000-0000-0000-0000-000000000002", "",
			`[{"event_id":"00000000-0000-0000-0000-000000000002","occurred_at":"2025-08-04T23:30:00Z","user_id":"ann","event_type":"buy","properties":{"country":"UA","price":10.50}}]`},
	} {
		r := a.get(t, 1, "/api/stats"+c.path)
		got := r.ok(t)
		data, err := json.Marshal(got["data"])
		require.NoError(t, err)
		require.JSONEq(t, c.data, string(data), c.path)
		if c.json == "" {
			require.Contains(t, string(r.body), `"price":10.50`, "numbers keep their digits")
			continue
		}
		path, _, _ := strings.Cut(c.path, "?")
		posted := a.send(t, 1, http.MethodPost, "/api/stats"+path, c.json, "Content-Type", "application/json", "Cache-Control", "no-cache")
		require.Equal(t, r.Header.Get("ETag"), posted.Header.Get("ETag"))
		same := posted.ok(t)
		require.Equal(t, got["data"], same["data"], c.path)
		require.Equal(t, got["query"], same["query"], c.path)
	}
	require.Equal(t, "404 /problems/not-found ", a.get(t, 1, "/api/stats/events/00000000-0000-0000-0000-00000000000f").refused(t))
}

func TestOthersSeeNothing(t *testing.T) {
	t.Parallel()
	a := newAPI(t).run(t)
	a.publish(t, 1, august()...)
	a.publish(t, 2, event.Event{ID: id(1), OccurredAt: at("2025-08-04T00:00:00Z"), UserID: "eve", Type: "spy"})
	a.visible(t)
	for _, path := range []string{
		"/dau?from=2025-08-01&to=2025-08-31", "/top-events?from=2025-08-01&to=2025-08-31&include=users",
		"/retention?start_date=2025-08-01", "/events?from=2025-08-01&to=2025-08-31", "/events/latest", "/event-types",
		"/active-users?from=2025-08-01&to=2025-08-31",
	} {
		require.Empty(t, a.get(t, 3, "/api/stats"+path).ok(t)["data"], path)
		require.NotEmpty(t, a.get(t, 2, "/api/stats"+path).ok(t)["data"], path)
		require.NotContains(t, string(a.get(t, 2, "/api/stats"+path).body), "login", path)
	}
	require.Contains(t, string(a.get(t, 2, "/api/stats/events/"+id(1).String()).body), "spy")
	require.Equal(t, http.StatusNotFound, a.get(t, 3, "/api/stats/events/"+id(1).String()).StatusCode)
	require.Len(t, a.get(t, 1, "/api/stats/events/latest?before="+id(2).String()).ok(t)["data"], 1)
	require.Equal(t, "422 /problems/invalid-parameter before", a.get(t, 2, "/api/stats/events/latest?before="+id(2).String()).refused(t))
	require.Equal(t, "422 /problems/invalid-parameter after", a.get(t, 2, "/api/stats/profiles/eve/events?after="+id(2).String()).refused(t))
	require.Equal(t, "404 /problems/not-found ", a.get(t, 2, "/api/stats/event-types", "X-Project", "1").refused(t))
	require.Equal(t, "404 /problems/not-found ", a.get(t, 2, "/api/stats/event-types?project=1").refused(t))
	require.Equal(t, "422 /problems/invalid-parameter project", a.get(t, 2, "/api/stats/event-types?project=1", "X-Project", "2").refused(t))
	require.Len(t, a.get(t, 2, "/api/stats/event-types?project=2", "X-Project", "2").ok(t)["data"], 1)
	require.Equal(t, http.StatusUnauthorized, a.get(t, 1, "/api/stats/event-types", "Authorization", "Bearer nobody").StatusCode)
}

func TestFormats(t *testing.T) {
	t.Parallel()
	a := newAPI(t).run(t)
	a.publish(t, 1, append(august(), event.Event{
		ID: id(9), OccurredAt: at("2025-08-20T00:00:00Z"), UserID: "a,b\"c\nd", Type: "<é>", Properties: `{"x": "<&>"}`,
	})...)
	a.visible(t)
	const dau, latest = "/api/stats/dau?from=2025-08-04&to=2025-08-06", "/api/stats/events/latest?limit=2"
	r := a.get(t, 1, dau+"&format=csv")
	require.Equal(t, "text/csv; charset=utf-8", r.Header.Get("Content-Type"))
	require.Equal(t, "date,dau,incomplete\n2025-08-04,2,false\n2025-08-06,1,false\n", string(r.body))
	require.Equal(t, "date,dau,incomplete\n", string(a.get(t, 1, "/api/stats/dau?from=2024-08-04&to=2024-08-06&format=csv").body))
	require.Equal(t, "event_id,occurred_at,user_id,event_type,properties\n"+
		"00000000-0000-0000-0000-000000000009,2025-08-20T00:00:00Z,\"a,b\"\"c\nd\",<é>,\"{\"\"x\"\": \"\"<&>\"\"}\"\n"+
		"00000000-0000-0000-0000-000000000005,2025-08-12T12:00:00Z,ann,login,\n", string(a.get(t, 1, latest+"&format=csv").body))

	require.Equal(t, `attachment; filename="dau_2025-08-04_2025-08-06.csv"`, r.Header.Get("Content-Disposition"))
	for url, name := range map[string]string{
		dau + "&format=ndjson": "dau_2025-08-04_2025-08-06.ndjson", dau + "&format=parquet": "dau_2025-08-04_2025-08-06.parquet", latest + "&format=csv": "latest-events.csv",
		"/api/stats/retention?start_date=2025-08-01&end_date=2025-08-02&format=csv": "retention_2025-08-01_2025-08-02.csv",
	} {
		require.Equal(t, `attachment; filename="`+name+`"`, a.get(t, 1, url).Header.Get("Content-Disposition"))
	}
	require.Empty(t, a.get(t, 1, dau).Header.Get("Content-Disposition"), "browsers show JSON")

	r = a.get(t, 1, dau+"&format=ndjson")
	require.Equal(t, "application/x-ndjson", r.Header.Get("Content-Type"))
	require.Equal(t, `{"date":"2025-08-04","dau":2,"incomplete":false}`+"\n"+`{"date":"2025-08-06","dau":1,"incomplete":false}`+"\n", string(r.body))
	require.Contains(t, string(a.get(t, 1, latest+"&format=ndjson").body), `"event_type":"<é>","properties":{"x":"<&>"}}`)

	r = a.get(t, 1, latest+"&format=parquet")
	require.Equal(t, "application/vnd.apache.parquet", r.Header.Get("Content-Type"))
	type row struct {
		EventID    string  `parquet:"event_id"`
		UserID     string  `parquet:"user_id"`
		Properties *string `parquet:"properties,optional"`
	}
	rows, err := parquet.Read[row](bytes.NewReader(r.body), int64(len(r.body)))
	require.NoError(t, err)
	properties := `{"x": "<&>"}`
	require.Equal(t, []row{{id(9).String(), "a,b\"c\nd", &properties}, {id(5).String(), "ann", nil}}, rows)
	type dauRow struct {
		Date string `parquet:"date"`
		DAU  int64  `parquet:"dau"`
	}
	empty := a.get(t, 3, dau+"&format=parquet")
	none, err := parquet.Read[dauRow](bytes.NewReader(empty.body), int64(len(empty.body)))
	require.NoError(t, err)
	require.Empty(t, none)

	for accept, want := range map[string]string{
		"":                                  "application/json",
		"*/*":                               "application/json",
		"text/html, */*;q=0.8":              "application/json",
		"image/png":                         "application/json",
		"text/csv":                          "text/csv; charset=utf-8",
		"application/json;q=0.5, text/*":    "text/csv; charset=utf-8",
		"application/x-ndjson;q=1, */*;q=0": "application/x-ndjson",
		"application/vnd.apache.parquet":    "application/vnd.apache.parquet",
	} {
		require.Equal(t, want, a.get(t, 1, dau, "Accept", accept).Header.Get("Content-Type"), accept)
	}
	require.Equal(t, "application/json", a.get(t, 1, dau+"&format=json", "Accept", "text/csv").Header.Get("Content-Type"), "the parameter counts")
}

func TestETag(t *testing.T) {
	t.Parallel()
	a := newAPI(t).run(t)
	a.publish(t, 1, august()...)
	a.visible(t)
	const dau = "/api/stats/dau?from=2025-08-04&to=2025-08-06"
	first := a.get(t, 1, dau)
	tag := first.Header.Get("ETag")
	require.Regexp(t, `^W/"[\w-]{22}"$`, tag)
	for _, given := range []string{tag, `"x", ` + tag, "*", strings.TrimPrefix(tag, "W/")} {
		r := a.get(t, 1, dau, "If-None-Match", given)
		require.Equal(t, http.StatusNotModified, r.StatusCode, given)
		require.Empty(t, r.body)
		require.Equal(t, tag, r.Header.Get("ETag"))
		require.Equal(t, "private, no-cache", r.Header.Get("Cache-Control"))
		require.NotEmpty(t, r.Header.Get("Vary"))
	}
	require.Equal(t, tag, a.get(t, 1, "/api/stats/dau?to_date=2025-08-06&from_date=2025-08-04&timezone=UTC&format=json").Header.Get("ETag"), "the same question")
	tags := map[string]string{tag: dau}
	for _, other := range []string{dau + "&format=csv", dau + "&timezone=Europe/Kyiv", dau + "&fill=zero", dau + "&segment=event_type:buy", "/api/stats/dau?from=2025-08-04&to=2025-08-07"} {
		r := a.get(t, 1, other, "If-None-Match", tag)
		require.Equal(t, http.StatusOK, r.StatusCode)
		require.NotContains(t, tags, r.Header.Get("ETag"))
		tags[r.Header.Get("ETag")] = other
	}
	require.Equal(t, http.StatusOK, a.get(t, 3, dau, "If-None-Match", tag).StatusCode, "another project's")

	a.publish(t, 2, august()...)
	a.visible(t)
	require.Equal(t, http.StatusNotModified, a.get(t, 1, dau, "If-None-Match", tag).StatusCode, "others' load changes nothing")
	a.publish(t, 1, event.Event{ID: id(77), OccurredAt: at("2025-08-06T00:00:00Z"), UserID: "late", Type: "x"})
	a.visible(t)
	r := a.get(t, 1, dau, "If-None-Match", tag)
	require.Equal(t, http.StatusOK, r.StatusCode)
	require.Contains(t, string(r.body), `{"date":"2025-08-06","dau":2,"incomplete":false}`)
}

// TestETagGoesWithTheClock: an idle project's retention changes when a bucket
// ends, in the zone asked for; dau does not.
func TestETagGoesWithTheClock(t *testing.T) {
	t.Parallel()
	a := newAPI(t).run(t)
	a.publish(t, 1, august()...)
	a.visible(t)
	ask := func(path string) string { return a.get(t, 1, "/api/stats"+path).Header.Get("ETag") }
	const retention = "/retention?start_date=2025-08-01&end_date=2025-08-31&timezone=Asia/Kathmandu"
	const dau = "/dau?from=2025-08-01&to=2025-08-31"
	before, beforeDAU := ask(retention), ask(dau)
	move := func(to string) {
		a.mu.Lock()
		a.clock = time.UnixMicro(at(to))
		a.mu.Unlock()
	}
	move("2025-09-14T18:14:59Z")
	require.Equal(t, before, ask(retention))
	move("2025-09-14T18:15:00Z") // Monday in Kathmandu
	after := ask(retention)
	require.NotEqual(t, before, after)
	require.Equal(t, beforeDAU, ask(dau))
	// The week is over, but completeness comes later and changes incomplete.
	_, err := a.pool.Exec(t.Context(), "UPDATE analytics.sync_state SET complete_until = '2025-09-14T18:15:00Z'")
	require.NoError(t, err)
	require.Eventually(t, func() bool { return ask(retention) != after }, 10*time.Second, 10*time.Millisecond)
}

func TestMinPosition(t *testing.T) {
	t.Parallel()
	a := newAPI(t).run(t)
	a.publish(t, 1, august()[:2]...)
	a.visible(t)
	dau := func(position outbox.Position, wait string) reply {
		return a.get(t, 1, "/api/stats/dau"+query("from", "2025-08-01", "to", "2025-08-31", "min_position", a.tokens.Encode(1, position), "wait", wait))
	}
	require.Len(t, dau(a.position, "0s").ok(t)["data"], 1)
	next := a.position
	next.XID += 10
	r := dau(next, "10ms")
	require.Equal(t, "503 /problems/not-fresh-yet ", r.refused(t))
	require.Equal(t, "1", r.Header.Get("Retry-After"))

	published := make(chan struct{})
	time.AfterFunc(50*time.Millisecond, func() { defer close(published); a.publish(t, 1, august()[2:]...) })
	require.Len(t, dau(next, "1h").ok(t)["data"], 3)
	<-published

	expired := a.position
	expired.Incarnation = 0
	require.Equal(t, "422 /problems/position-expired min_position", dau(expired, "1s").refused(t))
	foreign := a.tokens.Encode(2, a.position)
	require.Equal(t, "422 /problems/invalid-position min_position", a.get(t, 1, "/api/stats/event-types?min_position="+foreign).refused(t))
	require.Equal(t, "422 /problems/invalid-position min_position", a.post(t, 1, "/api/stats/event-types", `{"min_position":"garbage"}`).refused(t))
}

func TestUnavailable(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	r := a.get(t, 1, "/api/stats/event-types")
	require.Equal(t, "503 /problems/not-ready ", r.refused(t))
	require.NotEmpty(t, r.Header.Get("Retry-After"))
	ready := func() int {
		resp, err := http.Get(a.url + "/readyz")
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		return resp.StatusCode
	}
	require.Equal(t, http.StatusServiceUnavailable, ready())
	a.publish(t, 1, august()...)
	a.publish(t, 2, august()...)
	files, err := filepath.Glob(filepath.Join(a.dir, "1", "*.parquet"))
	require.NoError(t, err)
	require.Len(t, files, 1)
	content, err := os.ReadFile(files[0])
	require.NoError(t, err)
	content[len(content)/2] ^= 1
	require.NoError(t, os.WriteFile(files[0], content, 0o600))
	a.run(t)
	a.visible(t)
	require.Equal(t, http.StatusOK, ready())
	require.Equal(t, "503 /problems/data-damaged ", a.get(t, 1, "/api/stats/events/latest").refused(t))
	require.Contains(t, a.metrics(), "analytics_stats_quarantined_segments 1\n")
	require.Len(t, a.get(t, 2, "/api/stats/events/latest").ok(t)["data"], 5)
}

// A file of events by user that is damaged while the replica has it open is not answered
// from: the events themselves give the same rows, and where nothing else can answer, it
// is made again.
func TestDamagedUsers(t *testing.T) {
	t.Parallel()
	a := newAPI(t, func(c *Config) { c.Warehouse.UsersBytes = 1 << 20 }).run(t)
	a.publish(t, 1, august()...)
	a.visible(t)
	types := func() (source, rows any) {
		answer := a.get(t, 1, "/api/stats/event-types", "Cache-Control", "no-cache").ok(t)
		return answer["meta"].(map[string]any)["source"], answer["data"]
	}
	source, want := types()
	require.Equal(t, "walk", source)

	files, err := filepath.Glob(filepath.Join(a.dir, "1", "*.users"))
	require.NoError(t, err)
	require.Len(t, files, 1)
	content, err := os.ReadFile(files[0])
	require.NoError(t, err)
	content[len(content)/2] ^= 1
	for _, damage := range []func() error{
		func() error { return os.WriteFile(files[0], content, 0o600) },
		func() error { return os.Truncate(files[0], 10) },
		func() error { return os.Remove(files[0]) },
	} {
		require.NoError(t, damage())
		source, got := types()
		require.Equal(t, "raw", source)
		require.Equal(t, want, got)
	}
	require.Contains(t, a.metrics(), "analytics_stats_quarantined_segments 1\n")
	require.Contains(t, a.metrics(), "analytics_stats_projects_without_users 1\n")
	require.Contains(t, a.metrics(), "analytics_stats_users_made_bytes 0\n")
	a.get(t, 1, "/api/stats/funnels?from=2025-08-01&to=2025-08-31&steps=login&steps=buy").ok(t)
	require.NotContains(t, a.metrics(), "analytics_stats_users_made_bytes 0\n")
}

func TestTooManyRows(t *testing.T) {
	t.Parallel()
	a := newAPI(t).run(t)
	var events []event.Event
	for i := range 10 {
		events = append(events, event.Event{ID: id(byte(i)), OccurredAt: at("2025-08-04T00:00:00Z"), UserID: "u", Type: fmt.Sprint(i)})
	}
	a.publish(t, 1, events...)
	a.visible(t)
	require.Equal(t, "422 /problems/answer-too-long to",
		a.get(t, 1, "/api/stats/events?from=2016-08-04&to=2025-08-04&interval=hour&by=event_type&fill=zero").refused(t))
}

// TestTooLarge: few rows may be much, when types have long names.
func TestTooLarge(t *testing.T) {
	t.Parallel()
	a := newAPI(t).run(t)
	var events []event.Event
	for i := range 2 {
		events = append(events, event.Event{ID: id(byte(i)), OccurredAt: at("2025-08-04T00:00:00Z"), UserID: "u", Type: strings.Repeat("😀", 199) + fmt.Sprint(i)})
	}
	a.publish(t, 1, events...)
	a.visible(t)
	r := a.get(t, 1, "/api/stats/events?from=2016-08-04&to=2025-08-04&interval=hour&by=event_type&fill=zero")
	require.Equal(t, "422 /problems/answer-too-long to", r.refused(t))
	require.Contains(t, string(r.body), "more than 64 MiB: ask for a shorter range")
	require.Len(t, a.get(t, 1, "/api/stats/events?from=2025-07-04&to=2025-08-04&interval=hour&by=event_type&fill=zero").ok(t)["data"], 2*24*32)
}

// TestClientThatHangsUp: all places are taken, so the question waits; when its
// only client goes, so does the question.
func TestClientThatHangsUp(t *testing.T) {
	t.Parallel()
	a := newAPI(t).run(t)
	a.publish(t, 1, august()...)
	a.visible(t)
	snapshot, err := a.reader.Current()
	require.NoError(t, err)
	release, taken := make(chan struct{}), make(chan struct{})
	var holders sync.WaitGroup
	for range 2 {
		holders.Go(func() {
			first := true
			_ = a.db.Run(t.Context(), snapshot.Snapshot, duckdb.Query{Project: 1, SQL: "SELECT us FROM {{events}}"}, func(*sql.Rows) error {
				if first {
					first = false
					taken <- struct{}{}
					<-release
				}
				return nil
			})
		})
	}
	<-taken
	<-taken
	running := func() int { a.shared.mu.Lock(); defer a.shared.mu.Unlock(); return len(a.shared.calls) }
	ctx, hangUp := context.WithCancel(t.Context())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, a.url+"/api/stats/events/latest?segment=user_id:ann", nil) // by DuckDB
	require.NoError(t, err)
	req.Header.Set("X-API-Key", a.keys[1])
	gone := make(chan error, 1)
	go func() {
		resp, err := http.DefaultClient.Do(req)
		if err == nil {
			resp.Body.Close()
		}
		gone <- err
	}()
	require.Eventually(t, func() bool { return running() == 1 }, 20*time.Second, time.Millisecond)
	hangUp()
	require.ErrorIs(t, <-gone, context.Canceled)
	require.Eventually(t, func() bool { return running() == 0 }, 20*time.Second, time.Millisecond)
	close(release)
	holders.Wait()
	require.Len(t, a.get(t, 1, "/api/stats/event-types").ok(t)["data"], 2)
}

// TestCSVHasNoFormulas: what a client has sent must not run in the sheet of who opens
// the file.
func TestCSVHasNoFormulas(t *testing.T) {
	t.Parallel()
	a := newAPI(t).run(t)
	users := []string{"=1+1", "+380441234567", "-1+1", "@SUM(A1)", "\ttab", "\rreturn", "＝1", "-5", "'", "a=b", ""}
	for i, user := range users[:len(users)-1] {
		a.publish(t, 1, event.Event{ID: id(byte(10 + i)), OccurredAt: at("2025-08-20T00:00:00Z") - int64(i), UserID: user, Type: "=cmd|' /C calc'!A0"})
	}
	a.visible(t)
	column := func(path string) (texts []string) {
		r := a.get(t, 1, path)
		rows, err := csv.NewReader(bytes.NewReader(r.body)).ReadAll()
		require.NoError(t, err)
		for _, row := range rows[1:] {
			texts = append(texts, row[2]+" "+row[3])
		}
		return texts
	}
	const latest, kind = "/api/stats/events/latest?limit=100&format=csv", "=cmd|' /C calc'!A0"
	var raw, safe []string
	for _, user := range users[:len(users)-1] {
		raw = append(raw, user+" "+kind)
		if user != "-5" && user != "'" && user != "a=b" {
			user = "'" + user
		}
		safe = append(safe, user+" '"+kind)
	}
	require.Equal(t, safe, column(latest))
	require.Equal(t, safe, column(latest+"&csv_text=safe"))
	require.Equal(t, raw, column(latest+"&csv_text=raw"))
	require.NotEqual(t, a.get(t, 1, latest).Header.Get("ETag"), a.get(t, 1, latest+"&csv_text=raw").Header.Get("ETag"))
	require.Equal(t, "422", a.get(t, 1, latest+"&csv_text=no").refused(t)[:3])
}
