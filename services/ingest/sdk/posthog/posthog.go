// Package posthog is the protocol of PostHog's SDKs, in both versions.
package posthog

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"eventanalytics/pkg/traits"
	"eventanalytics/services/ingest/sdk"
	"eventanalytics/services/ingest/sdk/loose"
)

type object = map[string]any

// New is the protocol.
func New() *sdk.Protocol {
	capture := func(id, path, description string) sdk.Route {
		return sdk.Route{
			ID: id, Method: http.MethodPost, Path: path, Summary: "PostHog: send events", Description: description,
			Keys: keys, Read: read, Answer: answer, Refuse: refuseWith(http.StatusServiceUnavailable),
		}
	}
	batch := capture("posthog-batch", "/batch", "A body with batch is PostHog's, one with events is Amplitude's.")
	batch.Claims = func(r *sdk.Request) bool {
		fields, err := loose.Fields(r.Body, "batch")
		return err != nil || fields["batch"] != nil
	}
	p := &sdk.Protocol{
		Name: "posthog", Decode: decode, ItemKeys: itemKeys,
		Routes: []sdk.Route{
			batch,
			capture("posthog-e", "/e", "One event or many, as posthog-js sends them."),
			capture("posthog-i-v0-e", "/i/v0/e", "The same as /e."),
			capture("posthog-capture", "/capture", "The same as /e."),
			{
				ID: "posthog-v1", Method: http.MethodPost, Path: "/i/v1/analytics/events", Summary: "PostHog: send events, version 1",
				Description: "Answers ok or drop for each event; a dropped one is in the quarantine.",
				Keys:        keys, Read: readV1, Answer: answerV1, Refuse: refuseWith(http.StatusTooManyRequests), WantIDs: true,
			},
		},
	}
	p.Routes = append(p.Routes, configRoutes()...)
	return p
}

// read finds the events of version 0: one, several, or several in an envelope.
func read(r *sdk.Request) error {
	if ms, err := strconv.ParseInt(r.Query.Get("_"), 10, 64); err == nil && ms > 0 && ms < 1e14 {
		r.Envelope.Sent = time.UnixMilli(ms).UTC()
	}
	if len(r.Body) > 0 && r.Body[0] == '[' {
		r.Items = loose.Split(r.Body)
		return nil
	}
	return readEnvelope(r)
}

func readEnvelope(r *sdk.Request) error {
	fields, err := loose.Fields(r.Body, "sent_at", "created_at", "batch", "event")
	if err != nil {
		return err
	}
	for _, name := range []string{"sent_at", "created_at"} {
		if at, ok := sdk.ReadTime(loose.Small(fields[name])); ok {
			r.Envelope.Sent = at
			break
		}
	}
	batch, many := fields["batch"]
	switch {
	case !many && fields["event"] != nil:
		r.Items = loose.Split(r.Body)
	case many && batch[0] == '[':
		r.Items = loose.Split(batch)
	default:
		return sdk.Unread("batch must be an array of events")
	}
	return nil
}

// keys finds the key of a body, or of the first event in an array.
func keys(r *sdk.Request) (k sdk.Keys, err error) {
	body := r.Body
	if len(body) > 0 && body[0] == '[' {
		if body, err = loose.First(body); err != nil || len(body) == 0 || body[0] != '{' {
			return k, err
		}
	}
	fields, err := k.Body(body, "properties")
	if p, fault := loose.Fields(fields["properties"], "token"); fault == nil {
		k.AddWeak(p["token"])
	}
	return k, err
}

// itemKeys are those of any event.
func itemKeys(m loose.Value) sdk.Keys {
	return sdk.Keys{Strong: sdk.Named(m), Weak: []string{m.At("properties", "token").Text()}}
}

func readV1(r *sdk.Request) error {
	if err := readEnvelope(r); err != nil {
		return err
	}
	// The header is new with each attempt, created_at is not.
	if at, ok := sdk.ReadTime(loose.Text(r.Header("PostHog-Request-Timestamp"))); ok {
		r.Envelope.Sent = at
	}
	return nil
}

// operations are events that say something of a user or group.
var operations = map[string]bool{
	"$identify": true, "$create_alias": true, "$merge_dangerously": true, "$set": true, "$unset": true, "$groupidentify": true,
}

func decode(m loose.Value, _ *sdk.Envelope) sdk.Draft {
	p := m.Get("properties")
	user := m.First("distinct_id", "$distinct_id").ID()
	if user == "" {
		user = p.First("distinct_id", "$distinct_id").ID()
	}
	d := sdk.Draft{
		Type: m.Get("event").ID(), Known: user,
		ID: m.Get("uuid").ID(), Timed: m.First("timestamp").Is(), Time: m.First("timestamp"),
		Uncorrected: p.Get("$ignore_sent_at").Kind() == loose.True,
		Volatile:    []string{"sent_at", "offset"},
		Properties:  sdk.Own(p),
	}
	if offset := m.Get("offset").ID(); offset != "" { // of nothing it would make an error, for each event
		if ms, err := strconv.ParseFloat(offset, 64); err == nil && ms > 0 && ms < 1e12 {
			d.Offset = time.Duration(ms) * time.Millisecond
		}
	}
	change(&d, m, p)
	if operations[d.Type] {
		d.Operation = d.Type
		switch d.Type { // elsewhere nothing says whether distinct_id is that of a known user
		case "$identify":
			d.Identify(p.First("$anon_distinct_id").ID(), user)
		case "$create_alias":
			d.Link(p.First("alias").ID(), user)
		case "$merge_dangerously":
			d.Merge(p.First("alias").ID(), user)
		}
		return d
	}
	d.Envelope(
		sdk.Member{Name: "$set", Value: m.First("$set")},
		sdk.Member{Name: "$set_once", Value: m.First("$set_once")},
		sdk.Member{Name: "$lib", Value: m.First("library")},
		sdk.Member{Name: "$lib_version", Value: m.First("library_version")},
		sdk.Member{Name: "$url", Value: p.First("$current_url")},
	)
	return d
}

// change finds what an event of any type says of its user, and $groupidentify of a group.
func change(d *sdk.Draft, m, p loose.Value) {
	if d.Type == "$groupidentify" {
		d.ChangeGroup(p.Get("$group_type").ID(), p.Get("$group_key").ID(), sdk.Steps(traits.Set, p.Get("$group_set"))...)
	}
	if p.Get("$process_person_profile").Kind() == loose.False {
		return // it is of nobody that has a profile
	}
	var steps []traits.Step
	for _, of := range []loose.Value{p, m} { // members beside the properties count more
		steps = append(steps, sdk.Steps(traits.SetOnce, of.Get("$set_once"))...)
		steps = append(steps, sdk.Steps(traits.Set, of.Get("$set"))...)
		steps = append(steps, sdk.Removals(of.Get("$unset"))...)
	}
	d.Change(steps...)
}

var stored = []byte(`{"status":1}`)

func answer(w http.ResponseWriter, _ *sdk.Done) {
	sdk.Write(w, http.StatusOK, "application/json", stored)
}

// answerV1 says of each event what became of it.
func answerV1(w http.ResponseWriter, d *sdk.Done) {
	dropped := map[int32]string{}
	for _, r := range d.Refused {
		dropped[r.Index] = r.Reason + ": " + r.Message
	}
	type result struct {
		Result  string `json:"result"`
		Details string `json:"details,omitempty"`
	}
	results := map[string]result{}
	for i, id := range d.IDs {
		if id == "" {
			continue
		}
		if details, bad := dropped[int32(i)]; bad {
			results[id] = result{"drop", details}
		} else if _, known := results[id]; !known {
			results[id] = result{Result: "ok"}
		}
	}
	sdk.WriteJSON(w, http.StatusOK, object{"results": results})
}

// refuseWith writes refusals. slow is the status that tells the SDKs to come back:
// posthog-js drops its events on 429.
func refuseWith(slow int) func(http.ResponseWriter, *sdk.RefusalError) {
	return func(w http.ResponseWriter, r *sdk.RefusalError) {
		kind, code := "validation_error", "invalid_request"
		switch r.Cause {
		case sdk.BadKey:
			kind, code = "authentication_error", "invalid_api_key"
		case sdk.BadOrigin:
			kind, code = "authentication_error", "permission_denied"
		case sdk.SlowDown:
			kind, code = "throttled_error", "throttled"
		case sdk.Away:
			kind, code = "server_error", "unavailable"
		case sdk.TooLarge:
			code = "too_large"
		}
		sdk.WriteJSON(w, r.Status(slow), struct {
			Type   string          `json:"type"`
			Code   string          `json:"code"`
			Detail string          `json:"detail"`
			Attr   json.RawMessage `json:"attr"`
		}{kind, code, r.Message, json.RawMessage("null")})
	}
}
