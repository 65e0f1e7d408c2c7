package answers

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// scripts in their order: later ones use the accounts and events of earlier ones.
var scripts = []string{
	"service", "accounts", "projects", "credentials",
	"uploads", "bad-events", "bad-uploads",
	"dau", "top-events", "events", "active-users", "event-types", "properties", "property-values", "trends", "funnels", "single-events", "usage", "retention", "sessions", "paths", "profiles", "cohorts", "boards", "shares", "annotations", "browsers",
	"zones", "filters", "formats", "caching", "positions", "parameters", "invites", "identity", "sdks", "sql",
}

func TestAnswers(t *testing.T) {
	files, err := filepath.Glob(scriptPath("*"))
	require.NoError(t, err)
	require.Len(t, files, len(scripts), "each file of testdata is one of scripts")
	c := &client{base: service.URL, kept: map[string]string{}}
	var asked []*sent
	for _, name := range scripts {
		s, err := readScript(name)
		require.NoError(t, err)
		for _, r := range s.requests {
			got, err := c.send(t.Context(), r.text)
			require.NoError(t, err, "%s:%d %s", scriptPath(name), r.heading, r.title)
			text, err := got.text()
			require.NoError(t, err, "%s:%d %s", scriptPath(name), r.heading, r.title)
			if !*update && text != r.answer {
				t.Errorf("%s:%d %s\n%s\n%s", scriptPath(name), r.heading, r.title, clip(r.text, 1000), difference(r.answer, text))
			}
			r.answer = text
			asked = append(asked, got)
		}
		if *update {
			require.NoError(t, s.write())
		}
	}
	t.Logf("%d requests were replayed", len(asked))
	if t.Failed() {
		t.Log("if the answers are meant to change: go test ./suite/answers -update")
	}
	require.GreaterOrEqual(t, len(asked), 400)
	everyOperation(t, asked)
}

var pathParameter = regexp.MustCompile(`\{[a-z_]+\}`)

// everyOperation requires that each operation of the OpenAPI document has answered
// a request with success.
func everyOperation(t *testing.T, asked []*sent) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, service.URL+"/openapi.json", nil)
	require.NoError(t, err)
	response, err := transport.RoundTrip(request)
	require.NoError(t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	var document struct {
		Paths map[string]map[string]json.RawMessage `json:"paths"`
	}
	require.NoError(t, json.Unmarshal(text, &document))
	require.NotEmpty(t, document.Paths)
	for path, operations := range document.Paths {
		pattern := regexp.MustCompile("^" + pathParameter.ReplaceAllString(path, "[^/]+") + "$")
		for method := range operations {
			assert.True(t, slices.ContainsFunc(asked, func(s *sent) bool {
				return s.status < 300 && strings.EqualFold(s.method, method) && pattern.MatchString(s.path)
			}), "%s %s has not answered with success", method, path)
		}
	}
}

// difference shows the lines in which two answers differ.
func difference(want, got string) string {
	a, b := strings.SplitAfter(want, "\n"), strings.SplitAfter(got, "\n")
	for len(a) > 0 && len(b) > 0 && a[0] == b[0] {
		a, b = a[1:], b[1:]
	}
	for len(a) > 0 && len(b) > 0 && a[len(a)-1] == b[len(b)-1] {
		a, b = a[:len(a)-1], b[:len(b)-1]
	}
	var out strings.Builder
	same := 0 // bytes that the first two lines begin with
	if len(a) > 0 && len(b) > 0 {
		for same < min(len(a[0]), len(b[0])) && a[0][same] == b[0][same] {
			same++
		}
	}
	for _, side := range []struct {
		sign  string
		lines []string
	}{{"-", a}, {"+", b}} {
		for i, line := range side.lines {
			if i == 6 {
				fmt.Fprintf(&out, "%s … %d more lines\n", side.sign, len(side.lines)-i)
				break
			}
			from := 0
			if i == 0 {
				from = max(0, same-80)
			}
			fmt.Fprintf(&out, "%s %q\n", side.sign, clip(line[from:], 300))
		}
	}
	return out.String()
}

func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return s[:n] + "…"
}
