package duckdb

import (
	"context"
	"database/sql"
	_ "embed"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"eventanalytics/pkg/calendar"
	"eventanalytics/pkg/syntax"
	"eventanalytics/pkg/warehouse/duckdb"
	"eventanalytics/services/stats/engine"
)

var (
	//go:embed local.sql
	localSQL string
	//go:embed users_history.sql
	usersHistorySQL string
)

// statement is SQL with its values, over the events of a period. Its text reads them from
// {{local}}; other markers stand for constants of this package.
type statement struct {
	zone    *calendar.Zone
	period  engine.Period
	until   int64 // instant that ends the users' history
	text    string
	markers []string
	args    []any
	texts   map[string]duckdb.Function // by the name of their value
	types   []string                   // of the events; empty: all
	user    *string                    // whose events; nil: everyone's
	keys    []uint32                   // of the person whose events they are; none: of the user
	places  *duckdb.Places             // nil: {{local}} has none
	filter  syntax.Filter              // for the events, by what they have themselves
	holds   string                     // the rest of the filter, in SQL
	events  columns                    // further ones of {{events}}
	history columns                    // further ones of {{history}}
	users   []string                   // values of users' histories, as SQL with a name
	needed  bool                       // {{history}} is, beside each event
	past    bool                       // {{history}} is read by the text
	clock   bool                       // what the clock shows is looked at
	sets    int                        // comparisons that use one
	scope   engine.Scope               // whose sets of users fields and filters name
	keyed   bool                       // keys of users are looked at
	err     error                      // of what cannot be asked
}

// newStatement makes a statement over the events of a period that a scope has.
func newStatement(scope engine.Scope, text string, p engine.Period, markers ...string) *statement {
	st := &statement{zone: scope.Zone, period: p, until: scope.Until(p), text: text, markers: markers, texts: map[string]duckdb.Function{}, scope: scope}
	st.filter, st.holds = st.split(scope.Filter)
	return st
}

// sql returns the text in full.
func (st *statement) sql() string {
	st.with("from_us", st.period.From)
	st.with("to_us", st.period.To)
	st.with("first_date", st.period.First.String())
	st.with("last_date", st.period.Last.String())
	users := ""
	if st.needed || st.past {
		st.with("until_us", st.until)
	}
	if st.needed {
		users = strings.ReplaceAll(usersHistorySQL, "{{values}}", strings.Join(st.users, ""))
	}
	local := strings.NewReplacer(
		"{{offset}}", spanSQL(st.period.Spans, func(s calendar.Span) int64 { return s.Offset }, st.bind),
		"{{since}}", spanSQL(st.period.Spans, func(s calendar.Span) int64 { return s.Start }, st.bind),
		"{{users}}", users, "{{holds}}", st.holds,
	).Replace(localSQL)
	return strings.NewReplacer("{{local}}", local).Replace(strings.NewReplacer(st.markers...).Replace(st.text))
}

// run runs a statement and calls scan for each row.
func (e *Engine) run(ctx context.Context, st *statement, scan func(*sql.Rows) error) error {
	switch {
	case st.err != nil:
		return st.err
	case (st.keyed || e.snapshot.Persons(e.project) != nil) && !e.hasKeys():
		return engine.ErrNoKeys
	}
	if st.clock && (st.period.From == math.MinInt64 || st.period.To == math.MaxInt64) {
		st.period.Spans = e.spans(st.zone, st.period.To)
	}
	q := duckdb.Query{Project: e.project, SQL: st.sql(), Args: st.args, Where: st.where, Select: st.events.sql, Places: st.places, Texts: st.texts}
	if st.needed || st.past {
		q.History = st.history.sql
	}
	if st.period.From != math.MinInt64 {
		q.From = time.UnixMicro(st.period.From).UTC()
	}
	if st.period.To != math.MaxInt64 {
		q.To = time.UnixMicro(st.period.To).UTC()
	}
	return e.db.Run(ctx, e.snapshot, q, scan)
}

// spans are those of a zone from the first of the project's events to the last before an
// instant. Periods of all time have none but of the dates that are asked about.
func (e *Engine) spans(zone *calendar.Zone, to int64) []calendar.Span {
	first, last := int64(math.MaxInt64), int64(math.MinInt64)
	for _, s := range e.snapshot.Segments(e.project, time.Time{}, time.Time{}) {
		first, last = min(first, s.MinAt.UnixMicro()), max(last, s.MaxAt.UnixMicro())
	}
	if spans := zone.Spans(first, min(last, to-1)+1); len(spans) > 0 {
		return spans
	}
	return engine.Always().Spans // there are no events
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

// where is the condition on what events have themselves.
func (st *statement) where(columns duckdb.Columns) string {
	condition := whereSQL(engine.Scope{Zone: st.zone, Filter: st.filter}, columns)
	switch {
	case len(st.keys) > maxKeys: // {{holds}} has them
	case len(st.keys) > 0:
		condition = "user_key IN (" + listOf(st.keys) + ") AND " + condition
	case st.user != nil:
		condition = "user_id = " + columns.Bind(*st.user) + "::VARCHAR AND " + condition
	}
	if len(st.types) == 0 {
		return condition
	}
	types := make([]string, len(st.types))
	for i, name := range st.types {
		types[i] = columns.Bind(name) + "::VARCHAR"
	}
	return "event_type IN (" + strings.Join(types, ", ") + ") AND " + condition
}

// maxKeys is how many keys of a person files are read by.
const maxKeys = 1000

// of has the statement be about the events of one user.
func (st *statement) of(userID string, keys []uint32) {
	st.user, st.keys = &userID, keys
	if len(keys) > 0 {
		st.keyed = true
		st.holds = fmt.Sprintf("user_key = %d AND (%s)", keys[0], st.holds)
	}
}

// listOf writes keys as SQL.
func listOf(keys []uint32) string {
	texts := make([]string, len(keys))
	for i, key := range keys {
		texts[i] = strconv.FormatUint(uint64(key), 10)
	}
	return strings.Join(texts, ", ")
}

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

// textOf is the result of a function in Go for an expression.
func (st *statement) textOf(expression, name string, function duckdb.Function) string {
	st.texts["fn_"+name] = function
	return duckdb.TextOf(expression, "$fn_"+name)
}

// columns are expressions that depend on how files store properties.
type columns struct {
	names map[string]string // by key
	all   []func(duckdb.Columns) string
}

// add has an expression, of VARCHAR, selected under a name that begins with prefix, once
// for each key.
func (c *columns) add(prefix, key string, expression func(duckdb.Columns) string) (name string) {
	if name = c.names[key]; name != "" {
		return name
	}
	name = fmt.Sprintf("%s%d", prefix, len(c.all))
	if c.names == nil {
		c.names = map[string]string{}
	}
	c.names[key] = name
	c.all = append(c.all, func(files duckdb.Columns) string { return expression(files) + " AS " + name })
	return name
}

func (c *columns) sql(files duckdb.Columns) []string {
	list := make([]string, len(c.all))
	for i, expression := range c.all {
		list[i] = expression(files)
	}
	return list
}
