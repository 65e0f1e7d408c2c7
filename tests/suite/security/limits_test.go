package security

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"eventanalytics/tests/bench/measure"
)

// zeros is 1 GiB of spaces, compressed.
func zeros(t *testing.T, into func(w io.Writer) (io.WriteCloser, error)) string {
	t.Helper()
	var b bytes.Buffer
	w, err := into(&b)
	require.NoError(t, err)
	chunk := bytes.Repeat([]byte(" "), 1<<20)
	for range 1 << 10 {
		_, err = w.Write(chunk)
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	return b.String()
}

// greedy is a zstd frame of a few bytes that asks for a window of 1 GiB, or says
// that it holds as much.
func greedy(single bool) string {
	frame := binary.LittleEndian.AppendUint32(nil, 0xFD2FB528) // RFC 8878, 3.1.1
	if single {
		frame = append(frame, 0xE0) // single segment, size in 8 bytes
		frame = binary.LittleEndian.AppendUint64(frame, 1<<30)
	} else {
		frame = append(frame, 0x00, 20<<3) // window of 2^(10+20) bytes
	}
	return string(append(frame, 0x01, 0x00, 0x00)) // the last block, empty
}

// TestBombs sends bombs, many at once, straight at a replica: each is refused, and
// its memory stays what small uploads take. It runs alone.
func TestBombs(t *testing.T) {
	key, _ := register(t, "bomber").newKey(t, "ingest")
	c := bearing("an ingest key", key)
	bombs := map[string][]string{
		"gzip": {zeros(t, func(w io.Writer) (io.WriteCloser, error) { return gzip.NewWriter(w), nil })},
		"zstd": {zeros(t, func(w io.Writer) (io.WriteCloser, error) { return zstd.NewWriter(w) }), greedy(false), greedy(true)},
	}
	require.NoError(t, measure.ForgetPeak(ingest[0].PID()))
	_, before, err := measure.Memory(ingest[0].PID())
	require.NoError(t, err)
	var wg sync.WaitGroup
	for range 16 {
		for encoding, bodies := range bombs {
			for _, body := range bodies {
				wg.Go(func() {
					a, err := c.with("Content-Encoding", encoding).try(t, "POST", ingest[0].url+"/api/events", body)
					if assert.NoError(t, err) {
						assert.Contains(t, []int{413, 429, 503}, a.status, "%s: %s", encoding, a) // 429, 503: the others are looked at
					}
				})
			}
		}
	}
	wg.Wait()
	_, peak, err := measure.Memory(ingest[0].PID())
	require.NoError(t, err)
	t.Logf("peak of memory: %d MiB before, %d MiB under 64 bombs of 1 GiB", before>>20, peak>>20)
	require.Less(t, peak, before+512<<20)
	c.ask(t, "POST", ingest[0].url+"/api/events", event("5f0c6e1e-0000-4000-8000-000000000004", "after bombs")).is(t, 202)
}

// TestManyHeaders asks the gateway and each replica with more than they read.
func TestManyHeaders(t *testing.T) {
	t.Parallel()
	for _, base := range []string{gateway, accounts[0].url, ingest[0].url, stats[0].url} {
		for what, request := range map[string]string{
			"URI":          "GET /docs?" + strings.Repeat("x", 64<<10) + " HTTP/1.1\r\nHost: x\r\n\r\n",
			"header":       "GET /docs HTTP/1.1\r\nHost: x\r\nX-Long: " + strings.Repeat("x", 64<<10) + "\r\n\r\n",
			"many headers": "GET /docs HTTP/1.1\r\nHost: x\r\n" + strings.Repeat("X-Many: xxxxxxxxxxxxxxxx\r\n", 4<<10) + "\r\n",
		} {
			conn, err := net.Dial("tcp", strings.TrimPrefix(base, "http://"))
			require.NoError(t, err)
			require.NoError(t, conn.SetDeadline(time.Now().Add(20*time.Second)))
			go func() { _, _ = io.WriteString(conn, request) }() // it is cut off on the way
			line := make([]byte, len("HTTP/1.1 431"))
			_, err = io.ReadFull(conn, line)
			require.NoError(t, err, "%s at %s", what, base)
			require.Regexp(t, "^HTTP/1.1 (414|431)$", string(line), "%s at %s", what, base)
			require.NoError(t, conn.Close())
		}
	}
}

// TestSlowBody sends the first byte of a small request to a replica and no more:
// what does not wait for it is not held up, and it is cut off.
func TestSlowBody(t *testing.T) {
	t.Parallel()
	conn, err := net.Dial("tcp", accounts[0].address())
	require.NoError(t, err)
	defer conn.Close()
	_, err = io.WriteString(conn, "POST /api/auth/token HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{")
	require.NoError(t, err)
	register(t, "not slow")
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(30*time.Second)))
	text, err := io.ReadAll(conn)
	require.NoError(t, err, "it was never cut off")
	require.Contains(t, string(text), "HTTP/1.1 408")
}

// TestHeadersForBrowsers looks at what every answer tells a browser.
func TestHeadersForBrowsers(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/docs", "/openapi.json", "/api/auth/me", "/api/stats/dau", "/nowhere"} {
		a := nobody.with("Origin", "https://example.com").ask(t, "GET", gateway+path, "")
		require.Equal(t, "nosniff", a.header.Get("X-Content-Type-Options"), path)
		require.Equal(t, "frame-ancestors 'none'", a.header.Get("Content-Security-Policy"), path)
		require.Empty(t, a.header.Get("Access-Control-Allow-Origin"), path)
		require.Empty(t, a.header.Get("Set-Cookie"), path)
	}
}
