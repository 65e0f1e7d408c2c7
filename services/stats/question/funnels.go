package question

import (
	"cmp"
	"strings"
	"time"

	"eventanalytics/pkg/syntax"
	"eventanalytics/services/stats/engine"
)

// Funnels asks how many users get from step to step.
type Funnels struct {
	Days
	Interval    string             `json:"interval,omitempty"`   // empty with view times
	WeekStart   string             `json:"week_start,omitempty"` // monday, sunday or saturday; likewise
	Steps       []syntax.Series    `json:"steps" nullable:"false"`
	Window      Duration           `json:"window"` // from the first step to the last, inclusive
	Order       string             `json:"order"`
	Exclude     []syntax.Exclusion `json:"exclude,omitempty" nullable:"false"`
	View        string             `json:"view"` // steps or times
	Bins        syntax.Seconds     `json:"bins,omitempty" nullable:"false"`
	Attribution Attribution        `json:"attribution,omitempty"` // with a breakdown
	Unit        syntax.Field       `json:"unit"`
	Split
	Scope
}

// The views.
const (
	viewSteps = "steps"
	viewTimes = "times"
)

// Columns returns those of a row for each step, or for each bin of times.
func (q Funnels) Columns() []Column {
	var columns []Column
	if q.View == viewTimes {
		return append(append(columns, q.columns()...), []Column{
			{Name: "from_seconds", Kind: Number, Doc: "Time from the first step to the last that the bin begins with"},
			{Name: "to_seconds", Kind: Number, Doc: "Time that it ends with, exclusive, but of the last bin inclusive"},
			{Name: "users", Kind: Integer, Doc: "Users who took so long to reach the last step"},
		}...)
	}
	if q.Interval != Whole {
		columns = append(columns, Column{Name: "bucket", Doc: "First day of the bucket, or its hour or minute as RFC 3339, in which they began"})
	}
	return append(append(columns, q.columns()...), []Column{
		{Name: "step", Kind: Integer, Doc: "Number of the step, from 1; with order=any a number of steps"},
		{Name: "name", Nullable: true, Doc: "Name of the step, else its event types joined by |; null with order=any"},
		{Name: "users", Kind: Integer, Doc: "Users whose best attempt reached the step"},
		{Name: "rate", Kind: Number, Nullable: true, Doc: "users / users of the first step; null when there are none"},
		{Name: "step_rate", Kind: Number, Nullable: true, Doc: "users / users of the step before, 1 for the first; null when there are none"},
		{Name: "avg_seconds", Kind: Number, Nullable: true, Doc: "Average time since the step before; null for the first step and for no users"},
		{Name: "median_seconds", Kind: Number, Nullable: true, Doc: "Median of that time"},
		{Name: "incomplete", Kind: Bool, Doc: "The range cuts the bucket, its end and the window have not passed, or events acknowledged by then may not be counted yet"},
	}...)
}

// interval is how the range is cut.
func (q Funnels) interval() Interval { return Interval{cmp.Or(q.Interval, Whole), q.WeekStart} }

// ClockKey names the bucket whose attempts may still get further.
func (q Funnels) ClockKey(now, completeUntil time.Time) string {
	if q.View == viewTimes {
		return ""
	}
	window := time.Duration(q.Window)
	return clockKey(q.Days, q.Scope, q.interval().unit(), now.Add(-window), completeUntil.Add(-window))
}

// name returns that of a step, or null.
func (q Funnels) name(step int) Value {
	s := q.Steps[step]
	switch {
	case q.Order == string(engine.AnyOrder):
		return NullText
	case s.Name != "":
		return TextOf(s.Name)
	case len(s.Events) == 0:
		return TextOf(syntax.AllEvents)
	}
	return TextOf(strings.Join(s.Events, "|"))
}
