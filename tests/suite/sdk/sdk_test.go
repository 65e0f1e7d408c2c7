// Package sdk runs unmodified SDKs of vendors against the service, through a proxy that
// loses an answer: `make sdk-test` installs them. Without them it does nothing.
package sdk

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/client"
	"eventanalytics/tests/harness/account"
	"eventanalytics/tests/harness/stack"
)

var errLost = errors.New("the answer was lost")

// events that each SDK sends, beside an operation.
const events = 25

// TestSDKsLoseNothing: after the first answer was lost, the stats API has exactly what
// each SDK sent.
func TestSDKsLoseNothing(t *testing.T) {
	if _, err := os.Stat(filepath.Join("node", "node_modules")); err != nil {
		t.Skip("the SDKs are not installed: make sdk-test")
	}
	ctx := t.Context()
	require.NoError(t, stack.Build(ctx, "standalone"))
	folder, err := os.MkdirTemp("", "analytics-sdk-") // which Postgres' user can enter
	require.NoError(t, err)
	require.NoError(t, os.Chmod(folder, 0o755))
	s, err := stack.Standalone(ctx, filepath.Join(folder, "data"))
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, s.Stop())
		require.NoError(t, os.RemoveAll(folder))
	})
	for _, name := range []string{"segment", "posthog"} {
		t.Run(name, func(t *testing.T) {
			c, user, err := account.Register(t.Context(), client.Config{URL: s.URL}, name)
			require.NoError(t, err)
			keys, err := account.NewKeys(t.Context(), c, user.Project)
			require.NoError(t, err)
			proxy := newLosing(t, s.URL)
			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
			defer cancel()
			sdk := exec.CommandContext(ctx, "node", "send.js", name, proxy.url, keys.Ingest, strconv.Itoa(events)) //nolint:gosec // all of it is ours
			sdk.Dir = "node"
			output, err := sdk.CombinedOutput()
			require.NoError(t, err, "%s", output)
			require.EqualValues(t, 1, proxy.lost.Load())
			require.Greater(t, proxy.seen.Load(), int64(events/10), "what was lost was sent again")

			require.Equal(t, sent(name), counted(t, s.URL, keys), "%s", output)
		})
	}
}

// sent are the events of an SDK by type.
func sent(name string) map[string]int {
	counts := map[string]int{"the last": 1}
	for n := range events {
		counts[fmt.Sprintf("%s_%d", name, n%3)]++
	}
	return counts
}

// counted are the events of a project by type, as of an event that is posted now.
func counted(t *testing.T, url string, keys account.Keys) map[string]int {
	t.Helper()
	var posted struct{ Position string }
	last := fmt.Sprintf(`{"event_id": %q, "occurred_at": %q, "user_id": 1, "event_type": "the last"}`, uuid.NewString(), time.Now().UTC().Format(time.RFC3339))
	ask(t, http.MethodPost, url+"/api/events", keys.Ingest, last, &posted)
	day := func(days int) string { return time.Now().UTC().AddDate(0, 0, days).Format(time.DateOnly) }
	var top struct {
		Data []struct {
			Type  string `json:"event_type"`
			Count int    `json:"total_count"`
		}
	}
	ask(t, http.MethodGet, url+"/api/stats/top-events?from="+day(-3)+"&to="+day(1)+"&limit=100&wait=30s&min_position="+posted.Position, keys.Read, "", &top)
	counts := map[string]int{}
	for _, row := range top.Data {
		counts[row.Type] = row.Count
	}
	return counts
}

func ask(t *testing.T, method, url, key, body string, into any) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	require.NoError(t, err)
	r.Header.Set("X-API-Key", key)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	response, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.Less(t, response.StatusCode, 300, "%s", text)
	require.NoError(t, json.Unmarshal(text, into))
}
