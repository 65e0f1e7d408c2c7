package question

import (
	"context"

	"eventanalytics/pkg/syntax"
	"eventanalytics/services/stats/engine"
	"eventanalytics/services/stats/measure"
)

// Answer returns the rows by bucket, then by series and formula, then by group.
func (q Trends) Answer(ctx context.Context, src *engine.Source) (*Table, error) {
	groups, err := q.groups(ctx, src, engine.Rank{Scope: q.events(), Range: q.dates(), Series: q.allSeries(), Measure: q.Series[0].Measure})
	if err != nil {
		return nil, err
	}
	budget := engine.NewBudget(ctx)
	current, err := q.chart(ctx, src, q.Days, groups, &budget)
	if err != nil {
		return nil, err
	}
	var compared chart
	if q.Compare != "" {
		if compared, err = q.chart(ctx, src, q.compared(), groups, &budget); err != nil {
			return nil, err
		}
	}
	if width := len(groups.cells) * (len(q.Series) + len(q.Formulas)); q.Fill != "" && len(current.list)*width > engine.MaxRows {
		return nil, engine.ErrTooManyRows
	}
	rows := NewTable(ctx, q.Columns(), len(current.list))
	for i, bucket := range current.list {
		before := NullText
		if i < len(compared.list) {
			before = TextOf(compared.label(compared.list[i]))
		}
		r := trendRows{
			Trends: q, rows: rows, groups: groups, before: before, exists: i < len(compared.list),
			label: TextOf(current.label(bucket)), incomplete: BoolOf(current.incomplete(bucket)),
		}
		if err := r.add(current.at(i), compared.at(i)); err != nil {
			return nil, err
		}
	}
	return rows, nil
}

// allSeries are the series as scans have them.
func (q Trends) allSeries() []engine.Series {
	all := make([]engine.Series, len(q.Series))
	for i, s := range q.Series {
		all[i] = seriesOf(s, q.Unit)
	}
	return all
}

func seriesOf(s syntax.Series, unit syntax.Field) engine.Series {
	if unit.Source == syntax.UserID {
		unit = syntax.Field{}
	}
	return engine.Series{Types: s.Events, Filter: s.Filter, First: s.First, Unit: unit}
}

// cell is the value of a bucket and group. ok says that there is something to count.
type cell struct {
	measure.Value
	ok bool
}

// point is the value of a bucket, by its index.
type point struct {
	bucket int
	measure.Value
}

// chart has what there is in the buckets of a range.
type chart struct {
	period
	q     Trends
	lines [][][]point // of each series and group, ascending
}

// chart asks for the series in some days.
func (q Trends) chart(ctx context.Context, src *engine.Source, days Days, groups groups, budget *engine.Budget) (chart, error) {
	c := chart{period: periodOf(bucketsOf(days, q.Scope, q.unit(), src), 0), q: q}
	for _, s := range q.Series {
		lines, err := q.lines(ctx, src, c.buckets, s, groups, budget)
		if err != nil {
			return chart{}, err
		}
		c.lines = append(c.lines, lines)
	}
	return c, nil
}

// lines returns what there is of a series, by group.
func (q Trends) lines(ctx context.Context, src *engine.Source, b buckets, s syntax.Series, groups groups, budget *engine.Budget) ([][]point, error) {
	p := periodOf(b, max(0, s.Rolling-1))
	scope, asked := q.events(), b.dates() // without the buckets before
	scope.Asked = &asked
	t := engine.Tally{
		Scope: scope, Range: p.dates(), Series: seriesOf(s, q.Unit), Interval: b.unit, Breakdown: q.Breakdown, Groups: groups.values,
		Part: measure.Part(s.Measure, s.Rolling > 0 || q.Cumulative), Field: s.Measure.Field,
	}
	lines := make([][]point, len(groups.cells))
	if len(q.Breakdown) > 0 {
		cells, err := src.Tally(ctx, t)
		if err != nil {
			return nil, err
		}
		byGroup := make([][]engine.Cell, len(groups.cells))
		for _, c := range cells {
			if at := groups.place(c.Group); at >= 0 {
				byGroup[at] = append(byGroup[at], c)
			}
		}
		for i, cells := range byGroup {
			if lines[i], err = q.line(s, p, cells, budget); err != nil {
				return nil, err
			}
		}
	}
	if groups.all < 0 {
		return lines, nil
	}
	t.Breakdown, t.Groups = nil, nil
	cells, err := src.Tally(ctx, t)
	if err == nil {
		lines[groups.all], err = q.line(s, p, cells, budget)
	}
	return lines, err
}

// line makes the points of the cells of one group, which may begin before the range.
func (q Trends) line(s syntax.Series, p period, cells []engine.Cell, budget *engine.Budget) (line []point, err error) {
	add := func(bucket int, v measure.Value) {
		if at := p.asked[bucket]; at >= 0 && err == nil {
			line = append(line, point{at, v})
			err = budget.Spend(pointBytes)
		}
	}
	if s.Rolling == 0 && !q.Cumulative {
		for _, c := range cells {
			add(p.places[c.Bucket], measure.Of(s.Measure, c))
		}
		return line, err
	}
	if len(cells) == 0 {
		return nil, nil
	}
	whole := make([]engine.Cell, len(p.list))
	for _, c := range cells {
		if at, ok := p.places[c.Bucket]; ok {
			whole[at] = c
		}
	}
	values, ok := measure.Windows(s.Measure, whole, s.Rolling)
	for i, v := range values {
		if ok[i] {
			add(i, v)
		}
	}
	return line, err
}

// pointBytes is what a point takes.
const pointBytes = 24

// at returns the cells of the i-th bucket, by series and formula, then by group. Buckets
// must be asked for in order.
func (c *chart) at(i int) [][]cell {
	all := make([][]cell, 0, len(c.q.Series)+len(c.q.Formulas))
	for s, lines := range c.lines {
		cells := make([]cell, len(lines))
		for g, line := range lines {
			if len(line) > 0 && line[0].bucket == i {
				cells[g], lines[g] = cell{line[0].Value, true}, line[1:]
			} else {
				cells[g].Value = measure.Nothing(c.q.Series[s].Measure)
			}
		}
		all = append(all, cells)
	}
	if len(c.lines) == 0 {
		return nil
	}
	for _, f := range c.q.Formulas {
		all = append(all, computed(f, all))
	}
	return all
}

// computed returns the cells of a formula in a bucket, by group: there is something to
// count where a series that it names has it.
func computed(f syntax.Formula, series [][]cell) []cell {
	cells := make([]cell, len(series[0]))
	values := make([]measure.Value, len(series))
	named := measure.Series(f.Steps)
	for g := range cells {
		for s := range series {
			values[s] = series[s][g].Value
		}
		for _, s := range named {
			cells[g].ok = cells[g].ok || series[s][g].ok
		}
		cells[g].Value = measure.Compute(f.Steps, values)
	}
	return cells
}

// trendRows adds the rows of one bucket.
type trendRows struct {
	Trends
	rows              *Table
	groups            groups
	label, incomplete Value
	before            Value // label of the compared bucket
	exists            bool  // there is one
}

func (r trendRows) add(current, compared [][]cell) error {
	for s, name := range r.names() {
		for g, now := range current[s] {
			var before cell
			if r.exists {
				before = compared[s][g]
			}
			if !now.ok && !before.ok && r.Fill == "" {
				continue
			}
			row := append([]Value{r.label, TextOf(name)}, r.groups.cells[g]...)
			row = append(row, valueOf(now.Value))
			if r.Compare != "" {
				row = append(row, r.before, NullNumber)
				if r.exists {
					row[len(row)-1] = valueOf(before.Value)
				}
			}
			if err := r.rows.Add(append(row, r.incomplete)...); err != nil {
				return err
			}
		}
	}
	return nil
}

// valueOf makes a value of a nullable column.
func valueOf(v measure.Value) Value {
	if v.Null {
		return NullNumber
	}
	return NumberOf(v.Number)
}
