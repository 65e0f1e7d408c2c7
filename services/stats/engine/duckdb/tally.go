package duckdb

import (
	"context"
	"database/sql"
	_ "embed"
	"fmt"
	"math"
	"strconv"
	"strings"

	"eventanalytics/pkg/decimal"
	"eventanalytics/pkg/syntax"
	"eventanalytics/services/stats/engine"
)

//go:embed tally.sql
var tallySQL string

// partSQL is what a tally reads of the events placed. Distinct first, then count: several
// times faster than count(DISTINCT value). What may be long comes in slices, so that no
// row of DuckDB's is beyond bounds.
var partSQL = map[engine.Part]string{
	engine.OnlyEvents: "SELECT bucket, place, count(*), 0, NULL FROM placed GROUP BY bucket, place ORDER BY bucket, place < 0, place",
	engine.CountUsers: `SELECT bucket, place, sum(n)::BIGINT, count(value), NULL
		FROM (SELECT bucket, place, value, count(*) AS n FROM placed GROUP BY ALL)
		GROUP BY bucket, place ORDER BY bucket, place < 0, place`,
	engine.UserSets: `SELECT bucket, place, sum(n)::BIGINT, count(value), list(value) FILTER (value IS NOT NULL)
		FROM (SELECT bucket, place, value, count(*) AS n FROM placed GROUP BY ALL)
		GROUP BY bucket, place, hash(value) % 16 ORDER BY bucket, place < 0, place`,
	engine.Numbers: numbersSQL,
	engine.Sums:    numbersSQL, // which Go adds up: DuckDB's sums are of float64
}

const numbersSQL = `SELECT bucket, place, sum(n)::BIGINT, 0, string_agg(value || ' ' || n, ' ')
	FROM (SELECT bucket, place, value, count(*) AS n FROM placed GROUP BY ALL)
	GROUP BY bucket, place, hash(value) % 16 ORDER BY bucket, place < 0, place`

// Tally serves a scan.
func (e *Engine) Tally(ctx context.Context, t engine.Tally) ([]engine.Cell, error) {
	st := e.newTally(t, partSQL[t.Part])
	if st == nil {
		return nil, nil
	}
	result := engine.NewResult[engine.Cell](ctx)
	budget := engine.NewBudget(ctx)
	var c *engine.Cell
	end := func() error {
		if c == nil {
			return nil
		}
		c.Settle(t.Part)
		return result.Add(*c)
	}
	err := e.run(ctx, st, func(r *sql.Rows) error {
		var bucket, events, users int64
		var place int
		var values any
		if err := r.Scan(&bucket, &place, &events, &users, &values); err != nil {
			return fmt.Errorf("reading a cell: %w", err)
		}
		if c == nil || c.Bucket != bucket || c.Group != place {
			if err := end(); err != nil {
				return err
			}
			c = &engine.Cell{Bucket: bucket, Group: place}
		}
		c.Events += events
		c.Users += users
		if t.Part == engine.UserSets {
			return addUsers(&c.Set, values, e.codes.of(countedKey(t)), &budget)
		}
		numbers, _ := values.(string)
		return addNumbers(c, numbers, &budget)
	})
	if err == nil {
		err = end()
	}
	return result.Rows, err
}

// countedKey tells what is counted in sets: values of the same have the same codes.
func countedKey(t engine.Tally) string {
	f := t.Unit
	if t.Field.Source != "" {
		f = t.Field
	}
	return fmt.Sprintf("%s %q %s", f.Source, f.Keys, f.Name)
}

// newTally makes the statement of a tally, or nil when the range has no time.
func (e *Engine) newTally(t engine.Tally, part string) *statement {
	p, exists := t.Period(t.Zone)
	if !exists {
		return nil
	}
	start, end := p.From, t.Until(p)
	if t.Before || t.First {
		p.From, p.First = math.MinInt64, engine.FirstDate
	}
	if t.First {
		p.Last = engine.LastDate // the first event may be on a date that is not asked for
	}
	st := newStatement(engine.Scope{Zone: t.Zone, Filter: syntax.And(t.Scope.Filter, t.Series.Filter), Sets: t.Sets, Operations: t.Operations}, tallySQL, p)
	st.types, st.until = t.Types, end
	bucket := bucketSQL[t.Interval]
	if bucket == "" {
		st.err = engine.ErrUnsupported
	}
	if t.Before || t.First {
		before := "NULL"
		if t.Before {
			before = st.bind(int64(engine.BeforeRange)) + "::BIGINT"
		}
		bucket = fmt.Sprintf("CASE WHEN us < %s::BIGINT OR day < %s::DATE THEN %s WHEN day <= %s::DATE THEN (%s)::BIGINT END",
			st.bind(start), st.bind(t.From.String()), before, st.bind(t.To.String()), bucket)
	}
	st.tally(t, bucket, part)
	return st
}

// tally sets the markers of tally.sql.
func (st *statement) tally(t engine.Tally, bucket, part string) {
	unit, chosen := "user_key", ""
	if t.Unit.Source != "" {
		unit = st.fieldText(t.Unit)
		chosen = "WHERE unit IS NOT NULL"
	}
	if t.First {
		chosen += " QUALIFY row_number() OVER (PARTITION BY unit ORDER BY us, event_type, event_id) = 1"
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
	least := ""
	if t.Least > 1 {
		least = "QUALIFY count(*) OVER (PARTITION BY bucket, place, unit) >= " + st.bind(t.Least)
	}
	st.markers = append(st.markers, "{{bucket}}", bucket, "{{unit}}", unit, "{{value}}", value, "{{fields}}", fields, "{{names}}", names,
		"{{chosen}}", chosen, "{{place}}", place, "{{groups}}", groups, "{{least}}", least, "{{part}}", part)
}

// place is the index of an event's group, and the join that finds it.
func (st *statement) place(t engine.Tally) (place, join string) {
	if len(t.Breakdown) == 0 || len(t.Groups) == 0 {
		return "-1", ""
	}
	rows := make([]string, len(t.Groups))
	for i, g := range t.Groups {
		rows[i] = "(" + strconv.Itoa(i)
		for _, v := range g {
			if v.Missing {
				rows[i] += ", NULL::VARCHAR"
			} else {
				rows[i] += ", " + st.bind(v.Value) + "::VARCHAR"
			}
		}
		rows[i] += ")"
	}
	columns, on := "place", "true"
	for i := range t.Breakdown {
		columns += fmt.Sprintf(", g%d", i)
		on += fmt.Sprintf(" AND f%[1]d IS NOT DISTINCT FROM g%[1]d", i)
	}
	return "coalesce(listed.place, -1)", "LEFT JOIN (VALUES " + strings.Join(rows, ", ") + ") AS listed(" + columns + ") ON " + on
}

// parseNumbers reads what string_agg wrote: a number and how many events have it.
func parseNumbers(text string, add func(decimal.Decimal, int64) error) error {
	for text != "" {
		var value, count string
		value, text, _ = strings.Cut(text, " ")
		count, text, _ = strings.Cut(text, " ")
		n, ok := decimal.Parse(value)
		events, err := strconv.ParseInt(count, 10, 64)
		if !ok || err != nil {
			return fmt.Errorf("reading the number %q of %q events", value, count)
		}
		if err := add(n, events); err != nil {
			return err
		}
	}
	return nil
}
