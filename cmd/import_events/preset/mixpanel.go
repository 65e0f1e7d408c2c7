package preset

import (
	"slices"
	"strings"
	"time"

	"eventanalytics/cmd/import_events/mapping"
	"eventanalytics/cmd/import_events/row"
	"eventanalytics/cmd/import_events/source"
	"eventanalytics/pkg/eventid"
)

var mixpanel = Preset{
	Names:  []string{"mixpanel"},
	Export: "Mixpanel's Raw Event Export API, with time_in_ms=true: an event a line",
	Source: "https://developer.mixpanel.com/reference/raw-event-export",
	Format: source.NDJSON,
	Mapping: func(i Import) *mapping.Mapping {
		// Projects from before 2023 count time in their own zone.
		clock := mapping.ShownClock(i.Zone)
		return &mapping.Mapping{
			ID: mapping.ID{Scope: "mixpanel", Vendor: &mapping.Vendor{
				Protocol: "mixpanel", Column: []string{"properties.$insert_id"}, Text: mixpanelID(clock), Space: i.Space,
			}},
			Time:   []string{"properties.time"},
			Clock:  clock,
			User:   slices.Concat(users("properties.$user_id", "properties.distinct_id"), devices("properties.$device_id")),
			Type:   []string{"event"},
			Rename: map[string]string{"$mp_web_page_view": "$pageview"},
			Skip:   []string{"$identify", "$create_alias", "$merge"},

			Properties: []string{"properties"},
			Named: []mapping.Named{
				{Property: "$lib", Columns: []string{"properties.mp_lib"}},
				{Property: "$url", Columns: []string{"properties.$current_url", "properties.current_url_search"}},
			},
			Removed: []string{"token", "api_key", "mp_sent_by_lib_version", "distinct_id", "$ip"},
			Rest:    context,
			Lenient: true,
		}
	},
}

// mixpanelID is unique together with the event's name, user and time. The user is the one
// that the SDK sent: the export has another if identities were merged since.
func mixpanelID(clock mapping.Clock) func(in *row.Row, id string) string {
	return func(in *row.Row, id string) string {
		user := in.First("properties.$distinct_id_before_identity", "properties.distinct_id").Text
		sent := in.Get("properties.time").Text
		if at, err := clock.Read(in.Get("properties.time")); err == nil {
			sent = eventid.Seconds(time.UnixMicro(at))
		}
		return strings.Join([]string{in.Get("event").Text, user, sent, id}, "\x00")
	}
}
