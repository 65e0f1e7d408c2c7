package server

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/platform/problem"
)

// What is not text is refused before a route sees it, whatever the route.
func TestRequestsAreText(t *testing.T) {
	t.Parallel()
	s, _ := newServer(t, Config{})
	for path, want := range map[string]struct {
		status int
		field  string
	}{
		"/echo?limit=%ff":      {422, "limit"},
		"/echo?limit=1%00":     {422, "limit"},
		"/healthz?x=%c3%28":    {422, "x"},
		"/echo?%ff=1":          {422, "\uFFFD"},
		"/echo?a%00b=1":        {422, "a\uFFFDb"},
		"/nowhere/%ff":         {400, ""},
		"/nowhere/%00":         {400, ""},
		"/healthz?x=%c3%a9":    {200, ""},
		"/healthz?x=\u00e9":    {200, ""},
		"/healthz?x=%ed%a0%80": {422, "x"}, // a surrogate
	} {
		w := do(t, s, http.MethodGet, path, "")
		require.Equal(t, want.status, w.Code, path)
		if want.status == http.StatusOK {
			continue
		}
		var p problem.Error
		require.NoError(t, json.Unmarshal(w.Body.Bytes(), &p), path)
		if want.field != "" {
			require.Equal(t, want.field, p.Errors[0].Field, path)
		}
	}
}

// HEAD is GET without the body, on each route that is read.
func TestHead(t *testing.T) {
	t.Parallel()
	s, _ := newServer(t, Config{})
	for _, path := range []string{"/healthz", "/readyz", "/metrics"} {
		require.Equal(t, 200, do(t, s, http.MethodHead, path, "").Code, path)
	}
	w := do(t, s, http.MethodHead, "/echo", "")
	require.Equal(t, 405, w.Code)
	require.NotContains(t, w.Header().Get("Allow"), "HEAD")
	require.Contains(t, do(t, s, http.MethodPost, "/healthz", "").Header().Get("Allow"), "HEAD")
}
