package question

import (
	"context"
	"time"

	"eventanalytics/pkg/calendar"
	"eventanalytics/services/stats/engine"
)

var dau = define[DAUParams, DAU](Info{
	Name: "dau", Path: "/api/stats/dau", Summary: "Daily active users",
	Description: "Distinct users of each day.",
	Shorten:     "to", ShortenBy: "ask for a shorter range",
	Rows: []Row{{"DAURow", DAU{}.Columns()}},
})

// DAUParams are the parameters of dau.
type DAUParams struct {
	DayParams
	FilterParams
}

// Question resolves the parameters.
func (p *DAUParams) Question(now time.Time) (Question, error) {
	days, scope, err := parseRange(&p.DayParams, &p.FilterParams, now)
	return DAU{days, scope}, err
}

// DAU asks for the distinct users of each day.
type DAU struct {
	Days
	Scope
}

// Columns returns those of a row for each day.
func (DAU) Columns() []Column {
	return []Column{
		{Name: "date", Format: "date", Doc: "Day in the time zone"},
		{Name: "dau", Kind: Integer, Doc: "Distinct users with an event that day"},
		incomplete,
	}
}

// ClockKey names the day that is incomplete.
func (q DAU) ClockKey(now, completeUntil time.Time) string {
	return clockKey(q.Days, q.Scope, calendar.Day, now, completeUntil)
}

// Answer returns the rows by date.
func (q DAU) Answer(ctx context.Context, src *engine.Source) (*Table, error) {
	users, err := src.Users(ctx, engine.Users{Scope: q.events(), Range: q.dates(), Window: 1})
	if err != nil {
		return nil, err
	}
	return dayTable(ctx, q.Columns(), users, q.Days, q.Scope, src)
}
