package segment

import (
	"net/http"
	"strings"
	"time"

	"eventanalytics/services/ingest/sdk"
	"eventanalytics/services/ingest/sdk/loose"
)

type object = map[string]any

// settings is what analytics.js needs to send at all. It is the same for every key.
func settings(w http.ResponseWriter, r *http.Request) error {
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	sdk.WriteJSON(w, http.StatusOK, object{
		"integrations": object{"Segment.io": object{"apiKey": loose.Clean(parts[2])}},
		"plan":         object{}, "edgeFunction": object{}, "analyticsNextEnabled": true, "middlewareSettings": object{},
		"enabledMiddleware": object{}, "metrics": object{"sampleRate": 0}, "legacyVideoPluginsEnabled": false, "remotePlugins": []string{},
	})
	return nil
}

// sourceConfig is what RudderStack's browser SDK needs to send at all.
func sourceConfig(w http.ResponseWriter, r *http.Request) error {
	off := object{"enabled": false}
	sdk.WriteJSON(w, http.StatusOK, object{
		"source": object{
			"id": "source", "name": "source", "writeKey": loose.Clean(r.URL.Query().Get("writeKey")), "enabled": true, "workspaceId": "workspace",
			"config":       object{"statsCollection": object{"errors": off, "metrics": off}},
			"destinations": []string{}, "connections": []string{},
		},
		"updatedAt": time.Unix(0, 0).UTC().Format(time.RFC3339),
	})
	return nil
}
