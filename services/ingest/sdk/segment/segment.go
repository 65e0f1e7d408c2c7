// Package segment is the protocol of Segment's SDKs, which those of RudderStack speak as
// well, and of Jitsu's.
package segment

import (
	"net/http"
	"strings"

	"eventanalytics/pkg/traits"
	"eventanalytics/services/ingest/sdk"
	"eventanalytics/services/ingest/sdk/loose"
)

// Names of calls in paths, and of the messages that they take. Several messages have none.
var calls = map[string]string{
	"batch": "", "b": "", "import": "",
	"track": "track", "identify": "identify", "page": "page", "screen": "screen", "group": "group", "alias": "alias",
	"t": "track", "i": "identify", "p": "page", "s": "screen", "g": "group", "a": "alias",
}

func ownCalls(parameter int) func(*http.Request) bool {
	names := make([]string, 0, len(calls))
	for name := range calls {
		names = append(names, name)
	}
	return sdk.Calls(parameter, names...)
}

// New is the protocol of Segment and RudderStack.
func New() *sdk.Protocol {
	return &sdk.Protocol{
		Name: "segment", Decode: decode, ItemKeys: itemKeys,
		Routes: []sdk.Route{
			{
				ID: "segment-call", Method: http.MethodPost, Path: "/v1/{call}", Own: ownCalls(1),
				Summary:     "Segment, RudderStack: send messages",
				Description: "call is batch, b or import for several messages, or track, identify, page, screen, group, alias, t, i, p, s, g or a for one.",
				Keys:        sdk.KeysOf, Read: read, Answer: answer, Refuse: refuse,
			},
			{
				ID: "rudderstack-beacon", Method: http.MethodPost, Path: "/beacon/v1/batch",
				Summary: "RudderStack: send messages by a beacon", Description: "The key is in the query, as writeKey.",
				Keys: sdk.KeysOf, Read: read, Answer: answer, Refuse: refuse,
			},
			{
				ID: "segment-settings", Method: http.MethodGet, Path: "/v1/projects/{key}/settings",
				Summary: "Segment: what analytics.js asks before it sends", Description: "The key is not checked.",
				Serve: settings,
			},
			{
				ID: "rudderstack-config", Method: http.MethodGet, Path: "/sourceConfig",
				Summary: "RudderStack: what its browser SDK asks before it sends", Description: "The key is in the query, as writeKey, or that of Authorization: Basic.",
				Serve: sourceConfig, Keyed: true, Refuse: refuse,
			},
		},
	}
}

// read finds the messages of a request.
func read(r *sdk.Request) error {
	parts := strings.Split(strings.Trim(r.HTTP.URL.Path, "/"), "/")
	kind := calls[parts[len(parts)-1]]
	fields, err := loose.Fields(r.Body, "batch", "sentAt")
	if err != nil {
		return err
	}
	r.Envelope.Share("type", kind)
	for _, sent := range []loose.Value{loose.Small(fields["sentAt"]), loose.Text(r.Header("SentAt"))} {
		if at, ok := sdk.ReadTime(sent); ok && r.Envelope.Sent.IsZero() {
			r.Envelope.Sent = at
		}
	}
	if kind != "" {
		r.Items = loose.Split(r.Body)
		return nil
	}
	batch := fields["batch"]
	if len(batch) == 0 || batch[0] != '[' {
		return sdk.Unread("batch must be an array of messages")
	}
	r.Items = loose.Split(batch)
	return nil
}

// itemKeys are those of any message.
func itemKeys(m loose.Value) sdk.Keys { return sdk.Keys{Strong: []string{m.Get("writeKey").Text()}} }

// decode makes a draft of a message.
func decode(m loose.Value, env *sdk.Envelope) sdk.Draft {
	kind := m.Get("type").Text()
	if kind == "" {
		kind = env.Shared["type"]
	}
	context := m.Get("context")
	d := sdk.Draft{
		Known: m.Get("userId").ID(), Anonymous: m.Get("anonymousId").ID(),
		ID: m.Get("messageId").ID(), Timed: m.First("timestamp", "originalTimestamp").Is(),
		Time: m.First("timestamp", "originalTimestamp"), Sent: m.Get("sentAt"),
		Volatile:   []string{"sentAt", "_metadata", "request_metadata"},
		Properties: sdk.Own(m.Get("properties")),
	}
	if kind == "alias" {
		d.Identify("", d.Known)
		d.Merge(m.Get("previousId").ID(), d.Known)
	} else {
		d.Identify(d.Anonymous, d.Known)
	}
	switch kind {
	case "track":
		d.Type = m.Get("event").ID()
	case "page", "screen":
		d.Type = map[string]string{"page": "$pageview", "screen": "$screen"}[kind]
		d.Envelope(sdk.Member{Name: "name", Value: m.First("name", "event")}, sdk.Member{Name: "category", Value: m.First("category")})
	case "identify", "group", "alias":
		d.Operation = kind
		change(&d, kind, m)
		return d
	}
	d.Envelope(
		sdk.Member{Name: "$context", Value: context},
		sdk.Member{Name: "$lib", Value: context.At("library", "name")},
		sdk.Member{Name: "$lib_version", Value: context.At("library", "version")},
		sdk.Member{Name: "$session_id", Value: context.First("sessionId", "session_id")},
		sdk.Member{Name: "$device_id", Value: context.At("device", "id")},
		sdk.Member{Name: "$anonymous_id", Value: m.First("anonymousId")},
		sdk.Member{Name: "$url", Value: context.At("page", "url")},
		sdk.Member{Name: "$groups", Value: groups(context)},
	)
	return d
}

// change finds the traits of a message. RudderStack's have those of the user in their
// context, whatever they are about.
func change(d *sdk.Draft, kind string, m loose.Value) {
	switch kind {
	case "identify":
		own := m.First("traits")
		if !own.Is() {
			own = m.At("context", "traits")
		}
		d.Change(sdk.Steps(traits.Set, own)...)
	case "group":
		of, key := groupType(m.Get("context")), m.Get("groupId").ID()
		d.ChangeGroup(of, key, sdk.Steps(traits.Set, m.Get("traits"))...)
		d.Join(of, key)
	}
}

// groups that a message names as its own.
func groups(context loose.Value) (g loose.Value) {
	id := context.Get("groupId")
	if id.ID() == "" {
		return g
	}
	g.Set(groupType(context), loose.ListOf(id))
	return g
}

func groupType(context loose.Value) string {
	if kind := context.Get("groupType").Text(); kind != "" {
		return kind
	}
	return sdk.DefaultGroup
}

var success = []byte(`{"success":true}`)

func answer(w http.ResponseWriter, _ *sdk.Done) {
	sdk.Write(w, http.StatusOK, "application/json", success)
}

func refuse(w http.ResponseWriter, r *sdk.RefusalError) {
	code := map[sdk.Cause]string{
		sdk.BadKey: "invalid_write_key", sdk.BadOrigin: "invalid_origin", sdk.Unreadable: "invalid_request",
		sdk.TooLarge: "too_large", sdk.SlowDown: "rate_limited", sdk.Away: "unavailable",
	}[r.Cause]
	sdk.WriteJSON(w, r.Status(http.StatusTooManyRequests), struct {
		Success bool   `json:"success"`
		Code    string `json:"code"`
		Message string `json:"message"`
	}{false, code, r.Message})
}
