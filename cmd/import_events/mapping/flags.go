package mapping

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Flags are a mapping as the command line gives it.
type Flags struct {
	Map        []string // field=column, and lists of them with commas
	Rest       string   // properties, properties.NAME or drop
	IDFrom     string   // columns, row or content
	EventType  string   // of all events
	TimeFormat string
	Zone       string
	Types      []string // column=type, and lists of them
	Numbers    Numbers
}

// Any says whether a mapping is asked for.
func (f *Flags) Any() bool {
	return len(f.Map) > 0 || f.Rest != "" || f.IDFrom != "" || f.EventType != "" || f.TimeFormat != "" || f.Zone != "" || len(f.Types) > 0
}

// fields of events that --map may give a column.
var fields = []string{"event_id", "occurred_at", "user_id", "event_type", "properties"}

// Mapping reads the flags. It reports everything that is wrong with them.
func (f *Flags) Mapping() (*Mapping, error) {
	columns, named, err := f.columns()
	errs := []error{err}
	m := &Mapping{Numbers: f.Numbers, Always: f.EventType, Named: named}
	field := func(name string) []string {
		if given := columns[name]; given != nil {
			return given
		}
		return []string{name}
	}
	m.Time, m.Type, m.Properties = field("occurred_at"), field("event_type"), columns["properties"]
	for _, column := range field("user_id") {
		m.User = append(m.User, User{Column: column})
	}
	if m.Properties == nil {
		m.Properties = []string{"properties", "properties_json"}
	} else {
		m.named = append(m.named, need{"properties", m.Properties})
	}
	if f.EventType != "" {
		if columns["event_type"] != nil {
			errs = append(errs, errors.New("--event-type: --map has a column for event_type"))
		}
		m.Type = nil
	}
	if m.Clock, err = NewClock(f.TimeFormat, f.Zone); err != nil {
		errs = append(errs, err)
	}
	errs = append(errs, m.idFlag(f.IDFrom, columns["event_id"]), m.restFlag(f.Rest))
	if m.Types, err = types(f.Types); err != nil {
		errs = append(errs, err)
	}
	for column := range m.Types {
		m.named = append(m.named, need{"--type", []string{column}})
	}
	return m, errors.Join(errs...)
}

// columns reads --map.
func (f *Flags) columns() (columns map[string][]string, named []Named, err error) {
	columns = map[string][]string{}
	var errs []error
	seen := map[string]bool{}
	for _, item := range list(f.Map) {
		field, column, ok := strings.Cut(item, "=")
		property, isProperty := strings.CutPrefix(field, "properties.")
		switch {
		case !ok || column == "" || slices.Contains(strings.Split(column, "|"), ""):
			errs = append(errs, fmt.Errorf("--map: %q is not field=column", item))
		case seen[field]:
			errs = append(errs, fmt.Errorf("--map: %q is there twice; field=a|b takes the first column with a value", field))
		case isProperty && property != "":
			named = append(named, Named{property, strings.Split(column, "|")})
		case slices.Contains(fields, field):
			columns[field] = strings.Split(column, "|")
		default:
			errs = append(errs, fmt.Errorf("--map: events have no field %q; there are %s and properties.NAME", field, strings.Join(fields, ", ")))
		}
		seen[field] = true
	}
	return columns, named, errors.Join(errs...)
}

func (m *Mapping) idFlag(from string, columns []string) error {
	switch {
	case from == "" && columns == nil:
		m.ID.Columns = []string{"event_id"}
	case from == "":
		m.ID.Columns = columns
	case columns != nil:
		return errors.New("--id-from: --map has a column for event_id")
	case from == "row":
		m.ID.Row = true
	case from == "content":
		m.ID.Content = true
	default:
		m.ID.From = strings.Split(from, ",")
		for i, column := range m.ID.From {
			if column == "" || slices.Contains(m.ID.From[:i], column) {
				return fmt.Errorf("--id-from: %q must be columns, each once, or row or content", from)
			}
		}
	}
	return nil
}

func (m *Mapping) restFlag(rest string) error {
	into, ok := strings.CutPrefix(rest, "properties.")
	switch {
	case rest == "":
	case rest == "drop":
		m.Rest.Drop = true
	case rest == "properties":
		m.Rest.Keep = true
	case ok && into != "":
		m.Rest = Rest{Keep: true, Into: into}
	default:
		return fmt.Errorf("--rest: %q is none of properties, properties.NAME and drop", rest)
	}
	return nil
}

func types(flags []string) (map[string]string, error) {
	all := map[string]string{}
	var errs []error
	for _, item := range list(flags) {
		column, kind, ok := strings.Cut(item, "=")
		if !ok || column == "" || !slices.Contains([]string{"text", "number", "bool", "json"}, kind) {
			errs = append(errs, fmt.Errorf("--type: %q is not column=text, number, bool or json", item))
			continue
		}
		if all[column] != "" {
			errs = append(errs, fmt.Errorf("--type: the column %q is there twice", column))
		}
		all[column] = kind
	}
	return all, errors.Join(errs...)
}

// list splits flags with commas, which may also be repeated.
func list(flags []string) (all []string) {
	for _, f := range flags {
		all = append(all, strings.Split(f, ",")...)
	}
	return all
}
