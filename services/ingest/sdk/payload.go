package sdk

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"io"
	"net/url"
)

const (
	// maxFormFields and maxFormField bound what of a form is kept beside data: an SDK sends
	// a few short fields.
	maxFormFields, maxFormField = 64, 64 << 10
)

// unwrap undoes what SDKs wrap JSON in: a form or a query with data=, base64, and gzip in
// it. inflate decompresses within the request's limits. Nobody knows yet who sends the
// body, so it is decoded in place as far as it goes; text is not what it was.
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
		data, form, err := readForm(text)
		if err != nil || len(data) == 0 {
			return nil, form, err
		}
		plain, err = undo(data, inflate)
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

// readForm returns the field data, decoded in place, and the other fields.
func readForm(text []byte) (data []byte, form url.Values, err error) {
	form = url.Values{}
	fields := 0
	for field := range bytes.SplitSeq(text, []byte("&")) {
		if fields++; fields > maxFormFields {
			return nil, form, Unread("the form has too many fields")
		}
		if value, ok := bytes.CutPrefix(field, []byte("data=")); ok && data == nil {
			if data, err = unescape(value); err != nil {
				return nil, form, err
			}
			continue
		}
		if len(field) > maxFormField {
			return nil, form, Unread("a field of the form is too long")
		}
		one, err := url.ParseQuery(string(field))
		if err != nil {
			return nil, form, errForm
		}
		for name, values := range one {
			form[name] = append(form[name], values...)
		}
	}
	return data, form, nil
}

var errForm = Unread("the form cannot be decoded")

// unescape undoes the encoding of a form's field in place.
func unescape(b []byte) ([]byte, error) {
	n := 0
	for i := 0; i < len(b); i++ {
		c := b[i]
		switch c {
		case '+':
			c = ' '
		case '%':
			if i+2 >= len(b) {
				return nil, errForm
			}
			if _, err := hex.Decode(b[n:n+1], b[i+1:i+3]); err != nil {
				return nil, errForm
			}
			c = b[n]
			i += 2
		}
		b[n] = c
		n++
	}
	return b[:n], nil
}

// undo reads JSON, or base64 of it or of gzip of it.
func undo(data []byte, inflate func(io.Reader, int64) ([]byte, error)) ([]byte, error) {
	data = bytes.TrimSpace(data)
	if len(data) == 0 || isJSON(data) {
		return data, nil
	}
	text := standard(data)
	plain := make([]byte, base64.RawStdEncoding.DecodedLen(len(text)))
	n, err := base64.RawStdEncoding.Decode(plain, text)
	if err != nil {
		return nil, Unread("the body is neither JSON nor base64 of it")
	}
	plain = plain[:n]
	if bytes.HasPrefix(plain, []byte("\x1f\x8b")) {
		if plain, err = inflate(bytes.NewReader(plain), int64(len(plain))); err != nil {
			return nil, err
		}
	}
	return bytes.TrimSpace(plain), nil
}

// standard brings base64 into its standard alphabet, without padding, in place. In a form
// that was not encoded, + has become a space.
func standard(text []byte) []byte {
	text = bytes.TrimRight(text, "=")
	n := 0
	for _, c := range text {
		switch c {
		case '\n', '\r':
			continue
		case '-', ' ':
			c = '+'
		case '_':
			c = '/'
		}
		text[n] = c
		n++
	}
	return text[:n]
}
