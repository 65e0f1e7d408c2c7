package api_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"eventanalytics/tests/harness/api"
)

const document = `{
	"openapi": "3.1.0", "info": {"title": "t", "version": "1"},
	"paths": {"/api/count": {"get": {"responses": {
		"200": {"description": "a count", "content": {"application/json": {"schema": {
			"type": "object", "required": ["n"], "additionalProperties": false, "properties": {"n": {"type": "integer"}}
		}}}},
		"404": {"description": "none", "content": {"application/problem+json": {"schema": {"type": "object"}}}}
	}}}}
}`

// TestDocumented: an answer that differs from the document, or an error in
// another form than that of all errors, fails its request.
func TestDocumented(t *testing.T) {
	t.Parallel()
	problem := `{"type":"/problems/not-found","title":"Not Found","status":404,"detail":"there is none","instance":"id"}`
	for name, x := range map[string]struct {
		path, id, contentType string
		status                int
		body                  string
		wrong                 string // part of the error; empty: the answer is right
	}{
		"as documented":        {"/api/count", "id", "application/json", 200, `{"n":1}`, ""},
		"another type":         {"/api/count", "id", "application/json", 200, `{"n":"1"}`, "not as documented"},
		"missing member":       {"/api/count", "id", "application/json", 200, `{}`, "not as documented"},
		"unknown member":       {"/api/count", "id", "application/json", 200, `{"n":1,"m":2}`, "not as documented"},
		"another content type": {"/api/count", "id", "text/html", 200, `{"n":1}`, "not as documented"},
		"another status":       {"/api/count", "id", "application/json", 201, `{"n":1}`, "not as documented"},
		"no request id":        {"/api/count", "", "application/json", 200, `{"n":1}`, "X-Request-Id"},
		"problem":              {"/api/count", "id", "application/problem+json", 404, problem, ""},
		"problem of another":   {"/api/count", "other", "application/problem+json", 404, problem, "a problem of request"},
		"problem as JSON":      {"/api/count", "id", "application/json", 404, problem, "a problem of type"},
		"page":                 {"/api/count", "id", "text/html", 404, `<html>`, "reading a problem"},
		"unknown route":        {"/api/other", "id", "application/problem+json", 404, problem, ""},
		"route that is hidden": {"/api/other", "id", "application/json", 200, `{}`, "not in the document"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/openapi.json" {
					fmt.Fprint(w, document)
					return
				}
				w.Header().Set("X-Request-Id", x.id)
				w.Header().Set("Content-Type", x.contentType)
				w.WriteHeader(x.status)
				fmt.Fprint(w, x.body)
			}))
			t.Cleanup(server.Close)
			a, err := api.Anonymous(server.URL, api.Documented()).Try(t.Context(), http.MethodGet, x.path, nil)
			if x.wrong != "" {
				require.ErrorContains(t, err, x.wrong)
				return
			}
			require.NoError(t, err)
			require.Equal(t, x.status, a.Status)
			require.Equal(t, x.body, string(a.Body))
		})
	}
}
