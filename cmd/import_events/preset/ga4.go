package preset

import (
	"slices"
	"time"

	"eventanalytics/cmd/import_events/mapping"
	"eventanalytics/cmd/import_events/row"
	"eventanalytics/cmd/import_events/source"
)

var ga4 = Preset{
	Names:  []string{"ga4"},
	Export: "a daily table events_YYYYMMDD of Google Analytics 4 in BigQuery, extracted as JSON lines or Parquet",
	Source: "https://support.google.com/analytics/answer/7029846",
	Format: source.NDJSON,
	UTC:    true,
	Mapping: func(Import) *mapping.Mapping {
		return &mapping.Mapping{
			// Events have no id. Those of one upload have the same time; their place in it,
			// which exports have since 2024, and their parameters tell them apart.
			ID: mapping.ID{Scope: "ga4", From: []string{
				"user_pseudo_id", "user_id", "event_timestamp", "event_name", "event_bundle_sequence_id",
				"batch_page_id", "batch_ordering_id", "batch_event_index", "event_params",
			}},
			Time:    []string{"event_timestamp"},
			Clock:   mapping.Unix(time.Microsecond),
			User:    slices.Concat(users("user_id"), devices("user_pseudo_id")),
			Prepare: flattenParams,
			Type:    []string{"event_name"},
			Rename:  map[string]string{"page_view": "$pageview", "screen_view": "$screen"},

			Properties: []string{"event_params"},
			Named: []mapping.Named{
				{Property: "$user_properties", Columns: []string{"user_properties"}},
				{Property: "$session_id", Columns: []string{"event_params.ga_session_id"}},
				{Property: "$device_id", Columns: []string{"user_pseudo_id"}},
				{Property: "$url", Columns: []string{"event_params.page_location"}},
			},
			Rest:    context,
			Dropped: []string{"event_date", "event_bundle_sequence_id", "batch_page_id", "batch_ordering_id", "batch_event_index"},
			Lenient: true,
		}
	},
}

// flattenParams makes objects of lists of keys and values, each of which has its value
// under the name of its type.
func flattenParams(in *row.Row) (skip bool) {
	for _, column := range []string{"event_params", "user_properties"} {
		items, err := in.Get(column).Array()
		if err != nil { // it is missing
			continue
		}
		var cells []row.Cell
		for _, item := range items {
			if param, err := row.OfObject([]byte(item.Text)); err == nil {
				cells = append(cells, row.Cell{Name: param.Get("key").Text, Value: paramValue(&param)})
			}
		}
		in.Set(column, row.Object(cells))
	}
	return false
}

func paramValue(param *row.Row) row.Value {
	if v := param.Get("value.string_value"); v.Is() {
		return v
	}
	for _, kind := range []string{"value.int_value", "value.double_value", "value.float_value"} {
		if v := param.Get(kind); v.Is() {
			return mapping.NumberOf(v) // JSON of BigQuery has integers as strings
		}
	}
	return row.Value{}
}
