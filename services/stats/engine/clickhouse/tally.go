package clickhouse

import (
	"context"
	_ "embed"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2/ext"

	"eventanalytics/pkg/syntax"
	"eventanalytics/services/stats/engine"
)

//go:embed tally.sql
var tallySQL string

// partSQL is what a tally reads of the events placed. What may be long comes in slices.
var partSQL = map[engine.Part]string{
	engine.OnlyEvents: "SELECT ifNull(bucket, 0) AS b, place, toInt64(count()), toInt64(0) FROM {{placed}} GROUP BY b, place" + inOrder,
	engine.CountUsers: "SELECT ifNull(bucket, 0) AS b, place, toInt64(count()), toInt64(uniqExact(value)) FROM {{placed}} GROUP BY b, place" + inOrder,
	engine.UserSets:   "SELECT ifNull(bucket, 0) AS b, place, toInt64(count()), toInt64(uniqExact(value)), groupUniqArray(value) FROM {{placed}} GROUP BY b, place, value % 16" + inOrder,
	engine.Numbers:    numbersSQL,
	engine.Sums:       numbersSQL, // which Go adds up: exact sums may be of any number of digits
}

const (
	inOrder    = " ORDER BY b, place < 0, place"
	numbersSQL = `SELECT b, place, toInt64(sum(n)), toInt64(0), groupArrayIf(assumeNotNull(value), value IS NOT NULL), groupArrayIf(n, value IS NOT NULL)
		FROM (SELECT ifNull(bucket, 0) AS b, place, value, toInt64(count()) AS n FROM {{placed}} GROUP BY b, place, value)
		GROUP BY b, place, cityHash64(value) % 16` + inOrder
)

// Tally serves a scan.
func (e *Engine) Tally(ctx context.Context, t engine.Tally) ([]engine.Cell, error) {
	if t.Part == engine.UserSets && (t.Unit.Source != "" || t.Field.Source != "") {
		return nil, engine.ErrUnsupported // the numbers of texts in sets are those of another engine
	}
	st := e.newTally(t, partSQL[t.Part])
	if st == nil {
		return nil, nil
	}
	r := reader{part: t.Part, result: engine.NewResult[engine.Cell](ctx), budget: engine.NewBudget(ctx)}
	err := e.run(ctx, st, r.row)
	if err == nil {
		err = r.end()
	}
	return r.result.Rows, err
}

// newTally makes the statement of a tally, or nil when the range has no time.
func (e *Engine) newTally(t engine.Tally, part string) *statement {
	p, exists := t.Period(t.Zone)
	if !exists {
		return nil
	}
	start := p.From
	if t.Before || t.First {
		p.From, p.First = math.MinInt64, engine.FirstDate
	}
	if t.First {
		p.Last = engine.LastDate // the first event may be on a date that is not asked for
	}
	st := newStatement(engine.Scope{Zone: t.Zone, Filter: syntax.And(t.Scope.Filter, t.Series.Filter), Sets: t.Sets}, tallySQL, p).of(t.Types)
	bucket := st.bucket(t.Interval, t.Range)
	if t.Before || t.First {
		before := "NULL"
		if t.Before {
			before = st.integer(engine.BeforeRange)
		}
		bucket = fmt.Sprintf("multiIf(us < %s OR day < %s, %s, day <= %s, %s, NULL)",
			st.integer(start), st.integer(int64(t.From)), before, st.integer(int64(t.To)), bucket)
	}
	st.tally(t, bucket, part)
	return st
}

// tally sets the markers of tally.sql.
func (st *statement) tally(t engine.Tally, bucket, part string) {
	unit, chosen := "person", ""
	if t.Unit.Source != "" {
		unit = st.fieldText(t.Unit)
		chosen = "WHERE unit IS NOT NULL"
	}
	if t.First {
		chosen += " ORDER BY us, event_type, event_id LIMIT 1 BY unit"
	}
	value := "NULL"
	switch {
	case t.Part == engine.Numbers, t.Part == engine.Sums:
		value = st.fieldNumber(t.Field)
	case t.Part != engine.OnlyEvents && t.Field.Source != "":
		value = st.fieldText(t.Field)
	case t.Part != engine.OnlyEvents:
		value = unit
	}
	fields, names := "", ""
	for i, b := range t.Breakdown {
		fields += fmt.Sprintf(", %s AS f%d", st.breakdownText(b), i)
		names += fmt.Sprintf(", f%d", i)
	}
	place, groups := st.place(t)
	placed := "placed"
	if t.Least > 1 {
		placed = "(SELECT * FROM (SELECT *, count() OVER (PARTITION BY bucket, place, unit) AS often FROM placed) WHERE often >= " + st.integer(int64(t.Least)) + ")"
	}
	st.markers = append(st.markers, "{{bucket}}", bucket, "{{unit}}", unit, "{{value}}", value, "{{fields}}", fields, "{{names}}", names,
		"{{chosen}}", chosen, "{{place}}", place, "{{groups}}", groups, "{{part}}", strings.ReplaceAll(part, "{{placed}}", placed))
}

// place is the index of an event's group, and the join that finds it. Groups are found by
// one text, which engine.Group.Key makes.
func (st *statement) place(t engine.Tally) (place, join string) {
	if len(t.Breakdown) == 0 || len(t.Groups) == 0 {
		return "toInt32(-1)", ""
	}
	name := st.table(uint64(len(t.Groups)), ext.Column("group_key", "String"), ext.Column("place1", "Int32"))
	for i, g := range t.Groups {
		st.row(g.Key(), int32(i+1))
	}
	texts := make([]string, len(t.Breakdown))
	for i := range t.Breakdown {
		texts[i] = fmt.Sprintf("if(f%[1]d IS NULL, 'true0:', concat('false', toString(length(assumeNotNull(f%[1]d))), ':', assumeNotNull(f%[1]d)))", i)
	}
	key := texts[0]
	if len(texts) > 1 {
		key = "concat(" + strings.Join(texts, ", ") + ")"
	}
	return "toInt32(place1 - 1)", "LEFT ANY JOIN " + name + " ON " + key + " = " + name + ".group_key"
}

// limit is a number of rows in SQL.
func limit(n int) string { return " LIMIT " + strconv.Itoa(n) }
