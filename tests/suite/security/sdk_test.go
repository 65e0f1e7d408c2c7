package security

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

// sdkRoutes are what vendors' SDKs send one event to, with KEY where theirs have it.
var sdkRoutes = []struct {
	name, path, body string
	unknown          int // status of a key that is none
}{
	{"segment", "/v1/batch", `{"writeKey":"KEY","batch":[{"type":"track","event":"EVENT","userId":"1","messageId":"ID"}]}`, 401},
	{"jitsu", "/api/s/track", `{"writeKey":"KEY","event":"EVENT","type":"track","userId":"1","messageId":"ID"}`, 401},
	{"posthog", "/batch", `{"api_key":"KEY","batch":[{"event":"EVENT","distinct_id":"1","uuid":"ID"}]}`, 401},
	{"posthog v1", "/i/v1/analytics/events", `{"api_key":"KEY","batch":[{"event":"EVENT","distinct_id":"1","uuid":"ID"}]}`, 401},
	{"amplitude", "/2/httpapi", `{"api_key":"KEY","events":[{"event_type":"EVENT","user_id":"1","insert_id":"ID"}]}`, 400},
	{"mixpanel", "/track", `[{"event":"EVENT","properties":{"token":"KEY","distinct_id":"1","$insert_id":"ID"}}]`, 401},
	{"snowplow", "/com.acme/tp2", `{"schema":"x","data":[{"e":"se","se_ac":"EVENT","uid":"1","eid":"ID","aid":"KEY"}]}`, 401},
	{"umami", "/api/send", `{"type":"event","payload":{"website":"KEY","name":"EVENT","id":"1"}}`, 400},
	{"plausible", "/api/event", `{"n":"EVENT","u":"http://x/","d":"KEY"}`, 400},
}

// TestSDKRoutes asks the routes of vendors' SDKs with every kind of key: those that may
// post do, into their own project; no other tells anything.
func TestSDKRoutes(t *testing.T) {
	t.Parallel()
	own, other := register(t, "of SDKs"), register(t, "of no SDK")
	ingest, _ := own.newKey(t, "ingest")
	browser, _ := own.newKey(t, "browser")
	read, _ := own.newKey(t, "read")
	dead, id := own.newKey(t, "ingest")
	own.revoke(t, id)
	for _, r := range sdkRoutes {
		for key, good := range map[string]bool{ingest: true, browser: true, read: false, dead: false, "x": false} {
			body := replaced(r.body, "KEY", key, "EVENT", "of "+r.name, "ID", uuid.NewString())
			a := nobody.with("Origin", "https://shop.example").ask(t, http.MethodPost, gateway+r.path, body)
			what := fmt.Sprintf("%s: %s", r.name, a)
			require.Equal(t, "https://shop.example", a.header.Get("Access-Control-Allow-Origin"), what)
			if !good {
				require.Equal(t, r.unknown, a.status, what)
				require.Empty(t, a.header.Get("X-Position"), what)
				continue
			}
			require.Less(t, a.status, 300, what)
			position := a.header.Get("X-Position")
			require.NotEmpty(t, position, what)
			own.counted(t, position)
			require.Contains(t, string(own.ask(t, http.MethodGet, gateway+"/api/stats/event-types", "").is(t, 200).body), "of "+r.name)
		}
	}
	require.NotContains(t, string(other.ask(t, http.MethodGet, gateway+"/api/stats/event-types", "").is(t, 200).body), "of segment")
	reading := bearing("a browser key", browser)
	for _, path := range []string{"/api/stats/event-types", "/api/stats/events/latest", "/api/events/rejected", "/api/projects"} {
		reading.ask(t, http.MethodGet, gateway+path, "").is(t, 403)
	}
	reading.ask(t, http.MethodPost, gateway+"/api/events", event(uuid.NewString(), "by a page")).is(t, 403)
}

// replaced replaces words in pairs.
func replaced(text string, pairs ...string) string {
	return strings.NewReplacer(pairs...).Replace(text)
}
