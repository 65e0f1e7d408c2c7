package duckdb

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"eventanalytics/pkg/syntax"
	"eventanalytics/pkg/warehouse/duckdb"
	"eventanalytics/services/stats/engine"
)

// split cuts a filter into one on what events have themselves, which files are read by,
// and the SQL of the rest, on {{local}}.
func (st *statement) split(f syntax.Filter) (own syntax.Filter, rest string) {
	if isOwn(f) {
		return f, "true"
	}
	if f.Form != syntax.All {
		return syntax.Filter{}, st.restSQL(f)
	}
	parts := []string{"true"}
	for _, one := range f.Of {
		if isOwn(one) {
			own.Of = append(own.Of, one)
		} else {
			parts = append(parts, st.restSQL(one))
		}
	}
	return own, strings.Join(parts, " AND ")
}

// isOwn says whether a filter is on what events have themselves.
func isOwn(f syntax.Filter) bool {
	switch f.Form {
	case syntax.Holds:
		return isOfEvents(f.Condition.Field.Source)
	case syntax.DidSo, syntax.ReachedSo:
		return false
	default:
		return !slices.ContainsFunc(f.Of, func(one syntax.Filter) bool { return !isOwn(one) })
	}
}

// isOfEvents says whether events have the values of a source themselves.
func isOfEvents(source syntax.Source) bool {
	return source == syntax.Property || source == syntax.EventType || source == syntax.UserID
}

// restSQL is the SQL of a filter of which something is not on events themselves.
func (st *statement) restSQL(f syntax.Filter) string {
	if isOwn(f) {
		return st.events.add("e", "holds "+keyOf(f), func(c duckdb.Columns) string {
			return "CASE WHEN " + whereSQL(engine.Scope{Zone: st.zone, Filter: f}, c) + " THEN '' END"
		}) + " IS NOT NULL"
	}
	switch f.Form {
	case syntax.Holds:
		return st.conditionSQL(f)
	case syntax.Not:
		return "((" + st.restSQL(f.Of[0]) + ") IS NOT TRUE)"
	case syntax.DidSo, syntax.ReachedSo:
		st.err = engine.ErrUnsupported // a Source finds the users before
		return "false"
	}
	none, operator := "true", " AND "
	if f.Form == syntax.Any {
		none, operator = "false", " OR "
	}
	parts := []string{none}
	for _, one := range f.Of {
		parts = append(parts, "("+st.restSQL(one)+")")
	}
	return "(" + strings.Join(parts, operator) + ")"
}

// conditionSQL is a condition on a user's history, or on the clock.
func (st *statement) conditionSQL(f syntax.Filter) string {
	test, source := f.Condition.Test(st.zone), f.Condition.Field.Source
	name := fmt.Sprintf("holds_%x", keyOf(f))
	holds := func(condition func(string) bool) duckdb.Function {
		return func(text string) (string, bool) { return "", condition(text) }
	}
	switch source {
	case syntax.Hour, syntax.Weekday:
		c := comparison{column: st.clockValue(source), Test: test, bind: st.bind, sets: &st.sets}
		switch {
		case f.Condition.Op == syntax.Exists, f.Condition.Op == syntax.Missing:
			return c.text()
		case compared(f.Condition.Op):
			return c.integer()
		}
		return st.textOf(st.clockValue(source)+"::VARCHAR", name, holds(test.HoldsText)) + " IS NOT NULL"
	case syntax.FirstSeen, syntax.LastSeen:
		st.needed = true
		return st.textOf(string(source)+"::VARCHAR", name, holds(func(text string) bool {
			us, err := strconv.ParseInt(text, 10, 64)
			if err != nil { // no event before the end of the range
				return test.Op == syntax.Missing
			}
			return test.HoldsInstant(us)
		})) + " IS NOT NULL"
	case syntax.UserProperty, syntax.FirstProperty:
		return st.textOf(st.userValue(f.Condition.Field), name, holds(func(json string) bool { return test.Holds(valueOf(json)) })) + " IS NOT NULL"
	}
	if source == syntax.Cohort {
		return st.inSet(st.scope.Holding(f.Condition))
	}
	st.err = engine.ErrUnsupported
	return "false"
}
