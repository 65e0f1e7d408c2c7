package ingest

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/auth"
)

// key makes an API key of the api's project.
func (a *api) key(t *testing.T, scope auth.Scope, origins ...string) string {
	t.Helper()
	key, hash := auth.NewCredential(auth.KeyPrefix)
	_, err := a.pool.Exec(t.Context(), `
		INSERT INTO analytics.api_keys (project_id, name, scope, prefix, hash, created_by, origins)
		SELECT p.id, 'test', $1, '', $2, u.id, coalesce($3::text[], '{}') FROM analytics.projects AS p JOIN analytics.users AS u ON u.id = p.home_of`, scope, hash, origins)
	require.NoError(t, err)
	return key
}

// project makes another project, on which the test's helpers then look, with a key.
func (a *api) project(t *testing.T) (key string) {
	t.Helper()
	key, hash := auth.NewCredential(auth.KeyPrefix)
	require.NoError(t, a.pool.QueryRow(t.Context(), `
		WITH p AS (INSERT INTO analytics.projects (name) VALUES ('another') RETURNING id)
		INSERT INTO analytics.api_keys (project_id, name, scope, prefix, hash, created_by)
		SELECT p.id, 'test', 'ingest', '', $1, u.id FROM p, analytics.users AS u RETURNING project_id`, hash).Scan(&a.looked))
	return key
}

// stored is an event in the outbox.
type stored struct {
	id         string
	at         time.Time
	user, name string
	properties map[string]any
}

func (a *api) stored(t *testing.T) (events []stored) {
	t.Helper()
	rows, err := a.pool.Query(t.Context(), `SELECT event_id::text, occurred_at, user_id, event_type, coalesce(properties, '{}') FROM analytics.outbox_events WHERE $1::bigint IN (0, project_id) ORDER BY xid, seq`, a.looked)
	require.NoError(t, err)
	defer rows.Close()
	for rows.Next() {
		var e stored
		var properties string
		require.NoError(t, rows.Scan(&e.id, &e.at, &e.user, &e.name, &properties))
		require.NoError(t, json.Unmarshal([]byte(properties), &e.properties))
		events = append(events, e)
	}
	require.NoError(t, rows.Err())
	return events
}

func (a *api) operations(t *testing.T) (all []string) {
	t.Helper()
	require.NoError(t, a.pool.QueryRow(t.Context(),
		`SELECT coalesce(array_agg(kind || ' ' || user_id ORDER BY xid, place, seq), '{}') FROM analytics.operations WHERE $1::bigint IN (0, project_id)`, a.looked).Scan(&all))
	return all
}

func (a *api) quarantine(t *testing.T) (reasons []string) {
	t.Helper()
	require.NoError(t, a.pool.QueryRow(t.Context(),
		`SELECT coalesce(array_agg(reason ORDER BY request_index), '{}') FROM analytics.rejected_events WHERE $1::bigint IN (0, project_id)`, a.looked).Scan(&reasons))
	return reasons
}

type answered struct {
	status int
	body   string
	header http.Header
}

// send sends a request as an SDK would; headers come in pairs.
func (a *api) send(t *testing.T, method, path, body string, headers ...string) answered {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, a.url+path, strings.NewReader(body))
	require.NoError(t, err)
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return answered{resp.StatusCode, string(text), resp.Header}
}

// recorded is a request in testdata, as a real SDK sent it. KEY stands for the key, which
// in base64 is put there as well; NOW is the time of the request, in milliseconds.
type recorded struct {
	Method  string            `json:"m"`
	Path    string            `json:"u"`
	Headers map[string]string `json:"h"`
	Gzip    bool              `json:"gz"`
	Body    string            `json:"b"`
	Bytes   []byte            `json:"b64"` // in place of a body that is no text
}

// records reads requests that were recorded, one a line.
func records(t *testing.T, path string) (all []recorded) {
	t.Helper()
	f, err := os.Open(path)
	require.NoError(t, err)
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var r recorded
		require.NoError(t, json.Unmarshal(lines.Bytes(), &r))
		all = append(all, r)
	}
	require.NoError(t, lines.Err())
	return all
}

// TestRecordedSDKs sends requests of real SDKs twice: none fails, and the second time
// nothing is new but what has no identity. SDK_REQUESTS names a folder with more of them,
// which is not part of the repository.
func TestRecordedSDKs(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join("testdata", "sdks", "*.jsonl"))
	require.NoError(t, err)
	require.Len(t, files, len(recordedEvents))
	if folder := os.Getenv("SDK_REQUESTS"); folder != "" {
		more, err := filepath.Glob(filepath.Join(folder, "*.jsonl"))
		require.NoError(t, err)
		require.NotEmpty(t, more)
		files = append(files, more...)
	}
	a := newAPI(t, defaultLimits)
	for i, file := range files { // those in testdata first
		key := a.project(t)
		name := strings.TrimSuffix(filepath.Base(file), ".jsonl")
		if strings.HasSuffix(name, "proto") {
			continue // the recording is not of bytes
		}
		send := func() (got string, events, operations int) {
			for _, r := range records(t, file) {
				r.send(t, a, key)
			}
			all := a.stored(t)
			events, operations = len(all), len(a.operations(t))
			got = fmt.Sprint(events, " ", operations)
			if events > 0 {
				got += " " + all[0].name
			}
			return got, events, operations
		}
		first, events, operations := send()
		require.NotZero(t, events+operations, name)
		if i < len(recordedEvents) {
			require.Equal(t, recordedEvents[name], first, name)
		}
		if strings.Contains(name, "umami") || strings.Contains(name, "plausible") { // neither id nor time
			events *= 2
		}
		if strings.Contains(name, "mixpanel_browser") || strings.Contains(name, "mixpanel_people") { // nor have changes of profiles
			operations *= 2
		}
		_, again, operationsAgain := send()
		require.Equal(t, []int{events, operations}, []int{again, operationsAgain}, "%s, sent again", name)
		require.Empty(t, a.quarantine(t), name)
	}
}

// recordedEvents are what the requests in testdata hold: events, operations, and the name
// of the first event.
var recordedEvents = map[string]string{
	"amplitude_analytics_node":                   "2 0 t7719_order",
	"amplitude_analytics_node_batch":             "2 0 t7720_order",
	"analytics_node":                             "1 0 t7712_order",
	"browser_amplitude_analytics_browser":        "2 0 anon_click",
	"browser_amplitude_analytics_browser_beacon": "2 0 anon_click",
	"browser_amplitude_analytics_browser_gzip":   "2 0 anon_click",
	"browser_jitsu_js":                           "2 2 anon_click",
	"browser_mixpanel_browser":                   "4 3 anon_click",
	"browser_mixpanel_browser_beacon":            "4 3 anon_click",
	"browser_mixpanel_browser_json":              "6 2 anon_click",
	"browser_mixpanel_browser_nobatch":           "1 2 anon_click",
	"browser_openpanel_web":                      "1 0 anon_click",
	"browser_plausible_analytics_tracker":        "1 0 anon_click",
	"browser_posthog_js":                         "0 1",
	"browser_posthog_js_nocompress":              "2 1 last_words",
	"browser_rudderstack_analytics_js":           "2 3 anon_click",
	"browser_rudderstack_analytics_js_beacon":    "0 2",
	"browser_segment_analytics_next":             "2 3 anon_click",
	"browser_segment_analytics_next_batching":    "2 0 last_words",
	"browser_snowplow_browser_tracker":           "2 0 anon_click",
	"browser_snowplow_browser_tracker_get":       "1 0 anon_click",
	"cloudevents":                                "4 0 t7724_order",
	"cloudevents_go":                             "2 0 order_0",
	"mixpanel_import_batch":                      "10 0 t7718_order",
	"mixpanel_people":                            "0 2",
	"mixpanel_track":                             "1 0 t7717_order",
	"openpanel_sdk":                              "1 0 t7722_order",
	"opentelemetry_exporter_logs_otlp_http":      "2 0 t7725_order",
	"opentelemetry_go":                           "5 0 order_2",
	"opentelemetry_js_protobuf":                  "5 0 order_2",
	"posthog_go":                                 "5 1 order_2",
	"posthog_node_v0":                            "2 0 t7715_order",
	"posthog_node_v1":                            "2 0 t7716_order",
	"rudderstack_rudder_sdk_node":                "1 0 t7714_order",
	"segment_analytics_node":                     "2 0 t7711_order",
	"segment_go":                                 "5 1 order_2",
	"snowplow_node_tracker":                      "2 0 t7721_order",
	"umami_node":                                 "1 0 t7723_order",
}

func (r recorded) send(t *testing.T, a *api, key string) {
	t.Helper()
	const wasKey, wasBasic = "wk_test", "d2tfdGVzdDo="
	basic := basicOf(key)
	fill := func(s string) string { return strings.NewReplacer(wasKey, key, wasBasic, basic).Replace(s) }
	body := withKey(t, r.Body, wasKey, key)
	if len(r.Bytes) > 0 {
		body = string(r.Bytes)
	}
	if r.Gzip {
		body = gzipped(t, body)
	}
	var headers []string
	for name, value := range r.Headers {
		switch name {
		case "host", "connection", "content-length", "transfer-encoding", "accept-encoding":
		default:
			headers = append(headers, name, fill(value))
		}
	}
	got := a.send(t, r.Method, withKey(t, r.Path, wasKey, key), body, headers...)
	require.Less(t, got.status, 300, "%s %s: %d %s\n%.300s", r.Method, r.Path, got.status, got.body, r.Body)
	if origin := r.Headers["origin"]; origin != "" {
		require.Equal(t, origin, got.header.Get("Access-Control-Allow-Origin"))
	}
}

const track = `{"type":"track","event":"order","userId":"u1","anonymousId":"a1","messageId":"node-next-1-x","timestamp":"2025-08-01T10:00:00.123Z",
	"properties":{"n":1,"price":9.750,"token":"gone"},"context":{"library":{"name":"lib","version":"3"},"page":{"url":"http://x/"},"groupId":"acme"}}`

func TestSegment(t *testing.T) {
	t.Parallel()
	a := newAPI(t, defaultLimits)
	key := a.key(t, auth.ScopeIngest)
	basic := []string{"Authorization", "Basic " + basicOf(key)}
	for range 2 {
		got := a.send(t, "POST", "/v1/batch", `{"batch":[`+track+`],"sentAt":"2025-08-01T10:00:00Z"}`, basic...)
		require.Equal(t, 200, got.status, got.body)
		require.Equal(t, `{"success":true}`, got.body)
		require.NotEmpty(t, got.header.Get("X-Position"))
	}
	events := a.stored(t)
	require.Len(t, events, 1)
	e := events[0]
	require.Equal(t, "order", e.name)
	require.Equal(t, "u1", e.user)
	require.Equal(t, map[string]any{
		"n": 1.0, "price": 9.75, "$lib": "lib", "$lib_version": "3", "$url": "http://x/", "$anonymous_id": "a1", "$groups": map[string]any{"group": []any{"acme"}},
		"$context":     map[string]any{"library": map[string]any{"name": "lib", "version": "3"}, "page": map[string]any{"url": "http://x/"}, "groupId": "acme"},
		"$client_time": "2025-08-01T10:00:00.123Z",
	}, e.properties)
	require.WithinDuration(t, time.Now(), e.at, time.Minute, "sentAt was long ago: the clock is wrong")

	id := uuid.NewString()
	for _, c := range []struct{ path, body, name, user string }{
		{"/v1/t", `{"event":"short","anonymousId":"a","messageId":"` + id + `"}`, "short", "a"},
		{"/v1/p/", `{"userId":42,"name":"Home","messageId":"p"}`, "$pageview", "42"},
		{"/v1/screen", `{"userId":"u","messageId":"s"}`, "$screen", "u"},
		{"/beacon/v1/batch?writeKey=" + key, `{"batch":[{"type":"track","event":"beacon","userId":"u","messageId":"b"}]}`, "beacon", "u"},
		{"/api/s/track", `{"type":"track","event":"jitsu","userId":"u","messageId":"abc","writeKey":"***"}`, "jitsu", "u"},
		{"/api/s/s2s/page", `{"userId":"u","messageId":"abd"}`, "$pageview", "u"},
	} {
		got := a.send(t, "POST", c.path, c.body, "X-Write-Key", "name:"+key, "Content-Type", "text/plain")
		require.Equal(t, 200, got.status, "%s: %s", c.path, got.body)
		events := a.stored(t)
		last := events[len(events)-1]
		require.Equal(t, []string{c.name, c.user}, []string{last.name, last.user})
	}
	require.Equal(t, id, a.stored(t)[1].id)
	require.Equal(t, "Home", a.stored(t)[2].properties["name"])

	for range 2 {
		for _, kind := range []string{"identify", "group", "alias"} {
			got := a.send(t, "POST", "/v1/"+kind, `{"userId":"u","messageId":"`+kind+`","traits":{"plan":"pro"}}`, basic...)
			require.Equal(t, 200, got.status, got.body)
		}
	}
	require.Equal(t, []string{"identify u", "group u", "alias u"}, a.operations(t))
	require.Len(t, a.stored(t), 7, "operations are no activity")
}

func TestSDKKeys(t *testing.T) {
	t.Parallel()
	a := newAPI(t, defaultLimits)
	key, other := a.key(t, auth.ScopeIngest), a.key(t, auth.ScopeIngest)
	read, browser := a.key(t, auth.ScopeRead), a.key(t, auth.ScopeBrowser, "https://shop.example")
	n := 0
	body := func(with string) string {
		n++
		return fmt.Sprintf(`{"batch":[{"type":"track","event":"e","userId":"u","messageId":"%d"}]%s}`, n, with)
	}
	for name, c := range map[string]struct {
		path, body string
		headers    []string
		status     int
	}{
		"Basic":                    {"/v1/batch", body(""), []string{"Authorization", "Basic " + basicOf(key)}, 200},
		"Basic with a password":    {"/v1/batch", body(""), []string{"Authorization", "Basic " + basicOf(key+":secret")}, 401},
		"Bearer":                   {"/v1/batch", body(""), []string{"Authorization", "Bearer " + key}, 200},
		"X-API-Key":                {"/v1/batch", body(""), []string{"X-API-Key", key}, 200},
		"query":                    {"/v1/batch?api_key=" + key, body(""), nil, 200},
		"body":                     {"/v1/batch", body(`,"writeKey":"` + key + `"`), nil, 200},
		"the same twice":           {"/v1/batch?token=" + key, body(`,"writeKey":"` + key + `"`), nil, 200},
		"two keys":                 {"/v1/batch", body(`,"writeKey":"` + other + `"`), []string{"X-API-Key", key}, 401},
		"none":                     {"/v1/batch", body(""), nil, 401},
		"hidden":                   {"/v1/batch", body(`,"writeKey":"***"`), nil, 401},
		"unknown":                  {"/v1/batch", body(""), []string{"X-API-Key", "x"}, 401},
		"of scope read":            {"/v1/batch", body(""), []string{"X-API-Key", read}, 401},
		"a user's token":           {"/v1/batch", body(""), []string{"Authorization", "Bearer " + a.token}, 401},
		"browser, its origin":      {"/v1/batch", body(""), []string{"X-API-Key", browser, "Origin", "https://shop.example"}, 200},
		"browser, another":         {"/v1/batch", body(""), []string{"X-API-Key", browser, "Origin", "https://evil.example"}, 403},
		"browser, its referer":     {"/v1/batch", body(""), []string{"X-API-Key", browser, "Referer", "https://shop.example/a?b"}, 200},
		"browser, no origin":       {"/v1/batch", body(""), []string{"X-API-Key", browser}, 403},
		"browser, native route":    {"/api/events", `[]`, []string{"X-API-Key", browser, "Origin", "https://shop.example"}, 403},
		"browser, quarantine":      {"/api/events/rejected/replay", "", []string{"X-API-Key", browser}, 403},
		"not JSON":                 {"/v1/batch", `{"batch":[`, []string{"X-API-Key", key}, 400},
		"no batch":                 {"/v1/batch", `{}`, []string{"X-API-Key", key}, 400},
		"an event that is no JSON": {"/v1/batch", `{"batch":[{"a":tru}]}`, []string{"X-API-Key", key}, 400},
		"unknown call":             {"/v1/other", body(""), []string{"X-API-Key", key}, 404},
	} {
		got := a.send(t, "POST", c.path, c.body, c.headers...)
		require.Equal(t, c.status, got.status, "%s: %s", name, got.body)
		if c.status == 401 {
			require.Contains(t, got.body, `"code":"invalid_write_key"`, name)
		}
	}
	got := a.send(t, "GET", "/api/events/rejected", "", "X-API-Key", browser)
	require.Equal(t, 403, got.status, got.body)
}

func TestQuarantine(t *testing.T) {
	t.Parallel()
	a := newAPI(t, defaultLimits)
	key := a.key(t, auth.ScopeIngest)
	long := strings.Repeat("x", 201)
	events := []string{
		`{"type":"track","event":"good","userId":"u","messageId":"0"}`,
		`{"type":"track","event":"no user","messageId":"1"}`,
		`{"type":"track","event":"long user","userId":"` + long + `","messageId":"2"}`,
		`{"type":"track","userId":"u","messageId":"3"}`,
		`{"type":"track","event":"` + long + `","userId":"u","messageId":"4"}`,
		`{"type":"track","event":"e","userId":"u","messageId":"5","properties":{"a":"` + strings.Repeat("x", 33<<10) + `"}}`,
		`{"type":"track","event":"e","userId":"u","messageId":"6","properties":` + strings.Repeat(`{"a":`, 33) + `1` + strings.Repeat("}", 33) + `}`,
		`{"type":"track","event":"e","userId":"u","messageId":"7","properties":` + strings.Repeat(`[`, 20_000) + strings.Repeat("]", 20_000) + `}`,
		`{"type":"track","event":"e","userId":"u","messageId":"8","properties":{"n":1e400}}`,
		`{"type":"track","event":"e","userId":"u","messageId":"9","timestamp":"1969-01-01T00:00:00Z"}`,
		`{"type":"track","event":"e","userId":"u","messageId":"10","properties":{"a":"` + strings.Repeat("x", 300<<10) + `"}}`,
		`{"type":"track","event":"e","userId":"u","userId":"last","messageId":"11","properties":{"a":"\ud83d\ude00 \ud83d \u0000 ` + "\xff \xed\xa0\xbd\xed\xb8\x80" + `"}}`,
		`"text"`,
	}
	for range 2 {
		got := a.send(t, "POST", "/v1/batch", `{"batch":[`+strings.Join(events, ",")+`]}`, "X-API-Key", key)
		require.Equal(t, 200, got.status, got.body)
	}
	good := a.stored(t)
	require.Len(t, good, 2)
	require.Equal(t, "last", good[1].user)
	require.Equal(t, "😀 \ufffd \ufffd \ufffd 😀", good[1].properties["a"])
	reasons := []string{"no-user", "user-too-long", "no-type", "type-too-long", "properties-too-large", "too-deep", "too-deep", "bad-number", "before-earliest", "properties-too-large", "not-an-object"}
	require.Equal(t, reasons, a.quarantine(t))

	var list struct{ Data []map[string]any }
	require.Equal(t, 200, a.request(t, "GET", "/api/events/rejected?limit=1", "", &list))
	require.Len(t, list.Data, 1)

	// A rule has changed.
	_, err := a.pool.Exec(t.Context(), `UPDATE analytics.rejected_events SET payload = '{"type":"track","event":"mended","userId":"u","messageId":"1","timestamp":"2025-08-01T10:00:00Z"}' WHERE reason = 'no-user'`)
	require.NoError(t, err)
	var replayed map[string]any
	require.Equal(t, 200, a.request(t, "POST", "/api/events/rejected/replay", "", &replayed), replayed)
	require.Equal(t, []any{1.0, 0.0, 10.0}, []any{replayed["accepted"], replayed["duplicates"], replayed["rejected"]})
	require.Equal(t, reasons[1:], a.quarantine(t))
	require.Equal(t, "mended", a.stored(t)[2].name)
}

// TestEqualEvents: three equal events of one request are three, and none is new when it is
// sent again, or arrives in another order of members.
func TestEqualEvents(t *testing.T) {
	t.Parallel()
	a := newAPI(t, defaultLimits)
	key := a.key(t, auth.ScopeIngest)
	const event, same = `{"type":"track","event":"e","userId":"u","timestamp":"2025-08-01T10:00:00Z"}`, `{"userId":"u","timestamp":"2025-08-01T10:00:00Z","event":"e","type":"track","sentAt":"2025-08-01T10:00:00Z"}`
	for _, batch := range [][]string{{event, event, event}, {event, event, event}, {same}} {
		got := a.send(t, "POST", "/v1/batch", `{"batch":[`+strings.Join(batch, ",")+`]}`, "X-API-Key", key)
		require.Equal(t, 200, got.status, got.body)
	}
	require.Len(t, a.stored(t), 3)
	for range 2 { // nothing tells these apart
		got := a.send(t, "POST", "/v1/track", `{"event":"e","userId":"u"}`, "X-API-Key", key)
		require.Equal(t, 200, got.status, got.body)
	}
	require.Len(t, a.stored(t), 5)
}

func TestSDKPreflight(t *testing.T) {
	t.Parallel()
	a := newAPI(t, defaultLimits)
	got := a.send(t, "OPTIONS", "/v1/t", "", "Origin", "https://shop.example", "Access-Control-Request-Method", "POST",
		"Access-Control-Request-Headers", "authorization", "Access-Control-Request-Private-Network", "true")
	require.Equal(t, 204, got.status)
	for name, value := range map[string]string{
		"Access-Control-Allow-Origin": "https://shop.example", "Access-Control-Allow-Credentials": "true", "Access-Control-Allow-Headers": "authorization",
		"Access-Control-Allow-Methods": "GET, POST, OPTIONS", "Access-Control-Max-Age": "86400", "Access-Control-Allow-Private-Network": "true",
	} {
		require.Equal(t, value, got.header.Get(name), name)
	}
	got = a.send(t, "POST", "/v1/t", "{}", "Origin", "https://shop.example")
	require.Equal(t, 401, got.status)
	require.Equal(t, "https://shop.example", got.header.Get("Access-Control-Allow-Origin"), "errors can be read as well")
	got = a.send(t, "GET", "/v1/projects/abc/settings", "")
	require.Contains(t, got.body, `"Segment.io":{"apiKey":"abc"}`)
}
