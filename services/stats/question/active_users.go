package question

import (
	"context"
	"time"

	"eventanalytics/pkg/calendar"
	"eventanalytics/services/stats/engine"
)

var activeUsers = define[ActiveUsersParams, ActiveUsers](Info{
	Name: "active-users", Path: "/api/stats/active-users", Summary: "Active users of a rolling window",
	Description: "For each day the distinct users of the window of days that ends with it.",
	Shorten:     "to", ShortenBy: "ask for a shorter range",
	Rows: []Row{{"ActiveUsersRow", ActiveUsers{}.Columns()}},
})

// ActiveUsersParams are the parameters of active-users.
type ActiveUsersParams struct {
	DayParams
	Window int `query:"window" json:"window,omitempty" default:"7" minimum:"1" maximum:"90" doc:"Days of the rolling window that ends with each day: 7 for weekly, 30 for monthly active users"`
	FilterParams
}

// Question resolves the parameters.
func (p *ActiveUsersParams) Question(now time.Time) (Question, error) {
	days, scope, err := parseRange(&p.DayParams, &p.FilterParams, now)
	return ActiveUsers{days, p.Window, scope}, err
}

// ActiveUsers asks, for each day of a range, for the distinct users of the window of
// days that ends with it: weekly active users with a window of 7.
type ActiveUsers struct {
	Days
	Window int `json:"window"` // calendar days, the day itself included
	Scope
}

// Columns returns those of a row for each day.
func (ActiveUsers) Columns() []Column {
	return []Column{
		{Name: "date", Format: "date", Doc: "Last day of the window"},
		{Name: "active_users", Kind: Integer, Doc: "Distinct users with an event in the window"},
		incomplete,
	}
}

// ClockKey names the day that is incomplete.
func (q ActiveUsers) ClockKey(now, completeUntil time.Time) string {
	return clockKey(q.Days, q.Scope, calendar.Day, now, completeUntil)
}

// Answer returns the rows by date.
func (q ActiveUsers) Answer(ctx context.Context, src *engine.Source) (*Table, error) {
	users, err := src.Users(ctx, engine.Users{Scope: q.events(), Range: q.dates(), Window: q.Window})
	if err != nil {
		return nil, err
	}
	return dayTable(ctx, q.Columns(), users, q.Days, q.Scope, src)
}
