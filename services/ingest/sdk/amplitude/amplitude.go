// Package amplitude is the protocol of Amplitude's SDKs.
package amplitude

import (
	"net/http"
	"slices"
	"strings"

	"eventanalytics/pkg/identity"
	"eventanalytics/pkg/traits"
	"eventanalytics/services/ingest/sdk"
	"eventanalytics/services/ingest/sdk/loose"
)

type object = map[string]any

// New is the protocol.
func New() *sdk.Protocol {
	route := func(id, path string) sdk.Route {
		return sdk.Route{
			ID: id, Method: http.MethodPost, Path: path, Summary: "Amplitude: send events", Description: "The key is api_key of the body.",
			Keys: sdk.KeysOf, Read: read, Answer: answer, Refuse: refuse,
		}
	}
	batch := route("amplitude-batch", "/batch")
	batch.Claims = func(r *sdk.Request) bool {
		fields, err := loose.Fields(r.Body, "events")
		return err == nil && fields["events"] != nil
	}
	return &sdk.Protocol{Name: "amplitude", Decode: decode, Routes: []sdk.Route{route("amplitude-httpapi", "/2/httpapi"), batch}}
}

func read(r *sdk.Request) error {
	fields, err := loose.Fields(r.Body, "events", "client_upload_time")
	if err != nil {
		return err
	}
	if at, ok := sdk.ReadTime(loose.Small(fields["client_upload_time"])); ok {
		r.Envelope.Sent = at
	}
	events := fields["events"]
	if len(events) == 0 || events[0] != '[' && events[0] != '{' {
		return sdk.Unread("events must be an array of events")
	}
	r.Items = loose.Split(events)
	return nil
}

// mapped are members of an event with a place of their own; the others are its context.
var mapped = []string{
	"event_type", "user_id", "device_id", "time", "insert_id", "event_properties", "user_properties", "groups", "session_id", "library", "ip", "event_id",
}

func decode(m loose.Value, _ *sdk.Envelope) sdk.Draft {
	d := sdk.Draft{
		Type: m.Get("event_type").ID(), Known: m.Get("user_id").ID(),
		ID: m.Get("insert_id").ID(), Timed: true, Time: m.First("time"),
		Volatile:   []string{"client_upload_time", "request_metadata"},
		Properties: sdk.Own(m.Get("event_properties")),
	}
	device := m.Get("device_id").ID()
	if device != "" {
		d.Anonymous = identity.DevicePrefix + device
	}
	d.Identify(d.Anonymous, d.Known)
	who := device
	if who == "" {
		who = d.Known
	}
	d.IDText = who + "\x00" + d.ID
	change(&d, m)
	if d.Type == "$identify" || d.Type == "$groupidentify" {
		d.Operation, d.OfGroup = d.Type, d.Type == "$groupidentify" && m.Get("groups").Len() > 0
		return d
	}
	lib, version, _ := strings.Cut(m.Get("library").Text(), "/")
	context := m.Without(mapped...)
	if context.Len() > 0 {
		d.Envelope(sdk.Member{Name: "$context", Value: context})
	}
	d.Envelope(
		sdk.Member{Name: "$lib", Value: sdk.OrNil(lib)},
		sdk.Member{Name: "$lib_version", Value: sdk.OrNil(version)},
		sdk.Member{Name: "$session_id", Value: m.First("session_id")},
		sdk.Member{Name: "$device_id", Value: m.First("device_id")},
		sdk.Member{Name: "$user_properties", Value: m.First("user_properties")},
		sdk.Member{Name: "$url", Value: m.At("event_properties", "[Amplitude] Page URL")},
		sdk.Member{Name: "$groups", Value: groups(m.Get("groups"))},
	)
	return d
}

// change finds what an event says of its user, and $groupidentify of groups.
func change(d *sdk.Draft, m loose.Value) {
	d.Change(changes(m.Get("user_properties"))...)
	if d.Type != "$identify" && d.Type != "$groupidentify" {
		return // its groups are its own
	}
	for kind, keys := range groups(m.Get("groups")).Members() {
		for i, key := range keys.Items() {
			switch {
			case d.Type == "$groupidentify":
				d.ChangeGroup(kind, key.ID(), changes(m.Get("group_properties"))...)
			case i == keys.Len()-1:
				d.Join(kind, key.ID())
			}
		}
	}
}

// does are the members of properties that say what is done with others.
var does = map[string]traits.Do{
	"$set": traits.Set, "$setOnce": traits.SetOnce, "$add": traits.Add, "$append": traits.Append, "$prepend": traits.Prepend,
	"$postInsert": traits.Union, "$preInsert": traits.UnionHead, "$remove": traits.Remove, "$unset": traits.Unset,
}

// changes are what user_properties or group_properties do; those without a $ are set.
func changes(properties loose.Value) (steps []traits.Step) {
	for name, value := range properties.Members() {
		do := does[name]
		switch {
		case name == "$clearAll":
			steps = append(steps, traits.Step{Do: traits.Clear})
		case do == "":
			steps = append(steps, sdk.StepOf(traits.Set, name, value))
		case do == traits.Set || do == traits.SetOnce || do == traits.Add || do == traits.Unset:
			steps = append(steps, sdk.Steps(do, value)...)
		default:
			for of, elements := range value.Members() {
				each := sdk.Each(do, of, elements)
				if do == traits.Prepend || do == traits.UnionHead { // they are to stand in their order
					slices.Reverse(each)
				}
				steps = append(steps, each...)
			}
		}
	}
	return steps
}

// groups are lists of keys by type; one key may stand alone.
func groups(all loose.Value) (g loose.Value) {
	for kind, keys := range all.Members() {
		if keys.Kind() != loose.Array {
			keys = loose.ListOf(keys)
		}
		g.Set(kind, keys)
	}
	return g
}

// answer counts what is in the quarantine as well: else the SDK would send the others
// again for nothing.
func answer(w http.ResponseWriter, d *sdk.Done) {
	sdk.WriteJSON(w, http.StatusOK, struct {
		Code    int   `json:"code"`
		Events  int   `json:"events_ingested"`
		Bytes   int   `json:"payload_size_bytes"`
		Arrived int64 `json:"server_upload_time"`
	}{200, d.Result.Events(), d.Bytes, d.Request.Envelope.Received.UnixMilli()})
}

func refuse(w http.ResponseWriter, r *sdk.RefusalError) {
	status := r.Status(http.StatusTooManyRequests)
	answer := object{"error": r.Message}
	switch r.Cause {
	case sdk.BadKey:
		status = http.StatusBadRequest
		answer["error"] = "Invalid API key: " + r.Message
	case sdk.Unreadable:
		answer["missing_field"] = nil
		answer["events_with_invalid_fields"], answer["events_with_missing_fields"] = object{}, object{}
	case sdk.SlowDown:
		answer["eps_threshold"] = 0
		answer["throttled_events"] = []int{}
		answer["exceeded_daily_quota_users"], answer["exceeded_daily_quota_devices"] = object{}, object{}
	}
	answer["code"] = status
	sdk.WriteJSON(w, status, answer)
}
