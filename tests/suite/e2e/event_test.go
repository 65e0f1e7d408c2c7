package e2e

import (
	"maps"
	"slices"
	"strings"

	"github.com/google/uuid"
)

func newID() string { return uuid.NewString() }

// event writes a valid event with the fields given (name, JSON text) put in
// place of its own; an empty text leaves a field out.
func event(id string, fields ...string) string {
	all := map[string]string{
		"event_id":    quote(id),
		"occurred_at": `"2025-08-01T10:00:00Z"`,
		"user_id":     "1",
		"event_type":  `"view"`,
	}
	for i := 0; i < len(fields); i += 2 {
		all[fields[i]] = fields[i+1]
	}
	var members []string
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if all[name] != "" {
			members = append(members, quote(name)+":"+all[name])
		}
	}
	return "{" + strings.Join(members, ",") + "}"
}

// array writes events as a JSON array.
func array(events ...string) string { return "[" + strings.Join(events, ",\n") + "]" }

// quote makes a JSON string of a text that needs no escapes.
func quote(s string) string { return `"` + s + `"` }

// nested is a JSON object of the given number of levels.
func nested(levels int) string {
	return strings.Repeat(`{"a":`, levels-1) + "{}" + strings.Repeat("}", levels-1)
}
