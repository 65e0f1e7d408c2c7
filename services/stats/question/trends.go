package question

import (
	"time"

	"eventanalytics/pkg/calendar"
	"eventanalytics/pkg/syntax"
)

// Trends asks how much there is of some series over time.
type Trends struct {
	Days
	Interval
	Series     []syntax.Series  `json:"series" nullable:"false"`
	Formulas   []syntax.Formula `json:"formula,omitempty" nullable:"false"`
	Cumulative bool             `json:"cumulative,omitempty"`
	Compare    string           `json:"compare,omitempty"` // previous, or how far back
	Unit       syntax.Field     `json:"unit"`
	Split
	Scope
}

// Columns returns those of a row for each bucket, series and group.
func (q Trends) Columns() []Column {
	columns := []Column{
		{Name: "bucket", Doc: "First day of the bucket, or its hour or minute as RFC 3339"},
		{Name: "series", Doc: "Name of the series or formula, else its letter or text"},
	}
	columns = append(columns, q.columns()...)
	columns = append(columns, Column{Name: "value", Kind: Number, Nullable: true, Doc: "What was measured; null where there is nothing to compute it from"})
	if q.Compare != "" {
		columns = append(columns,
			Column{Name: "previous_bucket", Nullable: true, Doc: "Bucket of the compared range in the same place; null when it has fewer"},
			Column{Name: "previous", Kind: Number, Nullable: true, Doc: "What was measured in it"})
	}
	return append(columns, incomplete)
}

// ClockKey names the bucket that is incomplete.
func (q Trends) ClockKey(now, completeUntil time.Time) string {
	return clockKey(q.Days, q.Scope, q.unit(), now, completeUntil)
}

// names are those of the series, then of the formulas.
func (q Trends) names() []string {
	var names []string
	for i, s := range q.Series {
		if s.Name == "" {
			s.Name = string(rune('A' + i))
		}
		names = append(names, s.Name)
	}
	for _, f := range q.Formulas {
		if f.Name == "" {
			f.Name = f.Text
		}
		names = append(names, f.Name)
	}
	return names
}

// compared returns the days that the question's are compared with.
func (q Trends) compared() Days {
	length := int(q.To - q.From + 1)
	move := func(d calendar.Date) calendar.Date { return d - calendar.Date(length) }
	if n, unit, ok := cutSpan(q.Compare); ok {
		move = func(d calendar.Date) calendar.Date { return spans[unit](d, -n) }
	}
	return Days{move(q.From), move(q.To)}
}
