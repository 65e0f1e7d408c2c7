package question

import (
	"context"
	"time"

	"github.com/google/uuid"

	"eventanalytics/pkg/calendar"
	"eventanalytics/services/stats/engine"
)

var event = define[EventParams, Event](Info{
	Name: "event", Path: "/api/stats/events/{event_id}", Summary: "One event",
	Description: "404 when there is no such event, or it is not visible yet.",
	Shorten:     "event_id", ShortenBy: "it is a single event",
	Private:  true,
	Rows:     []Row{{"EventRow", eventColumns}},
	NotFound: "there is no such event, or it is not visible yet",
})

// EventParams are the parameters of events/{event_id}.
type EventParams struct {
	EventID string `path:"event_id" json:"-" doc:"Identity of the event" example:"25a4b866-040b-466f-945c-148e4720f511"`
	OutputParams
}

// Question resolves the parameters.
func (p *EventParams) Question(time.Time) (Question, error) {
	id, err := uuid.Parse(p.EventID)
	if err != nil || len(p.EventID) != 36 {
		return nil, invalid("event_id", "is not a UUID of 36 characters")
	}
	zone, err := p.zone()
	return Event{id, zone}, err
}

// Event asks for the event with an id.
type Event struct {
	EventID  uuid.UUID      `json:"event_id" format:"uuid"`
	Timezone *calendar.Zone `json:"timezone" nullable:"false"`
}

// Columns returns those of a row for the event.
func (Event) Columns() []Column { return eventColumns }

// Answer returns one row, or none.
func (q Event) Answer(ctx context.Context, src *engine.Source) (*Table, error) {
	events, err := src.Event(ctx, q.EventID)
	if err != nil {
		return nil, err
	}
	return eventTable(ctx, events, q.Timezone)
}
