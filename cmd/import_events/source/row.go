package source

import (
	"fmt"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"eventanalytics/cmd/import_events/reject"
)

const properties = "properties_json"

// Required and optional columns of a table.
var (
	required = []string{"event_id", "occurred_at", "user_id", "event_type"}
	optional = []string{properties}
)

// checkColumns refuses a table that lacks columns of an event, and one with columns
// that would be lost.
func checkColumns(names []string) error {
	for i, name := range names {
		if !slices.Contains(required, name) && !slices.Contains(optional, name) {
			return fmt.Errorf("%w: events have no column %q", ErrFormat, name)
		}
		if slices.Contains(names[:i], name) {
			return fmt.Errorf("%w: the column %q is there twice", ErrFormat, name)
		}
	}
	for _, name := range required {
		if !slices.Contains(names, name) {
			return fmt.Errorf("%w: there is no column %q (columns: %s)", ErrFormat, name, strings.Join(names, ", "))
		}
	}
	return nil
}

// cell of a table; a null one is omitted from the event.
type cell struct {
	column string
	text   string
	null   bool
}

// event converts a table's row to an event. Everything except the properties
// becomes a JSON string: to the API 42 and "42" are the same user.
func event(row []cell) ([]byte, *reject.Fault) {
	size := 2
	for _, c := range row {
		size += len(c.column) + len(c.text) + 8
	}
	b := append(make([]byte, 0, size), '{')
	for _, c := range row {
		if c.null {
			continue
		}
		if len(b) > 1 {
			b = append(b, ',')
		}
		b = append(append(append(b, '"'), c.column...), '"', ':')
		if c.column == properties {
			// Checked on its own, lest it end the event and begin another.
			if fault := checkJSON(jsontext.Value(c.text)); fault != nil {
				fault.Column = properties
				return nil, fault
			}
			b = append(b, c.text...)
			continue
		}
		var err error
		if b, err = jsontext.AppendQuote(b, c.text); err != nil {
			return nil, &reject.Fault{Column: c.column, Code: "invalid-utf8", Reason: "must be UTF-8"}
		}
	}
	return append(b, '}'), nil
}

// checkJSON refuses anything but one JSON value. What else is wrong with it, the
// rules of the API say when they are applied to the event.
func checkJSON(v jsontext.Value) *reject.Fault {
	if v.IsValid(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)) {
		return nil
	}
	return &reject.Fault{Code: "malformed-json", Reason: "must be one valid JSON value"}
}

// plain shows a row that cannot become an event, with all its cells as strings.
func plain(row []cell) []byte {
	b := []byte{'{'}
	for _, c := range row {
		if c.null {
			continue
		}
		if len(b) > 1 {
			b = append(b, ',')
		}
		b, _ = jsontext.AppendQuote(b, c.column)
		b, _ = jsontext.AppendQuote(append(b, ':'), c.text) // invalid UTF-8 is replaced
	}
	return append(b, '}')
}
