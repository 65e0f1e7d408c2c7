package preset

import (
	"slices"

	"eventanalytics/cmd/import_events/mapping"
	"eventanalytics/cmd/import_events/row"
	"eventanalytics/cmd/import_events/source"
)

var amplitude = Preset{
	Names:  []string{"amplitude"},
	Export: "Amplitude's Export API, or its export to S3: unpacked, an event a line in .json.gz",
	Source: "https://amplitude.com/docs/apis/analytics/export",
	Format: source.NDJSON,
	Mapping: func(i Import) *mapping.Mapping {
		return &mapping.Mapping{
			ID: mapping.ID{Scope: "amplitude", Vendor: &mapping.Vendor{
				Protocol: "amplitude", Column: []string{"$insert_id", "insert_id", "uuid"}, Text: amplitudeID, Space: i.Space,
			}},
			Time:  []string{"event_time", "client_event_time"},
			Clock: mapping.AnyClock(i.Zone),
			User:  slices.Concat(users("user_id"), devices("device_id")),
			Type:  []string{"event_type"},
			Skip:  []string{"$identify", "$groupidentify"},

			Properties: []string{"event_properties"},
			Named: []mapping.Named{
				{Property: "$user_properties", Columns: []string{"user_properties"}},
				{Property: "$groups", Columns: []string{"groups"}},
				{Property: "$session_id", Columns: []string{"session_id"}},
				{Property: "$device_id", Columns: []string{"device_id"}},
				{Property: "$lib", Columns: []string{"library"}},
				{Property: "$url", Columns: []string{"event_properties.[Amplitude] Page URL"}},
			},
			Removed: []string{"token", "api_key", "distinct_id"},
			Rest:    context,
			Dropped: []string{
				"$insert_id", "insert_id", "uuid", "ip_address", "$schema", "app", "data", "amplitude_event_type",
				"server_received_time", "server_upload_time", "client_upload_time", "processed_time",
			},
			Lenient: true,
		}
	},
}

// amplitudeID is unique for a device, or for a user without one.
func amplitudeID(in *row.Row, id string) string {
	return in.First("device_id", "user_id").Text + "\x00" + id
}
