package question_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/oracle"
	"eventanalytics/pkg/syntax"
	"eventanalytics/services/stats/question"
)

// intervals are those of new questions, and how the oracle calls them.
var intervals = []struct {
	question.Interval
	unit string
}{
	{question.Interval{Interval: "minute", WeekStart: "monday"}, "minute"},
	{question.Interval{Interval: "hour", WeekStart: "monday"}, "hour"},
	{question.Interval{Interval: "quarter", WeekStart: "monday"}, "quarter"},
	{question.Interval{Interval: "year", WeekStart: "monday"}, "year"},
	{question.Interval{Interval: "all", WeekStart: "monday"}, "all"},
	{question.Interval{Interval: "day", WeekStart: "monday"}, "day"},
	{question.Interval{Interval: "week", WeekStart: "monday"}, "week"},
	{question.Interval{Interval: "week", WeekStart: "sunday"}, "week-sunday"},
	{question.Interval{Interval: "week", WeekStart: "saturday"}, "week-saturday"},
	{question.Interval{Interval: "month", WeekStart: "monday"}, "month"},
}

// oracleScope is the scope of a question about the events of the filters at hand.
func (c *comparison) oracleScope(days question.Days) oracle.Scope {
	return oracle.Scope{From: days.From.String(), To: days.To.String(), Zone: c.loc, Now: c.now, CompleteUntil: c.snapshot.CompleteUntil}
}

// series makes a random one, of event types alone, also for the oracle.
func (c *comparison) series() (syntax.Series, oracle.Series) {
	var s syntax.Series
	for range c.g.IntN(3) {
		s.Events = append(s.Events, pick(c.g, someTypes))
	}
	s.First = c.g.IntN(4) == 0
	s.Measure.Name = pick(c.g, []string{"users", "events", "per_user"})
	of := oracle.Series{Types: s.Events, First: s.First, Measure: oracle.Measure{Name: s.Measure.Name}}
	if c.g.IntN(3) == 0 {
		word, holds := "view", "~"
		s.Filter = syntax.Filter{Form: syntax.Not, Of: []syntax.Filter{{
			Form: syntax.Holds, Condition: syntax.Condition{Field: syntax.Field{Source: syntax.EventType}, Op: holds, Values: []string{word}},
		}}}
		of.Filter = oracle.Not{Filter: oracle.Condition{Field: oracle.Field{Source: "event_type"}, Op: holds, Values: []string{word}}}
	}
	return s, of
}

// same compares the answers of all engines that can tell.
func (c *comparison) same(t *testing.T, about string, q question.Question, want [][]any) {
	t.Helper()
	c.each(t, q, want, about, func(name string) { c.w.answers[name+" of new questions"]++ })
}

// asked asks the questions that are answered with tallies.
func (c *comparison) asked(t *testing.T, about string, scope question.Scope, days question.Days) {
	for range 3 {
		scope.Fill = pick(c.g, []string{"", "zero"})
		c.trends(t, about, scope, days)
		c.lifecycle(t, about, scope, days)
		c.stickiness(t, about, scope, days)
	}
}

func (c *comparison) trends(t *testing.T, about string, scope question.Scope, days question.Days) {
	interval := pick(c.g, intervals)
	if interval.unit == "minute" {
		days.To = days.From
	}
	q := question.Trends{Days: days, Interval: interval.Interval, Cumulative: c.g.IntN(4) == 0, Compare: pick(c.g, []string{"", "", "previous", "30d", "4w", "1mo", "1y"}), Scope: scope}
	of := oracle.Trends{Scope: c.oracleScope(days), Interval: interval.unit, Cumulative: q.Cumulative, Compare: q.Compare, Fill: scope.Fill != ""}
	for range 1 + c.g.IntN(3) {
		s, same := c.series()
		if c.g.IntN(3) == 0 && interval.unit != "all" && !q.Cumulative {
			s.Rolling = pick(c.g, []int{2, 3, 7, 30})
			same.Rolling = s.Rolling
		}
		q.Series, of.Series = append(q.Series, s), append(of.Series, same)
	}
	if len(q.Series) > 1 && c.g.IntN(2) == 0 {
		f := syntax.Formula{Text: "A/B", Steps: []syntax.Step{{Op: "series", Series: 0}, {Op: "series", Series: 1}, {Op: "/"}}}
		q.Formulas, of.Formulas = append(q.Formulas, f), append(of.Formulas, oracle.Formula{Text: f.Text})
	}
	if c.g.IntN(2) == 0 {
		other := c.g.IntN(3) > 0
		q.Split = question.Split{Breakdown: []syntax.Breakdown{{Field: syntax.Field{Source: syntax.EventType}}}, Top: 1 + c.g.IntN(8), Other: &other, Total: c.g.IntN(2) == 0}
		of.Split = oracle.Split{Breakdown: []oracle.Breakdown{{Field: oracle.Field{Source: "event_type"}}}, Top: q.Top, Other: other, Total: q.Total}
	}
	want := [][]any{}
	for _, row := range of.Rows(c.model) {
		want = append(want, of.Cells(row))
	}
	c.same(t, fmt.Sprintf("%s %+v", about, q), q, want)
}

func (c *comparison) lifecycle(t *testing.T, about string, scope question.Scope, days question.Days) {
	interval := pick(c.g, intervals[5:])
	s, of := c.series()
	want := oracle.Lifecycle{Scope: c.oracleScope(days), Series: of, Interval: interval.unit}.Rows(c.model)
	c.same(t, fmt.Sprintf("%s %+v %+v", about, interval, s), question.Lifecycle{Days: days, Interval: interval.Interval, Series: s, Scope: scope}, fields(want))
}

func (c *comparison) stickiness(t *testing.T, about string, scope question.Scope, days question.Days) {
	interval := pick(c.g, intervals[5:])
	s, of := c.series()
	q := question.Stickiness{Days: days, Interval: interval.Interval, Series: s, Least: pick(c.g, []int{1, 1, 2, 3}), Cumulative: c.g.IntN(2) == 0, Scope: scope}
	want := [][]any{}
	for _, row := range (oracle.Stickiness{Scope: c.oracleScope(days), Series: of, Interval: interval.unit, Least: q.Least, Cumulative: q.Cumulative}).Rows(c.model) {
		var share any
		if row.Share != nil {
			share = *row.Share
		}
		want = append(want, []any{row.Buckets, row.Users, share})
	}
	c.same(t, fmt.Sprintf("%s %+v", about, q), q, want)
}

// TestGeneratedAnswers asks questions in the words of the contract, as they are posted,
// and compares the answers of each engine with the oracle's.
func TestGeneratedAnswers(t *testing.T) {
	g := seeded(t, uint64(time.Now().UnixNano()))
	w := newWorld(t)
	for i, s := range scenes {
		project := int64(i)
		g.kinds, g.near = g.someKinds(), s.at()
		w.scatter(t, g, project, g.events(s, 100+g.IntN(150)))
		g.cohorts = nil
		g.cohorts = g.someCohorts(w.keys, w.linked[project])
		t.Run(fmt.Sprintf("%s %s", s.zone, s.around[:10]), func(t *testing.T) {
			c := newComparison(t, g, w, s, project)
			for _, e := range c.whole {
				c.model = append(c.model, c.naive(e))
			}
			for range 6 {
				c.generated(t)
			}
		})
	}
	t.Log("answers", w.answers)
	require.Greater(t, w.answers["raw of new questions"], 50)
	require.Greater(t, w.answers["walk of new questions"], w.answers["raw of new questions"]/2)
	require.Greater(t, w.answers["files of walk of new questions"], w.answers["raw of new questions"]/10)
}

func (c *comparison) generated(t *testing.T) {
	c.now = c.scene.at().Add(time.Duration(c.g.Int64N(int64(60*24*time.Hour)) - int64(10*24*time.Hour)))
	c.w.complete = c.now.Add(time.Duration(c.g.Int64N(int64(6*24*time.Hour))) - 5*24*time.Hour)
	c.snapshot = c.w.snapshot(t, c.project)

	b, trends := c.g.trends(c.scene, c.now)
	trends.CompleteUntil = c.snapshot.CompleteUntil
	want := [][]any{}
	for _, row := range trends.Rows(c.model) {
		want = append(want, trends.Cells(row))
	}
	c.posted(t, b, &question.TrendsParams{Measure: "users", SplitParams: question.SplitParams{Top: 10, Other: true}}, want)

	b, lifecycle := c.g.lifecycle(c.scene, c.now)
	lifecycle.CompleteUntil = c.snapshot.CompleteUntil
	c.posted(t, b, &question.LifecycleParams{}, fields(lifecycle.Rows(c.model)))

	b, stickiness := c.g.stickiness(c.scene, c.now)
	want = [][]any{}
	for _, row := range stickiness.Rows(c.model) {
		var share any
		if row.Share != nil {
			share = *row.Share
		}
		want = append(want, []any{row.Buckets, row.Users, share})
	}
	c.posted(t, b, &question.StickinessParams{Least: 1}, want)

	b, names := c.g.propertyNames(c.scene, c.now)
	if names.Series.First { // is refused
		return
	}
	c.posted(t, b, &question.PropertiesParams{}, fields(names.Rows(c.model)))
}

// posted asks what a body says. p has the defaults that its names do not have in common.
func (c *comparison) posted(t *testing.T, b body, p question.Params, want [][]any) {
	t.Helper()
	if b["interval"] == nil {
		b["interval"] = "day"
	}
	if b["unit"] == nil {
		b["unit"] = "user_id"
	}
	require.NoError(t, json.Unmarshal([]byte(b.String()), p), "%s", b)
	q, err := p.Question(c.now)
	require.NoError(t, err, "%s", b)
	c.same(t, fmt.Sprintf("%s at %s of %s", b, c.now, c.snapshot.CompleteUntil), q, want)
}
