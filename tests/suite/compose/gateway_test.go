package compose

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The gateway keeps no body on disk: its volume may be full.
func TestFullVolume(t *testing.T) {
	c := newCaller(t)
	in := func(command string) { must(t, "docker", "compose", "exec", "-T", "gateway", "bash", "-c", command) }
	in("head -c 1G /dev/zero > /var/cache/nginx/filling 2>/dev/null || true")
	t.Cleanup(func() { in("rm /var/cache/nginx/filling") })
	require.NoError(t, c.post(t.Context(), 1))
	require.NoError(t, c.post(t.Context(), 1000), "some hundred kilobytes")
	require.NoError(t, c.ask(t.Context()))
}

// What services know of a client is its address, not the gateway's and not what
// it claims.
func TestClientAddress(t *testing.T) {
	c := newCaller(t)
	c.With("X-Forwarded-For", "203.0.113.9", "X-Real-IP", "203.0.113.9", "Forwarded", "for=203.0.113.9", "X-Request-Id", "client-address-test").
		Get(t, "/api/auth/me")
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
