package loadgen_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/client"
	"eventanalytics/tests/bench/loadgen"
)

// TestRoutes: each route gets the same events, in its own form, with the key where its
// SDKs put it.
func TestRoutes(t *testing.T) {
	t.Parallel()
	type sent struct {
		path, authorization string
		body                map[string]any
	}
	for _, c := range []struct {
		route                       loadgen.Route
		batch                       int
		path, authorization         string
		list, id, user, name, keyIn string
	}{
		{loadgen.Segment, 1, "/v1/track", "Basic a2V5Og==", "", "messageId", "userId", "event", ""},
		{loadgen.Segment, 2, "/v1/batch", "Basic a2V5Og==", "batch", "messageId", "userId", "event", ""},
		{loadgen.PostHog, 1, "/i/v0/e", "", "", "uuid", "distinct_id", "event", "api_key"},
		{loadgen.PostHog, 2, "/batch", "", "batch", "uuid", "distinct_id", "event", "api_key"},
	} {
		var mu sync.Mutex
		var all []sent
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			text, _ := io.ReadAll(r.Body)
			one := sent{path: r.URL.Path, authorization: r.Header.Get("Authorization")}
			if err := json.Unmarshal(text, &one.body); err != nil {
				w.WriteHeader(http.StatusBadRequest)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			all = append(all, one)
		}))
		t.Cleanup(server.Close)
		pool := newPool(t, loadgen.PoolConfig{Seed: 1, Events: 10})
		stream := loadgen.StreamConfig{Seed: 1}
		report, err := loadgen.Run(t.Context(), pool, loadgen.Config{
			Client: client.Config{URL: server.URL, APIKey: "key", Connections: 1}, Route: c.route, Stream: stream, Batch: c.batch, Events: 4,
		})
		require.NoError(t, err)
		require.EqualValues(t, 4, report.Sent)

		var messages []any
		for _, one := range all {
			require.Equal(t, c.path, one.path)
			require.Equal(t, c.authorization, one.authorization)
			if c.keyIn != "" {
				require.Equal(t, "key", one.body[c.keyIn])
			}
			if c.list == "" {
				messages = append(messages, one.body)
				continue
			}
			messages = append(messages, one.body[c.list].([]any)...)
		}
		var want []map[string]any
		require.NoError(t, json.Unmarshal(pool.Append(nil, newStream(t, pool, stream).Append(nil, 4)), &want))
		require.Len(t, messages, len(want))
		for i, m := range messages {
			got := m.(map[string]any)
			require.Equal(t, []any{want[i]["event_id"], want[i]["occurred_at"], want[i]["user_id"], want[i]["event_type"]},
				[]any{got[c.id], got["timestamp"], got[c.user], got[c.name]})
			for name, value := range want[i]["properties_json"].(map[string]any) {
				require.Equal(t, value, got["properties"].(map[string]any)[name])
			}
		}
	}
}
