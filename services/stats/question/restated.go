package question

import (
	"context"
	"time"

	"eventanalytics/pkg/calendar"
	"eventanalytics/services/stats/engine"
)

var restated = define[RestatedParams, Restated](Info{
	Name: "restated", Path: "/api/identity/restated", Summary: "Days whose active users changed",
	Description: "For each day whose number of distinct users is another since ids were linked, or links taken back: the number with the links up to since, and the number with those up to until.",
	Shorten:     "to", ShortenBy: "ask for a shorter range",
	Private: true,
	Rows:    []Row{{"RestatedRow", Restated{}.Columns()}},
})

// RestatedParams are the parameters of restated.
type RestatedParams struct {
	DayParams
	LinkParams
	FilterParams
}

// LinkParams say which changes of links a question is about.
type LinkParams struct {
	Since string `query:"since" json:"since,omitempty" minLength:"1" maxLength:"100" doc:"Position after which links changed, such as the meta.position of an earlier answer; required"`
	Until string `query:"until" json:"until,omitempty" minLength:"1" maxLength:"100" doc:"Position up to which links changed; by default that of the data"`
}

// links reads the parameters. Which links count, output says again for other questions.
func (p *LinkParams) links(output *OutputParams) (since, until string, err error) {
	switch {
	case p.Since == "":
		return "", "", invalid("since", "is required")
	case output.Identity == "raw":
		return "", "", invalid("identity", "has no meaning here: the question is about links")
	case output.AsOf != "":
		return "", "", invalid("as_of", "has no meaning here; until says up to where links count")
	}
	return p.Since, p.Until, nil
}

// Question resolves the parameters.
func (p *RestatedParams) Question(now time.Time) (Question, error) {
	days, scope, err := parseRange(&p.DayParams, &p.FilterParams, now)
	if err != nil {
		return nil, err
	}
	since, until, err := p.links(p.Output())
	return Restated{days, since, until, scope}, err
}

// Restated asks for the days whose distinct users are others with the links up to Until, or
// all for "", than with those up to Since.
type Restated struct {
	Days
	Since string `json:"since"`
	Until string `json:"until,omitempty"`
	Scope
}

// Columns returns those of a row for each day.
func (Restated) Columns() []Column {
	return []Column{
		{Name: "date", Format: "date", Doc: "Day in the time zone"},
		{Name: "dau_before", Kind: Integer, Doc: "Distinct users with an event that day, with the links up to since"},
		{Name: "dau_after", Kind: Integer, Doc: "The same with the links up to until"},
	}
}

// Answer returns the rows by date.
func (q Restated) Answer(ctx context.Context, src *engine.Source) (*Table, error) {
	var users [2][]engine.DayUsers
	for i, at := range [][2]string{{"since", q.Since}, {"until", q.Until}} {
		as, err := src.History.AsOf(ctx, at[0], at[1])
		if err != nil {
			return nil, err
		}
		if users[i], err = as.Users(ctx, engine.Users{Scope: q.events(), Range: q.dates(), Window: 1}); err != nil {
			return nil, err
		}
	}
	rows := NewTable(ctx, q.Columns(), 0)
	before, after := users[0], users[1] // of the same days: links change how many, not whether
	for i := range after {
		if before[i].Users == after[i].Users {
			continue
		}
		if err := rows.Add(TextOf(after[i].Day.String()), IntegerOf(before[i].Users), IntegerOf(after[i].Users)); err != nil {
			return nil, err
		}
	}
	return rows, nil
}

// ClockKey names what the scope's filters owe to the clock.
func (q Restated) ClockKey(now, completeUntil time.Time) string {
	return clockKey(q.Days, q.Scope, calendar.Day, now, completeUntil)
}
