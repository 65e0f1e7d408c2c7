package mapping

import (
	"fmt"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"eventanalytics/cmd/import_events/reject"
	"eventanalytics/cmd/import_events/row"
	"eventanalytics/cmd/import_events/source"
)

const propertiesColumn = "properties_json"

// Required and optional columns of a table in the API's form.
var (
	required = []string{"event_id", "occurred_at", "user_id", "event_type"}
	optional = []string{propertiesColumn}
)

// Native is for files in the API's own form. Properties, and lines of JSON, are sent as
// they are, byte for byte.
type Native struct {
	Numbers Numbers // as user ids
}

// Check refuses a table that lacks columns of an event, and one with columns that would be
// lost.
func (Native) Check(columns []source.Column) error {
	var names []string
	for _, c := range columns {
		names = append(names, c.Name)
		if !slices.Contains(required, c.Name) && !slices.Contains(optional, c.Name) {
			return fmt.Errorf("events have no column %q; --map says which column has what, --rest properties keeps all others", c.Name)
		}
		if !supported(c) {
			return fmt.Errorf("the column %q has the type %s, which is not supported there; --map and --time-format may help", c.Name, c.Type)
		}
	}
	for _, name := range required {
		if !slices.Contains(names, name) {
			return fmt.Errorf("there is no column %q (columns: %s); --map says which column has what, --id-from how an id is made", name, strings.Join(names, ", "))
		}
	}
	return nil
}

// supported says whether a column of a Parquet file has a type of its field.
func supported(c source.Column) bool {
	switch c.Kind {
	case row.Number:
		return c.Name == "user_id"
	case row.Time:
		return c.Name == "occurred_at"
	case row.JSON:
		return c.Name == propertiesColumn
	}
	return true
}

// Column of a field is the field.
func (Native) Column(field string) string { return field }

// Convert makes an event of a record, unless that has a Fault.
func (n Native) Convert(r *source.Record) {
	switch {
	case r.Fault != nil:
	case len(r.JSON) > 0:
		r.Event = r.JSON
	default:
		r.Event, r.Fault = n.event(r.Row.Cells)
	}
}

// event converts a table's row to an event. Everything except the properties becomes a
// JSON string: to the API 42 and "42" are the same user.
func (n Native) event(cells []row.Cell) ([]byte, *reject.Fault) {
	size := 2
	for _, c := range cells {
		size += len(c.Name) + len(c.Text) + 8
	}
	b := append(make([]byte, 0, size), '{')
	for _, c := range cells {
		if !c.Is() {
			continue
		}
		if len(b) > 1 {
			b = append(b, ',')
		}
		b = append(append(append(b, '"'), c.Name...), '"', ':')
		if c.Name == propertiesColumn {
			// Checked on its own, lest it end the event and begin another.
			if !row.IsJSON([]byte(c.Text)) {
				return nil, &reject.Fault{Column: c.Name, Code: "malformed-json", Reason: "must be one valid JSON value"}
			}
			b = append(b, c.Text...)
			continue
		}
		text := c.Text
		if c.Name == "user_id" {
			var err error
			if text, err = n.Numbers.id(c.Value); err != nil {
				return nil, &reject.Fault{Column: c.Name, Code: "ambiguous-user", Reason: err.Error()}
			}
		}
		var err error
		if b, err = jsontext.AppendQuote(b, text); err != nil {
			return nil, &reject.Fault{Column: c.Name, Code: "invalid-utf8", Reason: "must be UTF-8"}
		}
	}
	return append(b, '}'), nil
}
