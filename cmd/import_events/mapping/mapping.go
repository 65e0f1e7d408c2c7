// Package mapping makes events of the rows of files.
package mapping

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"eventanalytics/cmd/import_events/reject"
	"eventanalytics/cmd/import_events/row"
	"eventanalytics/cmd/import_events/source"
)

// Mapping says which columns an event is made of. Where several are named, the first that
// has a value counts. Columns are paths, as row.Get has them.
type Mapping struct {
	ID      ID
	Time    []string
	Clock   Clock // how Time is written
	User    []User
	Numbers Numbers // as user ids
	Type    []string
	Always  string            // the type of all events, instead of what Type has
	Rename  map[string]string // of event types
	Skip    []string          // event types that are no events

	Properties []string          // columns with objects, whose members become properties
	Removed    []string          // of these members, which ones do not
	Named      []Named           // properties of their own
	Rest       Rest              // all other columns
	Dropped    []string          // columns that Rest does not mean
	Types      map[string]string // of columns that become properties: text, number, bool or json
	Lenient    bool              // the file need not have all columns, and a property that is there already stays

	// Prepare changes a row before it is read, or says that it is no event. Nil for nothing
	// to do.
	Prepare func(*row.Row) (skip bool)
	Made    []string // columns that Prepare makes

	named []need          // by flags, that the file must have
	whole map[string]bool // columns that have a use as a whole, once that is asked
}

// User is a column with user ids.
type User struct {
	Column string
	Prefix string // put before the id
}

// Named is a property made of a column.
type Named struct {
	Property string
	Columns  []string
}

// Rest is what becomes of columns that have no other use.
type Rest struct {
	Keep bool   // they become properties; otherwise
	Drop bool   // they are lost; otherwise a file that has any is refused
	Into string // the property that holds them, as an object; empty for a property each
}

// Check refuses a table for what it lacks, and for what would be lost of it.
func (m *Mapping) Check(columns []source.Column) error {
	var names []string
	for _, c := range columns {
		names = append(names, c.Name)
	}
	has := func(path string) bool {
		return slices.ContainsFunc(names, func(name string) bool { return row.Begins(name, path) })
	}
	for _, need := range append(m.needs(), m.named...) {
		need.columns = m.inFile(need.columns)
		if need.field == "event_type" && m.Always != "" {
			continue
		}
		if len(need.columns) > 0 && !slices.ContainsFunc(need.columns, has) {
			return fmt.Errorf("there is no column %s for %s (columns: %s)", quoted(need.columns), need.field, strings.Join(names, ", "))
		}
	}
	for _, c := range columns {
		if m.lost(c.Name) {
			return fmt.Errorf("no use is given for the column %q; --rest properties keeps such columns, --rest drop leaves them out", c.Name)
		}
		if c.Kind == row.Number && slices.Contains(m.Time, c.Name) && !m.Clock.Numeric() {
			return fmt.Errorf("the column %q has the type %s: say with --time-format what its numbers count", c.Name, c.Type)
		}
	}
	return nil
}

// idFrom is the need of ID.From.
const idFrom = "--id-from"

type need struct {
	field   string
	columns []string
}

func (m *Mapping) needs() []need {
	var users []string
	for _, u := range m.User {
		users = append(users, u.Column)
	}
	all := []need{{"event_id", m.ID.Columns}, {"occurred_at", m.Time}, {"user_id", users}, {"event_type", m.Type}}
	for _, column := range m.ID.From {
		if m.Lenient {
			break
		}
		all = append(all, need{idFrom, []string{column}})
	}
	for _, n := range m.Named {
		if !m.Lenient {
			all = append(all, need{"properties." + n.Property, n.Columns})
		}
	}
	return all
}

// Column is where the file has a field of events, for people.
func (m *Mapping) Column(field string) string {
	if strings.HasPrefix(field, "properties") && len(m.Properties) > 0 {
		return strings.Join(m.Properties, " or ")
	}
	for _, need := range m.needs() {
		if columns := m.inFile(need.columns); need.field == field && len(columns) > 0 {
			return strings.Join(columns, " or ")
		}
	}
	return field
}

// inFile leaves out the columns that Prepare makes.
func (m *Mapping) inFile(columns []string) []string {
	return slices.DeleteFunc(slices.Clone(columns), func(c string) bool { return slices.Contains(m.Made, c) })
}

// used says whether a column as a whole has a use. One of which only members are mapped
// has none: the others would be lost.
func (m *Mapping) used(column string) bool {
	if m.whole == nil {
		m.whole = map[string]bool{}
		for _, need := range m.needs() {
			for _, c := range need.columns {
				m.whole[c] = m.whole[c] || need.field != idFrom
			}
		}
		for _, n := range m.Named {
			for _, c := range n.Columns {
				m.whole[c] = true
			}
		}
		for _, c := range m.Properties {
			m.whole[c] = true
		}
		for _, c := range slices.Concat(m.Dropped, m.Made) {
			m.whole[c] = true
		}
	}
	return m.whole[column]
}

// lost says whether a column has no use, not even for ids, and nobody allowed to lose it.
func (m *Mapping) lost(column string) bool {
	return !m.used(column) && !m.Rest.Keep && !m.Rest.Drop && !slices.Contains(m.ID.From, column)
}

// Convert makes an event of a record, unless that has a Fault.
func (m *Mapping) Convert(r *source.Record) {
	if r.Fault != nil {
		return
	}
	if len(r.JSON) > 0 {
		defer func() { r.Row = row.Row{} }() // a record that waits to be sent need not keep it
		var err error
		if r.Row, err = row.OfObject(r.JSON); err != nil {
			r.Fault = &reject.Fault{Code: "malformed-json", Reason: err.Error()}
			return
		}
	}
	in := r.Row
	if m.Prepare != nil {
		in.Cells = slices.Clone(in.Cells) // ids of content are derived of what the file has
		if r.Skipped = m.Prepare(&in); r.Skipped {
			return
		}
	}
	r.Event, r.Skipped, r.Fault = m.event(r, &in)
}

func (m *Mapping) event(r *source.Record, in *row.Row) (event []byte, skipped bool, fault *reject.Fault) {
	kind := in.First(m.Type...)
	if slices.Contains(m.Skip, kind.Text) && kind.Is() { // by its own type, whatever all events are called
		return nil, true, nil
	}
	if name, ok := m.Rename[kind.Text]; ok {
		kind.Text = name
	}
	if m.Always != "" {
		kind = text(m.Always)
	}
	if kind.IsEmpty() {
		return nil, false, m.missing("event_type")
	}
	at, fault := m.moment(in)
	if fault != nil {
		return nil, false, fault
	}
	user, fault := m.user(in)
	if fault != nil {
		return nil, false, fault
	}
	id, fault := m.ID.of(m, r, in)
	if fault != nil {
		return nil, false, fault
	}
	properties, fault := m.properties(in)
	if fault != nil {
		return nil, false, fault
	}
	cells := []row.Cell{
		{Name: "event_id", Value: text(id)},
		{Name: "occurred_at", Value: text(time.UnixMicro(at).UTC().Format("2006-01-02T15:04:05.999999Z"))},
		{Name: "user_id", Value: text(user)},
		{Name: "event_type", Value: text(kind.Text)},
	}
	if len(properties) > 0 {
		cells = append(cells, row.Cell{Name: "properties", Value: row.Object(properties)})
	}
	event, err := row.AppendObject(nil, cells)
	if err != nil {
		return nil, false, &reject.Fault{Code: "invalid-utf8", Reason: "must be UTF-8"}
	}
	return event, false, nil
}

func (m *Mapping) moment(in *row.Row) (int64, *reject.Fault) {
	v := in.First(m.Time...)
	if v.IsEmpty() {
		return 0, m.missing("occurred_at")
	}
	at, err := m.Clock.Read(v)
	if err != nil {
		return 0, &reject.Fault{Column: m.Column("occurred_at"), Code: "invalid-timestamp", Reason: err.Error()}
	}
	return at, nil
}

func (m *Mapping) user(in *row.Row) (string, *reject.Fault) {
	for _, u := range m.User {
		v := in.Get(u.Column)
		if v.IsEmpty() {
			continue
		}
		id, err := m.Numbers.id(v)
		if err != nil {
			return "", &reject.Fault{Column: u.Column, Code: "ambiguous-user", Reason: err.Error()}
		}
		return u.Prefix + id, nil
	}
	return "", m.missing("user_id")
}

func (m *Mapping) missing(field string) *reject.Fault {
	return &reject.Fault{Column: m.Column(field), Code: "missing-field", Reason: "the row has no value for " + field}
}

func text(s string) row.Value { return row.Value{Kind: row.Text, Text: s} }

func quoted(names []string) string {
	all := make([]string, len(names))
	for i, name := range names {
		all[i] = fmt.Sprintf("%q", name)
	}
	return strings.Join(all, " or ")
}
