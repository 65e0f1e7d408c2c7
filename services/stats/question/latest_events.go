package question

import (
	"context"
	"time"

	"github.com/google/uuid"

	"eventanalytics/pkg/calendar"
	"eventanalytics/services/stats/engine"
)

var latestEvents = define[LatestParams, LatestEvents](Info{
	Name: "latest-events", Path: "/api/stats/events/latest", Summary: "Latest events",
	Description: "The visible events that happened last, the newest first; of those of one instant the one with the greatest event_id first. The event_id of the last row, as before, asks for those behind it.",
	Shorten:     "limit", ShortenBy: "ask for fewer events",
	Private: true,
	Rows:    []Row{{"EventRow", eventColumns}},
})

// LatestParams are the parameters of events/latest.
type LatestParams struct {
	Limit  int    `query:"limit" json:"limit,omitempty" default:"10" minimum:"1" maximum:"1000" doc:"Maximum number of rows"`
	Before string `query:"before" json:"before,omitempty" minLength:"1" doc:"event_id of the last row of an answer: only the events that come behind it, which happened before"`
	FilterParams
}

// Question resolves the parameters.
func (p *LatestParams) Question(time.Time) (Question, error) {
	q := LatestEvents{Limit: p.Limit}
	var err error
	if q.Scope, err = p.scope(); err != nil {
		return nil, err
	}
	q.Before, err = eventID("before", p.Before)
	return q, err
}

// LatestEvents asks for the visible events that happened last.
type LatestEvents struct {
	Limit  int        `json:"limit"`
	Before *uuid.UUID `json:"before,omitempty" format:"uuid"`
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
	events, err := src.Latest(ctx, engine.Latest{Scope: q.events(), Limit: q.Limit, Before: q.Before})
	if err != nil {
		return nil, err
	}
	if len(events) == 0 && q.Before != nil {
		before, err := src.Event(ctx, *q.Before)
		if err != nil {
			return nil, err
		}
		if len(before) == 0 {
			return nil, invalid("before", "is not an event of the project, or not visible yet")
		}
	}
	return eventTable(ctx, events, q.Timezone)
}

// eventID reads a parameter that names an event, or nil when it is empty.
func eventID(name, text string) (*uuid.UUID, error) {
	if text == "" {
		return nil, nil
	}
	id, err := uuid.Parse(text)
	if err != nil || len(text) != 36 {
		return nil, invalid(name, "is not a UUID of 36 characters")
	}
	return &id, nil
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
