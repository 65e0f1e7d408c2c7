package ingest

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/auth"
)

// TestStrangersMemory: until the key is known, a request takes little more memory than its
// body, whatever JSON or form that is.
func TestStrangersMemory(t *testing.T) { //nolint:paralleltest // it looks at what the process allocates
	limits := defaultLimits
	limits.MaxBodyBytes, limits.MaxInFlight = 4<<20, 64<<20
	a := newAPI(t, limits)
	const size = 1 << 20
	wide := "[" + strings.Repeat("0,", size/2) + "0]"
	members := "{" + strings.Repeat(`"a":0,`, size/6) + `"b":0}`
	deep := strings.Repeat(`{"a":`, size/6) + "0" + strings.Repeat("}", size/6)
	event := func(name string) []string {
		return []string{`{"` + name + `":` + wide + `}`, `{"` + name + `":` + members + `}`, `{"` + name + `":` + deep + `}`}
	}
	for path, bodies := range map[string][]string{
		"/v1/batch":              {`{"batch":[{}],"sentAt":` + wide + `}`, `{"writeKey":` + wide + `,"batch":[]}`, `{"batch":` + wide + `}`},
		"/api/s/track":           event("writeKey"),
		"/e":                     append(event("api_key"), `[{"properties":`+members+`}]`, "data="+escaped(base64Of(`{"event":`+wide+`}`)), "a=1"+strings.Repeat("&a", size/2)),
		"/i/v1/analytics/events": event("created_at"),
		"/batch":                 event("events"),
		"/2/httpapi":             event("client_upload_time"),
		"/track":                 {`[{"$token":` + wide + `}]`, `{"event":"e","properties":` + members + `}`, deep},
		"/engage":                {`[{"$token":` + wide + `}]`},
		"/com.acme/tp2":          {`{"data":[{"aid":` + wide + `}]}`, `{"data":` + wide + `}`},
		"/api/send":              {`{"payload":{"website":` + wide + `}}`, `{"payload":` + members + `}`, deep},
		"/api/event":             event("d"),
		"/cloudevents":           {wide, members, deep},
		"/v1/logs":               {`{"resourceLogs":` + wide + `}`, `{"resourceLogs":[{"scopeLogs":` + wide + `}]}`},
	} {
		for i, body := range bodies {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			got := a.send(t, "POST", path, body)
			runtime.ReadMemStats(&after)
			name := fmt.Sprint(path, " ", i)
			require.Contains(t, []int{400, 401}, got.status, "%s: %s", name, got.body)
			// What is read fills a buffer that doubles: four times the body in all.
			require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(6*len(body)), name)
		}
	}
}

// TestSharedMemory: what all records of a request share counts against the budget before it
// is in each of them.
func TestSharedMemory(t *testing.T) { //nolint:paralleltest // it looks at what the process allocates
	limits := defaultLimits
	limits.MaxBodyBytes, limits.MaxInFlight = 64<<20, 8<<20
	a := newAPI(t, limits, func(cfg *Config) { cfg.SDK.Wait = 0 })
	key := a.key(t, auth.ScopeIngest)
	body := sharedLogs(60<<10, 1000)
	require.Less(t, len(body), 256<<10)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	got := a.send(t, "POST", "/v1/logs", body, "X-API-Key", key)
	runtime.ReadMemStats(&after)
	require.Equal(t, 429, got.status, got.body)
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(200<<20), "all 60 MB of items take 880")
	require.Empty(t, a.stored(t))
}

// TestTooDeep: an event that is nested too deeply goes into the quarantine, alone, by each
// protocol.
func TestTooDeep(t *testing.T) {
	t.Parallel()
	a := newAPI(t, defaultLimits)
	key := a.key(t, auth.ScopeIngest)
	deep := strings.Repeat(`{"a":`, 1000) + "0" + strings.Repeat("}", 1000)
	n := 0
	for path, body := range map[string]string{
		"/v1/batch":     `{"batch":[{"type":"track","event":"e","userId":"u","properties":` + deep + `}]}`,
		"/e":            `{"event":"e","distinct_id":"u","properties":` + deep + `}`,
		"/track":        `{"event":"e","properties":` + deep + `}`,
		"/2/httpapi":    `{"events":[{"event_type":"e","event_properties":` + deep + `}]}`,
		"/com.acme/tp2": `{"data":[{"e":"pv","co":` + deep + `}]}`,
		"/api/send":     `{"type":"event","payload":{"name":"e","data":` + deep + `}}`,
		"/api/event":    `{"n":"e","p":` + deep + `}`,
		"/cloudevents":  deep,
		"/v1/logs":      `{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":` + deep + `}]}]}]}`,
	} {
		got := a.send(t, "POST", path, body, "X-API-Key", key, "ce-id", "1", "ce-source", "s", "ce-type", "e", "ce-specversion", "1.0")
		require.Less(t, got.status, 300, "%s: %s", path, got.body)
		n++
		require.Len(t, a.quarantine(t), n, path)
	}
	require.Equal(t, strings.Fields(strings.Repeat("too-deep ", n)), a.quarantine(t))
	got := a.send(t, "POST", "/track", `{"type":"track","payload":`+deep+`}`, "openpanel-client-id", key)
	require.Equal(t, 200, got.status, got.body)
	require.Len(t, a.quarantine(t), n+1)
	got = a.send(t, "POST", "/cloudevents", deep, "X-API-Key", key, "ce-id", "2", "ce-source", "s", "ce-type", "e", "ce-specversion", "1.0",
		"ce-data", "x", "ce-data_base64", "eA==") // which are no attributes
	require.Equal(t, 202, got.status, got.body)
	require.Len(t, a.quarantine(t), n+2)
}

// sharedLogs are records with a resource of some bytes.
func sharedLogs(shared, records int) string {
	return `{"resourceLogs":[{"resource":{"attributes":[{"key":"a","value":{"stringValue":"` + strings.Repeat("x", shared) + `"}}]},"scopeLogs":[{"logRecords":[` +
		strings.TrimSuffix(strings.Repeat(`{"eventName":"e","attributes":[{"key":"user.id","value":{"stringValue":"u"}}]},`, records), ",") + `]}]}]}`
}

// TestSharedAttributes: what all records of a request share is in each of them, and bounded
// together.
func TestSharedAttributes(t *testing.T) {
	t.Parallel()
	a := newAPI(t, defaultLimits)
	key := a.key(t, auth.ScopeIngest)
	got := a.send(t, "POST", "/v1/logs", sharedLogs(30<<10, 50), "X-API-Key", key)
	require.Equal(t, 413, got.status, "50 events of 30 KiB, of a body of 35: %s", got.body)
	got = a.send(t, "POST", "/v1/logs", sharedLogs(65<<10, 50), "X-API-Key", key)
	require.Equal(t, 200, got.status, got.body)
	require.Equal(t, strings.Fields(strings.Repeat("properties-too-large ", 50)), a.quarantine(t))
	rejected := a.send(t, "GET", "/api/events/rejected", "", "Authorization", "Bearer "+a.token).body
	require.Equal(t, []int{50, 0}, []int{strings.Count(rejected, `"whole":false`), strings.Count(rejected, `"whole":true`)}, "the resource is missing")
	got = a.send(t, "POST", "/v1/logs", sharedLogs(30<<10, 20), "X-API-Key", key)
	require.Equal(t, 200, got.status, got.body)
	require.Len(t, a.stored(t), 20)
}
