package clickhouse

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"eventanalytics/pkg/warehouse/segment"
)

// file is a set of files with the same columns, for which expressions are made.
type file struct {
	st       *statement
	shredded []string
	names    []string // of expressions
	with     []string // these, defined
}

// define gives an expression a name that it always has.
func (f *file) define(name, expression string) string {
	if !slices.Contains(f.names, name) {
		f.names, f.with = append(f.names, name), append(f.with, expression+" AS "+name)
	}
	return name
}

// Kinds of columns of properties, as files name them.
const (
	text    = "text"
	integer = "integer"
	number  = "decimal"
)

// kindOf returns the column that has a property, and its kind; "" when the property is in
// JSON alone.
func (f *file) kindOf(keys []string) (column, kind string) {
	if len(keys) != 1 {
		return "", ""
	}
	for _, kind := range []string{text, integer, number} {
		if name := kind + ":" + keys[0]; slices.Contains(f.shredded, name) {
			return identifier(name), kind
		}
	}
	return "", ""
}

func identifier(name string) string {
	return "`" + strings.NewReplacer("\\", `\\`, "`", "\\`").Replace(name) + "`"
}

// fixed are the columns of all files. Where properties are NULL they are read as ”.
const fixed = "project_id Int64, event_id FixedString(16), occurred_at DateTime64(6, 'UTC'), user_id String, user_key UInt32, event_type String, properties String"

var types = map[string]string{text: "Nullable(String)", integer: "Nullable(Int64)", number: "Nullable(Float64)"}

// structure is that of a file, of which no more is read than is selected.
func (f *file) structure() string {
	all := fixed
	for _, name := range f.shredded {
		kind, _, _ := strings.Cut(name, ":")
		if t := types[kind]; t != "" {
			all += ", " + identifier(name) + " " + t
		}
	}
	return all
}

// maxSets is how many sets of columns are read apart; beyond them all files are read by the
// columns that each has.
const maxSets = 8

// part is segments whose events are read alike.
type part struct {
	selected, condition string
	file                *file
	segments            []segment.Segment
}

// parts sorts segments by how they are read.
func (st *statement) parts(segments []segment.Segment) []*part {
	var parts []*part
	known := map[[2]string]*part{}
	for _, s := range segments {
		p := st.part(s.Shredded)
		if same := known[[2]string{p.selected, p.condition}]; same != nil {
			p = same
		} else {
			parts = append(parts, p)
			known[[2]string{p.selected, p.condition}] = p
		}
		p.segments = append(p.segments, s)
	}
	if len(parts) > maxSets {
		all := st.part(nil)
		all.segments = segments
		return []*part{all}
	}
	return parts
}

func (st *statement) part(shredded []string) *part {
	f := &file{st: st, shredded: shredded}
	return &part{selected: st.columns.sql(f), condition: st.where(f), file: f}
}

// events is the relation of the events that are read. ClickHouse passes over a file of a
// list that it does not find: the events of each list are counted, which takes no more than
// the files' footers.
func (st *statement) events(e *Engine, segments []segment.Segment) string {
	var reads []string
	for _, p := range st.parts(segments) {
		source := e.server.files.source(p.segments, p.file.structure())
		with := ""
		if len(p.file.with) > 0 {
			with = "WITH " + strings.Join(p.file.with, ", ") + " "
		}
		reads = append(reads, with+fmt.Sprintf("SELECT toUnixTimestamp64Micro(occurred_at) AS us, event_id, user_id, user_key, event_type%s FROM %s WHERE %s AND (SELECT throwIf(count() != %s, '%s') FROM %s) = 0",
			p.selected, source, p.condition, st.integer(segment.EventsOf(p.segments)), missing, source))
	}
	return "(" + strings.Join(reads, " UNION ALL ") + ")"
}

// where is the condition on what events have themselves.
func (st *statement) where(f *file) string {
	conditions := []string{"project_id = " + st.integer(st.project)}
	if st.period.From != math.MinInt64 {
		conditions = append(conditions, "occurred_at >= fromUnixTimestamp64Micro("+st.integer(st.period.From)+", 'UTC')")
	}
	if st.period.To != math.MaxInt64 {
		conditions = append(conditions, "occurred_at < fromUnixTimestamp64Micro("+st.integer(st.period.To)+", 'UTC')")
	}
	if len(st.types) > 0 {
		conditions = append(conditions, "event_type IN "+st.strings(st.types))
	}
	return strings.Join(append(conditions, f.filter(st.filter)), " AND ")
}
