package duckdb

import (
	"database/sql"
	_ "embed"
	"fmt"
	"strings"

	"eventanalytics/pkg/calendar"
	"eventanalytics/pkg/warehouse/duckdb"
	"eventanalytics/services/stats/engine"
)

//go:embed local.sql
var localSQL string

// statement is SQL with its values, over the events of a period.
type statement struct {
	period engine.Period
	text   string
	args   []any
	texts  map[string]func(properties string) string // by the name of their value
	scope  engine.Scope
}

// newStatement replaces {{local}} in text by the events of a period. The other
// markers stand for constants of this package.
func newStatement(scope engine.Scope, text string, p engine.Period, markers ...string) *statement {
	st := &statement{period: p, scope: scope}
	st.with("from_us", p.From)
	st.with("to_us", p.To)
	st.with("first_date", p.First.String())
	st.with("last_date", p.Last.String())
	local := strings.NewReplacer(
		"{{offset}}", spanSQL(p.Spans, func(s calendar.Span) int64 { return s.Offset }, st.bind),
		"{{since}}", spanSQL(p.Spans, func(s calendar.Span) int64 { return s.Start }, st.bind),
	).Replace(localSQL)
	st.text = strings.NewReplacer(append(markers, "{{local}}", local)...).Replace(text)
	return st
}

// spanSQL is an expression for a value of the span that the instant us is in.
func spanSQL(spans []calendar.Span, value func(calendar.Span) int64, bind func(any) string) string {
	var b strings.Builder
	last := spans[len(spans)-1]
	if len(spans) == 1 {
		return bind(value(last)) + "::BIGINT"
	}
	b.WriteString("CASE")
	for _, s := range spans[:len(spans)-1] {
		fmt.Fprintf(&b, " WHEN us < %s::BIGINT THEN %s::BIGINT", bind(s.End), bind(value(s)))
	}
	fmt.Fprintf(&b, " ELSE %s::BIGINT END", bind(value(last)))
	return b.String()
}

// where is the condition of the filter.
func (st *statement) where(columns duckdb.Columns) string { return whereSQL(st.scope, columns) }

// with adds a value under a name of its own.
func (st *statement) with(name string, value any) *statement {
	st.args = append(st.args, sql.Named(name, value))
	return st
}

// bind adds a value and returns its placeholder.
func (st *statement) bind(value any) string {
	name := fmt.Sprintf("v%d", len(st.args))
	st.with(name, value)
	return "$" + name
}
