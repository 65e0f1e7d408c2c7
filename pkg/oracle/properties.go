package oracle

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"
)

// Properties asks which properties events have. What is measured of the series does not
// matter.
type Properties struct {
	Scope
	Series Series
}

// PropertyRow is a row of "properties".
type PropertyRow struct {
	Property string // key, as JSON has it
	Types    string // kinds of values, comma-separated
	Events   int
	Share    float64 // of the events of the series in the range
}

// ranged returns the events of a series in the range.
func (s Scope) ranged(k known, events []Event, series Series) []counted {
	return slices.DeleteFunc(s.fitting(k, events, series), func(e counted) bool { return !s.contains(e.At) })
}

// Rows computes the rows by events, the most first, then by name: at most 1,000.
func (q Properties) Rows(events []Event) []PropertyRow {
	fit := q.ranged(knownIn(events, q.From, q.To, q.Zone), events, q.Series)
	count := map[string]int{}
	seen := map[string]map[string]bool{} // kinds by key
	for _, e := range fit {
		var object map[string]json.RawMessage
		if e.Properties != "" {
			if err := json.Unmarshal([]byte(e.Properties), &object); err != nil {
				panic(err)
			}
		}
		for key, value := range object {
			count[key]++
			if seen[key] == nil {
				seen[key] = map[string]bool{}
			}
			seen[key][kindOf(value)] = true
		}
	}
	rows := []PropertyRow{}
	for key, n := range count {
		var types []string
		for _, kind := range []string{"text", "integer", "number", "boolean", "array", "object", "null"} {
			if seen[key][kind] {
				types = append(types, kind)
			}
		}
		rows = append(rows, PropertyRow{key, strings.Join(types, ","), n, float64(n) / float64(len(fit))})
	}
	slices.SortFunc(rows, func(a, b PropertyRow) int {
		return cmp.Or(cmp.Compare(b.Events, a.Events), cmp.Compare(a.Property, b.Property))
	})
	return rows[:min(1000, len(rows))]
}

// kindOf names the kind of a value. A number is an integer by its value, however it was
// written: 10.0 and 1e1 are the text 10.
func kindOf(value json.RawMessage) string {
	switch value[0] {
	case '"':
		return "text"
	case 't', 'f':
		return "boolean"
	case 'n':
		return "null"
	case '[':
		return "array"
	case '{':
		return "object"
	}
	if rational(string(value)).IsInt() {
		return "integer"
	}
	return "number"
}

// PropertyValues asks which values a field has. What is measured of the series does not
// matter.
type PropertyValues struct {
	Scope
	Series   Series
	Property Field
	Q        string // contained in the value, any case; empty: any value, and missing ones
	Limit    int
}

// PropertyValue is a row of "property-values"; a value of nil is missing.
type PropertyValue struct {
	Value         *string
	Events, Users int
}

// Rows computes the rows by events, the most first, then by code points, a missing
// value last.
func (q PropertyValues) Rows(events []Event) []PropertyValue {
	k := knownIn(events, q.From, q.To, q.Zone)
	values, of := map[string]*string{}, map[string][]counted{}
	for _, e := range q.ranged(k, events, q.Series) {
		value := Breakdown{Field: q.Property}.value(k, e.Event)
		if q.Q == "" || value != nil && strings.Contains(strings.ToLower(*value), strings.ToLower(q.Q)) {
			key := combination([]*string{value})
			values[key], of[key] = value, append(of[key], e)
		}
	}
	rows := []PropertyValue{}
	for key, fit := range of {
		units := map[string]bool{}
		for _, e := range fit {
			units[e.unit] = true
		}
		rows = append(rows, PropertyValue{values[key], len(fit), len(units)})
	}
	slices.SortFunc(rows, func(a, b PropertyValue) int {
		return cmp.Or(cmp.Compare(b.Events, a.Events), compareValues([]*string{a.Value}, []*string{b.Value}))
	})
	return rows[:min(q.Limit, len(rows))]
}
