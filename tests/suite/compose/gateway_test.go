package compose

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Bodies wait in a bounded volume of the gateway's. When it is full, clients are
// told to come back, and can.
func TestFullBodyVolume(t *testing.T) {
	c := newClient(t)
	in := func(command string) { must(t, "docker", "compose", "exec", "-T", "gateway", "bash", "-c", command) }
	in("head -c 1G /dev/zero > /var/cache/nginx/filling 2>/dev/null || true")
	emptied := false
	empty := func() {
		if !emptied {
			emptied = true
			in("rm /var/cache/nginx/filling")
		}
	}
	t.Cleanup(empty)

	large := []byte("[" + strings.Repeat(" ", 4<<20) + "]")
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, base+"/api/events", strings.NewReader(string(large)))
	require.NoError(t, err)
	r.Header.Set("Authorization", "Bearer "+c.token)
	resp, err := c.http.Do(r)
	require.NoError(t, err)
	defer resp.Body.Close()
	require.Equal(t, http.StatusServiceUnavailable, resp.StatusCode)
	require.Equal(t, "application/problem+json", resp.Header.Get("Content-Type"))
	require.NotEmpty(t, resp.Header.Get("Retry-After"))

	require.NoError(t, c.post(t.Context(), 1), "small bodies need no volume")
	empty()
	require.NoError(t, c.post(t.Context(), 1000))
	require.NoError(t, c.ask(t.Context()))
}

// What services know of a client is its address, not the gateway's and not what
// it claims.
func TestClientAddress(t *testing.T) {
	c := newClient(t)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, base+"/api/auth/me", nil)
	require.NoError(t, err)
	r.Header.Set("Authorization", "Bearer "+c.token)
	r.Header.Set("X-Forwarded-For", "203.0.113.9")
	r.Header.Set("X-Real-IP", "203.0.113.9")
	r.Header.Set("Forwarded", "for=203.0.113.9")
	r.Header.Set("X-Request-Id", "client-address-test")
	resp, err := c.http.Do(r)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	var line string
	require.Eventually(t, func() bool {
		for l := range strings.Lines(must(t, "docker", "compose", "logs", "--no-log-prefix", "account")) {
			if strings.Contains(l, "client-address-test") {
				line = l
			}
		}
		return line != ""
	}, 10*time.Second, 100*time.Millisecond)
	require.NotContains(t, line, "203.0.113.9")
	gateway := must(t, "docker", "inspect", "--format", "{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}", containers(t, "gateway")[0])
	for _, address := range strings.Fields(gateway) {
		require.NotContains(t, line, `"client_ip":"`+address+`"`)
	}
	require.Contains(t, line, `"client_ip":"`)
}
