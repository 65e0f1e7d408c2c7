package question

import (
	"context"
	"time"

	"eventanalytics/pkg/calendar"
	"eventanalytics/services/stats/engine"
)

var retention = define[RetentionParams, Retention](Info{
	Name: "retention", Path: "/api/stats/retention", Summary: "Retention of cohorts",
	Description: "A user belongs to one cohort: the week, day or month of the first event. Window k counts the cohort's members with an event in the k-th such bucket after; window 0 has them all. There is a row for every cohort with members and every window that has begun.",
	Shorten:     "end_date", ShortenBy: "ask for fewer cohorts or windows",
	Rows: []Row{
		{"WeekRetentionRow", Retention{Granularity: calendar.Week}.Columns()},
		{"DayRetentionRow", Retention{Granularity: calendar.Day}.Columns()},
		{"MonthRetentionRow", Retention{Granularity: calendar.Month}.Columns()},
	},
})

// RetentionParams are the parameters of retention.
type RetentionParams struct {
	StartDate          string `query:"start_date" json:"start_date,omitempty" format:"date" minLength:"1" doc:"Cohorts from the week, day or month of this day on; required" example:"2025-08-01"`
	EndDate            string `query:"end_date" json:"end_date,omitempty" format:"date" minLength:"1" doc:"Cohorts up to the week, day or month of this day; default today; at most 3,660 days"`
	Windows            int    `query:"windows" json:"windows,omitempty" default:"4" minimum:"1" maximum:"52" doc:"How many windows, counted from 0"`
	Granularity        string `query:"granularity" json:"granularity,omitempty" default:"week" enum:"week,day,month" doc:"Length of cohorts and windows"`
	Cohort             string `query:"cohort" json:"cohort,omitempty" default:"first_ever" enum:"first_ever,in_period" doc:"A user belongs to the cohort of the first event ever, or of the first on or after start_date"`
	EventType          string `query:"event_type" json:"event_type,omitempty" minLength:"1" maxLength:"200" doc:"Only such events found a cohort; default any"`
	ReturningEventType string `query:"returning_event_type" json:"returning_event_type,omitempty" minLength:"1" maxLength:"200" doc:"Only such events count as a return; default any"`
	FilterParams
}

// Question resolves the parameters.
func (p *RetentionParams) Question(now time.Time) (Question, error) {
	scope, err := p.scope()
	if err != nil {
		return nil, err
	}
	if p.StartDate == "" {
		return nil, invalid("start_date", "is required")
	}
	today := scope.Timezone.Date(now.UnixMicro())
	if p.EndDate == "" {
		p.EndDate = today.String()
	}
	days, err := parseDays(param{"start_date", p.StartDate}, param{"end_date", p.EndDate}, today)
	return Retention{
		StartDate: days.From, EndDate: days.To, Granularity: calendar.Unit(p.Granularity), Windows: p.Windows,
		Cohort: p.Cohort, EventType: p.EventType, ReturningEventType: p.ReturningEventType, Scope: scope,
	}, err
}

// Retention asks how many members of each cohort came back. A user belongs to the
// cohort of the bucket of the first founding event.
type Retention struct {
	StartDate          calendar.Date `json:"start_date" format:"date"` // cohorts of the buckets from here
	EndDate            calendar.Date `json:"end_date" format:"date"`   // to here
	Granularity        calendar.Unit `json:"granularity"`
	Windows            int           `json:"windows"`              // 0 … Windows-1
	Cohort             string        `json:"cohort"`               // of the first_ever event, or the first in_period
	EventType          string        `json:"event_type,omitempty"` // of founding events; empty: any
	ReturningEventType string        `json:"returning_event_type,omitempty"`
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
	return []Column{
		{Name: "cohort_" + unit, Format: "date", Doc: words.cohort},
		{Name: unit + "_number", Kind: Integer, Doc: words.units + " after the cohort's"},
		{Name: "cohort_size", Kind: Integer, Doc: "Members of the cohort"},
		{Name: "retained_users", Kind: Integer, Doc: "Members with a returning event " + words.when},
		{Name: "retention_rate", Kind: Number, Doc: "retained_users / cohort_size"},
		{Name: "incomplete", Kind: Bool, Doc: "Events of that " + unit + " may still come"},
	}
}

// About names the cohorts' days in the name of a file.
func (q Retention) About() string { return Days{q.StartDate, q.EndDate}.About() }

// ClockKey names the bucket that has begun, and the one that is complete.
func (q Retention) ClockKey(now, completeUntil time.Time) string {
	bucket := func(t time.Time) string { return bucketKey(q.Timezone, q.Granularity, t.UnixMicro()) }
	if now.Before(completeUntil) {
		completeUntil = now
	}
	return bucket(now) + " " + bucket(completeUntil)
}

// Answer returns the rows by cohort, then by window: one for each window that has
// begun.
func (q Retention) Answer(ctx context.Context, src *engine.Source) (*Table, error) {
	counts, err := src.Cohorts(ctx, engine.Cohorts{
		Scope: q.events(), Range: engine.Range{From: q.StartDate, To: q.EndDate}, Unit: q.Granularity, Windows: q.Windows,
		InPeriod: q.Cohort == "in_period", Founding: q.EventType, Returning: q.ReturningEventType,
	})
	if err != nil {
		return nil, err
	}
	now, complete := src.Now.UnixMicro(), src.CompleteUntil.UnixMicro()
	buckets := map[calendar.Date]bounds{}
	rows := NewTable(ctx, q.Columns(), len(counts))
	for len(counts) > 0 {
		cohort, size := counts[0].Cohort, counts[0].Users
		label := TextOf(cohort.String())
		for k := range q.Windows {
			var users int64
			if len(counts) > 0 && counts[0].Cohort == cohort && counts[0].Window == k {
				users, counts = counts[0].Users, counts[1:]
			}
			first := q.Granularity.Add(cohort, k)
			bucket, known := buckets[first]
			if !known {
				bucket.from, bucket.to, bucket.exist = q.Timezone.Bounds(first, q.Granularity.Add(first, 1)-1)
				buckets[first] = bucket
			}
			if !bucket.exist || bucket.from > now {
				continue
			}
			err := rows.Add(label, IntegerOf(int64(k)), IntegerOf(size), IntegerOf(users),
				NumberOf(float64(users)/float64(size)), BoolOf(bucket.to > now || bucket.to > complete))
			if err != nil {
				return nil, err
			}
		}
	}
	return rows, nil
}

// bounds are the instants [from, to) of a bucket, if it exists.
type bounds struct {
	from, to int64
	exist    bool
}
