package duckdb

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"eventanalytics/pkg/syntax"
	"eventanalytics/services/stats/engine"
	"eventanalytics/services/stats/measure"
)

// rankSQL reads the groups of the first series; {{by}} is what they are ranked by. All
// of those whose numbers Go measures are read, with the numbers in slices.
var rankSQL = map[engine.Part]string{
	engine.OnlyEvents: "SELECT count(*) AS events, 0 AS users, NULL{{fields}} FROM placed GROUP BY ALL {{by}}",
	engine.CountUsers: `SELECT sum(n)::BIGINT AS events, count(value) AS users, NULL{{fields}}
		FROM (SELECT value, count(*) AS n{{fields}} FROM placed GROUP BY ALL) GROUP BY ALL {{by}}`,
	engine.Numbers: rankNumbersSQL,
	engine.Sums:    rankNumbersSQL,
}

const rankNumbersSQL = `SELECT sum(n)::BIGINT, 0, string_agg(value || ' ' || n, ' '){{fields}}
	FROM (SELECT value, count(*) AS n, hash(value) % 16 AS slice{{fields}} FROM placed GROUP BY ALL) GROUP BY slice{{fields}}`

// orders are those of the measures that DuckDB ranks by.
var orders = map[string]string{
	syntax.Events: "events", syntax.Users: "users", syntax.Distinct: "users", syntax.PerUser: "events / nullif(users, 0)",
}

// othersSQL reads the groups of another series.
const othersSQL = "SELECT 0, 0, NULL{{fields}} FROM placed GROUP BY ALL {{by}}"

// Rank serves a scan.
func (e *Engine) Rank(ctx context.Context, r engine.Rank) (engine.Ranked, error) {
	first := func(t engine.Tally, to *measure.Groups) error {
		text, inOrder := rankSQL[t.Part], ""
		for i := range r.Breakdown {
			inOrder += fmt.Sprintf(", f%d NULLS LAST", i)
		}
		if order := orders[r.Measure.Name]; order != "" {
			text = strings.ReplaceAll(text, "{{by}}", fmt.Sprintf("ORDER BY %s DESC NULLS LAST%s LIMIT %d", order, inOrder, r.Top+1))
		}
		return e.rank(ctx, t, text, to)
	}
	return measure.BySeries(ctx, r, first, func(t engine.Tally, most int, to *measure.Groups) error {
		return e.rank(ctx, t, strings.ReplaceAll(othersSQL, "{{by}}", fmt.Sprintf("ORDER BY ALL NULLS LAST LIMIT %d", most)), to)
	})
}

// rank adds the groups of a series, which a text reads.
func (e *Engine) rank(ctx context.Context, t engine.Tally, text string, to *measure.Groups) error {
	fields := ""
	for i := range t.Breakdown {
		fields += fmt.Sprintf(", f%d", i)
	}
	st := e.newTally(t, strings.ReplaceAll(text, "{{fields}}", fields))
	if st == nil {
		return nil
	}
	return e.run(ctx, st, func(rows *sql.Rows) error {
		var events, users int64
		var numbers sql.NullString
		texts := make([]sql.NullString, len(t.Breakdown))
		into := []any{&events, &users, &numbers}
		for i := range texts {
			into = append(into, &texts[i])
		}
		if err := rows.Scan(into...); err != nil {
			return fmt.Errorf("reading a group: %w", err)
		}
		group := make(engine.Group, len(texts))
		for i, text := range texts {
			group[i] = engine.Text{Value: text.String, Missing: !text.Valid}
		}
		c, err := to.Cell(group)
		if err != nil {
			return err
		}
		c.Events += events
		c.Users += users
		return addNumbers(c, numbers.String, &to.Budget)
	})
}
