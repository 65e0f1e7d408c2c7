package ingest

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/auth"
)

// claims are those in the log, as kind from to.
func (a *api) claims(t *testing.T) (all []string) {
	t.Helper()
	require.NoError(t, a.pool.QueryRow(t.Context(),
		`SELECT coalesce(array_agg(rtrim(kind || ' ' || from_id || ' ' || to_id) ORDER BY xid, seq), '{}') FROM analytics.identity_claims WHERE $1::bigint IN (0, project_id)`, a.looked).Scan(&all))
	return all
}

// Who is who, as each protocol says it.
func TestClaimsOfSDKs(t *testing.T) {
	t.Parallel()
	a := newAPI(t, defaultLimits)
	long := strings.Repeat("x", 201)
	for name, c := range map[string]struct {
		path, body string
		claims     []string
	}{
		"segment": {"/v1/batch", `{"batch":[
			{"type":"track","event":"e","anonymousId":"a1","messageId":"1"},
			{"type":"track","event":"e","userId":"ann","messageId":"2"},
			{"type":"track","event":"e","anonymousId":"a1","userId":"ann","messageId":"3"},
			{"type":"identify","anonymousId":"a2","userId":"ann","messageId":"4"},
			{"type":"alias","previousId":"ann","userId":"ben","anonymousId":"a3","messageId":"5"},
			{"type":"alias","previousId":"ben","userId":"ben","messageId":"6"},
			{"type":"track","event":"e","anonymousId":"` + long + `","userId":"cho","messageId":"7"},
			{"type":"track","anonymousId":"a9","userId":"dan","messageId":"8"}]}`,
			[]string{"known ann", "link a1 ann", "link a2 ann", "known ben", "merge ann ben", "known ben", "known cho"}},
		"posthog": {"/batch", `{"api_key":"KEY","batch":[
			{"event":"e","distinct_id":"d1","uuid":"018f0000-0000-7000-8000-000000000001"},
			{"event":"$identify","distinct_id":"ann","properties":{"$anon_distinct_id":"d1"},"uuid":"018f0000-0000-7000-8000-000000000002"},
			{"event":"$create_alias","distinct_id":"ann","properties":{"alias":"d2"},"uuid":"018f0000-0000-7000-8000-000000000003"},
			{"event":"$merge_dangerously","distinct_id":"ann","properties":{"alias":"ben"},"uuid":"018f0000-0000-7000-8000-000000000004"}]}`,
			[]string{"known ann", "link d1 ann", "link d2 ann", "merge ben ann"}},
		"mixpanel": {"/track", `[
			{"event":"e","properties":{"token":"KEY","distinct_id":"$device:d","$device_id":"d","time":1754042400,"$insert_id":"i1"}},
			{"event":"e","properties":{"token":"KEY","distinct_id":"ann","$device_id":"d","$user_id":"ann","time":1754042401,"$insert_id":"i2"}},
			{"event":"$identify","properties":{"token":"KEY","distinct_id":"ann","$anon_distinct_id":"a7","time":1754042402,"$insert_id":"i3"}},
			{"event":"$create_alias","properties":{"token":"KEY","distinct_id":"ann","alias":"nick","time":1754042403,"$insert_id":"i4"}},
			{"event":"$merge","properties":{"token":"KEY","$distinct_ids":["ann","ben"],"time":1754042404,"$insert_id":"i5"}}]`,
			[]string{"known ann", "link $device:d ann", "link a7 ann", "merge nick ann", "merge ben ann"}},
		"amplitude": {"/2/httpapi", `{"api_key":"KEY","events":[
			{"event_type":"e","device_id":"d","insert_id":"i1"},
			{"event_type":"e","device_id":"d","user_id":"ann","insert_id":"i2"}]}`,
			[]string{"known ann", "link $device:d ann"}},
		"snowplow": {"/com.snowplowanalytics.snowplow/tp2", `{"data":[{"e":"pv","aid":"KEY","eid":"` + uuid.NewString() + `","duid":"d","uid":"ann"}]}`,
			[]string{"known ann", "link $device:d ann"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := *a // a look at another project
			key := a.project(t)
			for range 2 { // what is sent again claims nothing new
				got := a.send(t, http.MethodPost, c.path, strings.ReplaceAll(c.body, "KEY", key), "X-Write-Key", "x:"+key, "Content-Type", "text/plain")
				require.Equal(t, 200, got.status, got.body)
				require.Equal(t, c.claims, a.claims(t))
			}
		})
	}
}

// The position of claims is behind them, also when nothing else is stored.
func TestPositionOfClaims(t *testing.T) {
	t.Parallel()
	a := newAPI(t, defaultLimits)
	var made struct{ Position string }
	require.Equal(t, 202, a.request(t, http.MethodPost, "/api/identity/links", `{"from":"a1","to":"ann"}`, &made))
	require.NotEmpty(t, made.Position)
	require.Equal(t, []string{"merge a1 ann"}, a.claims(t))
	key := a.key(t, auth.ScopeIngest)
	got := a.send(t, http.MethodPost, "/v1/identify", `{"anonymousId":"a2","userId":"ann","messageId":"1"}`, "X-Write-Key", "x:"+key)
	require.Equal(t, 200, got.status)
	identified := got.header.Get("X-Position")
	require.NotEqual(t, made.Position, identified)

	// What is sent again stores nothing, and stands for what was stored the first time.
	alias := func() string {
		got := a.send(t, http.MethodPost, "/v1/alias", `{"previousId":"ann","userId":"ben","messageId":"2"}`, "X-Write-Key", "x:"+key)
		require.Equal(t, 200, got.status)
		return got.header.Get("X-Position")
	}
	aliased := alias()
	require.NotEqual(t, identified, aliased)
	require.Equal(t, aliased, alias())
	got = a.send(t, http.MethodPost, "/v1/identify", `{"anonymousId":"a2","userId":"ann","messageId":"1"}`, "X-Write-Key", "x:"+key)
	require.Equal(t, aliased, got.header.Get("X-Position"), "all its claims are remembered")
}

// An event that goes into the quarantine claims nothing until it is accepted.
func TestQuarantinedEventsClaimNothing(t *testing.T) {
	t.Parallel()
	a := newAPI(t, defaultLimits, func(cfg *Config) { cfg.Intake.Names.EventTypes = 1 })
	key := a.key(t, auth.ScopeIngest)
	got := a.send(t, http.MethodPost, "/v1/batch", `{"batch":[
		{"type":"track","event":"one","anonymousId":"a1","userId":"ann","messageId":"1","timestamp":"2025-08-01T10:00:00Z"},
		{"type":"track","event":"two","anonymousId":"a2","userId":"ben","messageId":"2","timestamp":"2025-08-01T10:00:00Z"}]}`, "X-Write-Key", "x:"+key)
	require.Equal(t, 200, got.status, got.body)
	require.Len(t, a.quarantine(t), 1)
	require.Equal(t, []string{"known ann", "link a1 ann"}, a.claims(t))
}

func TestRefusedLinks(t *testing.T) {
	t.Parallel()
	a := newAPI(t, defaultLimits)
	for body, field := range map[string]string{
		`{"from":"","to":"ann"}`:                               "from",
		`{"from":"a","to":"null"}`:                             "to",
		`{"from":"a","to":"a"}`:                                "to",
		`{"from":"a\u0000","to":"ann"}`:                        "from",
		`{"from":"a","to":"` + strings.Repeat("é", 201) + `"}`: "to",
		`{"from":"a"}`:                                         "to",
		`{"from":1,"to":"b"}`:                                  "from",
		`{"from":"a","to":"b","x":1}`:                          "x",
	} {
		var problem struct{ Errors []struct{ Field string } }
		require.Equal(t, 422, a.request(t, http.MethodPost, "/api/identity/links", body, &problem), body)
		require.Len(t, problem.Errors, 1, body)
		require.Equal(t, field, problem.Errors[0].Field, body)
	}
	require.Empty(t, a.claims(t))
	for path, status := range map[string]int{
		"/api/identity/links?after=x": 422, "/api/identity/links?id=%00": 422, "/api/identity/links?limit=0": 422, "/api/identity/links?id=": 422, "/api/identity/links": 200,
	} {
		require.Equal(t, status, a.request(t, http.MethodGet, path, "", nil), path)
	}
	require.Equal(t, 404, a.request(t, http.MethodDelete, "/api/identity/links/1", "", nil))
}
