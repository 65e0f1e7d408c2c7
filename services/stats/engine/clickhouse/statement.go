package clickhouse

import (
	_ "embed"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/ext"
	"github.com/RoaringBitmap/roaring/v2"

	"eventanalytics/pkg/calendar"
	"eventanalytics/pkg/syntax"
	"eventanalytics/pkg/warehouse/persons"
	"eventanalytics/pkg/warehouse/segment"
	"eventanalytics/services/stats/engine"
)

//go:embed local.sql
var localSQL string

// Bounds of what a statement brings beside its text. Its values are in the request's
// address, of which servers and what is before them read about so much; what does not fit
// is left to another engine.
const (
	maxValues     = 1_000
	maxValueBytes = 64 << 10
	maxKeys       = 8_000_000 // of users, in tables
)

// statement is SQL with its values, over the events of a period. Its text reads them from
// {{local}}; other markers stand for constants of this package.
type statement struct {
	scope   engine.Scope
	period  period
	text    string
	markers []string
	types   []string // of the events; empty: all
	filter  syntax.Filter
	holds   []string // the rest of the filter, in SQL on {{local}}
	clock   bool     // what the clock shows is looked at
	columns columns  // further ones of the events

	values     []any
	bytes      int // of values
	bound      map[string]string
	properties map[string]string // ids, by keys
	project    int64
	tables     []*ext.Table
	keys       uint64 // in tables
	err        error  // of what cannot be asked
}

// period is the events that are read.
type period engine.Period

func (p period) since() time.Time {
	if p.From == math.MinInt64 {
		return time.Time{}
	}
	return time.UnixMicro(p.From).UTC()
}

func (p period) until() time.Time {
	if p.To == math.MaxInt64 {
		return time.Time{}
	}
	return time.UnixMicro(p.To).UTC()
}

// newStatement makes a statement over the events of a period that a scope has.
func newStatement(scope engine.Scope, text string, p engine.Period, markers ...string) *statement {
	st := &statement{scope: scope, period: period(p), text: text, markers: markers, bound: map[string]string{}, properties: map[string]string{}}
	st.filter = st.split(scope.Filter)
	return st
}

// cannot notes that the statement cannot be asked.
func (st *statement) cannot(why string) string {
	st.err = fmt.Errorf("%w: %s", engine.ErrUnsupported, why)
	return "0"
}

// sql returns the text in full, over the events of some segments.
func (st *statement) sql(e *Engine, segments []segment.Segment) string {
	st.project = e.project
	if st.clock && (st.period.From == math.MinInt64 || st.period.To == math.MaxInt64) {
		st.period.Spans = spans(st.scope.Zone, segments, st.period.To)
	}
	holds := append([]string{"day BETWEEN " + st.integer(int64(st.period.First)) + " AND " + st.integer(int64(st.period.Last))}, st.holds...)
	people := e.snapshot.Persons(e.project)
	person, join := "user_key", ""
	if people != nil {
		person, join = "if(root1 = 0, user_key, toUInt32(root1 - 1))", "LEFT ANY JOIN "+st.persons(people)+" AS moved ON events.user_key = moved.moved_key"
	}
	local := strings.NewReplacer(
		"{{offset}}", st.span(func(s calendar.Span) int64 { return s.Offset }),
		"{{since}}", st.span(func(s calendar.Span) int64 { return s.Start }),
		"{{person}}", person, "{{join}}", join, "{{events}}", st.events(e, segments), "{{holds}}", strings.Join(holds, " AND "),
	).Replace(localSQL)
	return strings.NewReplacer("{{local}}", local).Replace(strings.NewReplacer(st.markers...).Replace(st.text))
}

// spans are those of a zone from the first of some segments' events to the last before an
// instant.
func spans(zone *calendar.Zone, segments []segment.Segment, to int64) []calendar.Span {
	first, last := int64(math.MaxInt64), int64(math.MinInt64)
	for _, s := range segments {
		first, last = min(first, s.MinAt.UnixMicro()), max(last, s.MaxAt.UnixMicro())
	}
	if all := zone.Spans(first, min(last, to-1)+1); len(all) > 0 {
		return all
	}
	return engine.Always().Spans
}

// span is an expression for a value of the span that the instant us is in.
func (st *statement) span(value func(calendar.Span) int64) string {
	all := st.period.Spans
	last := st.integer(value(all[len(all)-1]))
	if len(all) == 1 {
		return last
	}
	var b strings.Builder
	b.WriteString("multiIf(")
	for _, s := range all[:len(all)-1] {
		fmt.Fprintf(&b, "us < %s, %s, ", st.integer(s.End), st.integer(value(s)))
	}
	return b.String() + last + ")"
}

// bind adds a value of a type and returns its placeholder.
func (st *statement) bind(value any, kind string) string {
	key := fmt.Sprintf("%s %v", kind, value)
	if name, ok := st.bound[key]; ok {
		return name
	}
	name := fmt.Sprintf("v%d", len(st.values))
	st.values = append(st.values, clickhouse.Named(name, value))
	st.bytes += len(key) + 16
	st.bound[key] = fmt.Sprintf("{%s:%s}", name, kind)
	return st.bound[key]
}

func (st *statement) string(text string) string   { return st.bind(text, "String") }
func (st *statement) integer(n int64) string      { return st.bind(n, "Int64") }
func (st *statement) integers(all []int64) string { return st.bind(all, "Array(Int64)") }

// number is a float64, by its bits: ClickHouse reads the text of one as a neighbour, where it
// has 17 digits, or as 0 where it is tiny.
func (st *statement) number(x float64) string {
	return "reinterpretAsFloat64(" + st.integer(int64(math.Float64bits(x))) + ")"
}

// strings is a list in parentheses.
func (st *statement) strings(all []string) string {
	list := make([]string, len(all))
	for i, text := range all {
		list[i] = st.string(text)
	}
	return "(" + strings.Join(list, ", ") + ")"
}

// table brings a table with a statement.
func (st *statement) table(rows uint64, columns ...func(*ext.Table) error) (name string) {
	name = fmt.Sprintf("t%d", len(st.tables))
	if st.keys += rows; st.keys > maxKeys {
		st.cannot("it needs too many keys of users")
		return name
	}
	t, err := ext.NewTable(name, columns...)
	if err != nil {
		st.err = fmt.Errorf("making a table of a statement: %w", err)
	}
	st.tables = append(st.tables, t)
	return name
}

func (st *statement) row(values ...any) {
	if st.err != nil {
		return
	}
	if err := st.tables[len(st.tables)-1].Append(values...); err != nil {
		st.err = fmt.Errorf("filling a table of a statement: %w", err)
	}
}

// persons is a table of the keys that moved, with one more than their root: 0 is none.
func (st *statement) persons(m *persons.Map) string {
	name := st.table(uint64(m.Len()), ext.Column("moved_key", "UInt32"), ext.Column("root1", "UInt64"))
	if st.err == nil {
		for key, root := range m.All() {
			st.row(key, uint64(root)+1)
		}
	}
	return name
}

// in is SQL for whether the user of an event of {{local}} is in a set.
func (st *statement) in(s engine.Set) string {
	users := s.Users
	if users == nil {
		users = roaring.New()
	}
	if users.IsEmpty() {
		return map[bool]string{false: "0", true: "1"}[s.Except]
	}
	name := st.table(users.GetCardinality(), ext.Column("key", "UInt32"))
	if st.err == nil {
		for keys := users.Iterator(); keys.HasNext(); {
			st.row(keys.Next())
		}
	}
	if s.Except {
		return "(person NOT IN (SELECT key FROM " + name + "))"
	}
	return "(person IN (SELECT key FROM " + name + "))"
}

// tooLarge says whether a statement has more values than it may.
func (st *statement) tooLarge() bool { return len(st.values) > maxValues || st.bytes > maxValueBytes }

// columns are further ones of the events: expressions that depend on how files store
// properties.
type columns struct {
	names map[string]string // by key
	all   []func(*file) string
}

// add has an expression selected, once for each key.
func (c *columns) add(key string, expression func(*file) string) (name string) {
	if name = c.names[key]; name != "" {
		return name
	}
	if c.names == nil {
		c.names = map[string]string{}
	}
	name = fmt.Sprintf("e%d", len(c.all))
	c.names[key] = name
	c.all = append(c.all, func(f *file) string { return expression(f) + " AS " + name })
	return name
}

func (c *columns) sql(f *file) string {
	var b strings.Builder
	for _, expression := range c.all {
		b.WriteString(", " + expression(f))
	}
	return b.String()
}

// of has the statement be about events of some types.
func (st *statement) of(types []string) *statement {
	st.types = slices.Clone(types)
	return st
}
