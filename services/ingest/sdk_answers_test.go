package ingest

import (
	"compress/flate"
	"compress/zlib"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/auth"
	"eventanalytics/services/ingest/sdk"
)

// answers of each protocol, in its vendor's form: to a good event, a key that is none, and
// what is not readable. KEY stands for the key.
var answers = []struct {
	name, path, body           string
	headers                    []string
	good, badKey, unreadable   int
	says, saysKey, saysBadBody string
}{
	{
		"segment", "/v1/track", `{"event":"e","userId":"u","writeKey":"KEY"}`, nil,
		200, 401, 400, `{"success":true}`, `{"success":false,"code":"invalid_write_key"`, `{"success":false,"code":"invalid_request"`,
	},
	{"jitsu", "/api/s/track", `{"event":"e","userId":"u"}`, []string{"X-Write-Key", "a:KEY"}, 200, 401, 400, `{"ok":true}`, `"ok":false`, `"ok":false`},
	{
		"posthog", "/e/", `{"api_key":"KEY","event":"e","distinct_id":"u"}`, nil,
		200, 401, 400, `{"status":1}`, `{"type":"authentication_error","code":"invalid_api_key","detail":`, `"attr":null}`,
	},
	{
		"posthog v1", "/i/v1/analytics/events", `{"batch":[{"uuid":"x","event":"e","distinct_id":"u"},{"uuid":"y","event":"e"}]}`, []string{"Authorization", "Bearer KEY"},
		200, 401, 400, `{"results":{"x":{"result":"ok"},"y":{"result":"drop","details":"no-user`, `invalid_api_key`, `"attr":null}`,
	},
	{
		"amplitude", "/batch", `{"api_key":"KEY","events":[{"event_type":"e","user_id":"u"}]}`, nil,
		200, 400, 400, `{"code":200,"events_ingested":1,"payload_size_bytes":`, `"error":"Invalid API key: `, `"attr":null}`,
	},
	{
		"amplitude httpapi", "/2/httpapi", `{"api_key":"KEY","events":[{"event_type":"e","user_id":"u"},{"event_type":"e"}]}`, nil,
		200, 400, 400, `{"code":200,"events_ingested":2,`, `"error":"Invalid API key: `, `"events_with_invalid_fields":{}`,
	},
	{"mixpanel", "/track?verbose=1", `{"event":"e","properties":{"token":"KEY","distinct_id":"u"}}`, nil, 200, 401, 400, `{"status":1,"error":null}`, `{"status":0,"error":"`, `{"status":0,"error":"`},
	{"mixpanel, literal", "/track/", `{"event":"e","properties":{"token":"KEY","distinct_id":"u"}}`, nil, 200, 401, 400, `1`, `0`, `0`},
	{
		"mixpanel import", "/import", `{"event":"e","properties":{"distinct_id":"u"}}` + "\n" + `{"event":"f","properties":{"distinct_id":"u"}}`, []string{"Authorization", "Basic BASIC"},
		200, 401, 400, `{"code":200,"num_records_imported":2,"status":"OK"}`, `{"code":401,`, `{"code":400,`,
	},
	{
		"mixpanel import with a bad one", "/import", `[{"event":"e","properties":{"distinct_id":"u"}},{"event":"f","properties":{"$insert_id":"i"}}]`, []string{"Authorization", "Basic BASIC"},
		400, 401, 400, `"num_records_imported":1,"failed_records":[{"index":1,"insert_id":"i","field":"no-user"`, `{"code":401,`, `{"code":400,`,
	},
	{"snowplow", "/com.acme/tp2", `{"schema":"s","data":[{"e":"pv","uid":"u","aid":"KEY","eid":"x"}]}`, nil, 200, 401, 400, `ok`, `key`, `JSON`},
	{"openpanel", "/track", `{"type":"track","payload":{"name":"e"}}`, []string{"openpanel-client-id", "KEY"}, 200, 401, 400, `{"deviceId":"`, `"message":`, `"message":`},
	{"umami", "/api/send", `{"type":"event","payload":{"website":"KEY","name":"e"}}`, nil, 200, 400, 400, `{"cache":"`, `{"error":{`, `{"error":{`},
	{"plausible", "/api/event", `{"n":"e","u":"http://x/","d":"KEY"}`, nil, 202, 400, 400, `ok`, `{"errors":{`, `{"errors":{`},
	{
		"cloudevents", "/cloudevents", `{"specversion":"1.0","id":"1","source":"s","type":"e"}`, []string{"Content-Type", "application/cloudevents+json", "Authorization", "Bearer KEY"},
		202, 401, 400, ``, `"type":"/problems/unauthorized"`, `"type":"/problems/malformed-event"`,
	},
	{
		"cloudevents without a source", "/cloudevents", `[{"specversion":"1.0","id":"1","source":"s","type":"e"},{"specversion":"1.0","id":"1","type":"e"}]`,
		[]string{"Content-Type", "application/cloudevents-batch+json", "Authorization", "Bearer KEY"},
		400, 401, 400, `"errors":[{"index":1,"field":"source"`, `"type":"/problems/unauthorized"`, `"type":"/problems/malformed-event"`,
	},
	{
		"otlp", "/v1/logs", `{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"eventName":"e","attributes":[{"key":"user.id","value":{"stringValue":"u"}}]},{"body":{"stringValue":"text"}}]}]}]}`,
		[]string{"Authorization", "Bearer KEY", "Content-Type", "application/json"},
		200, 401, 400, `{"partialSuccess":{"errorMessage":"no-user: `, `{"code":16,`, `{"code":3,`,
	},
}

func TestSDKAnswers(t *testing.T) {
	t.Parallel()
	a := newAPI(t, defaultLimits)
	key := a.key(t, auth.ScopeIngest)
	for _, c := range answers {
		with := func(key string) []string {
			headers := make([]string, len(c.headers))
			for i, h := range c.headers {
				headers[i] = strings.NewReplacer("KEY", key, "BASIC", basicOf(key)).Replace(h)
			}
			return headers
		}
		got := a.send(t, "POST", c.path, strings.ReplaceAll(c.body, "KEY", key), with(key)...)
		require.Equal(t, c.good, got.status, "%s: %s", c.name, got.body)
		require.Contains(t, got.body, c.says, c.name)
		got = a.send(t, "POST", c.path, strings.ReplaceAll(c.body, "KEY", "wrong"), with("wrong")...)
		require.Equal(t, c.badKey, got.status, "%s: %s", c.name, got.body)
		require.Contains(t, got.body, c.saysKey, c.name)
		got = a.send(t, "POST", c.path, `{"broken`, with(key)...)
		require.Equal(t, c.unreadable, got.status, "%s: %s", c.name, got.body)
		require.Contains(t, got.body, c.saysBadBody, c.name)
	}
	for path, status := range map[string]int{"/batch": 400, "/nothing.here": 404, "/nothing/here": 404} {
		got := a.send(t, "POST", path, `{"events":[],"batch":[]}`, "X-API-Key", key)
		require.Equal(t, status, got.status, "%s: %s", path, got.body)
	}
}

// TestSDKEncodings sends one event in every way that an SDK wraps it in.
func TestSDKEncodings(t *testing.T) {
	t.Parallel()
	a := newAPI(t, defaultLimits)
	key := a.key(t, auth.ScopeIngest)
	event := `{"api_key":"` + key + `","event":"e","distinct_id":"u","uuid":"018f0000-0000-7000-8000-000000000001","properties":{"text":"😀+/ü"}}`
	for name, c := range map[string]struct {
		path, body string
		headers    []string
	}{
		"plain":            {"/e", event, nil},
		"gzip, unsaid":     {"/e/?compression=gzip-js", gzipped(t, event), []string{"Content-Type", "text/plain"}},
		"gzip":             {"/e", gzipped(t, event), []string{"Content-Encoding", "gzip"}},
		"zstd":             {"/e", written(t, event, func(w io.Writer) (io.WriteCloser, error) { return zstd.NewWriter(w) }), []string{"Content-Encoding", "zstd"}},
		"br":               {"/e", written(t, event, func(w io.Writer) (io.WriteCloser, error) { return brotli.NewWriter(w), nil }), []string{"Content-Encoding", "br"}},
		"deflate":          {"/e", written(t, event, func(w io.Writer) (io.WriteCloser, error) { return zlib.NewWriter(w), nil }), []string{"Content-Encoding", "deflate"}},
		"deflate, raw":     {"/e", written(t, event, func(w io.Writer) (io.WriteCloser, error) { return flate.NewWriter(w, flate.BestSpeed) }), []string{"Content-Encoding", "deflate"}},
		"a form":           {"/e", "data=" + escaped(event), []string{"Content-Type", "application/x-www-form-urlencoded"}},
		"base64 in a form": {"/e/?compression=base64", "data=" + escaped(base64Of(event)), []string{"Content-Type", "application/x-www-form-urlencoded"}},
		"base64":           {"/e", base64Of(event), nil},
		"gzip in base64":   {"/e", "data=" + escaped(base64Of(gzipped(t, event))), nil},
		"a mark":           {"/e", "\ufeff" + event, nil},
	} {
		got := a.send(t, "POST", c.path, c.body, c.headers...)
		require.Equal(t, 200, got.status, "%s: %s", name, got.body)
	}
	got := a.send(t, "POST", "/e", event, "Content-Encoding", "compress")
	require.Equal(t, 400, got.status, "an encoding that is none")
	got = a.send(t, "POST", "/e", event, "Content-Encoding", "br")
	require.Equal(t, 400, got.status, "not what it says")
	events := a.stored(t)
	require.Len(t, events, 1)
	require.Equal(t, "😀+/ü", events[0].properties["text"])
	for name, body := range map[string]string{"a bomb": gzipped(t, strings.Repeat(" ", 2<<20)), "one in base64": "data=" + escaped(base64Of(gzipped(t, strings.Repeat(" ", 2<<20))))} {
		got := a.send(t, "POST", "/e", body)
		require.Equal(t, 413, got.status, name)
	}
}

// written compresses text.
func written(t *testing.T, text string, compress func(io.Writer) (io.WriteCloser, error)) string {
	t.Helper()
	var b strings.Builder
	w, err := compress(&b)
	require.NoError(t, err)
	_, err = io.WriteString(w, text)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return b.String()
}

// TestSDKSettings: only the protocols that are named are served, and the client's address
// is stored where that is wanted, whatever becomes of the event first.
func TestSDKSettings(t *testing.T) {
	t.Parallel()
	a := newAPI(t, defaultLimits, func(cfg *Config) {
		cfg.SDK.Protocols, cfg.SDK.StoreIP = []string{"segment", "amplitude"}, true
	})
	key := a.key(t, auth.ScopeIngest)
	for _, c := range []struct {
		path, body string
		status     int
	}{
		{"/v1/track", `{"event":"e","userId":"u"}`, 200},
		{"/batch", `{"events":[{"event_type":"e","user_id":"u"}]}`, 200},
		{"/batch", `{"batch":[{"event":"e","distinct_id":"u"}]}`, 404},
		{"/e", `{"event":"e","distinct_id":"u"}`, 404},
		{"/track", `{"event":"e","properties":{"distinct_id":"u"}}`, 404},
		{"/api/send", `{"payload":{"name":"e"}}`, 404},
		{"/v1/track", `{"userId":"u"}`, 200},
	} {
		got := a.send(t, "POST", c.path, c.body, "X-API-Key", key, "X-Forwarded-For", "203.0.113.7")
		require.Equal(t, c.status, got.status, "%s: %s", c.path, got.body)
	}
	events := a.stored(t)
	require.Len(t, events, 2)
	for _, e := range events {
		require.Equal(t, "203.0.113.7", e.properties["$ip"])
	}
	_, err := a.pool.Exec(t.Context(), `UPDATE analytics.rejected_events SET payload = '{"type":"track","event":"mended","userId":"u"}'`)
	require.NoError(t, err)
	require.Equal(t, 200, a.request(t, "POST", "/api/events/rejected/replay", "", nil))
	require.Equal(t, "203.0.113.7", a.stored(t)[2].properties["$ip"])
	bad := sdk.Config{Protocols: []string{"segment", "other"}}
	require.ErrorContains(t, bad.Validate(), `SDK_PROTOCOLS: "other" is none of segment, `)
}

// TestSDKWaits: a request that cannot be taken now is held, and then refused in the words
// that make its SDK come back.
func TestSDKWaits(t *testing.T) {
	t.Parallel()
	a := newAPI(t, defaultLimits)
	key := a.key(t, auth.ScopeIngest)
	good := a.send(t, "POST", "/e", `{"api_key":"`+key+`","event":"e","distinct_id":"u"}`)
	require.Equal(t, 200, good.status)
	// Postgres refuses to write: as when it is a standby.
	_, err := a.pool.Exec(t.Context(), `DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET default_transaction_read_only = on', current_database()); END $$`)
	require.NoError(t, err)
	a.pool.Reset()
	for path, body := range map[string]string{
		"/e":         `{"api_key":"` + key + `","event":"e","distinct_id":"u"}`,
		"/v1/track":  `{"writeKey":"` + key + `","event":"e","userId":"u"}`,
		"/api/event": `{"n":"e","d":"` + key + `"}`,
	} {
		start := time.Now()
		got := a.send(t, "POST", path, body)
		require.Equal(t, 503, got.status, got.body)
		require.NotEmpty(t, got.header.Get("Retry-After"))
		require.GreaterOrEqual(t, time.Since(start), testWait)
	}
}
