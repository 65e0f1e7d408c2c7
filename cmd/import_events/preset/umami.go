package preset

import (
	"slices"

	"eventanalytics/cmd/import_events/mapping"
	"eventanalytics/cmd/import_events/row"
	"eventanalytics/cmd/import_events/source"
)

var umami = Preset{
	Names:  []string{"umami"},
	Export: "website_event.csv of Umami's export, or the table website_event of its database as CSV, JSON or Parquet",
	Source: "https://github.com/umami-software/umami/blob/master/db/clickhouse/schema.sql",
	Format: source.CSV,
	Mapping: func(i Import) *mapping.Mapping {
		return &mapping.Mapping{
			ID:      mapping.ID{Scope: "umami", Vendor: &mapping.Vendor{Protocol: "umami", Column: []string{"event_id"}, Space: i.Space}},
			Time:    []string{"created_at"},
			Clock:   mapping.AnyClock(i.Zone),
			User:    slices.Concat(users("distinct_id"), prefixed(visitor, []string{"session_id"})),
			Prepare: nameVisit,
			Made:    []string{messageName, address},
			Type:    []string{messageName, "event_name"},

			Named: []mapping.Named{
				{Property: "$url", Columns: []string{address}},
				{Property: "$referrer", Columns: []string{"referrer_domain"}},
				{Property: "$session_id", Columns: []string{"visit_id", "session_id"}},
			},
			Rest:    context,
			Dropped: []string{"event_id", "event_name", "event_type", "website_id", "job_id"},
			Lenient: true,
		}
	},
}

// nameVisit names events without a name, which are views of pages, and makes an address.
func nameVisit(in *row.Row) (skip bool) {
	name := in.First("event_name")
	if name.IsEmpty() {
		name = text("$pageview")
	}
	in.Set(messageName, name)
	url := in.Get("url_path").Text
	if query := in.Get("url_query").Text; query != "" {
		url += "?" + query
	}
	in.Set(address, text(in.Get("hostname").Text+url))
	return false
}
