package docgen

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"
	"github.com/stretchr/testify/require"

	"eventanalytics/web"
)

func TestDocumentHasTheRoutesOfAllServices(t *testing.T) {
	t.Setenv("MAX_EVENTS", "no number") // the environment does not matter
	text := document(t)
	var d struct {
		OpenAPI    string
		Paths      map[string]map[string]any
		Components struct{ Schemas map[string]any }
	}
	require.NoError(t, json.Unmarshal(text, &d))
	require.Equal(t, "3.1.0", d.OpenAPI)
	require.Contains(t, d.Paths["/api/events"], "post")
	require.Contains(t, d.Paths["/api/auth/register"], "post")
	require.Contains(t, d.Paths["/api/stats/dau"], "get")
	require.Contains(t, d.Paths["/api/stats/dau"], "post")
	require.Contains(t, d.Components.Schemas, "Event")

	require.Equal(t, string(text), string(document(t)))
}

func document(t *testing.T) (text []byte) {
	t.Helper()
	require.NoError(t, withServices(t.Context(), func(services []described) (err error) {
		text, err = openAPI(services)
		return err
	}))
	return text
}

// A route of a service is in the document, where the matrix of tests/suite/security
// finds it and asks who may call it, or it is one of these: pages, probes, and
// aliases of routes that are.
func TestRoutesAreDocumented(t *testing.T) {
	t.Parallel()
	documented := map[string]bool{}
	var others []string
	require.NoError(t, withServices(t.Context(), func(services []described) error {
		for _, s := range services {
			for path, item := range s.Server().API.OpenAPI().Paths {
				for method, op := range map[string]*huma.Operation{"GET": item.Get, "POST": item.Post, "PUT": item.Put, "PATCH": item.Patch, "DELETE": item.Delete} {
					if op != nil {
						documented[method+" "+strings.NewReplacer("{", ":", "}", "").Replace(path)] = true
					}
				}
			}
		}
		for _, s := range services {
			for _, route := range s.Server().Echo().Router().Routes() {
				if route.Method == http.MethodHead || route.Method == http.MethodOptions {
					continue // like GET, without a body; what browsers ask before they post
				}
				if documented[route.Method+" "+strings.TrimSuffix(route.Path, "/")] {
					continue // vendors' SDKs put a slash behind some paths
				}
				if name := route.Method + " " + route.Path; !documented[name] && !slices.Contains(others, name) {
					others = append(others, name)
				}
			}
		}
		return nil
	}))
	want := []string{
		"GET /api/stats/users/me", "GET " + web.AssetsPath + "*", "GET " + web.TrackerPath, "GET /docs", "GET /docs/*", "GET /healthz", "GET /metrics", "GET /openapi.json", "GET /readyz",
		"POST /api/stats/register", "POST /api/stats/token", "POST /register", "POST /token",
		"GET /static/*", "POST /snowplow/events", // described as /static/{file} and as /{vendor}/{path}
	}
	for _, page := range web.Pages {
		want = append(want, "GET "+page)
	}
	require.ElementsMatch(t, want, others)
}

func TestTableHasTheMetricsOfAllServices(t *testing.T) {
	t.Parallel()
	var table string
	require.NoError(t, withServices(t.Context(), func(services []described) (err error) {
		table, err = metricsTable(services)
		return err
	}))
	for _, row := range []string{
		"| `analytics_build_info` | gauge | `goversion`, `revision`, `version` |  | all | ",
		"| `analytics_ratelimit_refused_total` | counter | `class` |  | account, ingest, stats | ",
		"| `analytics_stats_query_seconds` | histogram | `metric`, `source` | seconds | stats | ",
		"| `analytics_sync_collected_files_total` | counter | `kind` |  | syncworker | ",
		"| `analytics_warehouse_disk_free_bytes` | gauge |  | bytes | syncworker | ",
	} {
		require.Contains(t, table, "\n"+row)
	}
	require.NotContains(t, table, "go_goroutines")
}

func TestTableNeedsItsMarkers(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "doc.md")
	require.NoError(t, os.WriteFile(path, []byte("before\n<!-- things: made by \"make generate\" -->\nold\n<!-- /things -->\nafter\n"), 0o600))
	require.NoError(t, writeTable(path, "things", "new\n"))
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "before\n<!-- things: made by \"make generate\" -->\nnew\n<!-- /things -->\nafter\n", string(text))
	require.ErrorContains(t, writeTable(path, "others", "new\n"), "no markers")
}

func TestJoin(t *testing.T) {
	t.Parallel()
	object := func(text string) (m map[string]any) {
		require.NoError(t, json.Unmarshal([]byte(text), &m))
		return m
	}
	a := object(`{"openapi": "3.1.0", "paths": {"/a": {"get": {}}}, "components": {"schemas": {"A": {"x": 1}, "B": {}}}}`)
	require.NoError(t, join(a, object(`{"openapi": "3.1.0", "paths": {"/b": {}}, "components": {"schemas": {"A": {"x": 1}, "C": {}}}}`)))
	require.Equal(t, object(`{"openapi": "3.1.0", "paths": {"/a": {"get": {}}, "/b": {}},
		"components": {"schemas": {"A": {"x": 1}, "B": {}, "C": {}}}}`), a)

	require.ErrorContains(t, join(a, object(`{"components": {"schemas": {"A": {"x": 1, "y": 2}}}}`)), "components schemas A differs")
	require.ErrorContains(t, join(a, object(`{"paths": {"/a": {"get": {"summary": "another"}}}}`)), "paths /a get differs")
}
