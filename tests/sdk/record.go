package sdk

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"
)

// recorded is a request as services/ingest/testdata/sdks has it.
type recorded struct {
	Method  string            `json:"m"`
	Path    string            `json:"u"`
	Headers map[string]string `json:"h"`
	Gzip    bool              `json:"gz"`
	Body    string            `json:"b"`
	Bytes   []byte            `json:"b64,omitempty"` // in place of a body that is no text
}

// recordedKey stands for the key in recordings.
const recordedKey = "wk_test"

// unrecorded are headers of the transport, and those that say what machine it was.
var unrecorded = []string{"Accept", "Accept-Encoding", "Accept-Language", "Connection", "Content-Length", "Keep-Alive", "Referer", "User-Agent"}

// record remembers a request without the run's key.
func (t *traffic) record(r *http.Request, body []byte) {
	one := recorded{Method: r.Method, Path: t.withoutKey(r.URL.RequestURI()), Headers: map[string]string{}}
	for name := range r.Header {
		if slices.Contains(unrecorded, name) || strings.HasPrefix(name, "Sec-") {
			continue
		}
		one.Headers[strings.ToLower(name)] = t.withoutKey(r.Header.Get(name))
	}
	if _, ok := one.Headers["origin"]; ok {
		one.Headers["origin"] = "http://localhost:1"
	}
	if z, err := gzip.NewReader(bytes.NewReader(body)); err == nil {
		if plain, err := io.ReadAll(z); err == nil {
			one.Gzip, body = true, plain
		}
	}
	if utf8.Valid(body) {
		one.Body = t.withoutKey(string(body))
	} else {
		one.Bytes = body
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.recorded = append(t.recorded, one)
}

// withoutKey replaces the run's key in a text, and in what is coded as base64 in it.
func (t *traffic) withoutKey(text string) string {
	escape := strings.NewReplacer("=", "%3D", "+", "%2B", "/", "%2F")
	text = coded.ReplaceAllStringFunc(text, func(part string) string {
		plain := strings.NewReplacer("%3D", "=", "%2B", "+", "%2F", "/").Replace(part)
		raw, err := base64.StdEncoding.DecodeString(plain)
		if err != nil || !bytes.Contains(raw, []byte(t.key)) {
			return part
		}
		again := base64.StdEncoding.EncodeToString(bytes.ReplaceAll(raw, []byte(t.key), []byte(recordedKey)))
		if plain != part {
			again = escape.Replace(again)
		}
		return again
	})
	return strings.ReplaceAll(text, t.key, recordedKey)
}

// write writes what was recorded of an SDK into a folder.
func (r *run) write(folder string) error {
	var lines bytes.Buffer
	enc := json.NewEncoder(&lines)
	enc.SetEscapeHTML(false)
	for _, one := range r.traffic.recorded {
		if err := enc.Encode(one); err != nil {
			return fmt.Errorf("recording requests: %w", err)
		}
	}
	path := filepath.Join(folder, strings.ReplaceAll(r.sdk.Name, "-", "_")+".jsonl")
	if err := os.WriteFile(path, lines.Bytes(), 0o600); err != nil {
		return fmt.Errorf("recording requests: %w", err)
	}
	return nil
}
