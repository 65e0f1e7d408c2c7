package duckdb

import (
	"context"
	"database/sql"
	_ "embed"
	"fmt"
	"math"
	"strings"
	"time"

	"eventanalytics/pkg/calendar"
	"eventanalytics/pkg/syntax"
	"eventanalytics/services/stats/engine"
)

//go:embed cohorts.sql
var cohortsSQL string

// Cohorts serves a scan.
func (e *Engine) Cohorts(ctx context.Context, c engine.Cohorts) ([]engine.CohortUsers, error) {
	p, exists := c.Period()
	if !exists {
		return nil, nil
	}
	result := engine.NewResult[engine.CohortUsers](ctx)
	err := e.run(ctx, newCohorts(c, p), func(r *sql.Rows) error {
		var cohort time.Time
		var place int
		var n engine.CohortUsers
		texts := make([]sql.NullString, len(c.Breakdown))
		into := []any{&cohort, &place, &n.Window, &n.Users}
		for i := range texts {
			into = append(into, &texts[i])
		}
		if err := r.Scan(into...); err != nil {
			return fmt.Errorf("reading a cohort: %w", err)
		}
		n.Cohort = calendar.DateOf(cohort)
		if place >= 0 {
			for _, text := range texts {
				n.Group = append(n.Group, engine.Text{Value: text.String, Missing: !text.Valid})
			}
		}
		return result.Add(n)
	})
	return result.Rows, err
}

// newCohorts makes the statement of a scan over a period.
func newCohorts(c engine.Cohorts, p engine.Period) *statement {
	start := p.From
	if !c.InPeriod {
		p.From = math.MinInt64
	}
	p.First = engine.FirstDate // where clocks go back over midnight, an earlier date may come after the founding event
	scope := c.Scope
	scope.Asked = &c.Range // without the windows behind it
	st := newStatement(scope, cohortsSQL, p)
	first, last := c.Buckets()
	st.with("start_us", start).with("first_cohort", first.String()).with("last_cohort", last.String())
	if c.After {
		st.with("through", c.Through.String())
	}
	founds := st.isOf(c.Founding)
	if c.InPeriod {
		founds += " AND day >= " + st.bind(c.From.String()) + "::DATE"
	}
	returns := st.isOf(c.Returning)
	if f := c.ReturningFilter; f.Form != syntax.All || len(f.Of) > 0 {
		returns += " AND coalesce(" + st.restSQL(f) + ", false)"
	}
	st.markers = append(st.markers, "{{unit}}", string(c.Unit), "{{founds}}", founds, "{{returns}}", returns)
	st.cohorts(c)
	return st
}

// isOf is the condition that an event has a type; empty: any.
func (st *statement) isOf(eventType string) string {
	if eventType == "" {
		return "true"
	}
	return "event_type = " + st.bind(eventType) + "::VARCHAR"
}

// cohorts sets the markers of cohorts.sql for groups and windows.
func (st *statement) cohorts(c engine.Cohorts) {
	var fields, facts, names, placedNames, values, order, on string
	for i, b := range c.Breakdown {
		fields += fmt.Sprintf(", %s AS f%d", st.breakdownText(b), i)
		facts += fmt.Sprintf(", arg_min(f%[1]d, %[2]s) FILTER (founds AND f%[1]d IS NOT NULL) AS f%[1]d", i, inOrder)
		names += fmt.Sprintf(", f%d", i)
		placedNames += fmt.Sprintf(", placed.f%d", i)
		values += fmt.Sprintf(", any_value(f%d)", i)
		order += fmt.Sprintf(", f%d NULLS LAST", i)
		on += fmt.Sprintf(" AND members.f%[1]d IS NOT DISTINCT FROM ranked.f%[1]d", i)
	}
	known, again := names, ""
	if c.Returned {
		facts += ", max(us) FILTER (returns AND NOT founds) AS other_return, count(*) FILTER (returns AND founds) AS own_returns, " +
			"arg_min(returns, " + inOrder + ") FILTER (founds) AS first_returns"
		known += ", founded AS cohort_founded, first_returns AS cohort_returns"
		again = ", other_return >= cohort_founded OR own_returns > (bucket = cohort AND cohort_returns)::BIGINT AS again"
	}
	members := "SELECT user_key, cohort FROM cohorts WHERE"
	if known != "" {
		members = "SELECT user_key, cohort" + known + " FROM cohorts JOIN activity USING (user_key) WHERE bucket = cohort AND"
	}
	placed := "SELECT *, -1 AS place FROM members"
	if len(c.Breakdown) > 0 {
		placed = "SELECT members.*, CASE WHEN rank <= " + st.bind(c.Top) + " THEN rank ELSE -1 END AS place FROM members JOIN (" +
			"SELECT row_number() OVER (ORDER BY count(*) DESC" + order + ") AS rank" + names + " FROM members GROUP BY " + names[2:] + ") AS ranked ON true" + on
	}
	st.markers = append(st.markers, "{{fields}}", fields, "{{facts}}", facts, "{{names}}", names, "{{values}}", values,
		"{{members}}", members, "{{placed}}", placed, "{{again}}", again, "{{placed_names}}", placedNames, "{{counted}}", st.countedIn(c, names))
}

// countedIn is SQL for the windows that members count in: a row for each.
func (st *statement) countedIn(c engine.Cohorts, names string) string {
	last := st.bind(len(c.Windows)-1) + "::BIGINT"
	rows := func(window, condition string) string {
		return "SELECT user_key, cohort, place, " + window + " AS counted_in" + names + " FROM visits WHERE " + condition
	}
	grouped := " GROUP BY user_key, cohort, place" + names
	members := rows("-1", "bucket = cohort")
	through := ""
	if c.After {
		through = " OR bucket <= $through::DATE"
	}
	var all []string
	if c.Returned {
		all = append(all, rows("0", "again AND (number < "+st.bind(c.Windows[0])+through+")")+grouped)
	}
	switch {
	case c.After:
		// Windows up to that of the last return, and those behind Through that have one.
		all = append(all, members,
			rows("unnest(range(1, least(max(number), "+last+") + 1))", "returned AND number > 0 AND bucket <= $through::DATE")+grouped,
			rows("number", "returned AND number BETWEEN 1 AND "+last+" AND bucket > $through::DATE"))
	case c.Windows[len(c.Windows)-1] == len(c.Windows): // of one bucket each
		all = append(all, rows("CASE number WHEN 0 THEN -1 ELSE number END", "number <= "+last))
	default:
		window := "CASE"
		for i, end := range c.Windows {
			window += " WHEN number < " + st.bind(end) + " THEN " + st.bind(i) + "::BIGINT"
		}
		window += " END"
		all = append(all, members, "SELECT DISTINCT * FROM ("+rows(window, "returned AND number > 0")+") WHERE counted_in > 0")
	}
	return strings.Join(all, "\nUNION ALL\n    ")
}
