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
	if len(r.Breakdown) == 0 || len(r.Series) == 0 {
		return engine.Ranked{}, engine.ErrUnsupported
	}
	part := measure.Part(r.Measure, false)
	first, inOrder := rankSQL[part], ""
	for i := range r.Breakdown {
		inOrder += fmt.Sprintf("f%d NULLS LAST, ", i)
	}
	if order := orders[r.Measure.Name]; order != "" {
		inOrder = "ORDER BY " + order + " DESC NULLS LAST, " + inOrder[:len(inOrder)-2]
		first = strings.ReplaceAll(first, "{{by}}", fmt.Sprintf("%s LIMIT %d", inOrder, r.Top+1))
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
		by := fmt.Sprintf("ORDER BY ALL NULLS LAST LIMIT %d", len(ranked)+r.Top+1)
		if err := e.rank(ctx, r, s, engine.OnlyEvents, strings.ReplaceAll(othersSQL, "{{by}}", by), ranked, &budget); err != nil {
			return engine.Ranked{}, err
		}
	}
	all := make([]measure.Ranking, 0, len(ranked))
	for _, g := range ranked {
		one := measure.Ranking{Group: g.group, Value: measure.Nothing(r.Measure)}
		if g.Events > 0 {
			one.Value = measure.Of(r.Measure, g.end(part))
		}
		all = append(all, one)
	}
	return measure.Rank(all, r.Top), nil
}

// ranking is a group and its cell of the first series.
type ranking struct {
	cell
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
	st := e.newTally(t, strings.ReplaceAll(text, "{{fields}}", fields))
	if st == nil {
		return nil
	}
	return e.run(ctx, st, func(rows *sql.Rows) error {
		var events, users int64
		var values sql.NullString
		texts := make([]sql.NullString, len(r.Breakdown))
		into := []any{&events, &users, &values}
		for i := range texts {
			into = append(into, &texts[i])
		}
		if err := rows.Scan(into...); err != nil {
			return fmt.Errorf("reading a group: %w", err)
		}
		return addRanking(ranked, texts, events, users, values.String, budget)
	})
}

func addRanking(ranked map[string]*ranking, texts []sql.NullString, events, users int64, numbers string, budget *engine.Budget) error {
	group := make(engine.Group, len(texts))
	for i, text := range texts {
		group[i] = engine.Text{Value: text.String, Missing: !text.Valid}
	}
	key := group.Key()
	g := ranked[key]
	if g == nil {
		g = &ranking{group: group}
		ranked[key] = g
		if err := budget.Spend(2*len(key) + 200); err != nil {
			return err
		}
	}
	g.Events += events
	g.Users += users
	return g.addNumbers(numbers, budget)
}
