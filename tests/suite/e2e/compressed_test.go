package e2e

import (
	"bufio"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"eventanalytics/tests/harness/stack"
)

// TestAnswersAreCompressed: long ones of stats are, none of accounts; and a stream passes
// the gateway as it is.
func TestAnswersAreCompressed(t *testing.T) {
	onEach(t, func(t *testing.T, s *stack.Stack) {
		c := newUser(t, s.URL)
		ask := func(path string) *http.Response {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+path, nil)
			require.NoError(t, err)
			r.Header = c.Header.Clone()
			r.Header.Set("Accept-Encoding", "gzip")
			response, err := http.DefaultTransport.RoundTrip(r)
			require.NoError(t, err)
			t.Cleanup(func() { response.Body.Close() })
			return response
		}
		for _, path := range []string{"/openapi.json", "/tracker.js"} {
			long := ask(path)
			require.Equal(t, "gzip", long.Header.Get("Content-Encoding"), path)
			require.Contains(t, strings.Join(long.Header.Values("Vary"), ","), "Accept-Encoding", path)
		}
		for _, path := range []string{"/api/stats/event-types", "/api/projects", "/readyz"} {
			require.Empty(t, ask(path).Header.Get("Content-Encoding"), path)
		}
		stream := ask("/api/stats/events/stream")
		require.Empty(t, stream.Header.Get("Content-Encoding"))
		lines := bufio.NewScanner(stream.Body)
		require.True(t, lines.Scan(), "what is sent at once arrives at once")
		require.Equal(t, "retry: 2000", lines.Text())
		id := newID()
		c.Upload(t, event(id))
		for lines.Scan() && !strings.Contains(lines.Text(), id) {
		}
		require.Contains(t, lines.Text(), id)
	})
}
