package clickhouse

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"eventanalytics/pkg/syntax"
	"eventanalytics/services/stats/engine"
	"eventanalytics/services/stats/measure"
)

// rankSQL reads the groups of the first series; {{by}} is what they are ranked by. All of
// those whose numbers Go measures are read, with the numbers in slices.
var rankSQL = map[engine.Part]string{
	engine.OnlyEvents: "SELECT toInt64(count()) AS events, toInt64(0) AS users{{fields}} FROM placed GROUP BY {{names}} {{by}}",
	engine.CountUsers: "SELECT toInt64(count()) AS events, toInt64(uniqExact(value)) AS users{{fields}} FROM placed GROUP BY {{names}} {{by}}",
	engine.Numbers:    rankNumbersSQL,
	engine.Sums:       rankNumbersSQL,
}

const (
	rankNumbersSQL = `SELECT toInt64(sum(n)), toInt64(0){{fields}}, groupArrayIf(assumeNotNull(value), value IS NOT NULL), groupArrayIf(n, value IS NOT NULL)
	FROM (SELECT value, toInt64(count()) AS n{{fields}} FROM placed GROUP BY value{{fields}}) GROUP BY cityHash64(value) % 16{{fields}}`
	// othersSQL reads the groups of another series.
	othersSQL = "SELECT toInt64(0), toInt64(0){{fields}} FROM placed GROUP BY {{names}} {{by}}"
)

// orders are those of the measures that ClickHouse ranks by.
var orders = map[string]string{
	syntax.Events: "events", syntax.Users: "users", syntax.Distinct: "users", syntax.PerUser: "events / nullIf(users, 0)",
}

// Rank serves a scan.
func (e *Engine) Rank(ctx context.Context, r engine.Rank) (engine.Ranked, error) {
	inOrder := make([]string, len(r.Breakdown))
	for i := range inOrder {
		inOrder[i] = fmt.Sprintf("f%d NULLS LAST", i)
	}
	by := func(most int, order ...string) string {
		return "ORDER BY " + strings.Join(slices.Concat(order, inOrder), ", ") + limit(most)
	}
	first := func(t engine.Tally, to *measure.Groups) error {
		text := rankSQL[t.Part]
		if order := orders[r.Measure.Name]; order != "" {
			text = strings.ReplaceAll(text, "{{by}}", by(r.Top+1, order+" DESC NULLS LAST"))
		}
		return e.rank(ctx, t, text, to)
	}
	return measure.BySeries(ctx, r, first, func(t engine.Tally, most int, to *measure.Groups) error {
		return e.rank(ctx, t, strings.ReplaceAll(othersSQL, "{{by}}", by(most)), to)
	})
}

// rank adds the groups of a series, which a text reads.
func (e *Engine) rank(ctx context.Context, t engine.Tally, text string, to *measure.Groups) error {
	names := make([]string, len(t.Breakdown))
	for i := range names {
		names[i] = fmt.Sprintf("f%d", i)
	}
	list := strings.Join(names, ", ")
	st := e.newTally(t, strings.NewReplacer("{{fields}}", ", "+list, "{{names}}", list).Replace(text))
	if st == nil {
		return nil
	}
	return e.run(ctx, st, func(rows driver.Rows) error {
		var events, users int64
		texts := make([]*string, len(names))
		into := []any{&events, &users}
		for i := range texts {
			into = append(into, &texts[i])
		}
		var numbers []string
		var counts []int64
		if t.Part == engine.Numbers || t.Part == engine.Sums {
			into = append(into, &numbers, &counts)
		}
		if err := rows.Scan(into...); err != nil {
			return fmt.Errorf("reading a group: %w", err)
		}
		group := make(engine.Group, len(texts))
		for i, text := range texts {
			if group[i].Missing = text == nil; text != nil {
				group[i].Value = *text
			}
		}
		c, err := to.Cell(group)
		if err != nil {
			return err
		}
		c.Events += events
		c.Users += users
		return addNumbers(c, numbers, counts, &to.Budget)
	})
}
