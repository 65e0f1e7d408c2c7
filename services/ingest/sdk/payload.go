package sdk

import (
	"bytes"
	"encoding/base64"
	"io"
	"net/url"
	"strings"
)

// unwrap undoes what SDKs wrap JSON in: a form or a query with data=, base64, and gzip in
// it. inflate decompresses within the request's limits.
func unwrap(text []byte, query url.Values, inflate func(io.Reader, int64) ([]byte, error)) (plain []byte, form url.Values, err error) {
	text = bytes.TrimPrefix(bytes.TrimSpace(text), []byte("\xef\xbb\xbf")) // a byte order mark
	if len(text) == 0 {
		if data := query.Get("data"); data != "" {
			plain, err = undo([]byte(data), inflate)
		}
		return plain, nil, err
	}
	if isJSON(text) {
		return text, nil, nil
	}
	if name, _, ok := bytes.Cut(text, []byte("=")); ok && len(name) > 0 && len(name) < 32 && bytes.IndexByte(name, '&') < 0 && !isBase64End(text) {
		form, err := url.ParseQuery(string(text))
		if err != nil {
			return nil, nil, Unread("the form cannot be decoded")
		}
		data := form.Get("data")
		form.Del("data")
		if data == "" {
			return nil, form, nil
		}
		plain, err = undo([]byte(data), inflate)
		return plain, form, err
	}
	plain, err = undo(text, inflate)
	return plain, nil, err
}

func isJSON(text []byte) bool { return text[0] == '{' || text[0] == '[' }

// isBase64End tells base64 with padding from a form: its = are at the end.
func isBase64End(text []byte) bool {
	return bytes.IndexByte(bytes.TrimRight(text, "="), '=') < 0 && text[len(text)-1] == '='
}

// undo reads JSON, or base64 of it or of gzip of it.
func undo(data []byte, inflate func(io.Reader, int64) ([]byte, error)) ([]byte, error) {
	data = bytes.TrimSpace(data)
	if len(data) == 0 || isJSON(data) {
		return data, nil
	}
	// In a form that was not encoded, + has become a space.
	text := strings.NewReplacer("-", "+", "_", "/", " ", "+", "\n", "", "\r", "").Replace(string(data))
	plain, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(text, "="))
	if err != nil {
		return nil, Unread("the body is neither JSON nor base64 of it")
	}
	if bytes.HasPrefix(plain, []byte("\x1f\x8b")) {
		if plain, err = inflate(bytes.NewReader(plain), int64(len(plain))); err != nil {
			return nil, err
		}
	}
	return bytes.TrimSpace(plain), nil
}
