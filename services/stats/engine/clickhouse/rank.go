package clickhouse

import (
	"context"
	"fmt"
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
	if len(r.Breakdown) == 0 || len(r.Series) == 0 {
		return engine.Ranked{}, engine.ErrUnsupported
	}
	part := measure.Part(r.Measure, false)
	first, inOrder := rankSQL[part], ""
	for i := range r.Breakdown {
		inOrder += fmt.Sprintf("f%d NULLS LAST, ", i)
	}
	inOrder = strings.TrimSuffix(inOrder, ", ")
	if order := orders[r.Measure.Name]; order != "" {
		first = strings.ReplaceAll(first, "{{by}}", "ORDER BY "+order+" DESC NULLS LAST, "+inOrder+limit(r.Top+1))
	}
	ranked := map[string]*ranking{}
	budget := engine.NewBudget(ctx)
	if err := e.rank(ctx, r, r.Series[0], part, first, ranked, &budget); err != nil {
		return engine.Ranked{}, err
	}
	full := len(ranked) > r.Top && measure.AboveNothing(r.Measure) // groups of other series come behind
	for _, s := range r.Series[1:] {
		if full {
			break
		}
		// Those that the first series does not have come in the order of their values.
		by := "ORDER BY " + inOrder + limit(len(ranked)+r.Top+1)
		if err := e.rank(ctx, r, s, engine.OnlyEvents, strings.ReplaceAll(othersSQL, "{{by}}", by), ranked, &budget); err != nil {
			return engine.Ranked{}, err
		}
	}
	all := make([]measure.Ranking, 0, len(ranked))
	for _, g := range ranked {
		one := measure.Ranking{Group: g.group, Value: measure.Nothing(r.Measure)}
		if g.Events > 0 {
			endNumbers(&g.Cell, part)
			one.Value = measure.Of(r.Measure, g.Cell)
		}
		all = append(all, one)
	}
	return measure.Rank(all, r.Top), nil
}

// ranking is a group and its cell of the first series.
type ranking struct {
	engine.Cell
	group engine.Group
}

// rank adds the groups of a series, which a text reads.
func (e *Engine) rank(ctx context.Context, r engine.Rank, s engine.Series, part engine.Part, text string, ranked map[string]*ranking, budget *engine.Budget) error {
	fields := ""
	for i := range r.Breakdown {
		fields += fmt.Sprintf(", f%d", i)
	}
	t := engine.Tally{Scope: r.Scope, Range: r.Range, Series: s, Interval: engine.Whole, Breakdown: r.Breakdown, Part: part, Field: r.Measure.Field}
	if part == engine.OnlyEvents {
		t.Field = syntax.Field{}
	}
	st := e.newTally(t, strings.NewReplacer("{{fields}}", fields, "{{names}}", fields[2:], "{{by}}", "").Replace(text))
	if st == nil {
		return nil
	}
	return e.run(ctx, st, func(rows driver.Rows) error {
		var events, users int64
		texts := make([]*string, len(r.Breakdown))
		into := []any{&events, &users}
		for i := range texts {
			into = append(into, &texts[i])
		}
		var numbers []string
		var counts []int64
		if part == engine.Numbers || part == engine.Sums {
			into = append(into, &numbers, &counts)
		}
		if err := rows.Scan(into...); err != nil {
			return fmt.Errorf("reading a group: %w", err)
		}
		g, err := rankingOf(ranked, texts, budget)
		if err != nil {
			return err
		}
		g.Events += events
		g.Users += users
		return addNumbers(&g.Cell, numbers, counts, budget)
	})
}

// rankingOf finds the group with some values, or adds it.
func rankingOf(ranked map[string]*ranking, texts []*string, budget *engine.Budget) (*ranking, error) {
	group := make(engine.Group, len(texts))
	for i, text := range texts {
		if group[i].Missing = text == nil; text != nil {
			group[i].Value = *text
		}
	}
	key := group.Key()
	g := ranked[key]
	if g == nil {
		g = &ranking{group: group}
		ranked[key] = g
		if err := budget.Spend(2*len(key) + 200); err != nil {
			return nil, err
		}
	}
	return g, nil
}
