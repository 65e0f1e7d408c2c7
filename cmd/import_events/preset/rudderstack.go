package preset

import (
	"eventanalytics/cmd/import_events/mapping"
	"eventanalytics/cmd/import_events/row"
	"eventanalytics/cmd/import_events/source"
)

// Messages of Segment's form, as JSON or flattened into a table: June took and RudderStack
// takes the same ones.
var rudderstack = Preset{
	Names:  []string{"rudderstack", "june", "segment"},
	Export: "messages of RudderStack, June or Segment: JSON lines of an object store, or the table tracks of a warehouse",
	Source: "https://www.rudderstack.com/docs/destinations/warehouse-destinations/warehouse-schema/",
	Format: source.NDJSON,
	Mapping: func(i Import) *mapping.Mapping {
		return &mapping.Mapping{
			ID: mapping.ID{Scope: "segment", Vendor: &mapping.Vendor{
				Protocol: "segment", Column: []string{"messageId", "message_id", "id"}, Space: i.Space,
			}},
			Time:    []string{"timestamp", "originalTimestamp", "original_timestamp"},
			Clock:   mapping.AnyClock(i.Zone),
			User:    users("userId", "user_id", "anonymousId", "anonymous_id"),
			Prepare: nameMessage,
			Made:    []string{messageName},
			Type:    []string{messageName, "event"},

			Properties: []string{"properties"},
			Named: []mapping.Named{
				{Property: "name", Columns: []string{"name"}},
				{Property: "category", Columns: []string{"category"}},
				{Property: "$context", Columns: []string{"context"}},
				{Property: "$lib", Columns: []string{"context.library.name", "context_library_name"}},
				{Property: "$lib_version", Columns: []string{"context.library.version", "context_library_version"}},
				{Property: "$session_id", Columns: []string{"context.sessionId", "context.session_id", "context_session_id"}},
				{Property: "$device_id", Columns: []string{"context.device.id", "context_device_id"}},
				{Property: "$anonymous_id", Columns: []string{"anonymousId", "anonymous_id"}},
				{Property: "$url", Columns: []string{"context.page.url", "context_page_url"}},
			},
			Removed: []string{"token", "api_key", "distinct_id"},
			Types:   map[string]string{"context": "json"},
			Rest:    mapping.Rest{Keep: true}, // columns of a warehouse that are properties
			Dropped: []string{
				"messageId", "message_id", "id", "type", "event", "event_text", "channel", "integrations", "rudderId", "writeKey", "version",
				"sentAt", "sent_at", "receivedAt", "received_at", "originalTimestamp", "original_timestamp", "request_ip", "context_ip",
				"context_request_ip", "uuid_ts", "loaded_at", "_metadata",
			},
			Lenient: true,
		}
	},
}

// messageName is a column for the event's name, which depends on the kind of message.
const messageName = "$name"

// nameMessage finds the event's name. Operations have none: they are no events.
func nameMessage(in *row.Row) (skip bool) {
	name := in.First("event_text", "event")
	switch in.Get("type").Text {
	case "page":
		name = text("$pageview")
	case "screen":
		name = text("$screen")
	case "identify", "group", "alias":
		return true
	}
	in.Set(messageName, name)
	return false
}
