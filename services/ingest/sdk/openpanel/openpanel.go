// Package openpanel is the protocol of OpenPanel's SDKs.
package openpanel

import (
	"net/http"
	"strings"

	"eventanalytics/services/ingest/sdk"
	"eventanalytics/services/ingest/sdk/loose"
)

// New is the protocol.
func New() *sdk.Protocol {
	return &sdk.Protocol{
		Name: "openpanel", Decode: decode, Visitors: true,
		Routes: []sdk.Route{{
			ID: "openpanel-track", Method: http.MethodPost, Path: "/track", Summary: "OpenPanel: send an event",
			Description: "The key is openpanel-client-secret or, in pages, openpanel-client-id.",
			Claims:      func(r *sdk.Request) bool { return r.HTTP.Header.Get("openpanel-client-id") != "" },
			Read:        read, Answer: answer, Refuse: refuse,
		}},
	}
}

// read finds the event of a request. What is JSON is taken, if only into the quarantine:
// the SDK sends it again after any other answer.
func read(r *sdk.Request) error {
	r.Envelope.Share("lib", r.Header("openpanel-sdk-name"))
	r.Envelope.Share("lib_version", r.Header("openpanel-sdk-version"))
	r.Items = sdk.One(r.Body)
	return nil
}

// operations are the types that say something of a user or group.
var operations = map[string]bool{
	"identify": true, "alias": true, "increment": true, "decrement": true, "group": true, "assign_group": true,
}

func decode(m loose.Value, env *sdk.Envelope) sdk.Draft {
	payload := m.Get("payload")
	own := payload.Get("properties")
	d := sdk.Draft{
		Type: payload.Get("name").ID(), Known: payload.First("profileId").ID(), Anonymous: own.First("__deviceId").ID(),
		ID: own.Get("__event_id").ID(), Timed: own.First("__timestamp").Is(), Time: own.First("__timestamp"),
		Properties: sdk.Own(own).Without("__event_id", "__timestamp", "__deviceId", "__identify"),
	}
	if d.Known == "" {
		d.Known = own.At("__identify", "profileId").ID()
	}
	d.Identify("", d.Known)
	if d.Anonymous == "" {
		d.Anonymous = env.Visitor
	}
	switch kind := m.Get("type").Text(); {
	case operations[kind]:
		d.Operation = kind
		return d
	case kind != "track":
		d.Bad = &sdk.Bad{Reason: "no-type", Message: "type is none of track, " + strings.Join([]string{"identify", "group", "assign_group", "increment", "decrement"}, ", ")}
	}
	d.Envelope(
		sdk.Member{Name: "$url", Value: own.First("__path")},
		sdk.Member{Name: "$device_id", Value: own.First("__deviceId")},
		sdk.Member{Name: "$lib", Value: sdk.OrNil(env.Shared["lib"])},
		sdk.Member{Name: "$lib_version", Value: sdk.OrNil(env.Shared["lib_version"])},
	)
	if all := payload.Get("groups"); all.Len() > 0 {
		groups := loose.Empty()
		groups.Set("group", all)
		d.Envelope(sdk.Member{Name: "$groups", Value: groups})
	}
	return d
}

// answer names the visitor, not anything that is stored.
func answer(w http.ResponseWriter, d *sdk.Done) {
	visitor := strings.TrimPrefix(d.Request.Envelope.Visitor, "v:")
	sdk.WriteJSON(w, http.StatusOK, map[string]string{"deviceId": visitor, "sessionId": visitor})
}

func refuse(w http.ResponseWriter, r *sdk.RefusalError) {
	status := r.Status(http.StatusServiceUnavailable)
	sdk.WriteJSON(w, status, map[string]any{"status": status, "error": http.StatusText(status), "message": r.Message})
}
