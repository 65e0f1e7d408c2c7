package mapping

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"eventanalytics/cmd/import_events/reject"
	"eventanalytics/cmd/import_events/row"
)

// properties collects those of one event.
type properties struct {
	lenient bool
	cells   []row.Cell
}

func (p *properties) add(name string, v row.Value, column string) *reject.Fault {
	if !slices.ContainsFunc(p.cells, func(c row.Cell) bool { return c.Name == name }) {
		p.cells = append(p.cells, row.Cell{Name: name, Value: v})
		return nil
	}
	if p.lenient {
		return nil
	}
	return &reject.Fault{Column: column, Code: "duplicate-key", Reason: fmt.Sprintf("the properties have %q already", name)}
}

// properties of a row. Columns without a value are none; members of objects are as they
// are, null as well.
func (m *Mapping) properties(in *row.Row) ([]row.Cell, *reject.Fault) {
	all := properties{lenient: m.Lenient}
	for _, column := range m.Properties {
		v := in.Get(column)
		if v.IsEmpty() || v.Text == "null" {
			continue
		}
		members, err := v.Object()
		if err != nil {
			return nil, &reject.Fault{Column: column, Code: "invalid-field", Reason: err.Error()}
		}
		for _, c := range members {
			if slices.Contains(m.Removed, c.Name) {
				continue
			}
			if !c.Is() {
				c.Value = row.Value{Kind: row.JSON, Text: "null"}
			}
			if fault := all.add(c.Name, c.Value, column); fault != nil {
				return nil, fault
			}
		}
	}
	for _, n := range m.Named {
		for _, column := range n.Columns {
			v := in.Get(column)
			if v.IsEmpty() {
				continue
			}
			v, fault := m.typed(column, v)
			if fault == nil {
				fault = all.add(n.Property, v, column)
			}
			if fault != nil {
				return nil, fault
			}
			break
		}
	}
	if fault := m.rest(in, &all); fault != nil {
		return nil, fault
	}
	return all.cells, nil
}

// rest adds the columns that have no other use.
func (m *Mapping) rest(in *row.Row, all *properties) *reject.Fault {
	if m.Rest.Drop {
		return nil
	}
	into := all
	if m.Rest.Into != "" {
		into = &properties{lenient: m.Lenient}
	}
	for _, c := range in.Cells {
		if m.lost(c.Name) {
			return &reject.Fault{Column: c.Name, Code: "unknown-field", Reason: "no use is given for it; --rest properties keeps it, --rest drop leaves it out"}
		}
		if m.used(c.Name) || !m.Rest.Keep || !c.Is() {
			continue
		}
		v, fault := m.typed(c.Name, c.Value)
		if fault == nil {
			fault = into.add(c.Name, v, c.Name)
		}
		if fault != nil {
			return fault
		}
	}
	if m.Rest.Into != "" && len(into.cells) > 0 {
		return all.add(m.Rest.Into, row.Object(into.cells), m.Rest.Into)
	}
	return nil
}

// typed gives a value the type that its column was said to have.
func (m *Mapping) typed(column string, v row.Value) (row.Value, *reject.Fault) {
	fault := func(reason string) (row.Value, *reject.Fault) {
		return v, &reject.Fault{Column: column, Code: "invalid-field", Reason: fmt.Sprintf("%s: %s", clip(v.Text), reason)}
	}
	switch m.Types[column] {
	case "text":
		return row.Value{Kind: row.Text, Text: v.Text}, nil
	case "number":
		if v.Kind == row.Number || isNumber(v.Text) && v.Kind != row.JSON {
			return row.Value{Kind: row.Number, Text: v.Text}, nil
		}
		return fault("is not a number as JSON has them, such as -12.5")
	case "bool":
		switch strings.ToLower(v.Text) {
		case "true", "t", "1", "yes":
			return row.Value{Kind: row.JSON, Text: "true"}, nil
		case "false", "f", "0", "no":
			return row.Value{Kind: row.JSON, Text: "false"}, nil
		}
		return fault("is neither true nor false")
	case "json":
		if v.Kind != row.Bare && v.Kind != row.Text {
			return v, nil
		}
		parsed, err := row.Parse([]byte(v.Text))
		if err != nil {
			return fault(err.Error())
		}
		return parsed, nil
	}
	return v, nil
}

// NumberOf makes a number of a value whose text is one.
func NumberOf(v row.Value) row.Value {
	if isNumber(v.Text) {
		v.Kind = row.Number
	}
	return v
}

func isNumber(s string) bool {
	var n json.Number
	return len(s) > 0 && (s[0] == '-' || s[0] >= '0' && s[0] <= '9') && json.Unmarshal([]byte(s), &n) == nil
}

// clip shortens a value that is shown to people.
func clip(s string) string {
	const most = 40
	if len(s) <= most {
		return fmt.Sprintf("%q", s)
	}
	return fmt.Sprintf("%q…", strings.ToValidUTF8(s[:most], ""))
}
