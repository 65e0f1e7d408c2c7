package ingest

import (
	"encoding/base64"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

func basicOf(key string) string {
	if !strings.Contains(key, ":") {
		key += ":"
	}
	return base64.StdEncoding.EncodeToString([]byte(key))
}

var base64Text = regexp.MustCompile(`[A-Za-z0-9+/%]{40,}={0,2}`)

// withKey puts a key into a recorded text in the place of another, also inside base64.
func withKey(t *testing.T, text, old, key string) string {
	t.Helper()
	text = base64Text.ReplaceAllStringFunc(text, func(coded string) string {
		plain := strings.NewReplacer("%3D", "=", "%2B", "+", "%2F", "/").Replace(coded)
		raw, err := base64.StdEncoding.DecodeString(plain)
		if err != nil || !strings.Contains(string(raw), old) {
			return coded
		}
		again := base64.StdEncoding.EncodeToString([]byte(strings.ReplaceAll(string(raw), old, key)))
		return strings.NewReplacer("=", "%3D", "+", "%2B", "/", "%2F").Replace(again)
	})
	return strings.ReplaceAll(text, old, key)
}

func base64Of(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }

func escaped(text string) string { return url.QueryEscape(text) }
