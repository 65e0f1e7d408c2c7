// Package metric computes the answers of the stats service. Each metric has a
// file of SQL, run by DuckDB over the events of one project, and the Go beside
// it that binds its values and turns its result into rows. Most have a second
// way, to the same rows: from the project's roll-up, when the question asks for
// no more than that has.
//
// The events of a question come from one place, local.sql: it cuts the time
// range and gives each event its local date; package warehouse reads only those
// that hold under all filters. What is asked of a roll-up comes from one place, too: slots.go cuts
// time into the periods of buckets.
package metric

import (
	"context"
	"database/sql"
	_ "embed"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"eventanalytics/pkg/calendar"
	"eventanalytics/pkg/warehouse/duckdb"
	"eventanalytics/pkg/warehouse/replica"
	"eventanalytics/pkg/warehouse/rollup"
	"eventanalytics/pkg/warehouse/segment"
)

// Query is one question with every parameter resolved.
type Query interface {
	// Name is the metric's, for logs and measurements.
	Name() string
	// Rows answers from the events with a slice of structs with json tags, never
	// nil.
	Rows(ctx context.Context, src Source) (any, error)
}

// summed is a Query that a roll-up can answer.
type summed interface {
	// sums answers with the rows that Rows would answer with. ok is false when the
	// question asks for more than a roll-up has.
	sums(ctx context.Context, view *rollup.View, src Source) (rows any, ok bool, err error)
}

// What an answer was computed from.
const (
	FromRollUp = "rollup"
	FromEvents = "raw"
)

// Answer returns the rows of a question and what they were computed from. The
// rows are the same either way.
func Answer(ctx context.Context, q Query, src Source) (rows any, from string, err error) {
	s, ok := q.(summed)
	view := src.Snapshot.RollUp(src.Project)
	if ok && view != nil {
		err = src.DB.Do(ctx, func(ctx context.Context) (err error) {
			rows, ok, err = s.sums(ctx, view, src)
			return err
		})
		// A roll-up whose file was lost or damaged meanwhile costs time, not the answer.
		if ok && !errors.Is(err, rollup.ErrFormat) && !errors.Is(err, segment.ErrQuarantined) {
			return rows, FromRollUp, err
		}
	}
	rows, err = q.Rows(ctx, src)
	return rows, FromEvents, err
}

// Source says from what a question is answered.
type Source struct {
	DB       *duckdb.DB
	Snapshot *replica.Snapshot
	Project  int64
	Now      time.Time
}

// Scope is what every metric can be asked with.
type Scope struct {
	Zone    *calendar.Zone
	Filters []Filter // all must hold
}

// Range is the days [From, To].
type Range struct{ From, To calendar.Date }

// MaxRows is the most rows an answer may have: it bounds a replica's memory.
const MaxRows = 500_000

// ErrTooManyRows is returned for an answer of more than MaxRows.
var ErrTooManyRows = errors.New("the answer is too long")

//go:embed local.sql
var localSQL string

// period is the part of time a statement reads.
type period struct {
	from, to    int64 // instants, [from, to)
	first, last calendar.Date
	spans       []calendar.Span // of [from, to)
}

// days is the period of local dates; ok is false when none of them existed.
func (s Scope) days(first, last calendar.Date) (p period, ok bool) {
	from, to, ok := s.Zone.Bounds(first, last)
	return period{from, to, first, last, s.Zone.Spans(from, to)}, ok
}

var (
	firstDate, _ = calendar.ParseDate("0001-01-01")
	lastDate, _  = calendar.ParseDate("9999-12-31")
)

// always is all time. Dates before the first span are only roughly right.
func always() period {
	return period{math.MinInt64, math.MaxInt64, firstDate, lastDate, []calendar.Span{{}}}
}

// statement is SQL with its values, over the events of a period.
type statement struct {
	period  period
	text    string
	args    []any
	filters []Filter
}

// statement replaces {{local}} in text by the events of a period. The other
// markers stand for constants of this package.
func (s Scope) statement(text string, p period, markers ...string) *statement {
	st := &statement{period: p, filters: s.Filters}
	st.named("from_us", p.from)
	st.named("to_us", p.to)
	st.named("first_date", p.first.String())
	st.named("last_date", p.last.String())
	local := strings.ReplaceAll(localSQL, "{{offset}}", offsetSQL(p.spans, st.bind))
	st.text = strings.NewReplacer(append(markers, "{{local}}", local)...).Replace(text)
	return st
}

// offsetSQL is an expression for the zone's offset at the instant us.
func offsetSQL(spans []calendar.Span, bind func(any) string) string {
	var b strings.Builder
	last := spans[len(spans)-1]
	if len(spans) == 1 {
		return bind(last.Offset) + "::BIGINT"
	}
	b.WriteString("CASE")
	for _, s := range spans[:len(spans)-1] {
		fmt.Fprintf(&b, " WHEN us < %s::BIGINT THEN %s::BIGINT", bind(s.End), bind(s.Offset))
	}
	fmt.Fprintf(&b, " ELSE %s::BIGINT END", bind(last.Offset))
	return b.String()
}

// where is the condition of all filters.
func (st *statement) where(columns duckdb.Columns) string {
	conditions := []string{"true"}
	for _, f := range st.filters {
		conditions = append(conditions, f.sql(columns))
	}
	return strings.Join(conditions, " AND ")
}

// named adds a value under a name of its own.
func (st *statement) named(name string, value any) *statement {
	st.args = append(st.args, sql.Named(name, value))
	return st
}

// bind adds a value and returns its placeholder.
func (st *statement) bind(value any) string {
	name := fmt.Sprintf("v%d", len(st.args))
	st.named(name, value)
	return "$" + name
}

// collect runs a statement and scans each row with scan.
func collect[T any](ctx context.Context, src Source, st *statement, scan func(*sql.Rows) (T, error)) ([]T, error) {
	q := duckdb.Query{Project: src.Project, SQL: st.text, Args: st.args, Where: st.where}
	if st.period.from != math.MinInt64 {
		q.From = time.UnixMicro(st.period.from).UTC()
	}
	if st.period.to != math.MaxInt64 {
		q.To = time.UnixMicro(st.period.to).UTC()
	}
	all := []T{}
	err := src.DB.Run(ctx, src.Snapshot.Snapshot, q, func(rows *sql.Rows) error {
		if len(all) == MaxRows {
			return ErrTooManyRows
		}
		row, err := scan(rows)
		all = append(all, row)
		return err
	})
	if err != nil {
		return nil, err
	}
	return all, nil
}
