package oracle

import (
	"cmp"
	"slices"
	"time"
)

// Trends asks how much there is, over time.
type Trends struct {
	Scope
	Split
	Interval   string // unit of buckets as in Buckets, or all: one for the whole range, labelled with its first day
	Series     []Series
	Formulas   []Formula
	Cumulative bool
	Compare    string // previous, or how far the range is moved back (30d, 4w, 12mo, 1y); empty: not at all
	Fill       bool   // rows for buckets and groups with nothing to count
}

// TrendRow is a row of "trends"; nil is null.
type TrendRow struct {
	Bucket string
	Series string
	Group
	Value          *float64
	PreviousBucket *string
	Previous       *float64
	Incomplete     bool
}

// Rows computes the rows by bucket, series and formula, group.
func (q Trends) Rows(events []Event) []TrendRow {
	current := q.period(events)
	groups := q.groups(current.combinations())
	cells := current.cells(groups)
	var before period
	var compared [][][]cell
	if q.Compare != "" {
		before = q.moved().period(events)
		compared = before.cells(groups)
	}
	rows := []TrendRow{}
	for i, label := range current.labels {
		incomplete := q.incomplete(label)
		for s, name := range q.names() {
			for g, group := range groups {
				row := TrendRow{Bucket: label, Series: name, Group: group, Value: cells[s][i][g].value, Incomplete: incomplete}
				exists := cells[s][i][g].exists
				if i < len(before.labels) {
					row.PreviousBucket, row.Previous = &before.labels[i], compared[s][i][g].value
					exists = exists || compared[s][i][g].exists
				}
				if exists || q.Fill {
					rows = append(rows, row)
				}
			}
		}
	}
	return rows
}

func (q Trends) names() []string {
	var names []string
	for i, s := range q.Series {
		names = append(names, cmp.Or(s.Name, letter(i)))
	}
	for _, f := range q.Formulas {
		names = append(names, cmp.Or(f.Name, f.Text))
	}
	return names
}

// moved is the question about the compared range. It is the same in every respect: user
// fields are as of the end of that range.
func (q Trends) moved() Trends {
	if q.Compare == "previous" {
		days := int(parseDay(q.To).Sub(parseDay(q.From))/(24*time.Hour)) + 1
		q.From, q.To = addDays(q.From, -days), addDays(q.To, -days)
	} else {
		q.From, q.To = back(q.From, q.Compare), back(q.To, q.Compare)
	}
	return q
}

func (q Trends) incomplete(label string) bool {
	if q.Interval == "all" {
		return endOf(q.To, q.Zone).After(q.until())
	}
	return Incomplete(q.Interval, label, q.From, q.To, q.Zone, q.until())
}

// period is a question about one range, with its events.
type period struct {
	Trends
	known
	labels []string    // of the buckets of the range
	order  []string    // labels with those of the buckets before that may have events
	series [][]counted // events of all time
}

func (q Trends) period(events []Event) period {
	p := period{Trends: q, known: knownIn(events, q.From, q.To, q.Zone)}
	first := q.From
	for _, e := range events {
		first = min(first, dayOf(e.At, q.Zone))
	}
	switch q.Interval {
	case "all":
		if len(Buckets("day", q.From, q.To, q.Zone)) > 0 {
			p.labels = []string{q.From}
		}
	case "minute", "hour": // at most 366 of them are read before from
		p.labels = Buckets(q.Interval, q.From, q.To, q.Zone)
		p.order = Buckets(q.Interval, addDays(q.From, -20), q.To, q.Zone)
	default:
		p.labels = Buckets(q.Interval, q.From, q.To, q.Zone)
		p.order = Buckets(q.Interval, firstDay(q.Interval, first), q.To, q.Zone)
	}
	for _, s := range q.Series {
		fit := q.fitting(p.known, events, s)
		for i, e := range fit {
			fit[i].values = q.values(p.known, e.Event)
			fit[i].group = combination(fit[i].values)
			fit[i].bucket = q.From
			if q.Interval != "all" {
				fit[i].bucket = bucketOf(q.Interval, e.At, q.Zone)
			}
		}
		p.series = append(p.series, fit)
	}
	return p
}

// combinations are those of the events in the range, and how they measure in the first
// series over it.
func (p period) combinations() (all [][]*string, size func([]*string) *float64) {
	for _, fit := range p.series {
		for _, e := range fit {
			if p.contains(e.At) {
				all = append(all, e.values)
			}
		}
	}
	return all, func(values []*string) *float64 {
		return p.Series[0].Measure.of(p.known, slices.DeleteFunc(slices.Clone(p.series[0]), func(e counted) bool {
			return !p.contains(e.At) || e.group != combination(values)
		}))
	}
}

// behind returns the events of the i-th bucket of a series: with rolling of the n
// buckets up to it, whole where from cuts them, with cumulative of those from from on.
// Days that never were are no buckets.
func (p period) behind(s, i int) []counted {
	buckets := p.labels[i : i+1]
	n := p.Series[s].Rolling
	if n > 0 {
		last := slices.Index(p.order, p.labels[i])
		buckets = p.order[max(0, last-n+1) : last+1]
	} else if p.Cumulative {
		buckets = p.labels[:i+1]
	}
	return slices.DeleteFunc(slices.Clone(p.series[s]), func(e counted) bool {
		day := dayOf(e.At, p.zone)
		return day > p.To || n == 0 && day < p.From || !slices.Contains(buckets, e.bucket)
	})
}

// cell is the value of a bucket and group in a series or formula.
type cell struct {
	value  *float64
	exists bool // there is something to count
}

// cells are by series and formula, bucket, group.
func (p period) cells(groups []Group) [][][]cell {
	all := make([][][]cell, len(p.Series)+len(p.Formulas))
	for i := range p.labels {
		for s, series := range p.Series {
			behind := p.behind(s, i)
			var row []cell
			for g := range groups {
				of := slices.DeleteFunc(slices.Clone(behind), func(e counted) bool { return !has(groups, g, e.group) })
				row = append(row, cell{series.Measure.of(p.known, of), len(of) > 0})
			}
			all[s] = append(all[s], row)
		}
		for f, formula := range p.Formulas {
			var row []cell
			for g := range groups {
				var c cell
				var values []*float64
				for s := range p.Series {
					values = append(values, all[s][i][g].value)
					c.exists = c.exists || formula.names(s) && all[s][i][g].exists
				}
				c.value = formula.of(values)
				row = append(row, c)
			}
			all[len(p.Series)+f] = append(all[len(p.Series)+f], row)
		}
	}
	return all
}

// Cells are the values of a row as the columns of the question have them: texts,
// numbers and booleans, nil for null.
func (q Trends) Cells(r TrendRow) []any {
	row := []any{r.Bucket, r.Series}
	if len(q.Breakdown) > 0 {
		for _, v := range r.Values {
			row = append(row, orNull(v))
		}
		row = append(row, r.Name)
	}
	row = append(row, orNull(r.Value))
	if q.Compare != "" {
		row = append(row, orNull(r.PreviousBucket), orNull(r.Previous))
	}
	return append(row, r.Incomplete)
}

func orNull[T any](p *T) any {
	if p == nil {
		return nil
	}
	return *p
}
