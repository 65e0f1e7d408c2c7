package question

import (
	"time"

	"eventanalytics/pkg/calendar"
	"eventanalytics/pkg/syntax"
)

var retention = define[RetentionParams, Retention](Info{
	Name: "retention", Path: "/api/stats/retention", Summary: "Retention of cohorts",
	Description: "A user belongs to one cohort: the week, day or month of the first event. Window k counts the cohort's members with an event in the k-th such bucket after; window 0 has them all. There is a row for every cohort with members and every window that has begun; with a breakdown for each group with members.",
	Shorten:     "end_date", ShortenBy: "ask for fewer cohorts or windows",
	Rows: []Row{
		{"WeekRetentionRow", Retention{Granularity: calendar.Week}.Columns()},
		{"DayRetentionRow", Retention{Granularity: calendar.Day}.Columns()},
		{"MonthRetentionRow", Retention{Granularity: calendar.Month}.Columns()},
		{"WeekRetentionGroupRow", append(Retention{Granularity: calendar.Week}.Columns(), groupColumn)},
		{"DayRetentionGroupRow", append(Retention{Granularity: calendar.Day}.Columns(), groupColumn)},
		{"MonthRetentionGroupRow", append(Retention{Granularity: calendar.Month}.Columns(), groupColumn)},
	},
})

// Retention asks how many members of each cohort came back. A user belongs to the
// cohort of the bucket of the first founding event.
type Retention struct {
	StartDate          calendar.Date `json:"start_date" format:"date"` // cohorts of the buckets from here
	EndDate            calendar.Date `json:"end_date" format:"date"`   // to here
	Granularity        calendar.Unit `json:"granularity"`
	Windows            int           `json:"windows,omitempty"`    // 0 … Windows-1; of brackets 0
	Cohort             string        `json:"cohort"`               // of the first_ever event, or the first in_period
	EventType          string        `json:"event_type,omitempty"` // of founding events; empty: any
	ReturningEventType string        `json:"returning_event_type,omitempty"`
	ReturningFilter    syntax.Filter `json:"returning_filter,omitzero"`
	Mode               string        `json:"mode,omitempty"`                      // after or bracket; empty: on
	Brackets           []int         `json:"brackets,omitempty" nullable:"false"` // where the rows of mode bracket end, exclusive
	Zero               string        `json:"zero,omitempty"`                      // returned; empty: cohort
	Split
	Scope
}

// retentionWords describe the columns of each granularity.
var retentionWords = map[calendar.Unit]struct{ cohort, units, when string }{
	calendar.Day:   {"The cohort's day", "Days", "on that day"},
	calendar.Week:  {"Monday of the cohort's week", "Weeks", "in that week"},
	calendar.Month: {"First day of the cohort's month", "Months", "in that month"},
}

// Columns returns those of a row for each cohort and window.
func (q Retention) Columns() []Column {
	unit, words := string(q.Granularity), retentionWords[q.Granularity]
	columns := []Column{{Name: "cohort_" + unit, Format: "date", Doc: words.cohort}}
	columns = append(columns, q.columns()...)
	return append(columns, []Column{
		{Name: unit + "_number", Kind: Integer, Doc: words.units + " after the cohort's"},
		{Name: "cohort_size", Kind: Integer, Doc: "Members of the cohort"},
		{Name: "retained_users", Kind: Integer, Doc: "Members with a returning event " + words.when},
		{Name: "retention_rate", Kind: Number, Doc: "retained_users / cohort_size"},
		{Name: "incomplete", Kind: Bool, Doc: "Events of that " + unit + " may still come"},
	}...)
}

// About names the cohorts' days in the name of a file.
func (q Retention) About() string { return Days{q.StartDate, q.EndDate}.About() }

// ClockKey names the bucket that has begun, and the one that is complete.
func (q Retention) ClockKey(now, completeUntil time.Time) string {
	bucket := func(t time.Time) string { return bucketKey(q.Timezone, q.Granularity, t.UnixMicro()) }
	until := completeUntil
	if now.Before(until) {
		until = now
	}
	key := bucket(now) + " " + bucket(until)
	if q.Mode == "after" {
		key += " " + q.through(completeUntil).String()
	}
	return key
}
