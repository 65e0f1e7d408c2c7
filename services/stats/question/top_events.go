package question

import (
	"context"
	"time"

	"eventanalytics/services/stats/engine"
)

var topEvents = define[TopEventsParams, TopEvents](Info{
	Name: "top-events", Path: "/api/stats/top-events", Summary: "Most frequent event types",
	Description: "By count, descending, then by name.",
	Shorten:     "limit", ShortenBy: "ask for fewer event types",
	Rows: []Row{
		{"TopEventsRow", TopEvents{}.Columns()},
		{"TopEventsUsersRow", TopEvents{Include: "users"}.Columns()},
	},
})

// TopEventsParams are the parameters of top-events.
type TopEventsParams struct {
	DayParams
	Limit   int    `query:"limit" json:"limit,omitempty" default:"10" minimum:"1" maximum:"1000" doc:"Maximum number of rows"`
	Include string `query:"include" json:"include,omitempty" enum:"users" doc:"users: with the distinct users of each type over the whole range"`
	FilterParams
}

// Question resolves the parameters.
func (p *TopEventsParams) Question(now time.Time) (Question, error) {
	days, scope, err := parseRange(&p.DayParams, &p.FilterParams, now)
	return TopEvents{days, p.Limit, p.Include, scope}, err
}

// TopEvents asks for the most frequent event types of a range.
type TopEvents struct {
	Days
	Limit   int    `json:"limit"`
	Include string `json:"include,omitempty"` // users: with the distinct users of each type
	Scope
}

// Columns returns those of a row for each event type.
func (q TopEvents) Columns() []Column {
	columns := []Column{
		{Name: "event_type", Doc: "Type of the events"},
		{Name: "total_count", Kind: Integer, Doc: "Events of the type in the range"},
	}
	if q.Include == "" {
		return columns
	}
	return append(columns, Column{Name: "users", Kind: Integer, Doc: "Distinct users with such an event, over the whole range"})
}

// Answer returns the rows by count, descending, then by name.
func (q TopEvents) Answer(ctx context.Context, src *engine.Source) (*Table, error) {
	counts, err := src.Counts(ctx, engine.Counts{
		Scope: q.events(), Range: q.dates(), Unit: engine.Whole, Group: engine.EventType, Users: q.Include != "", Top: q.Limit,
	})
	if err != nil {
		return nil, err
	}
	rows := NewTable(ctx, q.Columns(), len(counts))
	for _, c := range counts {
		row := []Value{TextOf(c.Group), IntegerOf(c.Events), IntegerOf(c.Users)}
		if err := rows.Add(row[:len(rows.Columns)]...); err != nil {
			return nil, err
		}
	}
	return rows, nil
}
