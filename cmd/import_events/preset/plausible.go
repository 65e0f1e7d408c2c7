package preset

import (
	"strings"

	"eventanalytics/cmd/import_events/mapping"
	"eventanalytics/cmd/import_events/row"
	"eventanalytics/cmd/import_events/source"
)

// Plausible's own export has sums per day only, of which no events can be made.
var plausible = Preset{
	Names:  []string{"plausible"},
	Export: "the table events_v2 of Plausible Community Edition, read from ClickHouse FORMAT JSONEachRow, CSVWithNames or Parquet",
	Source: "https://github.com/plausible/analytics/blob/master/priv/ingest_repo/structure.sql",
	Format: source.NDJSON,
	Mapping: func(i Import) *mapping.Mapping {
		return &mapping.Mapping{
			ID:      mapping.ID{Scope: "plausible", Content: true},
			Time:    []string{"timestamp"},
			Clock:   mapping.AnyClock(i.Zone),
			User:    prefixed(visitor, []string{"user_id"}),
			Prepare: pairMeta,
			Made:    []string{meta, address},
			Type:    []string{"name"},
			Rename:  map[string]string{"pageview": "$pageview"},
			Skip:    []string{"engagement"}, // how far a page was scrolled, and for how long it was open

			Properties: []string{meta},
			Named: []mapping.Named{
				{Property: "$url", Columns: []string{address}},
				{Property: "$referrer", Columns: []string{"referrer"}},
				{Property: "$session_id", Columns: []string{"session_id"}},
			},
			Rest:    context,
			Dropped: []string{"meta.key", "meta.value", "site_id"},
			Lenient: true,
		}
	},
}

// Columns that pairMeta makes.
const (
	meta    = "$meta"
	address = "$address"
)

// pairMeta makes an object of the lists of keys and values, and an address.
func pairMeta(in *row.Row) (skip bool) {
	for i, c := range in.Cells { // ClickHouse fills columns of fixed length with NUL
		in.Cells[i].Text = strings.TrimRight(c.Text, "\x00")
	}
	keys, values := clickHouseArray(in.Get("meta.key")), clickHouseArray(in.Get("meta.value"))
	var cells []row.Cell
	for i, key := range keys {
		if i < len(values) {
			cells = append(cells, row.Cell{Name: key.Text, Value: values[i]})
		}
	}
	in.Set(meta, row.Object(cells))
	in.Set(address, text(in.Get("hostname").Text+in.Get("pathname").Text))
	return false
}

// clickHouseArray reads an array of strings: of JSON, or in single quotes as in CSV.
func clickHouseArray(v row.Value) []row.Value {
	if items, err := v.Array(); err == nil {
		return items
	}
	var all []row.Value
	var item strings.Builder
	quoted := false
	for i := 0; i < len(v.Text); i++ {
		switch c := v.Text[i]; {
		case c == '\'' && quoted:
			all = append(all, text(item.String()))
			item.Reset()
			quoted = false
		case c == '\'':
			quoted = true
		case c == '\\' && quoted && i+1 < len(v.Text):
			i++
			item.WriteByte(v.Text[i])
		case quoted:
			item.WriteByte(c)
		}
	}
	return all
}
