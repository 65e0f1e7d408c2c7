package ingest

import (
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/auth"
)

// TestEqualRefusals: equal events that are refused are as many in the quarantine, and none
// is new there when they are sent again.
func TestEqualRefusals(t *testing.T) {
	t.Parallel()
	a := newAPI(t, defaultLimits, func(cfg *Config) { cfg.Intake.Names.EventTypes = 1 })
	key := a.key(t, auth.ScopeIngest)
	const event = `{"type":"track","event":"e","userId":"u","timestamp":"2025-08-01T10:00:00Z"}`
	another := strings.Replace(event, `"e"`, `"another"`, 1)
	deep := `{"a":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `}`
	for range 2 {
		got := a.send(t, "POST", "/v1/batch", `{"batch":[`+strings.Join([]string{event, another, another, deep, deep, "1", "1"}, ",")+`]}`, "X-API-Key", key)
		require.Equal(t, 200, got.status, got.body)
		require.Equal(t, []string{"too-many-event-types", "too-many-event-types", "too-deep", "too-deep", "not-an-object", "not-an-object"}, a.quarantine(t))
	}
	require.Len(t, a.stored(t), 1)
}

// TestQuarantinePages: page by page, from either end, each refused event is listed once,
// also those that arrived at the same instant.
func TestQuarantinePages(t *testing.T) {
	t.Parallel()
	a := newAPI(t, defaultLimits)
	key := a.key(t, auth.ScopeIngest)
	for _, batch := range []string{"1,2,3,4,5", "6,7", "8"} {
		got := a.send(t, "POST", "/v1/batch", `{"batch":[`+batch+`]}`, "X-API-Key", key)
		require.Equal(t, 200, got.status, got.body)
	}
	_, err := a.pool.Exec(t.Context(), `UPDATE analytics.rejected_events SET received_at = now() - interval '1 hour' WHERE payload < '6'`)
	require.NoError(t, err)
	read := func(order string) (pages []int, all []string) {
		for path := "/api/events/rejected?limit=2&order=" + order; len(pages) < 10; {
			var page struct {
				Data []struct{ JSON string }
				Next string
			}
			require.Equal(t, 200, a.request(t, "GET", path, "", &page))
			for _, event := range page.Data {
				all = append(all, event.JSON)
			}
			pages = append(pages, len(page.Data))
			if page.Next == "" {
				break
			}
			path = "/api/events/rejected?limit=2&order=" + order + "&after=" + url.QueryEscape(page.Next)
		}
		return pages, all
	}
	pages, oldest := read("oldest")
	require.Equal(t, []int{2, 2, 2, 2}, pages)
	require.ElementsMatch(t, []string{"1", "2", "3", "4", "5"}, oldest[:5])
	require.ElementsMatch(t, []string{"6", "7"}, oldest[5:7])
	require.Equal(t, "8", oldest[7])
	_, newest := read("newest")
	slices.Reverse(newest)
	require.Equal(t, oldest, newest)
	for _, bad := range []string{"order=last", "after=x", "after=2025-08-01T10:00:00Z", "after=2025-08-01T10:00:00Z,x"} {
		require.Equal(t, 422, a.request(t, "GET", "/api/events/rejected?"+bad, "", nil), bad)
	}
}

// TestOperationsOfOneRequest keep their order, which is not that of their ids, and name a
// user or a group.
func TestOperationsOfOneRequest(t *testing.T) {
	t.Parallel()
	a := newAPI(t, defaultLimits)
	for path, body := range map[string]string{
		"/v1/batch": `{"batch":[
			{"type":"identify","userId":"c","messageId":"cccccccc-0000-4000-8000-000000000000"},
			{"type":"alias","userId":"a","messageId":"aaaaaaaa-0000-4000-8000-000000000000"},
			{"type":"group","userId":"b","messageId":"bbbbbbbb-0000-4000-8000-000000000000"},
			{"type":"identify","messageId":"1"}]}`,
		"/import":     `[{"event":"$merge","properties":{"$distinct_ids":["first","second"]}},{"event":"$merge","properties":{}}]`,
		"/2/httpapi/": `{"events":[{"event_type":"$groupidentify","groups":{"org":"acme"}},{"event_type":"$identify"}]}`,
	} {
		key := a.project(t)
		a.send(t, "POST", path, body, "X-API-Key", key)
		require.Equal(t, map[string][]string{
			"/v1/batch": {"identify c", "alias a", "group b"}, "/import": {"$merge first"}, "/2/httpapi/": {"$groupidentify "},
		}[path], a.operations(t))
		require.Equal(t, []string{"no-user"}, a.quarantine(t), path)
	}
}

// TestRepairedAddress: what is not text in an address is repaired, as in a body.
func TestRepairedAddress(t *testing.T) {
	t.Parallel()
	a := newAPI(t, defaultLimits)
	key := a.key(t, auth.ScopeIngest)
	for _, address := range []string{
		"/i?e=pv&uid=u&page=a%00%ff%ed%a0%bd%ed%b8%80&aid=" + key,
		"/track?data=" + escaped(`{"event":"e","properties":{"distinct_id":"u","page":"a`) + "%00%ff%ed%a0%bd%ed%b8%80" + escaped(`","token":"`+key+`"}}`),
	} {
		got := a.send(t, "GET", address, "")
		require.Equal(t, 200, got.status, got.body)
	}
	got := a.send(t, "POST", "/e/?lib=%ff", `{"event":"e","distinct_id":"u","properties":{"page":"x"}}`, "X-API-Key", key)
	require.Equal(t, 200, got.status, got.body)
	got = a.send(t, "GET", "/v1/projects/%00%ff/settings", "")
	require.Contains(t, got.body, `{"apiKey":"`+"\ufffd\ufffd"+`"}`)
	const want = "a\ufffd\ufffd😀"
	events := a.stored(t)
	require.Len(t, events, 3)
	require.Equal(t, map[string]any{"page": want}, events[0].properties["$context"])
	require.Equal(t, want, events[1].properties["page"])
	require.Equal(t, 422, a.request(t, "GET", "/api/events/rejected?from=%ff", "", nil), "other routes are strict")
}

// TestOldEngage: what PostHog's SDKs sent to /engage long ago is not there.
func TestOldEngage(t *testing.T) {
	t.Parallel()
	a := newAPI(t, defaultLimits)
	key := a.key(t, auth.ScopeIngest)
	const change = `{"$distinct_id":"u","$set":{"a":1}}`
	for _, c := range [][2]string{
		{"/engage?api_key=" + key, change}, {"/engage/?api_key=wrong", change}, {"/engage", "api_key=" + key + "&data=" + escaped(change)},
		{"/engage", `{"api_key":"` + key + `","$distinct_id":"u"}`}, {"/engage", "api_key=" + key + "&data=" + escaped("["+change+"]")},
	} {
		got := a.send(t, "POST", c[0], c[1])
		require.Equal(t, 404, got.status, "%s: %s", c[0], got.body)
	}
	got := a.send(t, "POST", "/engage", change, "X-API-Key", key)
	require.Equal(t, 200, got.status, got.body)
	require.Len(t, a.operations(t), 1)
}

// TestNoData: a request without a body is of no protocol.
func TestNoData(t *testing.T) {
	t.Parallel()
	a := newAPI(t, defaultLimits)
	key := a.key(t, auth.ScopeIngest)
	for _, c := range []string{
		"POST /v1/batch", "POST /v1/track", "POST /api/s/track", "POST /e", "POST /batch", "POST /2/httpapi", "POST /track", "GET /track", "POST /import",
		"POST /engage", "GET /engage", "POST /groups", "GET /groups", "POST /com.acme/tp2", "GET /i", "POST /api/send", "POST /api/event", "POST /cloudevents", "POST /v1/logs",
	} {
		method, path, _ := strings.Cut(c, " ")
		got := a.send(t, method, path, "", "X-API-Key", key)
		require.Equal(t, 400, got.status, "%s: %s", c, got.body)
	}
}

// TestNilUUIDOfCloudEvents is an id as any other: with its source it identifies the event.
func TestNilUUIDOfCloudEvents(t *testing.T) {
	t.Parallel()
	a := newAPI(t, defaultLimits)
	key := a.key(t, auth.ScopeIngest)
	for range 2 {
		got := a.send(t, "POST", "/cloudevents", `{"specversion":"1.0","id":"00000000-0000-0000-0000-000000000000","source":"s","type":"e"}`,
			"X-API-Key", key, "Content-Type", "application/cloudevents+json")
		require.Equal(t, 202, got.status, got.body)
	}
	require.Len(t, a.stored(t), 1)
}
