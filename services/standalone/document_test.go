package standalone

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDocumentHasTheRoutesOfBothServices(t *testing.T) {
	t.Setenv("MAX_EVENTS", "no number") // the environment does not matter
	text, err := Document(t.Context())
	require.NoError(t, err)
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

	again, err := Document(t.Context())
	require.NoError(t, err)
	require.Equal(t, string(text), string(again))
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
