package question

import (
	"context"
	"time"

	"eventanalytics/pkg/calendar"
	"eventanalytics/services/stats/engine"
)

var latestEvents = define[LatestParams, LatestEvents](Info{
	Name: "latest-events", Path: "/api/stats/events/latest", Summary: "Latest events",
	Description: "The visible events that happened last, the newest first.",
	Shorten:     "limit", ShortenBy: "ask for fewer events",
	Rows: []Row{{"EventRow", eventColumns}},
})

// LatestParams are the parameters of events/latest.
type LatestParams struct {
	Limit int `query:"limit" json:"limit,omitempty" default:"10" minimum:"1" maximum:"1000" doc:"Maximum number of rows"`
	FilterParams
}

// Question resolves the parameters.
func (p *LatestParams) Question(time.Time) (Question, error) {
	scope, err := p.scope()
	return LatestEvents{p.Limit, scope}, err
}

// LatestEvents asks for the visible events that happened last.
type LatestEvents struct {
	Limit int `json:"limit"`
	Scope
}

// eventColumns are those of a row for each event.
var eventColumns = []Column{
	{Name: "event_id", Format: "uuid", Doc: "Identity of the event"},
	{Name: "occurred_at", Format: "date-time", Doc: "When it happened, in the time zone"},
	{Name: "user_id", Doc: "Whose event it is"},
	{Name: "event_type", Doc: "What happened"},
	{Name: "properties", Kind: JSON, Doc: "As sent, or null"},
}

// Columns returns those of a row for each event.
func (LatestEvents) Columns() []Column { return eventColumns }

// Answer returns the rows, the newest first.
func (q LatestEvents) Answer(ctx context.Context, src *engine.Source) (*Table, error) {
	events, err := src.Latest(ctx, engine.Latest{Scope: q.events(), Limit: q.Limit})
	if err != nil {
		return nil, err
	}
	return eventTable(ctx, events, q.Timezone)
}

func eventTable(ctx context.Context, events []engine.Event, zone *calendar.Zone) (*Table, error) {
	rows := NewTable(ctx, eventColumns, len(events))
	for _, e := range events {
		if err := rows.Add(TextOf(e.ID), TextOf(zone.Format(e.OccurredAt)), TextOf(e.UserID), TextOf(e.Type), JSONOf(e.Properties)); err != nil {
			return nil, err
		}
	}
	return rows, nil
}
