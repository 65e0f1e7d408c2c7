package question_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"eventanalytics/pkg/oracle"
)

// body is a question as it is posted. Its names are those of the contract.
type body map[string]any

func (b body) String() string {
	text, err := json.Marshal(b)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// maybe is true once in so many times.
func (g generator) maybe(in int) bool { return g.IntN(in) == 0 }

// spans are the numbers of days that a range may have, by interval.
var spans = map[string][]int{
	"minute": {1}, "hour": {1, 2, 5}, "day": {1, 2, 4, 11, 46}, "week": {1, 5, 7, 30, 46}, "month": {1, 31, 90, 200},
	"quarter": {1, 100, 300}, "year": {1, 300, 500}, "all": {1, 2, 11, 46, 200},
}

// scope makes what questions have in common, with an interval.
func (g generator) scope(b body, s scene, now time.Time, interval string) oracle.Scope {
	loc, err := time.LoadLocation(s.zone)
	if err != nil {
		panic(err)
	}
	scope := oracle.Scope{Zone: loc, Now: now}
	b["timezone"] = s.zone
	g.days(b, &scope, s, interval)
	var all oracle.All
	var segment []any
	for range pick(g, []int{0, 0, 0, 1, 2}) {
		text, condition := g.filter()
		segment, all = append(segment, text), append(all, condition)
	}
	if len(segment) > 0 {
		b["segment"] = segment
	}
	if g.maybe(3) {
		text, filter := g.tree(3)
		b["filter"], all = text, append(all, filter)
	}
	scope.Filter = all
	if g.maybe(6) {
		b["unit"], scope.Unit = g.field()
	}
	return scope
}

// days makes a range, in some questions relative to now.
func (g generator) days(b body, scope *oracle.Scope, s scene, interval string) {
	first := s.at().AddDate(0, 0, g.IntN(40)-30)
	if g.maybe(3) { // close to where the calendar is odd
		first = s.at().AddDate(0, 0, g.IntN(5)-3)
	}
	n := pick(g, spans[interval])
	scope.From, b["from"] = first.Format(time.DateOnly), first.Format(time.DateOnly)
	today := oracle.Day("today", scope.Now, scope.Zone)
	if g.maybe(4) {
		ago := int(scope.Now.Sub(first) / (24 * time.Hour))
		from := pick(g, []string{"today", "yesterday", "-2d", fmt.Sprintf("-%dd", max(1, ago)), "-1w", "-1mo", "-2mo"})
		b["from"], scope.From = from, oracle.Day(from, scope.Now, scope.Zone)
	}
	from, err := time.Parse(time.DateOnly, scope.From)
	if err != nil {
		panic(err)
	}
	scope.To = from.AddDate(0, 0, n-1).Format(time.DateOnly)
	b["to"] = scope.To
	if scope.To == today {
		b["to"] = "today"
	}
}

// interval makes one of the intervals; the default is not always written.
func (g generator) interval(b body, of ...string) string {
	interval := pick(g, of)
	if interval != "day" || g.maybe(2) {
		b["interval"] = interval
	}
	return interval
}

// week makes the day that weeks begin on: the name of the oracle's unit has it.
func (g generator) week(b body, interval string) string {
	if interval != "week" {
		return interval
	}
	begin := pick(g, []string{"", "monday", "sunday", "saturday"})
	if begin != "" {
		b["week_start"] = begin
	}
	if begin == "" || begin == "monday" {
		return interval
	}
	return interval + "-" + begin
}

// series makes one without a measure.
func (g generator) series() (body, oracle.Series) {
	b, s := body{}, oracle.Series{}
	switch g.IntN(4) {
	case 0:
		s.Types = []string{pick(g, someTypes)}
		b["event"] = s.Types[0]
	case 1:
		for range 1 + g.IntN(4) {
			s.Types = append(s.Types, pick(g, someTypes))
		}
		b["event"] = s.Types
	case 2:
		b["event"] = "*"
	}
	if g.maybe(4) {
		b["filter"], s.Filter = g.tree(2)
	}
	if g.maybe(6) {
		b["first"], s.First = true, true
	}
	return b, s
}

// plain is a series as it is posted: one that has no more than a type is a text in some
// questions.
func (g generator) plain(b body) any {
	if event, ok := b["event"].(string); ok && len(b) == 1 && g.maybe(2) {
		return event
	}
	return b
}

func (g generator) measure() (string, oracle.Measure) {
	m := oracle.Measure{Name: pick(g, []string{
		"users", "users", "users", "events", "events", "per_user", "sum", "sum", "avg", "min", "max", "median", "p75", "p90", "p95", "p99", "distinct",
	})}
	if m.Name == "users" || m.Name == "events" || m.Name == "per_user" {
		return m.Name, m
	}
	field, of := g.valued()
	m.Field = of
	return m.Name + "(" + field + ")", m
}

// valued makes a field that has a value often: hardly any is of the user's first or last
// instant.
func (g generator) valued() (string, oracle.Field) {
	for {
		if field, of := g.anyField(); !strings.HasSuffix(of.Source, "_seen") || g.maybe(4) {
			return field, of
		}
	}
}

var someBins = [][]string{{"0"}, {"0", "10", "100"}, {"-0.5", "0.30", "1.5", "1e1"}, {"9007199254740992", "9007199254740993"}, {"-1e40", "1e-400", "1e308"}}

// split makes a breakdown, or none.
func (g generator) split(b body) oracle.Split {
	split := oracle.Split{Top: 10, Other: true}
	var breakdown []any
	seen := map[string]bool{}
	for range pick(g, []int{0, 0, 1, 1, 1, 2, 3}) {
		field, of := g.valued()
		if seen[field] { // each is a column
			continue
		}
		seen[field] = true
		by := oracle.Breakdown{Field: of}
		var text any = field
		if g.maybe(4) {
			by.Bins = pick(g, someBins)
			text = body{"field": field, "bins": json.RawMessage("[" + strings.Join(by.Bins, ",") + "]")}
		} else if g.maybe(6) {
			text = body{"field": field}
		}
		breakdown, split.Breakdown = append(breakdown, text), append(split.Breakdown, by)
	}
	if len(breakdown) == 0 {
		return split
	}
	b["breakdown"] = breakdown
	if g.maybe(2) {
		split.Top = pick(g, []int{1, 1, 2, 3, 5, 20, 500})
		b["top"] = split.Top
	}
	if g.maybe(4) {
		split.Other = false
		b["other"] = false
	}
	if g.maybe(3) {
		split.Total = true
		b["total"] = true
	}
	return split
}

// trends makes a question of trends; the oracle's lacks when the data end.
func (g generator) trends(s scene, now time.Time) (body, oracle.Trends) {
	g.near = s.at()
	b := body{}
	interval := g.interval(b, "minute", "hour", "day", "day", "day", "week", "month", "quarter", "year", "all")
	q := oracle.Trends{Scope: g.scope(b, s, now, interval), Split: g.split(b), Interval: g.week(b, interval)}
	byDefault := oracle.Measure{Name: "users"}
	if g.maybe(3) {
		b["measure"], byDefault = g.measure()
	}
	rolling, mayRoll := 0, interval != "all"
	switch g.IntN(6) {
	case 0:
		if mayRoll {
			rolling = pick(g, []int{2, 3, 7, 30, 366})
			b["rolling"] = rolling
		}
	case 1:
		b["cumulative"], q.Cumulative, mayRoll = true, true, false
	}
	var series []any
	for i := range pick(g, []int{1, 1, 1, 2, 2, 3, 5}) {
		text, of := g.series()
		of.Measure, of.Rolling = byDefault, rolling
		if g.maybe(2) {
			text["measure"], of.Measure = g.measure()
		}
		if mayRoll && g.maybe(6) {
			of.Rolling = 2 + g.IntN(12)
			text["rolling"] = of.Rolling
		}
		if g.maybe(5) {
			of.Name = fmt.Sprintf("Series, %d ü", i)
			text["name"] = of.Name
		}
		series, q.Series = append(series, g.plain(text)), append(q.Series, of)
	}
	b["series"] = series
	g.formulas(b, &q)
	if g.maybe(3) {
		q.Compare = pick(g, []string{"previous", "previous", "1d", "7d", "30d", "1w", "4w", "1mo", "2mo", "12mo", "1y"})
		b["compare"] = q.Compare
	}
	if g.maybe(2) {
		b["fill"], q.Fill = "zero", true
	}
	return b, q
}

func (g generator) formulas(b body, q *oracle.Trends) {
	var formulas []any
	for range pick(g, []int{0, 0, 0, 1, 2}) {
		name := func() string { return string(rune('A' + g.IntN(len(q.Series)))) }
		form := pick(g, []string{"%s/%s", "%s+%s", "%s - %s", "%s*%s", "100 * %s / (%s + 1)", "-%s+0.5*%s", "(%s-%s)/3-1-1", "%s*1.5/%s/2", "2/(%s-%s)"})
		f := oracle.Formula{Text: fmt.Sprintf(form, name(), name())}
		var text any = f.Text
		if g.maybe(3) {
			f.Name = fmt.Sprintf("Formula %d", len(formulas))
			text = body{"formula": f.Text, "name": f.Name}
		}
		formulas, q.Formulas = append(formulas, text), append(q.Formulas, f)
	}
	if len(formulas) > 0 {
		b["formula"] = formulas
	}
}
