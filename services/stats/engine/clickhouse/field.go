package clickhouse

import (
	"fmt"

	"eventanalytics/pkg/calendar"
	"eventanalytics/pkg/syntax"
	"eventanalytics/services/stats/engine"
)

// fieldText is SQL for the text of a field at an event of {{local}}, NULL where there is no
// value.
func (st *statement) fieldText(f syntax.Field) string {
	switch f.Source {
	case syntax.EventType, syntax.UserID:
		return string(f.Source)
	case syntax.Property:
		return st.columns.add(fmt.Sprintf("text %q", f.Keys), func(files *file) string { return files.text(f.Keys) })
	case syntax.Hour, syntax.Weekday:
		return "toString(" + st.clockValue(f.Source) + ")"
	case syntax.Cohort:
		return "if(" + st.in(st.scope.Sets[f.Name]) + ", 'true', 'false')"
	}
	return st.cannot("it is about " + string(f.Source))
}

// fieldNumber is SQL for the JSON number that a field has at an event, in canonical form.
func (st *statement) fieldNumber(f syntax.Field) string {
	switch f.Source {
	case syntax.Property:
		return st.columns.add(fmt.Sprintf("number %q", f.Keys), func(files *file) string { return files.number(f.Keys) })
	case syntax.Hour, syntax.Weekday:
		return "toString(" + st.clockValue(f.Source) + ")"
	case syntax.UserProperty, syntax.FirstProperty:
		return st.cannot("it is about " + string(f.Source))
	}
	return "CAST(NULL, 'Nullable(String)')"
}

func (f *file) text(keys []string) string {
	column, kind := f.kindOf(keys)
	switch kind {
	case text:
		return column
	case integer:
		return "toString(" + column + ")"
	case number:
		return "if(" + column + " IS NULL, NULL, " + ofDouble("assumeNotNull("+column+")") + ")"
	}
	return f.property(keys).asText(everything)
}

func (f *file) number(keys []string) string {
	switch _, kind := f.kindOf(keys); kind {
	case text:
		return "CAST(NULL, 'Nullable(String)')"
	case integer, number:
		return f.text(keys)
	}
	return f.property(keys).asNumber()
}

var clockSQL = map[syntax.Source]string{
	syntax.Hour:    "toInt64(intDiv(positiveModulo(clock_us, toInt64(86400000000)), 3600000000))",
	syntax.Weekday: "toInt64(positiveModulo(day + 3, 7) + 1)",
}

// clockValue is SQL for what a clock shows at an event of {{local}}.
func (st *statement) clockValue(source syntax.Source) string {
	st.clock = true
	return clockSQL[source]
}

// breakdownText is SQL for the value that a breakdown sorts an event by.
func (st *statement) breakdownText(b syntax.Breakdown) string {
	if len(b.Bins) > 0 {
		return st.cannot("it has bins")
	}
	return st.fieldText(b.Field)
}

// bucketSQL is the bucket of an event as engine.Count has it.
var bucketSQL = map[calendar.Unit]string{
	engine.Whole:          "toInt64(0)",
	calendar.Minute:       "greatest(clock_us - positiveModulo(clock_us, 60000000) - offset_us, since_us)", // none goes on when the clock is moved
	calendar.Hour:         "greatest(clock_us - positiveModulo(clock_us, 3600000000) - offset_us, since_us)",
	calendar.Day:          "day",
	calendar.Week:         "day - positiveModulo(day + 3, 7)",
	calendar.SundayWeek:   "day - positiveModulo(day + 4, 7)",
	calendar.SaturdayWeek: "day - positiveModulo(day + 5, 7)",
}

// bucket is SQL for the bucket of an event of a range.
func (st *statement) bucket(unit calendar.Unit, r engine.Range) string {
	if sql, ok := bucketSQL[unit]; ok {
		return "toInt64(" + sql + ")"
	}
	return "toInt64(roundDown(day, " + st.begins(unit, r) + "))"
}

// begins is an array of the first dates of a range's buckets.
func (st *statement) begins(unit calendar.Unit, r engine.Range) string {
	var begins []int64
	for day := unit.Floor(r.From); day <= r.To && len(begins) <= maxValues; day = unit.Add(day, 1) {
		begins = append(begins, int64(day))
	}
	if len(begins) > maxValues {
		return st.cannot("it has too many buckets")
	}
	return st.integers(begins)
}
