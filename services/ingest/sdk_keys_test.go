package ingest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/auth"
)

// TestSDKItemKeys: an event that names another key than its request, be it the last one,
// refuses the request: it could be of another project.
func TestSDKItemKeys(t *testing.T) {
	t.Parallel()
	a := newAPI(t, defaultLimits)
	key, other := a.key(t, auth.ScopeIngest), a.key(t, auth.ScopeIngest)
	unknown, _ := auth.NewCredential(auth.KeyPrefix)
	for _, c := range []struct {
		path, body string // with OTHER in the last of two events
		name       bool   // a place that may also hold what is no key
	}{
		{"/v1/batch", `{"writeKey":"KEY","batch":[{"type":"track","event":"e","userId":"u"},{"type":"track","event":"e","userId":"u","writeKey":"OTHER"}]}`, false},
		{"/api/s/batch?writeKey=KEY", `{"batch":[{"type":"track","event":"e","userId":"u"},{"type":"track","event":"e","userId":"u","writeKey":"OTHER"}]}`, false},
		{"/track", `[{"event":"e","properties":{"token":"KEY","distinct_id":"u"}},{"event":"e","properties":{"token":"OTHER","distinct_id":"u"}}]`, false},
		{"/import?api_key=KEY", `{"event":"e","properties":{"distinct_id":"u"}}` + "\n" + `{"event":"e","properties":{"token":"OTHER","distinct_id":"u"}}`, false},
		{"/engage", `[{"$token":"KEY","$distinct_id":"u","$set":{"a":1}},{"$token":"OTHER","$distinct_id":"u","$set":{"a":1}}]`, false},
		{"/e", `[{"api_key":"KEY","event":"e","distinct_id":"u"},{"api_key":"OTHER","event":"e","distinct_id":"u"}]`, false},
		{"/batch", `{"api_key":"KEY","batch":[{"event":"e","distinct_id":"u"},{"event":"e","distinct_id":"u","properties":{"token":"OTHER"}}]}`, true},
		{"/com.acme/tp2", `{"schema":"s","data":[{"e":"pv","uid":"u","aid":"KEY"},{"e":"pv","uid":"u","aid":"OTHER"}]}`, true},
	} {
		send := func(second string) answered {
			fill := strings.NewReplacer("KEY", key, "OTHER", second)
			return a.send(t, "POST", fill.Replace(c.path), fill.Replace(c.body))
		}
		before := len(a.stored(t)) + len(a.operations(t))
		for _, second := range []string{other, unknown} {
			got := send(second)
			require.Equal(t, 401, got.status, "%s: %s", c.path, got.body)
		}
		if !c.name {
			require.Equal(t, 401, send("another").status, c.path)
		}
		require.Equal(t, before, len(a.stored(t))+len(a.operations(t)), "%s: nothing of it is stored", c.path)
		if c.name {
			require.Equal(t, 200, send("the shop").status, "%s: the name of an app", c.path)
		} else {
			require.Equal(t, 200, send("").status, "%s: no key", c.path)
		}
		require.Equal(t, 200, send(key).status, c.path)
	}
}

// TestSDKKeysAreNotLogged asks every route of the SDKs with a key in its address, also by
// methods and at paths that are none: no line of the log has it.
func TestSDKKeysAreNotLogged(t *testing.T) {
	t.Parallel()
	a := newAPI(t, defaultLimits)
	good := a.key(t, auth.ScopeIngest)
	unknown, _ := auth.NewCredential(auth.KeyPrefix)
	asked := 0
	for _, path := range []string{
		"/v1/batch?writeKey=KEY", "/v1/KEY", "/beacon/v1/batch?writeKey=KEY", "/api/s/track?token=KEY", "/api/s/KEY", "/api/s/s2s/batch?token=KEY",
		"/batch/?api_key=KEY", "/e/?api_key=KEY", "/i/v0/e?token=KEY", "/i/v1/analytics/events?api_key=KEY", "/capture?api_key=KEY",
		"/track?token=KEY&data=e30", "/engage?token=KEY", "/groups?token=KEY", "/import?api_key=KEY", "/2/httpapi?api_key=KEY",
		"/com.snowplowanalytics.snowplow/tp2?aid=KEY", "/com.acme/KEY", "/com./KEY", "/i?e=pv&aid=KEY", "/api/send?website=KEY", "/api/event?d=KEY",
		"/cloudevents?api_key=KEY", "/v1/logs?api_key=KEY", "/v1/projects/KEY/settings", "/v1/projects/KEY/nothing", "/sourceConfig/?writeKey=KEY",
		"/array/KEY/config.js", "/array/KEY/config", "/array/KEY/nothing", "/static/KEY.js", "/flags/?v=2&token=KEY", "/decide?token=KEY", "/KEY", "/1/store/KEY/",
	} {
		for _, method := range []string{"GET", "POST", "PUT", "OPTIONS"} {
			for _, key := range []string{good, unknown} {
				a.send(t, method, strings.ReplaceAll(path, "KEY", key), "{}")
				asked++
			}
		}
	}
	lines := a.logged.All()
	require.GreaterOrEqual(t, len(lines), asked)
	for _, line := range lines {
		text := fmt.Sprint(line.Message, line.ContextMap())
		for _, key := range []string{good, unknown} {
			require.NotContains(t, text, strings.TrimPrefix(key, auth.KeyPrefix))
		}
	}
}
