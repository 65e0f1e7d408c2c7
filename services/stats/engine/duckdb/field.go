package duckdb

import (
	"fmt"
	"strconv"

	"eventanalytics/pkg/decimal"
	"eventanalytics/pkg/property"
	"eventanalytics/pkg/syntax"
	"eventanalytics/pkg/warehouse/duckdb"
	"eventanalytics/services/stats/engine"
)

// fieldText is SQL for the text of a field at an event of {{local}}, NULL where there is
// no value.
func (st *statement) fieldText(f syntax.Field) string {
	switch f.Source {
	case syntax.EventType, syntax.UserID:
		return string(f.Source)
	case syntax.Property:
		return st.events.add("e", fmt.Sprintf("text %q", f.Keys), func(c duckdb.Columns) string { return propertyText(c, f.Keys) })
	case syntax.Hour, syntax.Weekday:
		return st.clockValue(f.Source) + "::VARCHAR"
	case syntax.UserProperty, syntax.FirstProperty:
		return st.textOf(st.userValue(f), "text", textOfJSON)
	case syntax.FirstSeen, syntax.LastSeen:
		st.needed = true
		return st.textOf(string(f.Source)+"::VARCHAR", "instant", textOfInstant)
	case syntax.Cohort:
		return "(" + st.inSet(st.scope.Sets[f.Name]) + ")::VARCHAR"
	}
	st.err = engine.ErrUnsupported
	return "NULL"
}

// fieldNumber is SQL for the JSON number that a field has at an event, in canonical form.
func (st *statement) fieldNumber(f syntax.Field) string {
	switch f.Source {
	case syntax.Property:
		return st.events.add("e", fmt.Sprintf("number %q", f.Keys), func(c duckdb.Columns) string { return propertyNumber(c, f.Keys) })
	case syntax.Hour, syntax.Weekday:
		return st.clockValue(f.Source) + "::VARCHAR"
	case syntax.UserProperty, syntax.FirstProperty:
		return st.textOf(st.userValue(f), "number", numberOfJSON)
	}
	return "NULL::VARCHAR"
}

var clockSQL = map[syntax.Source]string{syntax.Hour: "hour(clock)", syntax.Weekday: "isodow(clock)"}

// clockValue is SQL for what a clock shows at an event of {{local}}.
func (st *statement) clockValue(source syntax.Source) string {
	st.clock = true
	return clockSQL[source]
}

// inOrder is the order of a user's events.
const inOrder = "(us, event_type, event_id)"

// userValue is SQL for the JSON of a user's property: of those of whom operations say it,
// what they say, of others the value of an event.
func (st *statement) userValue(f syntax.Field) string {
	value, told := st.eventValue(f), st.scope.Operations.Of(f)
	if told == nil {
		return value
	}
	said := st.textOf("user_key::VARCHAR", fmt.Sprintf("told_%x", fmt.Sprintf("%q", f.Keys)), func(key string) (string, bool) {
		n, err := strconv.ParseUint(key, 10, 32)
		if err != nil || !told.Users.Contains(uint32(n)) {
			return "", false
		}
		v := told.Value(uint32(n))
		return v.JSON(), !v.Missing()
	})
	return "CASE WHEN " + st.inSet(engine.Set{Users: told.Users}) + " THEN " + said + " ELSE " + value + " END"
}

// eventValue is the column with the JSON that a user's last or first event with a property
// has.
func (st *statement) eventValue(f syntax.Field) string {
	st.needed = true
	column := st.history.add("h", fmt.Sprintf("%q", f.Keys), func(c duckdb.Columns) string { return propertyJSON(c, f.Keys) })
	function, name := "arg_max", "last_"+column
	if f.Source == syntax.FirstProperty {
		function, name = "arg_min", "first_"+column
	}
	value := fmt.Sprintf(", %s(%s, %s) FILTER (%s IS NOT NULL) AS %s", function, column, inOrder, column, name)
	for _, known := range st.users {
		if known == value {
			return name
		}
	}
	st.users = append(st.users, value)
	return name
}

func shredded(c duckdb.Columns, keys []string) (column, kind string) {
	if len(keys) == 1 {
		column, kind, _ = c.Shredded(keys[0])
	}
	return column, kind
}

func propertyText(c duckdb.Columns, keys []string) string {
	switch column, kind := shredded(c, keys); kind {
	case duckdb.Text:
		return column
	case duckdb.Integer:
		return column + "::VARCHAR"
	case duckdb.Number:
		return doubleText(c, column)
	}
	return found(c, "text", keys, engine.TextOf)
}

func propertyNumber(c duckdb.Columns, keys []string) string {
	switch column, kind := shredded(c, keys); kind {
	case duckdb.Text:
		return "NULL::VARCHAR"
	case duckdb.Integer:
		return column + "::VARCHAR"
	case duckdb.Number:
		return doubleText(c, column)
	}
	return found(c, "number", keys, engine.NumberOf)
}

func propertyJSON(c duckdb.Columns, keys []string) string {
	switch column, kind := shredded(c, keys); kind {
	case duckdb.Text:
		return "CASE WHEN " + column + " IS NOT NULL THEN to_json(" + column + ")::VARCHAR END"
	case duckdb.Integer, duckdb.Number:
		return column + "::VARCHAR"
	}
	return found(c, "json", keys, func(v property.Value) (string, bool) { return v.JSON(), !v.Missing() })
}

// found is SQL for what Go makes of the value that JSON alone has under some keys.
func found(c duckdb.Columns, kind string, keys []string, as func(property.Value) (string, bool)) string {
	text := c.TextOf("properties", fmt.Sprintf("%s %q", kind, keys), func() duckdb.Function {
		return func(properties string) (string, bool) { return as(property.Find(properties, keys)) }
	})
	return fmt.Sprintf("CASE WHEN %s THEN %s END", c.MayHave(keys[0]), text)
}

// doubleText is the canonical text of a column of numbers. DuckDB writes their shortest
// decimals, too, whole ones with a zero behind the point, and large and small ones with an
// exponent: these are left to Go.
func doubleText(c duckdb.Columns, column string) string {
	return fmt.Sprintf("CASE WHEN abs(%[1]s) < 1e15 AND %[1]s = trunc(%[1]s) THEN %[1]s::BIGINT::VARCHAR "+
		"WHEN abs(%[1]s) BETWEEN 1e-3 AND 1e15 THEN %[1]s::VARCHAR ELSE %[2]s END",
		column, c.TextOf(column+"::VARCHAR", "number", func() duckdb.Function { return numberOfJSON }))
}

// valueOf is a value by its JSON, which may be empty.
func valueOf(json string) property.Value { return property.Find(json, nil) }

func textOfJSON(json string) (string, bool)   { return engine.TextOf(valueOf(json)) }
func numberOfJSON(json string) (string, bool) { return engine.NumberOf(valueOf(json)) }

// textOfInstant writes microseconds since 1970 as RFC 3339 in UTC.
func textOfInstant(text string) (string, bool) {
	us, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return "", false
	}
	return engine.TextOfInstant(us), true
}

// breakdownText is SQL for the value that a breakdown sorts an event by.
func (st *statement) breakdownText(b syntax.Breakdown) string {
	if len(b.Bins) == 0 {
		return st.fieldText(b.Field)
	}
	name := "bin"
	for _, edge := range b.Bins {
		name += fmt.Sprintf("_%x", edge.String())
	}
	return st.textOf(st.fieldNumber(b.Field), name, func(text string) (string, bool) {
		n, ok := decimal.Parse(text)
		return b.Bin(n), ok
	})
}
