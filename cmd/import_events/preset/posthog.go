package preset

import (
	"eventanalytics/cmd/import_events/mapping"
	"eventanalytics/cmd/import_events/source"
)

var posthog = Preset{
	Names:  []string{"posthog"},
	Export: "PostHog's batch or file download export of events: JSON lines or Parquet, or a CSV export of columns of these names",
	Source: "https://posthog.com/docs/data-pipelines/batch-exports/s3",
	Format: source.NDJSON,
	Mapping: func(i Import) *mapping.Mapping {
		return &mapping.Mapping{
			ID:    mapping.ID{Scope: "posthog", Vendor: &mapping.Vendor{Protocol: "posthog", Column: []string{"uuid"}, Space: i.Space}},
			Time:  []string{"timestamp"},
			Clock: mapping.AnyClock(i.Zone),
			User:  users("distinct_id", "properties.distinct_id"),
			Type:  []string{"event"},
			Skip:  []string{"$identify", "$create_alias", "$merge_dangerously", "$set", "$unset", "$groupidentify"},

			Properties: []string{"properties"},
			Named:      []mapping.Named{{Property: "$url", Columns: []string{"properties.$current_url"}}},
			Removed:    []string{"token", "api_key", "distinct_id", "$ip"},
			Rest:       context,
			Dropped:    []string{"uuid", "ip", "team_id", "project_id", "site_url", "_inserted_at", "elements", "elements_chain"},
			Types:      map[string]string{"person_properties": "json"},
			Lenient:    true,
		}
	},
}
