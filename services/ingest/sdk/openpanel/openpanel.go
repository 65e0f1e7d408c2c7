// Package openpanel is the protocol of OpenPanel's SDKs.
package openpanel

import (
	"net/http"
	"strings"

	"eventanalytics/pkg/traits"
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
		change(&d, kind, payload)
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

// change finds what an operation says. Groups have their keys alone: events and
// assign_group do not tell their types.
func change(d *sdk.Draft, kind string, payload loose.Value) {
	switch kind {
	case "identify":
		d.Change(named(payload, "firstName", "lastName", "email", "avatar")...)
	case "increment", "decrement":
		by := payload.First("value")
		if !by.Is() {
			by = loose.Digits("1")
		}
		if kind == "decrement" {
			by = negative(by)
		}
		d.Change(sdk.StepOf(traits.Add, payload.Get("property").Text(), by))
	case "group":
		d.ChangeGroup(sdk.DefaultGroup, payload.Get("id").ID(), named(payload, "name", "type")...)
	case "assign_group":
		if keys := payload.Get("groupIds").Items(); len(keys) > 0 {
			d.Join(sdk.DefaultGroup, keys[len(keys)-1].ID())
		}
	}
}

// named sets some members of a payload and its properties, but for those of the SDK.
func named(payload loose.Value, names ...string) (steps []traits.Step) {
	for _, name := range names {
		if value := payload.First(name); value.Is() {
			steps = append(steps, sdk.StepOf(traits.Set, name, value))
		}
	}
	for name, value := range payload.Get("properties").Members() {
		if !strings.HasPrefix(name, "__") {
			steps = append(steps, sdk.StepOf(traits.Set, name, value))
		}
	}
	return steps
}

func negative(number loose.Value) loose.Value {
	if number.Kind() != loose.Number {
		return number
	}
	if positive, is := strings.CutPrefix(number.ID(), "-"); is {
		return loose.Digits(positive)
	}
	return loose.Digits("-" + number.ID())
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
