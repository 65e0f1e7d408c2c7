package sdk

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"fmt"
	"io"
	"net/url"
	"regexp"
	"slices"
	"strconv"
)

// markOf is the property by which event n is recognised in a request, however that is
// coded; event.js has the same.
func markOf(n int) string { return fmt.Sprintf("mark-%03d", n) }

var (
	markPattern = regexp.MustCompile(`mark-(\d{3})`)
	// encoded is what may be base64 of an event, of either alphabet.
	encoded = regexp.MustCompile(`[A-Za-z0-9+/_-]{60,}`)
	// coded is base64 in a text or, escaped, in a form or an address.
	coded = regexp.MustCompile(`(?:[A-Za-z0-9+/]|%2B|%2F){16,}(?:=|%3D){0,2}`)
)

// marksIn returns the numbers of the events in a request, in ascending order.
func marksIn(query string, body []byte) []int {
	found := map[int]bool{}
	collect([]byte(query), found, 0)
	collect(body, found, 0)
	var all []int
	for n := range found {
		all = append(all, n)
	}
	slices.Sort(all)
	return all
}

// maxWraps is how deep events are wrapped at most: base64 of gzip in a form.
const maxWraps = 4

// collect looks for events in a text and in what it may have been made of.
func collect(text []byte, found map[int]bool, depth int) {
	if depth > maxWraps {
		return
	}
	if r, err := gzip.NewReader(bytes.NewReader(text)); err == nil {
		if plain, err := io.ReadAll(io.LimitReader(r, 16<<20)); err == nil {
			collect(plain, found, depth+1)
		}
		return
	}
	for _, match := range markPattern.FindAllSubmatch(text, -1) {
		if n, err := strconv.Atoi(string(match[1])); err == nil {
			found[n] = true
		}
	}
	if plain, err := url.QueryUnescape(string(text)); err == nil && plain != string(text) {
		collect([]byte(plain), found, depth+1)
	}
	for _, run := range encoded.FindAll(text, -1) {
		for _, coding := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
			if plain, err := coding.DecodeString(string(run)); err == nil {
				collect(plain, found, depth+1)
			}
		}
	}
}
