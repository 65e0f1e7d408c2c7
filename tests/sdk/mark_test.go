package sdk

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestMarksIn: events are found in every coding that SDKs use; one that is not found would
// never be hit by a fault.
func TestMarksIn(t *testing.T) {
	t.Parallel()
	event := `{"event":"order","properties":{"mark":"` + markOf(7) + `","text":"` + strings.Repeat("é😀", 20) + `"}}`
	var gz bytes.Buffer
	w := gzip.NewWriter(&gz)
	_, err := w.Write([]byte(event))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	std, safe := base64.StdEncoding.EncodeToString([]byte(event)), base64.RawURLEncoding.EncodeToString([]byte(event))
	for name, c := range map[string]struct{ query, body string }{
		"JSON":                   {"", event},
		"gzip":                   {"", gz.String()},
		"form of JSON":           {"", "data=" + url.QueryEscape(event)},
		"form of base64":         {"", "data=" + url.QueryEscape(std)},
		"form of gzip in base64": {"", "data=" + url.QueryEscape(base64.StdEncoding.EncodeToString(gz.Bytes()))},
		"query of base64":        {"ip=0&data=" + url.QueryEscape(std), ""},
		"base64 in JSON":         {"", `{"ue_px":"` + safe + `"}`},
	} {
		require.Equal(t, []int{7}, marksIn(c.query, []byte(c.body)), name)
	}
	require.Equal(t, []int{0, 12}, marksIn("", []byte(markOf(12)+" "+markOf(0)+" "+markOf(12))))
	require.Empty(t, marksIn("v=2", []byte(`{"type":"identify","userId":"user-0"}`)))
}
