package segment

import (
	"net/http"

	"eventanalytics/services/ingest/sdk"
)

// NewJitsu is the protocol of Jitsu: messages as Segment's, with answers of its own.
func NewJitsu() *sdk.Protocol {
	route := func(id, path string, parameter int) sdk.Route {
		return sdk.Route{
			ID: id, Method: http.MethodPost, Path: path, Own: sdk.Calls(parameter, "track", "identify", "page", "group", "batch"),
			Summary:     "Jitsu: send messages",
			Description: "call is track, identify, page or group for one message, or batch for several. The key is X-Write-Key, behind the colon.",
			Keys:        sdk.KeysOf, Read: read,
			Answer: func(w http.ResponseWriter, _ *sdk.Done) {
				sdk.WriteJSON(w, http.StatusOK, object{"ok": true})
			},
			Refuse: func(w http.ResponseWriter, r *sdk.RefusalError) {
				sdk.WriteJSON(w, r.Status(http.StatusServiceUnavailable), object{"ok": false, "error": r.Message})
			},
		}
	}
	return &sdk.Protocol{
		Name: "jitsu", Decode: decode, ItemKeys: itemKeys,
		Routes: []sdk.Route{route("jitsu-call", "/api/s/{call}", 2), route("jitsu-server-call", "/api/s/s2s/{call}", 3)},
	}
}
