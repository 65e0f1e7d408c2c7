package posthog

import (
	"encoding/json"
	"net/http"
	"strings"

	"github.com/google/uuid"

	"eventanalytics/services/ingest/sdk"
	"eventanalytics/services/ingest/sdk/loose"
)

// configRoutes keep posthog-js quiet: what it asks for and is not offered is off.
func configRoutes() []sdk.Route {
	get := func(id, path, summary string, serve func(http.ResponseWriter, *http.Request) error) sdk.Route {
		return sdk.Route{ID: id, Method: http.MethodGet, Path: path, Summary: summary, Description: "The key is not checked.", Serve: serve}
	}
	flags := func(id, path string) sdk.Route {
		return sdk.Route{
			ID: id, Method: http.MethodPost, Path: path, Summary: "PostHog: feature flags, of which there are none",
			Description: "The key is not checked.", Serve: noFlags,
		}
	}
	return []sdk.Route{
		get("posthog-config-script", "/array/{key}/config.js", "PostHog: what posthog-js asks first", configScript),
		get("posthog-config", "/array/{key}/config", "PostHog: the same as JSON", config),
		get("posthog-static", "/static/{file}", "PostHog: a script that does nothing", emptyScript),
		get("posthog-static-below", "/static/*", "", emptyScript),
		flags("posthog-flags", "/flags"), flags("posthog-decide", "/decide"),
	}
}

var remoteConfig = object{
	"hasFeatureFlags": false, "sessionRecording": false, "surveys": false, "heatmaps": false, "autocaptureExceptions": false,
	"capturePerformance": false, "captureDeadClicks": false, "productTours": false, "conversations": false,
	"supportedCompression": []string{"gzip", "gzip-js"}, "siteApps": []string{},
}

func configScript(w http.ResponseWriter, r *http.Request) error {
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	settings, err := json.Marshal(remoteConfig)
	if err != nil {
		return err
	}
	name, err := json.Marshal(loose.Clean(parts[1])) // which also escapes what HTML would end a script with
	if err != nil {
		return err
	}
	script := "(window._POSTHOG_REMOTE_CONFIG=window._POSTHOG_REMOTE_CONFIG||{})[" + string(name) + "]={config:" + string(settings) + ",siteApps:[]};"
	sdk.Write(w, http.StatusOK, "application/javascript", []byte(script))
	return nil
}

func config(w http.ResponseWriter, _ *http.Request) error {
	sdk.WriteJSON(w, http.StatusOK, remoteConfig)
	return nil
}

func emptyScript(w http.ResponseWriter, _ *http.Request) error {
	sdk.Write(w, http.StatusOK, "application/javascript", nil)
	return nil
}

func noFlags(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("Cache-Control", "no-store")
	sdk.WriteJSON(w, http.StatusOK, object{
		"flags": object{}, "featureFlags": object{}, "featureFlagPayloads": object{}, "errorsWhileComputingFlags": false, "requestId": uuid.NewString(),
	})
	return nil
}
